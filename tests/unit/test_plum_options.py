"""Every field of queuecalls with its range, in the common words; and the call list that goes out."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.intake_case import TOKEN, Taken, taking
from worker.errors import ConfigError, InputError
from worker.providers.plum import KIND
from worker.providers.plum.options import SCHEDULED, check, dialing_time, layout
from worker.providers.plum.settings import Own

START = {"start_url": "https://voice.example/start.php"}
NEXT_YEAR = 1_900_000_000

GOOD: list[tuple[str, Any, Any]] = [
    ("start_url", "http://voice.example", "http://voice.example"),
    ("start_url", "https://voice.example:8443/a.php?b=c&d=%20#e", "https://voice.example:8443/a.php?b=c&d=%20#e"),
    ("start_url", "https://voice.example/" + "a" * 233, "https://voice.example/" + "a" * 233),
    ("name", " spring \t wave ", "spring wave"),
    ("name", "Ünï ☎ / \\", "Ünï ☎ / \\"),
    ("name", "n" * 128, "n" * 128),
    ("num_attempts", 1, 1),
    ("num_attempts", "11", 11),
    ("interval_seconds", 60, 60),
    ("interval_seconds", "172800", 172_800),
    ("result_url", "https://mine.example/result", "https://mine.example/result"),
    ("message_reference", "r" * 255, "r" * 255),
    ("call_parameters", "a=1&b=ü", "a=1&b=ü"),
    ("call_parameter_column", "note", "note"),
    ("scheduled_timestamp", 0, 0),
    ("scheduled_timestamp", str(NEXT_YEAR), NEXT_YEAR),
    ("scheduled_time", "now", "now"),
    ("scheduled_time", "+3 days", "+3 days"),
    ("scheduled_time", "oct 14th, 2031 11:05PM EST", "oct 14th, 2031 11:05PM EST"),
    ("scheduled_time", "2031-10-14 23:05 +02:00", "2031-10-14 23:05 +02:00"),
    ("scheduled_time", "2031-10-14T23:05:00Z", "2031-10-14T23:05:00Z"),
    ("expiration_timestamp", 0, 0),
    ("expiration_time", "+1 week", "+1 week"),
    ("secure", "1", 1),
    ("secure", 0, 0),
]

BAD: list[tuple[str, Any, str]] = [
    ("start_url", "https://voice.example/" + "a" * 234, "at most 255"),
    ("start_url", "ftp://voice.example", "begins with http:// or https://"),
    ("start_url", "voice.example/start", "begins with http:// or https://"),
    ("start_url", "https://", "begins with http:// or https://"),
    ("start_url", "https://[voice", "begins with http:// or https://"),
    ("start_url", "https://voice.example/a b", "begins with http:// or https://"),
    ("start_url", "https://voice.example/\u00fc", "begins with http:// or https://"),
    ("start_url", "https://voice.example/\n", "begins with http:// or https://"),
    ("start_url", "https://voice.example:99999/", "begins with http:// or https://"),
    ("name", "n" * 129, "at most 128"),
    ("name", " ", "may not be blank"),
    ("num_attempts", 0, "greater than or equal to 1"),
    ("num_attempts", True, "true or false"),
    ("num_attempts", 12, "less than or equal to 11"),
    ("interval_seconds", 0, "greater than or equal to 60"),
    ("interval_seconds", 59, "greater than or equal to 60"),
    ("interval_seconds", 172_801, "less than or equal to 172800"),
    ("message_reference", "r" * 256, "at most 255"),
    ("message_reference", "a\nb", "cannot be printed"),
    ("call_parameters", "", "may not be blank"),
    ("call_parameters", "\ud800", "valid string"),
    ("call_parameter_column", "", "at least 1"),
    ("scheduled_timestamp", -1, "greater than or equal to 0"),
    ("scheduled_timestamp", NEXT_YEAR * 1000, "divide it by 1000"),
    ("scheduled_timestamp", "tomorrow", "valid integer"),
    ("scheduled_time", "tomorrow", "with its zone"),
    ("scheduled_time", "oct 14th, 2031 11:05PM", "with its zone"),
    ("scheduled_time", "2031-10-14 23:05", "with its zone"),
    ("scheduled_time", "2031-10-14", "with its zone"),
    ("scheduled_time", "+3 days" + " " * 80, "at most 80"),
    ("expiration_timestamp", NEXT_YEAR * 1000, "divide it by 1000"),
    ("expiration_time", "next monday", "with its zone"),
    ("secure", 2, "less than or equal to 1"),
    ("surprise", 1, "not one that plum voice knows"),
    ("login", "me", "not one that plum voice knows"),
    ("max_retries", 3, "not one that plum voice knows"),
    ("rule_id", 1, "cannot be honoured by plum voice"),
    ("server_location", "eu", "cannot be honoured by plum voice"),
    ("reference_ip", "192.0.2.1", "cannot be honoured by plum voice"),
    ("task_priority_strategy", "first_attempts", "cannot be honoured by plum voice"),
    ("priority", 0, "cannot be honoured by plum voice"),
    ("max_simultaneous", 5, "cannot be honoured by plum voice"),
    ("agent_id", 5, "cannot be honoured by plum voice"),
    ("calling_hours", {}, "cannot be honoured by plum voice"),
]


def refused(options: dict[str, Any]) -> str:
    with pytest.raises(InputError) as raised:
        check(options)
    assert raised.value.code == "bad_option"
    return raised.value.message


@pytest.mark.parametrize(("name", "given", "taken"), GOOD)
def test_what_is_allowed(name: str, given: Any, taken: Any) -> None:
    once = check({**START, name: given})
    assert once[name] == taken
    assert check(once) == once


@pytest.mark.parametrize(("name", "given", "said"), BAD, ids=[f"{name}-{str(given)[:20]!r}" for name, given, _ in BAD])
def test_what_is_not(name: str, given: Any, said: str) -> None:
    sentence = refused({**START, name: given})
    assert sentence.startswith(f"The option {name} ")
    assert said in sentence.lower()
    assert sentence.endswith(".")
    assert sentence.isprintable()
    assert len(sentence) < 500


def test_the_script_is_required() -> None:
    assert refused({}).startswith("The option start_url is required by Plum Voice;")


def test_what_was_not_said_is_one_attempt_and_plums_own_for_the_rest() -> None:
    assert check(START) == {**START, "num_attempts": 1}


@pytest.mark.parametrize("kind", ["scheduled", "expiration"])
def test_a_moment_is_given_once(kind: str) -> None:
    sentence = refused({**START, f"{kind}_timestamp": NEXT_YEAR, f"{kind}_time": "+1 day"})
    assert f"says the same as {kind}_timestamp" in sentence


def test_an_end_before_the_start_calls_nobody() -> None:
    told = {**START, "scheduled_timestamp": NEXT_YEAR}
    assert "nobody would be called" in refused({**told, "expiration_timestamp": NEXT_YEAR})
    assert check({**told, "expiration_timestamp": NEXT_YEAR + 1})
    assert check({**told, "expiration_timestamp": 0})


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, 0),
        ({"interval_seconds": 600}, 600),
        ({"num_attempts": 3, "interval_seconds": 600}, 1800),
        ({"num_attempts": 2}, 345_600),
        ({"scheduled_timestamp": 0}, 0),
        ({"scheduled_timestamp": NEXT_YEAR}, SCHEDULED),
        ({"num_attempts": 2, "interval_seconds": 60, "scheduled_time": "+3 days"}, SCHEDULED + 120),
    ],
)
def test_how_long_dialling_may_take(options: dict[str, Any], seconds: float) -> None:
    assert dialing_time(check(START | options)) == seconds


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("surprise", 1),
        ("file_field", ""),
        ("file_field", 'a"b'),
        ("retry_fields", []),
        ("path", "webservice"),
        ("result_posts", "never"),
        ("result_words", {"gone": "nowhere"}),
        ("result_fields", {"reference": ["a b"]}),
        ("result_fields", {"surprise": ["a"]}),
    ],
)
def test_settings_that_make_no_sense(setting: str, value: Any) -> None:
    with pytest.raises(ConfigError) as raised:
        KIND.check_own({setting: value})
    assert raised.value.code == "bad_account"
    assert f"own.{setting}" in raised.value.message
    assert raised.value.message.endswith("; correct it.")


def test_settings_once_checked_are_settings() -> None:
    told = KIND.check_own({"file_field": "csv", "result_words": {" Gone ": "no_answer"}})
    assert Own.model_validate(told).result_words == {"gone": "no_answer"}
    assert KIND.check_own(told) == told


class TestCallList:
    """What intake makes of a file by this layout."""

    def taken(self, folder: Path, text: str, **options: Any) -> Taken:
        return taking(folder)(text, layout=layout(START | options))

    def bytes_of(self, taken: Taken) -> bytes:
        return b"".join(taken.payload(chunk) for chunk in taken.intake.chunks)

    def test_number_and_reference_without_a_header(self, tmp_path: Path) -> None:
        taken = self.taken(tmp_path, "name,phone\nAnn,(334) 793-8701\nBob,+1 903 928 2294\n")
        assert self.bytes_of(taken) == f"13347938701,{TOKEN}:1\n19039282294,{TOKEN}:2\n".encode()
        assert taken.intake.unsent_columns == ["name"]

    @pytest.mark.parametrize("column", ["call_parameter", "call_parameters", "Call Parameter"])
    def test_a_parameter_column_is_found_by_its_name(self, tmp_path: Path, column: str) -> None:
        taken = self.taken(tmp_path, f'{column},phone\n"a, ""b""",3347938701\n')
        assert self.bytes_of(taken) == f'13347938701,{TOKEN}:1,"a, ""b"""\n'.encode()

    def test_never_more_than_three_columns(self, tmp_path: Path) -> None:
        taken = self.taken(tmp_path, "call_parameters,call_parameter,phone\nmany,one,3347938701\n")
        assert self.bytes_of(taken) == f"13347938701,{TOKEN}:1,one\n".encode()
        assert taken.intake.unsent_columns == ["call_parameters"]

    def test_a_chosen_column_wins_and_must_be_there(self, tmp_path: Path) -> None:
        text = "call_parameter,note,phone\none,two,3347938701\n"
        taken = self.taken(tmp_path, text, call_parameter_column="note")
        assert self.bytes_of(taken) == f"13347938701,{TOKEN}:1,two\n".encode()
        with pytest.raises(InputError) as raised:
            self.taken(tmp_path, text, call_parameter_column="nowhere")
        assert raised.value.code == "no_such_column"

    def test_rows_that_plum_could_not_take(self, tmp_path: Path) -> None:
        rows = ["+442079460000,uk", "3347938701,fine", f"3347938702,{'x' * 256}", '3347938703,"a\nb"']
        taken = self.taken(tmp_path, "phone,call_parameter\n" + "\n".join(rows) + "\n")
        assert taken.codes() == {1: "out_of_reach", 3: "cell_too_long", 4: "line_end_in_cell"}
        assert self.bytes_of(taken) == f"13347938701,{TOKEN}:2,fine\n".encode()

    @pytest.mark.parametrize("own", ["A-17", "a b", "x" * 128, "#17/2 (new) {a}='b'", "a@b.example", "+1", "%41"])
    def test_a_reference_of_the_users_own(self, tmp_path: Path, own: str) -> None:
        taken = self.taken(tmp_path, f"phone,message_reference\n3347938701,{own}\n3347938702,\n")
        assert taken.codes() == {}
        assert self.bytes_of(taken) == f"13347938701,{own}\n13347938702,{TOKEN}:2\n".encode()

    @pytest.mark.parametrize("own", ["a;b", '"a,b"', '"a""b"', "x" * 129, "ü", "a\tb", "a ", "\\", f"{TOKEN}:9"])
    def test_a_reference_that_might_not_come_back(self, tmp_path: Path, own: str) -> None:
        taken = self.taken(tmp_path, f"phone,message_reference\n3347938701,{own}\n")
        assert taken.codes() == {1: "bad_task_uuid"}
        assert "Plum Voice: 1 to 128 " in taken.rejects()[0]["sentence"]
