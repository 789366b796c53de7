"""Kore.ai's calling hours and schedules on the clocks of a zone, and its limit, as pure functions of time."""

from datetime import datetime
from math import inf
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.kore.errors import KoreError
from sandbox.kore.hours import Hours, read_hours
from sandbox.kore.rates import Rates
from sandbox.kore.schedule import read_schedule

OFFICE = [{"day": day, "start": "9:00 AM", "end": "6:00 PM"} for day in ("MO", "TU", "WE", "TH", "FR")]


def hours(days: list[dict[str, str]], zone: str = "UTC", frequency: str = "WEEKLY") -> Hours:
    return read_hours({"callingHours": {"frequency": frequency, "timezone": zone, "days": days}})


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-09T08:59:59", False),
        ("2026-03-09T09:00:00", True),
        ("2026-03-13T17:59:59", True),
        ("2026-03-13T18:00:00", False),
        ("2026-03-14T12:00:00", False),
    ],
)
def test_office_hours(moment: str, is_open: bool) -> None:
    assert hours(OFFICE).open(at(moment)) is is_open


def test_after_friday_comes_monday() -> None:
    office = hours(OFFICE)
    assert office.change_after(at("2026-03-13T12:00:00")) == at("2026-03-13T18:00:00")
    assert office.opens(at("2026-03-13T18:00:00")) == at("2026-03-16T09:00:00")
    assert office.opens(at("2026-03-13T17:00:00")) == at("2026-03-13T17:00:00")


@pytest.mark.parametrize("day", ["2026-03-09", "2026-03-06", "2026-10-30", "2026-11-02"])
def test_nine_is_nine_on_both_sides_of_a_change_of_clocks(day: str) -> None:
    here = hours(OFFICE, "America/New_York")
    assert here.opens(at(f"{day}T00:00:00", "America/New_York")) == at(f"{day}T09:00:00", "America/New_York")
    assert here.at("Asia/Kolkata").open(at(f"{day}T09:00:00", "Asia/Kolkata"))


def test_hours_may_pass_midnight() -> None:
    night = hours([{"day": "SU", "start": "10:00 PM", "end": "2:00 AM"}])
    assert night.open(at("2026-03-08T23:00:00"))
    assert night.open(at("2026-03-09T01:59:59"))
    assert not night.open(at("2026-03-09T02:00:00"))


def test_a_day_without_a_name_is_every_day() -> None:
    daily = hours([{"start": "9:00 AM", "end": "10:00 AM"}], frequency="DAILY")
    assert all(daily.open(at(f"2026-03-{day:02d}T09:30:00")) for day in range(8, 15))


def schedule(recurrence: dict[str, Any], zone: str = "UTC", **more: str) -> Any:
    told = {"startDateTime": "2026-03-04 09:00:00", "endDateTime": "2026-04-30 09:00:00", **more}
    return read_schedule(told | {"recurrenceObject": recurrence}, zone, at("2026-03-01T00:00:00"))


def occurrences(told: Any, most: int) -> list[str]:
    found: list[str] = []
    moment = at("2026-03-01T00:00:00")
    while len(found) < most and (moment := told.next_after(moment) or inf) < inf:
        found.append(datetime.fromtimestamp(moment, ZoneInfo("UTC")).strftime("%m-%d %H"))
    return found


def test_every_third_day() -> None:
    told = schedule({"recurType": "Daily", "dailyDetails": {"onceEveryNdays": 3}}, endDateTime="2026-03-11 00:00:00")
    assert occurrences(told, 9) == ["03-04 09", "03-07 09", "03-10 09"]


def test_mondays_and_wednesdays_of_every_second_week() -> None:
    details = {"onceEveryNweeks": 2, "whichDays": ["Mon", "Wed"]}
    told = schedule({"recurType": "Weekly", "weeklyDetails": details})
    assert occurrences(told, 4) == ["03-04 09", "03-16 09", "03-18 09", "03-30 09"]


def test_the_time_of_day_is_the_zones_own() -> None:
    told = schedule({"recurType": "Daily", "dailyDetails": {"onceEveryNdays": 1}}, "America/New_York")
    assert occurrences(told, 6)[3:] == ["03-07 14", "03-08 13", "03-09 13"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"endDateTime": "2026-03-04 09:00:00"},
        {"startDateTime": "2026-01-01 09:00:00", "endDateTime": "2026-02-01 09:00:00"},
        {"startDateTime": "tomorrow"},
    ],
)
def test_a_schedule_ends_after_it_begins_and_after_now(wrong: dict[str, str]) -> None:
    with pytest.raises(KoreError):
        schedule({"recurType": "Daily", "dailyDetails": {"onceEveryNdays": 1}}, **wrong)


def test_the_limit_counts_any_sixty_seconds_of_each_account() -> None:
    rates = Rates()
    rates.put({"requests_per_minute": 3})
    assert [rates.wait("one", second) for second in (0.0, 10.0, 50.0)] == [0.0] * 3
    assert rates.wait("one", 55.0) == 5.0
    assert rates.wait("two", 55.0) == 0.0
    assert rates.wait("one", 60.0) == 0.0
    assert rates.wait("one", 61.0) == 9.0
    rates.put({"requests_per_minute": 0})
    assert rates.wait("one", 61.0) == 0.0
