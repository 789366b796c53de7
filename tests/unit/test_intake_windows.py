"""Calling windows at intake: who gets which, what goes to the provider, and who is turned away."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.intake_case import Taken, Taking, phone, taking
from worker.errors import InputError
from worker.intake.rejects import SENTENCES, Code
from worker.layout import Layout
from worker.windows import Asked, Line, load_rules, read_hours

DAY = 86_400
# Fixed lines in New York and Berlin, a German mobile, freephone of North America, a satellite.
NEW_YORK, BERLIN, MOBILE, FREEPHONE, SATELLITE = (
    "+12125552368",
    "+493012345678",
    "+4915112345678",
    "+18002255288",
    "+881612345678",
)
TUESDAY = int(datetime(2030, 1, 8, 6, 20, tzinfo=UTC).timestamp())
JULY = int(datetime(2030, 7, 9, 6, 20, tzinfo=UTC).timestamp())
WEEKLY = Layout(delimiter=";", windows=True, schedule="call_schedule")
DAILY = ("__start_execution_time", "__end_execution_time")


@pytest.fixture
def take(tmp_path: Path) -> Taking:
    """Takes in a list that asks for the law's hours, for two days from Tuesday on."""
    plain = taking(tmp_path)

    def timed(data: str, hours: str | None = None, zone_column: str | None = None, **changes: Any) -> Taken:
        within = None if hours is None else read_hours(hours)
        asked = Asked(load_rules(), within, 2 * DAY, zone_column)
        return plain(data, **{"now": TUESDAY, "asked": asked, **changes})

    return timed


def windows(taken: Taken) -> list[tuple[str, ...]]:
    return [tuple(row[name] for name in DAILY) for row in taken.sent()]


def test_a_file_without_windows_goes_out_with_them(take: Taking) -> None:
    taken = take(f"phone,name\n{NEW_YORK},Ann\n{BERLIN},Bo\n", hours="09:00-18:00")
    assert list(taken.sent()[0]) == ["phone", "name", *DAILY, "__task_uuid"]
    assert windows(taken) == [("14:00:00", "23:00:00"), ("08:00:00", "17:00:00")]
    assert taken.intake.unsent_columns == []


def test_nothing_is_asked_for_and_nothing_changes(take: Taking) -> None:
    taken = take(f"phone\n{SATELLITE}\n", asked=None)
    assert list(taken.sent()[0]) == ["phone", "__task_uuid"]
    assert taken.intake.windows is None


def test_zones_by_column_and_where_it_is_blank_by_number(take: Taking) -> None:
    rows = [f"{MOBILE},America/New_York", f"{NEW_YORK},", f"{BERLIN},europe/lisbon", f"{SATELLITE},Europe/Berlin"]
    taken = take("phone,Zone\n" + "\n".join(rows), zone_column="zone")
    # The hours are those of the number's country, wherever its owner is; a satellite's are the cautious ones.
    assert windows(taken) == [
        ("14:00:00", "01:00:00"),
        ("13:00:00", "02:00:00"),
        ("09:00:00", "20:00:00"),
        ("08:00:00", "19:00:00"),
    ]


def test_the_files_own_windows_narrow_what_is_allowed(take: Taking) -> None:
    cells = ["10:00:00,12:00:00", "00:00:00,10:00:00", "20:00:00,22:00:00", ",", "10:00:00,"]
    numbers = [f"+4930{n}2345678" for n in range(1, 6)]
    lines = [f"{cell},{number}" for cell, number in zip(cells, numbers, strict=True)]
    taken = take(f"{','.join(DAILY)},phone\n" + "\n".join(lines))
    assert windows(taken) == [("10:00:00", "12:00:00"), ("08:00:00", "10:00:00"), ("08:00:00", "19:00:00")]
    assert taken.codes() == {3: "no_window", 5: "bad_window"}
    assert list(taken.sent()[0]) == ["phone", *DAILY, "__task_uuid"]


