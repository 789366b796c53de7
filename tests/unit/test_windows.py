"""A compiled window against every minute of the period: nobody is called at night, and nobody less than may be."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from worker.windows.circle import DAY, WEEK, Span, Spans, arcs, every_day, folded, outside
from worker.windows.hours import Hours, read_hours
from worker.windows.window import MONDAY, Window, compiled
from worker.windows.written import daily, read_daily, read_schedule, schedule

MINUTE = 60
Marks = npt.NDArray[np.bool_]

# Half an hour of summer, 45 minutes past, summer that is called winter, a month without, an island that lost a day.
ZONES = [
    "America/New_York",
    "America/St_Johns",
    "America/Phoenix",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/London",
    "Africa/Casablanca",
    "Africa/El_Aaiun",
    "Antarctica/Troll",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Honolulu",
    "Pacific/Kiritimati",
]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


CHANGES = [
    at("2026-03-08T07:00Z"),  # New York springs forward
    at("2026-03-29T01:00Z"),  # Europe springs forward
    at("2026-04-04T15:00Z"),  # Lord Howe falls back by half an hour
    at("2026-10-03T15:30Z"),  # and forth
    at("2026-10-25T01:00Z"),  # Europe falls back
    at("2026-11-01T06:00Z"),  # New York falls back
    at("2027-02-07T02:00Z"),  # Casablanca, for Ramadan
    at("2027-03-14T02:00Z"),
    at("2011-12-30T10:00Z"),  # Apia leaves a day out
]


def allowed(zone: str, hours: Hours, moments: npt.NDArray[np.int64]) -> Marks:
    """Whether each moment lies in the hours there, asked of the standard library one by one."""
    place = ZoneInfo(zone)
    local = [datetime.fromtimestamp(moment, place) for moment in moments.tolist()]
    seconds = np.array([DAY * t.weekday() + 3600 * t.hour + MINUTE * t.minute for t in local])
    return in_spans(hours.open, seconds)


def in_spans(spans: Spans, seconds: npt.NDArray[np.int64]) -> Marks:
    found = np.zeros(len(seconds), np.bool_)
    for start, end in spans:
        found |= (start <= seconds) & (seconds < end)
    return found


def check(zones: Sequence[str], hours: Hours, start: int, deadline: int, circle: int, own: Span | None = None) -> None:
    """Every minute of the circle is in the window if and only if it is allowed whenever it comes by."""
    window = compiled(tuple(zones), hours, start, deadline, circle=circle, own=own)
    moments = np.arange(start, max(deadline, start + circle), MINUTE)
    fine = np.ones(len(moments), np.bool_)
    for zone in zones:
        fine &= allowed(zone, hours, moments)
    if own is not None:
        of_day = moments % DAY
        fine &= (own[0] <= of_day) & (of_day < own[1]) if own[0] < own[1] else (own[0] <= of_day) | (of_day < own[1])
    always = np.ones(circle // MINUTE, np.bool_)
    places = (moments - MONDAY) % circle // MINUTE
    np.logical_and.at(always, places, fine)
    spans = folded(window.arcs, circle)
    assert (in_spans(spans, np.arange(0, circle, MINUTE)) == always).all()
    if circle == DAY and window.longest is not None:
        lengths = [end - begin for begin, end in window.arcs]
        assert window.longest[1] - window.longest[0] == max(lengths)
    if window.arcs:
        check_local(window, zones, start, max(deadline, start + circle))


def check_local(window: Window, zones: Sequence[str], start: int, end: int) -> None:
    assert window.longest is not None
    used = window.arcs if window.circle == WEEK else (window.longest,)
    moments = np.arange(start, end, MINUTE)
    moments = moments[in_spans(folded(used, window.circle), (moments - MONDAY) % window.circle)]
    local = [datetime.fromtimestamp(moment, ZoneInfo(zone)) for zone in zones for moment in moments.tolist()]
    seconds = [3600 * t.hour + MINUTE * t.minute for t in local]
    if (window.earliest, window.latest) != (0, DAY):  # which it is also where a window goes over midnight
        assert (window.earliest, window.latest) == (min(seconds), max(seconds) + MINUTE)


@st.composite
def weeks(draw: st.DrawFn) -> Hours:
    """One or two spans on each of some days, most of them long."""
    spans: list[Span] = []
    days = draw(st.sampled_from([range(7), range(5), range(6), (0, 2, 6)]))
    alike = draw(st.booleans())
    cuts = sorted(draw(st.lists(st.integers(0, 96), min_size=2, max_size=4, unique=True)))
    for day in days:
        if not alike:
            cuts = sorted(draw(st.lists(st.integers(0, 96), min_size=2, max_size=4, unique=True)))
        spans += [(DAY * day + 900 * a, DAY * day + 900 * b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    return Hours(folded(spans, WEEK))


@settings(max_examples=100, deadline=None)
@given(
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True),
    hours=weeks() | st.just(read_hours("08:00-21:00")),
    change=st.sampled_from(CHANGES),
    before=st.integers(-2000, 3 * DAY // MINUTE),
    minutes=st.integers(1, 9 * DAY // MINUTE),
    circle=st.sampled_from([DAY, WEEK]),
    own=st.none() | st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda pair: pair[0] != pair[1]),
)
@example(["Pacific/Apia"], read_hours("08:00-21:00"), CHANGES[-1], 1440, 3000, DAY, None)
@example(["Australia/Lord_Howe", "Pacific/Chatham"], read_hours("08:00-21:00"), CHANGES[2], 60, 9000, DAY, None)
def test_a_window_is_what_is_allowed_at_every_minute(
    zones: list[str], hours: Hours, change: int, before: int, minutes: int, circle: int, own: Span | None
) -> None:
    start = (change // MINUTE - before) * MINUTE
    seconds = None if own is None else (own[0] * MINUTE, own[1] * MINUTE)
    check(zones, hours, start, start + minutes * MINUTE, circle, seconds)


def window_of(zones: str, hours: str, start: str, deadline: str) -> tuple[str, str] | None:
    found = compiled(tuple(zones.split()), read_hours(hours), at(start), at(deadline)).longest
    return None if found is None else daily(found)


@pytest.mark.parametrize(
    ("zones", "hours", "start", "deadline", "expected"),
    [
        ("Europe/Berlin", "09:00-18:00", "2026-07-01T00:00Z", "2026-07-05T00:00Z", ("07:00:00", "16:00:00")),
        # An hour is lost where the clocks change meanwhile: both 07:00 and 16:00 UTC are outside on one side.
        ("Europe/Berlin", "09:00-18:00", "2026-10-23T00:00Z", "2026-10-27T00:00Z", ("08:00:00", "16:00:00")),
        ("America/Los_Angeles", "08:00-21:00", "2026-12-01T00:00Z", "2026-12-03T00:00Z", ("16:00:00", "05:00:00")),
        ("America/New_York America/Los_Angeles", "08:00-21:00", "2026-12-01T00:00Z", "2026-12-03T00:00Z",
         ("16:00:00", "02:00:00")),
        ("Australia/Lord_Howe", "08:00-21:00", "2026-04-03T00:00Z", "2026-04-06T00:00Z", ("21:30:00", "10:00:00")),
        ("Europe/London Pacific/Auckland", "10:00-20:00", "2026-07-01T00:00Z", "2026-07-03T00:00Z", None),
        ("Europe/London", "00:00-24:00", "2026-07-01T00:00Z", "2026-07-03T00:00Z", ("00:00:00", "23:59:59")),
        ("Africa/Abidjan", "16:00-24:00", "2026-07-01T00:00Z", "2026-07-03T00:00Z", ("16:00:00", "00:00:00")),
    ],
)  # fmt: skip
def test_windows_by_hand(zones: str, hours: str, start: str, deadline: str, expected: tuple[str, str] | None) -> None:
    assert window_of(zones, hours, start, deadline) == expected


def test_of_two_arcs_the_longer_one_is_the_daily_window() -> None:
    hours = Hours(every_day([(10 * 3600, 13 * 3600), (14 * 3600, 20 * 3600)]))
    window = compiled(("Europe/Paris",), hours, at("2026-12-01T00:00Z"), at("2026-12-03T00:00Z"))
    assert window.arcs == ((9 * 3600, 12 * 3600), (13 * 3600, 19 * 3600))
    assert window.longest == (13 * 3600, 19 * 3600)
    assert (window.earliest, window.latest) == (14 * 3600, 20 * 3600)


def test_no_hour_is_told_that_comes_only_before_the_start_or_behind_the_end() -> None:
    """22:00 to 23:00 UTC is 18:00 to 19:00 in New York from the night of the change on, when all is over."""
    hours = Hours(every_day([(9 * 3600, 18 * 3600)]))
    window = compiled(("America/New_York",), hours, at("2027-03-12T17:00Z"), at("2027-03-14T18:00Z"))
    assert window.longest == (14 * 3600, 23 * 3600)
    assert (window.earliest, window.latest) == (9 * 3600, 18 * 3600)


def test_a_daily_window_does_not_bridge_a_day_without_calls() -> None:
    hours = Hours(((9 * 3600, 18 * 3600), (DAY + 9 * 3600, DAY + 18 * 3600)))  # Monday and Tuesday
    monday = at("2026-11-30T08:00Z")
    assert compiled(("Europe/London",), hours, monday, monday + 3600).longest == (9 * 3600, 18 * 3600)
    assert compiled(("Europe/London",), hours, monday, monday + 3 * DAY).arcs == ()


def test_a_local_monday_that_begins_on_a_sunday_in_utc() -> None:
    hours = Hours(((8 * 3600, 12 * 3600),))  # Monday morning
    window = compiled(
        ("Pacific/Auckland",), hours, at("2026-12-01T00:00Z"), at("2026-12-20T00:00Z"), circle=WEEK
    )  # thirteen hours ahead
    assert schedule(window) == ('[{"day_of_week":"sunday","start":"19:00:00","end":"23:00:00"}]')


def test_a_schedule_is_cut_at_midnight_and_its_last_second_is_the_days() -> None:
    window = compiled(
        ("America/Los_Angeles",),
        Hours(((6 * DAY + 14 * 3600, 6 * DAY + 21 * 3600),)),  # Sunday
        at("2026-12-01T00:00Z"),
        at("2026-12-20T00:00Z"),
        circle=WEEK,
    )
    assert schedule(window) == (
        '[{"day_of_week":"monday","start":"00:00:00","end":"05:00:00"},'
        '{"day_of_week":"sunday","start":"22:00:00","end":"23:59:59"}]'
    )


def test_the_circle() -> None:
    assert folded([(-5, 5), (90, 120), (40, 40)], 100) == ((0, 20), (90, 100))
    assert folded([(7, 107)], 100) == ((0, 100),)
    assert outside((), 100) == ((0, 100),)
    assert outside(((0, 20), (90, 100)), 100) == ((20, 90),)
    assert arcs(((0, 20), (40, 50), (90, 100)), 100) == ((40, 50), (90, 120))
    assert arcs(((0, 100),), 100) == ((0, 100),)


@pytest.mark.parametrize("arc", [(0, DAY), (9 * 3600, 18 * 3600), (22 * 3600, DAY + 7200), (18 * 3600, DAY), (0, 60)])
def test_what_is_written_is_read_and_allowed_and_a_second_more_is_not(arc: Span) -> None:
    window = Window((), DAY, (arc,))
    assert window.allows(read_daily(*daily(arc)))
    assert arc[1] - arc[0] == DAY or not window.allows(folded([(arc[0], arc[1] + 1)], DAY))
    week = Window((), WEEK, ((6 * DAY + arc[0], 6 * DAY + arc[1]),))
    assert week.allows(read_schedule(schedule(week)))
    assert not week.allows(folded([(6 * DAY + arc[0] - 1, 6 * DAY + arc[1])], WEEK))
    assert not Window((), WEEK, ()).allows(read_schedule(schedule(week)))
