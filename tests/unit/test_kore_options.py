"""Kore.ai's options: the common words by their meaning, the provider's own in its ranges, one sentence where not."""

import json
from typing import Any

import pytest

from worker.errors import ConfigError, InputError
from worker.providers.kore import KIND
from worker.providers.kore.options import GLOBAL_DNC, IMPOSSIBLE, check, dialing_time

HOURS = {
    "frequency": "WEEKLY",
    "timezone": "Asia/Kolkata",
    "days": [{"day": day, "start": "9:00 AM", "end": "6:00 PM"} for day in ("MO", "TU", "WE", "TH", "FR")],
}
LEAST = {"caller_id": "+15551230000", "calling_hours": HOURS, "experience_flow_name": "Survey"}
HOUR, DAY = 3600.0, 86_400.0
SLACK = 27 * HOUR  # a contact's own time zone, and clocks that are put forward and back

GOOD: list[tuple[str, Any, Any]] = [
    ("caller_id", "15551230000", "15551230000"),
    ("name", " two  words\n", "two words"),
    ("name", "n" * 255, "n" * 255),
    ("description", "d" * 256, "d" * 256),
    ("num_attempts", "100", 100),
    ("interval_seconds", 60, 60),
    ("interval_seconds", "86400", 86_400),
    ("priority", 0, 0),
    ("priority", 2**31, 2**31),
    ("dialing_mode", "agentless", "Agentless"),
    ("machine_detect", "disconnect", "disconnect"),
    ("dialing_order", "lifo", "LIFO"),
    ("max_ring_time", 5, 5),
    ("max_ring_time", 120, 120),
    ("dnc_list", "Opt-outs", "Opt-outs"),
]

BAD: list[tuple[str, Any, str]] = [
    ("caller_id", "Head Office", "match pattern"),
    ("caller_id", None, "valid string"),
    ("name", " \n", "blank"),
    ("name", "n" * 256, "at most 255"),
    ("description", "d" * 257, "at most 256"),
    ("num_attempts", 0, "greater than or equal to 1"),
    ("num_attempts", True, "true or false"),
    ("num_attempts", 101, "less than or equal to 100"),
    ("interval_seconds", 0, "greater than or equal to 60"),
    ("interval_seconds", 90, "multiple of 60"),
    ("interval_seconds", 86_460, "less than or equal to 86400"),
    ("priority", -1, "greater than or equal to 0"),
    ("dialing_mode", "predictive", "'agentless', 'progressive' or 'preview'"),
    ("experience_flow_name", None, "the dialing mode agentless needs it"),
    ("experience_flow_name", " ", "blank"),
    ("queue_name", "Sales", "no meaning in the dialing mode agentless"),
    ("max_skips", 1, "no meaning in the dialing mode agentless"),
    ("machine_detect", "maybe", "'no', 'detect' or 'disconnect'"),
    ("dialing_order", "random", "'fifo' or 'lifo'"),
    ("max_ring_time", 4, "greater than or equal to 5"),
    ("max_ring_time", 121, "less than or equal to 120"),
    ("calling_hours", "whenever", "it is not json"),
    ("calling_hours", [], "not an object"),
    ("calling_hours", {"frequency": "WEEKLY"}, "frequency, timezone and days"),
    ("calling_hours", HOURS | {"frequency": "MONTHLY"}, "weekly, daily, custom"),
    ("calling_hours", HOURS | {"timezone": "Mars/Phobos"}, "no time zone 'mars/phobos'"),
    ("calling_hours", HOURS | {"timezone": "../../etc/passwd"}, "no time zone"),
    ("calling_hours", HOURS | {"days": []}, "at least one"),
    ("calling_hours", HOURS | {"days": [{"day": "MO"}]}, "day, start and end"),
    ("calling_hours", HOURS | {"days": [{"day": "XX", "start": "9:00 AM", "end": "6:00 PM"}]}, "mo, tu"),
    ("calling_hours", HOURS | {"days": [{"day": "MO", "start": "09:00", "end": "6:00 PM"}]}, "of the form 9:00 am"),
    ("calling_hours", HOURS | {"days": [{"day": "MO", "start": "13:00 PM", "end": "6:00 PM"}]}, "of the form"),
    ("calling_hours", HOURS | {"days": [{"day": "MO", "start": "6:00 PM", "end": "9:00 AM"}]}, "over midnight"),
    ("calling_hours", HOURS | {"days": [{"day": "MO", "start": "9:00 AM", "end": "9:00 AM"}]}, "over midnight"),
    ("no_such_option", 1, "use one of: caller_id, calling_hours"),
]


@pytest.mark.parametrize(("name", "given", "kept"), GOOD)
def test_what_may_be_set(name: str, given: Any, kept: Any) -> None:
    checked = check({**LEAST, name: given})
    assert checked[name] == kept
    assert check(checked) == checked
    assert json.loads(json.dumps(checked)) == checked


@pytest.mark.parametrize(("name", "given", "why"), BAD)
def test_what_may_not(name: str, given: Any, why: str) -> None:
    with pytest.raises(InputError) as raised:
        check({**LEAST, name: given})
    assert raised.value.code == "bad_option"
    assert name in raised.value.message
    assert why in raised.value.message.lower()
    assert raised.value.message.endswith(".")


