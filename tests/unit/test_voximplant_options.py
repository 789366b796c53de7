"""Every parameter of CreateCallList with its range; each mistake is said in one sentence before anything is sent."""

from typing import Any

import pytest

from worker.errors import InputError
from worker.providers.voximplant.options import Options, check, dialing_time

RULE = {"rule_id": 1}
NAME_255 = "n" * 255

GOOD: list[tuple[str, Any, Any]] = [
    ("rule_id", 1, 1),
    ("rule_id", "42", 42),
    ("rule_id", 2**40, 2**40),
    ("priority", 0, 0),
    ("priority", "0", 0),
    ("priority", 2**31, 2**31),
    ("max_simultaneous", 1, 1),
    ("max_simultaneous", 10_000, 10_000),
    ("num_attempts", 1, 1),
    ("num_attempts", 5, 5),
    ("name", "Spring 2030: first wave", "Spring 2030: first wave"),
    ("name", "Ünïcödé ☎", "Ünïcödé ☎"),
    ("name", NAME_255, NAME_255),
    ("name", "a", "a"),
    ("name", " two  words\n", "two words"),
    ("name", "no\u00a0break\ttab", "no break tab"),
    ("interval_seconds", 0, 0),
    ("interval_seconds", 86_400, 86_400),
    ("reference_ip", "192.0.2.7", "192.0.2.7"),
    ("reference_ip", "2001:db8::1", "2001:db8::1"),
    ("server_location", "eu", "eu"),
    ("task_priority_strategy", "first_attempts", "first_attempts"),
    ("task_priority_strategy", "repeated_attempts", "repeated_attempts"),
]

BAD: list[tuple[str, Any, str]] = [
    ("rule_id", 0, "greater than or equal to 1"),
    ("rule_id", -1, "greater than or equal to 1"),
    ("rule_id", "x", "valid integer"),
    ("rule_id", None, "valid integer"),
    ("rule_id", 2**63, "less than or equal to"),
    ("priority", -1, "greater than or equal to 0"),
    ("priority", "-1", "greater than or equal to 0"),
    ("priority", 2**31 + 1, "less than or equal to 2147483648"),
    ("priority", 1.5, "valid integer"),
    ("max_simultaneous", 0, "greater than or equal to 1"),
    ("max_simultaneous", 2**31, "less than or equal to"),
    ("num_attempts", 0, "greater than or equal to 1"),
    ("num_attempts", 6, "less than or equal to 5"),
    ("num_attempts", "", "valid integer"),
    ("name", "n" * 256, "at most 255"),
    ("name", "n" * 300, "at most 255"),
    ("name", "", "may not be blank"),
    ("name", "a/b", r"may not contain '/' or '\'"),
    ("name", "a\\b", r"may not contain '/' or '\'"),
    ("name", " \n ", "may not be blank"),
    ("name", "a\0b", "cannot be printed"),
    ("name", "a\u200bb", "cannot be printed"),
    ("name", 5, "valid string"),
    ("interval_seconds", -1, "greater than or equal to 0"),
    ("interval_seconds", 10**30, "less than or equal to"),
    ("reference_ip", "192.0.2.256", "is not an ip address"),
    ("reference_ip", "provider.example", "is not an ip address"),
    ("reference_ip", "", "is not an ip address"),
    ("server_location", "", "at least 1"),
    ("task_priority_strategy", "random", "'first_attempts' or 'repeated_attempts'"),
    ("surprise", 1, "not one that voximplant knows"),
    ("NAME", "x", "not one that voximplant knows"),
    ("file_content", "x", "not one that voximplant knows"),
    ("is_cancelled", True, "not one that voximplant knows"),
]


def refused(options: dict[str, Any]) -> str:
    with pytest.raises(InputError) as raised:
        check(options)
    assert raised.value.code == "bad_option"
    return raised.value.message


@pytest.mark.parametrize(("name", "given", "taken"), GOOD)
def test_what_is_allowed(name: str, given: Any, taken: Any) -> None:
    assert check({**RULE, name: given})[name] == taken


@pytest.mark.parametrize(("name", "given", "said"), BAD, ids=[f"{name}-{str(given)[:12]!r}" for name, given, _ in BAD])
def test_what_is_not(name: str, given: Any, said: str) -> None:
    sentence = refused({**RULE, name: given})
    assert sentence.startswith(f"The option {name} ")
    assert said in sentence.lower()
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 300


def test_a_long_name_is_not_repeated_in_full() -> None:
    assert "nnnnnnnn" not in refused({**RULE, "name": "n" * 300})


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a\nb", "x" * 5000])
def test_a_strange_name_makes_no_strange_sentence(name: str) -> None:
    sentence = refused({**RULE, name: 1})
    assert sentence.isprintable()
    assert len(sentence) < 400


def test_an_unknown_option_names_those_there_are() -> None:
    sentence = refused({**RULE, "surprise": 1})
    assert all(name in sentence for name in Options.model_fields)


def test_the_rule_is_required() -> None:
    assert refused({}) == (
        "The option rule_id is required by Voximplant; set it with --set rule_id=… or in the account's options."
    )


def test_defaults_that_the_provider_requires_are_filled_in() -> None:
    assert check(RULE) == {
        "rule_id": 1,
        "priority": 1,
        "max_simultaneous": 1,
        "num_attempts": 1,
        "interval_seconds": 0,
    }


def test_checked_options_stay_as_they_are() -> None:
    once = check({**RULE, "name": "x", "reference_ip": "2001:db8::1", "server_location": "us"})
    assert check(once) == once


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, 0),
        ({"num_attempts": 3}, 0),
        ({"interval_seconds": 60}, 60),
        ({"num_attempts": 5, "interval_seconds": 9}, 45),
    ],
)
def test_how_long_all_attempts_may_take(options: dict[str, Any], seconds: float) -> None:
    assert dialing_time(check(RULE | options)) == seconds
