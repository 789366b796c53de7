"""Every parameter of the two methods with its range; each mistake is said in one sentence before anything is sent."""

from typing import Any

import pytest

from worker.errors import InputError
from worker.providers.voximplant.options import EDITABLE, Options, check, dialing_time

RULE = {"rule_id": 1}
NAME_255 = "n" * 255
LONG = 800  # characters: a sentence that names every option there is

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
    ("num_attempts", True, "true or false"),
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
    ("is_cancelled", True, 'the account\'s start = "verified"'),
    ("start_at", 1893456000, "as --start-at gives it"),
    ("call_list_type", "random", "'predictive', 'progressive' or 'manual'"),
    ("queue_id", 0, "greater than or equal to 1"),
    ("avg_waiting_sec", -1, "greater than or equal to 0"),
    ("ip_address", "here", "is not an ip address"),
]
PREDICTIVE = {"call_list_type": "predictive", "queue_id": 9}
PROGRESSIVE = {"call_list_type": "progressive", "queue_id": 9}
MANUAL = {"call_list_type": "manual"}
PERSONAL = {**PROGRESSIVE, "is_personal_campaign": True}
BUFFER = {**PREDICTIVE, "buffer_size_target": "VALUE"}

# beside which other options, the option, what is given, what is taken
GOOD_TOGETHER: list[tuple[dict[str, Any], str, Any, Any]] = [
    ({}, "call_list_type", "Automatic", "automatic"),
    ({}, "queue_id", 9, 9),
    ({}, "avg_waiting_sec", 0, 0),
    ({}, "list_custom_data", "spring; wave 1", "spring; wave 1"),
    ({}, "ip_address", "192.0.2.7", "192.0.2.7"),
    ({"queue_id": 9}, "call_list_type", "PREDICTIVE", "predictive"),
    ({"queue_id": 9}, "call_list_type", "progressive", "progressive"),
    (PREDICTIVE, "acd_version", "v2", "V2"),
    (PREDICTIVE, "predictive_type", "ar_optimized", "AR_OPTIMIZED"),
    (PREDICTIVE, "maximum_error_rate", "0.05", 0.05),
    (PREDICTIVE, "maximum_error_rate", 1, 1),
    (PREDICTIVE, "minimum_busy_factor", 0, 0),
    (PROGRESSIVE, "task_multiplier", 1.5, 1.5),
    (PROGRESSIVE, "is_personal_campaign", "true", True),
    (PERSONAL, "personal_campaign_type", "Smart", "smart"),
    (PREDICTIVE, "buffer_size_target", "operator", "OPERATOR"),
    (BUFFER, "buffer_size_value", 20, 20),
    (BUFFER, "buffer_threshold_factor", 0.5, 0.5),
    (PREDICTIVE, "avg_dial_time_sec", 12.5, 12.5),
    (PREDICTIVE, "avg_time_talk_sec", "80.0", 80),
    (PREDICTIVE, "avg_total_time_sec", 0, 0),
    (PREDICTIVE, "percent_successful", 0.4, 0.4),
    (MANUAL, "num_attempts", 6, 6),
    (MANUAL, "interval_seconds", 60, 60),
    (MANUAL, "reference_ip", "192.0.2.7", "192.0.2.7"),
    ({}, "call_list_type", "MANUAL", "manual"),
]

