"""Windows of whole frames of contacts, and what a dry run says of them."""

import json
from collections import Counter
from datetime import datetime

import numpy as np
import polars as pl
import pytest

from worker.intake.phones import kinds
from worker.windows import Fault, Line, Plan, load_rules, read_hours, summed

TUESDAY = int(datetime.fromisoformat("2026-12-01T06:00+00:00").timestamp())
DAY = 86_400
# A fixed line in San Francisco, a mobile in Germany, a fixed line in Paris, freephone of North America, a satellite.
SAN_FRANCISCO, GERMANY, PARIS, FREEPHONE, SATELLITE = 14155552671, 4915112345678, 33142685300, 18002255288, 881612345678


def frame(*rows: tuple[int, str | None], start: int | None = None) -> pl.DataFrame:
    e164 = np.array([number for number, _ in rows], np.int64)
    return pl.DataFrame(
        {
            "row": range(1, len(rows) + 1),
            "e164": e164,
            "zone": pl.Series([zone for _, zone in rows], dtype=pl.String),
            "start": pl.Series([start] * len(rows), dtype=pl.Int64),
        }
    ).hstack(kinds(e164))


def plan(weekly: bool = False, hours: str | None = None, days: int = 2) -> Plan:
    own = None if hours is None else read_hours(hours)
    return Plan(load_rules(), start=TUESDAY, lasts=days * DAY, hours=own, weekly=weekly)


def windows(planner: Plan, contacts: pl.DataFrame) -> list[tuple[str | None, ...]]:
    planned = [planner.planned[place] for place in planner.of(contacts)]
    return [(one.start, one.end, one.fault) for one in planned]


def test_windows_by_number_and_by_name() -> None:
    contacts = frame(
        (SAN_FRANCISCO, None),
        (SAN_FRANCISCO, "America/New_York"),
        (GERMANY, ""),
        (PARIS, None),
        (SATELLITE, None),
        (SATELLITE, "Europe/Berlin"),
        (GERMANY, "Berlin"),
    )
    assert windows(plan(), contacts) == [
        ("16:00:00", "05:00:00", None),
        ("13:00:00", "02:00:00", None),
        ("08:00:00", "19:00:00", None),
        ("13:00:00", "19:00:00", None),
        (None, None, Fault.NO_ZONE),
        ("08:00:00", "19:00:00", None),
        (None, None, Fault.UNKNOWN_ZONE),
    ]


def test_a_freephone_number_has_the_hours_of_every_country_it_may_lie_in() -> None:
    contacts = frame((FREEPHONE, None), (FREEPHONE, "America/New_York"))
    # It is nine in the morning on Guam and half past seven in the evening in Newfoundland; from half past eight on, and
    # then in New York all day, the hours of all countries behind +1 count.
    assert windows(plan(), contacts) == [("23:00:00", "23:30:00", None), ("14:00:00", "01:00:00", None)]


def test_it_may_have_no_window_in_summer() -> None:
    july = TUESDAY + 212 * DAY
    in_summer = Plan(load_rules(), start=july, lasts=DAY)
    assert windows(in_summer, frame((FREEPHONE, None))) == [(None, None, Fault.NO_WINDOW)]


def test_the_jobs_own_hours_narrow_the_laws() -> None:
    contacts = frame((GERMANY, None))
    assert windows(plan(hours="09:00-12:00"), contacts) == [("08:00:00", "11:00:00", None)]
    assert windows(plan(hours="06:00-23:00"), contacts) == [("08:00:00", "19:00:00", None)]
    assert windows(plan(hours="21:00-22:00"), contacts) == [(None, None, Fault.NO_WINDOW)]


def test_a_sunday_before_the_deadline_ends_a_daily_window_and_not_a_weekly_one() -> None:
    contacts = frame((GERMANY, None))
    assert windows(plan(days=7), contacts) == [(None, None, Fault.NO_WINDOW)]
    by_weekday = plan(weekly=True, days=7)
    (place,) = by_weekday.of(contacts)
    entries = json.loads(by_weekday.planned[place].schedule or "")
    assert [entry["day_of_week"] for entry in entries] == [
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
    ]  # fmt: skip
    assert entries[-1] == {"day_of_week": "saturday", "start": "09:00:00", "end": "15:00:00"}


def test_a_contacts_own_start_counts() -> None:
    """Each has the whole time from its own start on: over Friday, and over Saturday, and over Sunday."""
    starts = [TUESDAY + 2 * DAY, TUESDAY + 3 * DAY + DAY // 2, TUESDAY + 4 * DAY + DAY // 2]
    found = windows(plan(days=1), pl.concat(frame((GERMANY, None), start=start) for start in starts))
    assert found == [("08:00:00", "19:00:00", None), ("09:00:00", "15:00:00", None), (None, None, Fault.NO_WINDOW)]


def test_a_start_in_another_season_has_that_seasons_hours() -> None:
    """However long before it the upload was taken in."""
    july = TUESDAY + 211 * DAY
    found = windows(plan(), pl.concat([frame((GERMANY, None)), frame((GERMANY, None), start=july)]))
    assert found == [("08:00:00", "19:00:00", None), ("07:00:00", "18:00:00", None)]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("07:00:00", "10:00:00", ("08:00:00", "10:00:00", None)),
        ("18:00:00", "09:00:00", ("08:00:00", "09:00:00", None)),
        ("", "", ("08:00:00", "19:00:00", None)),
        ("20:00:00", "22:00:00", (None, None, Fault.NO_WINDOW)),
        ("09:00:00", "09:00:00", (None, None, Fault.NO_WINDOW)),
    ],
)
def test_the_rows_own_window_is_heeded(start: str, end: str, expected: tuple[str | None, ...]) -> None:
    contacts = frame((GERMANY, None)).with_columns(own_start=pl.lit(start), own_end=pl.lit(end))
    assert windows(plan(), contacts) == [expected]


def test_the_same_contacts_in_two_blocks_get_the_same() -> None:
    planner, contacts = plan(), frame((GERMANY, None), (PARIS, None))
    first = planner.of(contacts)
    assert planner.of(contacts.reverse()).to_list() == first.reverse().to_list()
    assert len(planner.planned) == 2
    assert planner.of(contacts.clear()).is_empty()


def test_the_summary_counts_by_zones() -> None:
    planner = plan()
    places = planner.of(frame((GERMANY, None), (GERMANY, None), (PARIS, None), (SATELLITE, None), (GERMANY, "nowhere")))
    summary = summed(planner.planned, Counter(places))
    assert summary.lines == [
        Line(("Europe/Berlin",), 2, "09:00", "20:00", 0),
        Line(("Europe/Paris",), 1, "14:00", "20:00", 1),
    ]
    assert summary.faults == {"no_zone": 1, "unknown_zone": 1}
    assert summed(planner.planned, {}).lines == []


def test_starts_of_any_width_are_the_same_times() -> None:
    """Hours of 32 bits would come round again in October 2029."""
    summer = int(datetime.fromisoformat("2031-07-01T06:00+00:00").timestamp())
    contacts = frame((GERMANY, None), start=summer)
    narrow = contacts.with_columns(pl.col("start").cast(pl.Int32))
    assert windows(plan(), narrow) == windows(plan(), contacts) == [("07:00:00", "18:00:00", None)]
