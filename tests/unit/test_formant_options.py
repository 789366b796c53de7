"""What a batch may be told, what is the agent's own business, and the call list that goes out."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.intake_case import TOKEN, taking
from worker.errors import ConfigError, InputError
from worker.providers.formant import KIND
from worker.providers.formant.options import IMPOSSIBLE, check, dialing_time, layout

AGENT = {"agent_id": 456}

BAD: list[tuple[str, Any, str]] = [
    ("agent_id", 0, "greater than or equal to 1"),
    ("agent_id", "x", "valid integer"),
    ("agent_id", 1.5, "valid integer"),
    ("agent_id", 2**63, "less than or equal to"),
    ("name", "n" * 129, "at most 128"),
    ("name", "\n", "may not be blank"),
    ("name", "a\0b", "cannot be printed"),
    ("surprise", 1, "not one that formant ai knows"),
    ("file", "x", "not one that formant ai knows"),
]


def refused(options: dict[str, Any]) -> str:
    with pytest.raises(InputError) as raised:
        check(options)
    assert raised.value.code == "bad_option"
    return raised.value.message


@pytest.mark.parametrize(
    ("given", "taken"), [(456, 456), ("456", 456), (1, 1), (2**63 - 1, 2**63 - 1)], ids=["int", "text", "least", "most"]
)
def test_the_agent(given: Any, taken: int) -> None:
    assert check({"agent_id": given}) == {"agent_id": taken}


@pytest.mark.parametrize(("given", "taken"), [(" a \t b ", "a b"), ("Ünï/☎\\", "Ünï/☎\\"), ("n" * 128, "n" * 128)])
def test_the_name(given: str, taken: str) -> None:
    once = check({**AGENT, "name": given})
    assert once["name"] == taken
    assert check(once) == once


@pytest.mark.parametrize(("name", "given", "said"), BAD)
def test_what_is_not(name: str, given: Any, said: str) -> None:
    sentence = refused({**AGENT, name: given})
    assert sentence.startswith(f"The option {name} ")
    assert said in sentence.lower()


def test_the_agent_is_required() -> None:
    assert refused({"name": "x"}).startswith("The option agent_id is required by Formant AI;")


@pytest.mark.parametrize("name", sorted(IMPOSSIBLE))
def test_what_cannot_be_honoured_is_refused_and_never_ignored(name: str) -> None:
    for value in (1, 0, "x"):
        sentence = refused({**AGENT, name: value})
        assert sentence.startswith(f"The option {name} cannot be honoured by Formant AI: ")
        assert sentence.endswith("; leave it out.")


@pytest.mark.parametrize("name", ["num_attempts", "interval_seconds", "priority", "max_simultaneous", "rule_id"])
def test_the_words_of_other_accounts_are_among_them(name: str) -> None:
    assert name in IMPOSSIBLE


def test_dialling_is_waited_for_a_day() -> None:
    assert dialing_time(check(AGENT)) == 86_400


@pytest.mark.parametrize("own", [{"region": "moon"}, {"complete_states": [""]}, {"surprise": 1}])
def test_settings_that_make_no_sense(own: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as raised:
        KIND.check_own(own)
    assert raised.value.code == "bad_account"


def test_the_call_list(tmp_path: Path) -> None:
    text = 'name,phone,__task_uuid,note\nAnn,(334) 793-8701,mine,"a, ""b"""\nBøb,+44 20 7946 0000,,\n'
    taken = taking(tmp_path)(text, layout=layout(AGENT))
    [chunk] = taken.intake.chunks
    assert taken.payload(chunk).decode() == (
        f'name,customer_phone,note,__task_uuid\nAnn,+13347938701,"a, ""b""",{TOKEN}:1\nBøb,+442079460000,,{TOKEN}:2\n'
    )
    assert taken.intake.unsent_columns == ["__task_uuid"]


def test_windows_are_refused(tmp_path: Path) -> None:
    text = "phone,__start_execution_time,__end_execution_time\n3347938701,09:00:00,17:00:00\n"
    with pytest.raises(InputError) as raised:
        taking(tmp_path)(text, layout=layout(AGENT))
    assert raised.value.code == "window_unsupported"