BAD_TOGETHER: list[tuple[dict[str, Any], str, Any, str]] = [
    ({}, "num_attempts", 6, "less than or equal to 5"),
    (PREDICTIVE, "num_attempts", 6, "less than or equal to 5"),
    ({"call_list_type": "automatic"}, "queue_id", 9, "no place in an automatic list"),
    ({"reference_ip": "192.0.2.7"}, "ip_address", "192.0.2.7", "give only one of the two"),
    ({}, "acd_version", "V1", "call_list_type is predictive or progressive"),
    (PROGRESSIVE, "predictive_type", "AR_OPTIMIZED", "call_list_type is predictive;"),
    (PREDICTIVE, "task_multiplier", 2, "call_list_type is progressive;"),
    (PREDICTIVE, "maximum_error_rate", 1.01, "less than or equal to 1"),
    (PREDICTIVE, "maximum_error_rate", "nan", "or equal to"),
    (PREDICTIVE, "minimum_busy_factor", -0.1, "greater than or equal to 0"),
    (PROGRESSIVE, "task_multiplier", 0.5, "greater than or equal to 1"),
    (PROGRESSIVE, "is_personal_campaign", "perhaps", "valid boolean"),
    (PROGRESSIVE, "personal_campaign_type", "smart", "needs is_personal_campaign"),
    (PERSONAL, "personal_campaign_type", "mild", "'smart' or 'strict'"),
    (PREDICTIVE, "buffer_size_value", 20, "needs buffer_size_target = value"),
    (PREDICTIVE, "buffer_threshold_factor", 1, "needs a buffer_size_target"),
    (BUFFER, "buffer_size_value", 501, "less than or equal to 500"),
    (BUFFER, "buffer_threshold_factor", -1, "greater than or equal to 0"),
    (PREDICTIVE, "avg_dial_time_sec", -1, "greater than or equal to 0"),
    (PREDICTIVE, "avg_dial_time_sec", "inf", "finite number"),
    (PREDICTIVE, "percent_successful", -1, "greater than or equal to 0"),
    (MANUAL, "num_attempts", 0, "greater than or equal to 1"),
    (MANUAL, "queue_id", 9, "it has no such parameter"),
    (MANUAL, "ip_address", "192.0.2.7", "it has no such parameter"),
    (MANUAL, "server_location", "eu", "it has no such parameter"),
    (MANUAL, "task_priority_strategy", "first_attempts", "it has no such parameter"),
    (MANUAL, "start_at", 1893456000, "as --start-at gives it"),
    (MANUAL, "surprise", 1, "not one that createmanualcalllist"),
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
    assert len(sentence) < LONG


@pytest.mark.parametrize(("beside", "name", "given", "taken"), GOOD_TOGETHER)
def test_what_may_stand_together(beside: dict[str, Any], name: str, given: Any, taken: Any) -> None:
    checked = check({**RULE, **beside, name: given})
    assert (checked[name], type(checked[name])) == (taken, type(taken))
    assert check(checked) == checked


@pytest.mark.parametrize(("beside", "name", "given", "said"), BAD_TOGETHER)
def test_what_may_not_stand_together(beside: dict[str, Any], name: str, given: Any, said: str) -> None:
    sentence = refused({**RULE, **beside, name: given})
    assert sentence.startswith(f"The option {name} ")
    assert said in sentence.lower()
    assert sentence.endswith(".")


@pytest.mark.parametrize("kind", ["predictive", "Progressive"])
def test_a_list_that_agents_answer_needs_their_queue(kind: str) -> None:
    assert refused({**RULE, "call_list_type": kind}) == (
        f"The option queue_id is required for a {kind.lower()} list; "
        "set it with --set queue_id=… or in the account's options."
    )


def test_what_can_be_edited_are_options_but_never_the_name() -> None:
    assert Options.model_fields.keys() >= EDITABLE
    assert "name" not in EDITABLE


def test_a_long_name_is_not_repeated_in_full() -> None:
    assert "nnnnnnnn" not in refused({**RULE, "name": "n" * 300})


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a\nb", "x" * 5000])
def test_a_strange_name_makes_no_strange_sentence(name: str) -> None:
    sentence = refused({**RULE, name: 1})
    assert sentence.isprintable()
    assert len(sentence) < LONG


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
        ({"num_attempts": 5, "interval_seconds": 9, "call_list_type": "manual"}, 30 * 86400),
        ({"num_attempts": 5, "interval_seconds": 9, "call_list_type": "predictive", "queue_id": 1}, 45),
    ],
)
def test_how_long_all_attempts_may_take(options: dict[str, Any], seconds: float) -> None:
    assert dialing_time(check(RULE | options)) == seconds