@pytest.mark.parametrize("name", ["caller_id", "calling_hours"])
def test_what_nobody_can_guess_is_required(name: str) -> None:
    with pytest.raises(InputError, match=f"The option {name} is required by Kore.ai"):
        check({key: value for key, value in LEAST.items() if key != name})


@pytest.mark.parametrize("name", [*IMPOSSIBLE])
def test_what_it_cannot_honour_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(InputError, match=f"The option {name} cannot be honoured by Kore.ai: .{{20}}"):
        check({**LEAST, name: 1})


def test_the_words_of_the_others_are_among_them() -> None:
    assert {"max_simultaneous", "rule_id", "server_location", "start_url", "agent_id"} <= set(IMPOSSIBLE)


def test_what_is_left_open() -> None:
    assert check(LEAST) == LEAST | {
        "num_attempts": 1,
        "interval_seconds": 3600,
        "priority": 2,
        "dialing_mode": "Agentless",
        "dialing_order": "FIFO",
        "max_ring_time": 30,
        "dnc_list": GLOBAL_DNC,
    }


class TestModes:
    def with_agents(self, mode: str, **more: Any) -> dict[str, Any]:
        return {"caller_id": "15551230000", "calling_hours": HOURS, "dialing_mode": mode, **more}

    def test_progressive(self) -> None:
        assert check(self.with_agents("Progressive", queue_name="Sales"))["queue_name"] == "Sales"

    def test_preview(self) -> None:
        assert check(self.with_agents("PREVIEW", queue_name="Sales", max_skips=0))["max_skips"] == 0

    @pytest.mark.parametrize(
        ("mode", "more", "name"),
        [
            ("Progressive", {}, "queue_name"),
            ("Progressive", {"queue_name": "Sales", "experience_flow_name": "Survey"}, "experience_flow_name"),
            ("Progressive", {"queue_name": "Sales", "max_skips": 1}, "max_skips"),
            ("Progressive", {"queue_name": "Sales", "machine_detect": "no"}, "machine_detect"),
            ("Preview", {"queue_name": "Sales"}, "max_skips"),
        ],
    )
    def test_what_does_not_suit_them(self, mode: str, more: dict[str, Any], name: str) -> None:
        with pytest.raises(InputError, match=f"The option {name} cannot be used: .* mode {mode}"):
            check(self.with_agents(mode, **more))


class TestHours:
    def test_json_text_is_read(self) -> None:
        assert check({**LEAST, "calling_hours": json.dumps(HOURS)})["calling_hours"] == HOURS

    def test_the_case_does_not_matter(self) -> None:
        days = [
            {"day": "mo", "start": "9:00 am", "end": "12:30 pm"},
            {"day": "MO", "start": "2:00 PM", "end": "6:00 PM"},
        ]
        told = check({**LEAST, "calling_hours": {"frequency": "custom", "timezone": "UTC", "days": days}})
        assert told["calling_hours"] == {
            "frequency": "CUSTOM",
            "timezone": "UTC",
            "days": [{"day": "MO", "start": "9:00 AM", "end": "12:30 PM"}, days[1]],
        }

    def time(self, attempts: int, interval: float, *days: str, end: str = "6:00 PM") -> float:
        hours = HOURS | {"days": [{"day": day, "start": "9:00 AM", "end": end} for day in days]}
        checked = check({**LEAST, "num_attempts": attempts, "interval_seconds": interval, "calling_hours": hours})
        return dialing_time(checked) - SLACK

    def test_one_attempt_waits_for_the_longest_gap(self) -> None:
        assert self.time(1, 60, "MO", "TU", "WE", "TH", "FR") == 63 * HOUR  # Friday evening to Monday morning
        assert self.time(1, 60, "MO") == 7 * DAY - 9 * HOUR

    def test_attempts_wait_for_the_interval_and_then_for_the_hours(self) -> None:
        assert self.time(2, 3600, "MO", "TU") == pytest.approx(6 * DAY - 9 * HOUR + HOUR)
        assert self.time(3, DAY, "MO", "TU") == pytest.approx(6 * DAY - 9 * HOUR + 7 * DAY)
        assert self.time(10, 60, "MO") == pytest.approx(7 * DAY - 9 * HOUR + 9 * 60)
        assert self.time(3, HOUR, "MO", end="10:30 AM") == pytest.approx(7 * DAY - 1.5 * HOUR + 7 * DAY)


OWN = {"iid": "st-1", "client_id": "cs-1"}


class TestAccount:
    def test_what_is_left_open(self) -> None:
        own = KIND.check_own(OWN)
        assert own == {
            **OWN,
            "api": "v2",
            "source": "passiveApi",
            "name_field": "name",
            "unique_id_field": "uniqueId",
            "plus": False,
            "paging": "skip",
            "subject": "1234567890",
            "enforce_jti": False,
        }
        assert KIND.check_own(own) == own

    @pytest.mark.parametrize(
        ("more", "name"), [({"iid": ""}, "iid"), ({"api": "v3"}, "api"), ({"colour": "red"}, "colour")]
    )
    def test_what_cannot_be_used(self, more: dict[str, Any], name: str) -> None:
        with pytest.raises(ConfigError, match=rf"own\.{name} of a Kore.ai account") as raised:
            KIND.check_own(OWN | more)
        assert raised.value.code == "bad_account"

    def test_iid_and_client_are_needed(self) -> None:
        with pytest.raises(ConfigError, match=r"own\.iid"):
            KIND.check_own({})
