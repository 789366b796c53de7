"""What each error code of Voximplant proves, and that its words are kept without anybody's number."""

from typing import Any

import pytest

from sandbox.voximplant.errors import MESSAGES
from worker.errors import AccountRefused, LowBalance, NotSent, ProviderError, Refused, Throttled, Unknown
from worker.providers.voximplant import verdicts
from worker.providers.voximplant.advice import ADVICE

TABLE: dict[type[ProviderError], tuple[int, ...]] = {
    Unknown: (1, 2, 4, 251, 252, 484, 515),
    Throttled: (162, 340, 416),
    LowBalance: (127,),
    AccountRefused: (100, 401, 447, 454),
    NotSent: (455, 456),
    Refused: (101, 134, 147, 247, 248, 249, 250, 253, 255, 257),
}
# Codes of the platform's error table that a method for call lists, a credential or an account can meet.
DOCUMENTED = {
    *(
        1,
        2,
        4,
        5,
        *range(100, 106),
        115,
        127,
        131,
        134,
        147,
        162,
        247,
        248,
        249,
        250,
        251,
        252,
        253,
        255,
        257,
        314,
        317,
    ),
    *(
        327,
        340,
        375,
        401,
        416,
        427,
        428,
        433,
        434,
        435,
        447,
        454,
        455,
        456,
        458,
        482,
        484,
        485,
        492,
        493,
        496,
        497,
        499,
    ),
    *(515, 569),
}
UNLISTED = (0, 3, 5, 6, 314, 493, 569, 99_999, -1)


def verdict(code: Any, msg: Any = "Words.", **more: Any) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        verdicts.raise_error({"code": code, "msg": msg, **more})
    return raised.value


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in TABLE.items() for code in codes])
def test_what_a_code_proves(kind: type[ProviderError], code: int) -> None:
    error = verdict(code)
    assert type(error) is kind
    assert error.code == f"voximplant_{code}"
    assert error.message == f"Voximplant error {code}: Words. {ADVICE[code]}"


@pytest.mark.parametrize("code", UNLISTED)
def test_an_unlisted_code_proves_nothing(code: int) -> None:
    assert type(verdict(code)) is Unknown
    assert code not in verdicts.LISTED


@pytest.mark.parametrize("code", MESSAGES)
def test_only_what_is_proved_not_stored_may_be_sent_again(code: int) -> None:
    again = isinstance(verdict(code), (NotSent, Throttled))
    assert again == (code in TABLE[NotSent] + TABLE[Throttled])


def test_no_code_stands_in_two_places() -> None:
    parts = (verdicts.UNKNOWN, verdicts.THROTTLED, verdicts.NO_MONEY, verdicts.ACCOUNT, verdicts.TOKEN_TIME)
    assert sum(len(part) for part in (*parts, verdicts.REFUSED)) == len(verdicts.LISTED)


def test_token_times_are_no_mistake_of_ours_that_repetition_cannot_mend() -> None:
    error = verdict(456)
    assert isinstance(error, NotSent)
    assert not error.fault


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Repeat after 30 seconds", 30),
        ("Repeat after 1 second", 1),
        ("Repeat after 0 seconds.", 0),
        ("Repeat after N seconds", None),
        ("try later..", None),
        ("Rate limit exceed", None),
        ("Repeat after 999999 seconds", verdicts.LONGEST),
        ("Repeat after 99999999999 seconds", None),
    ],
)
@pytest.mark.parametrize("code", TABLE[Throttled])
def test_how_long_to_wait_stands_in_the_words(code: int, words: str, seconds: float | None) -> None:
    error = verdict(code, words)
    assert isinstance(error, Throttled)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    "number",
    [
        "+12025550123",
        "12025550123",
        "+1 (202) 555-0123",
        "(202) 555-0123",
        "202.555.0123",
        "+49 30/123456",
        "5550123",
        "+7 495 123 45 67",
        "202 555 0123",
    ],
)
def test_numbers_are_taken_out_of_the_words(number: str) -> None:
    message = verdict(250, f"Invalid CSV file: row 17, cell '{number}' is wrong").message
    assert message == f"Voximplant error 250: Invalid CSV file: row 17, cell '[number]' is wrong. {ADVICE[250]}"


def test_a_number_at_the_cut_is_taken_out_too() -> None:
    message = verdict(250, "x" * 495 + "+12025550123").message
    assert "2025" not in message
    assert len(message) < 540 + len(ADVICE[250])


@pytest.mark.parametrize("words", ["should be in range of 1..5", "row 17, column 4", "error 250", "2 of 999999"])
def test_other_numbers_stay(words: str) -> None:
    assert verdict(250, words).message == f"Voximplant error 250: {words}. {ADVICE[250]}"


@pytest.mark.parametrize("error", [None, "text", [], ["code"], 250, {}, {"msg": "x"}, {"code": None}, {"code": [1]}])
def test_an_error_without_a_code_proves_nothing(error: Any) -> None:
    with pytest.raises(Unknown) as raised:
        verdicts.raise_error(error)
    assert raised.value.code == "broken_answer"
    assert verdicts.code_of(error) is None


@pytest.mark.parametrize(
    ("said", "code"), [(250, 250), ("250", 250), ("x", None), ("²", None), (2.5, None), ("", None)]
)
def test_a_code_may_come_as_text(said: Any, code: int | None) -> None:
    assert verdicts.code_of({"code": said}) == code


def test_whoever_must_act_is_told_how() -> None:
    assert verdict(147, "The 'rule_id' parameter is invalid").message == (
        "Voximplant error 147: The 'rule_id' parameter is invalid. Set rule_id to a rule of this account: "
        "--set rule_id=…; the control panel lists an application's rules under Applications, Routing."
    )


def test_every_listed_code_has_advice() -> None:
    assert ADVICE.keys() >= verdicts.LISTED
    assert all(len(advice) > 20 and advice == advice.strip() for advice in ADVICE.values())
    assert all(advice.endswith((".", "…")) for advice in ADVICE.values())


def test_there_is_no_advice_about_a_code_that_does_not_exist() -> None:
    assert ADVICE.keys() <= DOCUMENTED


@pytest.mark.parametrize("code", [314, 492, 493, 569, 5])
def test_advice_about_what_proves_nothing_changes_no_verdict(code: int) -> None:
    error = verdict(code)
    assert type(error) is Unknown
    assert error.message.endswith(ADVICE[code])


def test_without_advice_the_words_stand_alone() -> None:
    assert verdict(99_999, "Words").message == "Voximplant error 99999: Words"


@pytest.mark.parametrize("msg", [None, 5, ["a"], {"a": 1}, ""])
def test_words_of_any_kind_are_words(msg: Any) -> None:
    assert type(verdict(250, msg)) is Refused