def test_who_has_no_window_is_rejected_with_the_reason(take: Taking) -> None:
    rows = [f"{SATELLITE},", f"{MOBILE},CET", f"{FREEPHONE},", f"{BERLIN},", f"{BERLIN},"]
    taken = take("phone,zone\n" + "\n".join(rows), zone_column="zone", now=JULY)
    assert taken.codes() == {1: "no_zone", 2: "unknown_zone", 3: "no_window", 5: "duplicate"}
    assert [one["sentence"] for one in taken.rejects()[:3]] == [
        SENTENCES[code] for code in (Code.NO_ZONE, Code.UNKNOWN_ZONE, Code.NO_WINDOW)
    ]
    assert taken.intake.reasons == {"unknown_zone": 1, "no_zone": 1, "no_window": 1}


def test_each_row_is_held_against_its_own_start(take: Taking) -> None:
    """In winter half an hour is left for who may ring from Guam to Newfoundland; in summer it is none."""
    rows = [f"{FREEPHONE},", f"+18002255289,{JULY}", f"{BERLIN},{JULY}", f"{MOBILE},"]
    taken = take("phone,__start_at\n" + "\n".join(rows))
    assert taken.codes() == {2: "no_window"}
    assert windows(taken) == [("23:00:00", "23:30:00"), ("08:00:00", "19:00:00"), ("07:00:00", "18:00:00")]


def test_a_provider_of_windows_by_weekday_gets_them_in_its_column(take: Taking) -> None:
    saturday = TUESDAY + 4 * DAY
    text = f"phone,{','.join(DAILY)}\n{BERLIN},09:00:00,11:00:00\n{MOBILE},,\n"
    taken = take(text, layout=WEEKLY, starts_at=saturday)
    own, free = (json.loads(row["call_schedule"]) for row in taken.sent())
    assert list(taken.sent()[0]) == ["phone", "call_schedule", "__task_uuid"]
    assert own[-1] == {"day_of_week": "saturday", "start": "09:00:00", "end": "11:00:00"}
    assert [entry["day_of_week"][:3] for entry in free] == ["mon", "tue", "wed", "thu", "fri", "sat"]
    assert free[0] == {"day_of_week": "monday", "start": "08:00:00", "end": "19:00:00"}
    assert take(text, starts_at=saturday).codes() == {1: "no_window", 2: "no_window"}


@pytest.mark.parametrize("name", ["call_schedule", "next_attempt_time"])
def test_what_says_it_in_other_words_is_refused_unless_it_is_empty(take: Taking, name: str) -> None:
    assert name not in take(f"phone,{name}\n{BERLIN}, \n").sent()[0]
    with pytest.raises(InputError, match=name) as raised:
        take(f"phone,{name}\n{BERLIN},x\n")
    assert raised.value.code == "window_unsupported"


@pytest.mark.parametrize("column", ["nowhere", "zone"])
def test_a_column_of_zones_that_is_not_there_or_stands_twice(take: Taking, column: str) -> None:
    with pytest.raises(InputError, match="Zone") as raised:
        take(f"phone,Zone,ZONE\n{BERLIN},,\n", zone_column=column)
    assert raised.value.code == "no_such_column"


def test_the_window_counts_in_the_size_of_a_row(take: Taking) -> None:
    header = len(f"phone;note;{';'.join(DAILY)};__task_uuid\n")
    row = len(f"{phone(1)};;00:00:00;00:00:00;{'u' * 26}:1\n")
    text = f"phone,note\n{phone(1)},{'x' * 100}\n"
    assert take(text, max_bytes=header + row + 100).codes() == {}
    assert take(text, max_bytes=header + row + 99).codes() == {1: "row_too_large"}


def test_the_summary_counts_who_is_sent_and_who_has_no_window(take: Taking) -> None:
    numbers = [BERLIN, MOBILE, BERLIN, NEW_YORK, SATELLITE, "+491"]
    summary = take("phone\n" + "\n".join(numbers), block_bytes=30).intake.windows
    assert summary is not None
    assert summary.lines == [
        Line(("Europe/Berlin",), 2, "09:00", "20:00", 0),
        Line(("America/New_York",), 1, "08:00", "21:00", 0),
    ]
    assert summary.faults == {"no_zone": 1}
