"""Dialling as a pure function of time: starts, windows, attempts, intervals, places, and the same luck every time."""

import json
from array import array
from collections import Counter
from datetime import UTC, datetime
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.dialer import DAY, ERROR, IN_PROGRESS, NEW, PROCESSED, WAITING, Dialer, Pace, Plan, opens_after
from sandbox.odds import DEFAULT_MIX, WORDS, Odds
from sandbox.voximplant.columns import schedule_of, window_of

MONDAY = 1_700_006_400.0 - 1_700_006_400.0 % DAY  # midnight


def odds(seed: int = 1, **mix: float) -> Odds:
    told = Odds(seed)
    told.put({word.replace("_", " "): share for word, share in mix.items()} or DEFAULT_MIX)
    return told


def dialer(rows: int, plan: Plan | None = None, luck: Odds | None = None, **pace: int) -> Dialer:
    told = {"max_simultaneous": 10, "num_attempts": 1, "interval_seconds": 0, "repeated_first": 0} | pace
    made = Dialer(
        Pace(told["max_simultaneous"], told["num_attempts"], told["interval_seconds"], bool(told["repeated_first"])),
        luck or odds(answered=1),
        MONDAY,
    )
    made.add(dice(rows), [(plan or Plan(), array("I", range(rows)))], MONDAY)
    return made


def dice(rows: int, salt: str = "") -> array:  # type: ignore[type-arg]
    return array("I", [crc32(f"{salt}{row}".encode()) for row in range(rows)])


def test_at_most_max_simultaneous_calls_are_under_way() -> None:
    told = dialer(50, max_simultaneous=7)
    told.advance(MONDAY)
    assert Counter(told.state) == {IN_PROGRESS: 7, NEW: 43}
    for second in range(1, 200):
        told.advance(MONDAY + second)
        assert told.state.count(IN_PROGRESS) <= 7
    assert told.completed
    assert set(told.state) == {PROCESSED}


def test_nothing_is_dialled_before_its_start() -> None:
    told = dialer(3, Plan(start_at=int(MONDAY) + 100))
    told.advance(MONDAY + 99.9)
    assert set(told.state) == {NEW}
    told.advance(MONDAY + 100)
    assert set(told.state) == {IN_PROGRESS}
    assert list(told.last) == [int(MONDAY) + 100] * 3


def test_a_start_in_the_past_begins_at_once() -> None:
    told = dialer(1, Plan(start_at=5))
    told.advance(MONDAY)
    assert told.last[0] == int(MONDAY)


@pytest.mark.parametrize(
    ("start", "end", "now", "opens"),
    [
        ("09:00:00", "18:00:00", "08:59:59", "09:00:00"),
        ("09:00:00", "18:00:00", "09:00:00", "09:00:00"),
        ("09:00:00", "18:00:00", "17:59:59", "17:59:59"),
        ("22:00:00", "02:00:00", "21:00:00", "22:00:00"),
        ("22:00:00", "02:00:00", "23:30:00", "23:30:00"),
        ("22:00:00", "02:00:00", "01:59:59", "01:59:59"),
        ("22:00:00", "02:00:00", "02:00:00", "22:00:00"),
        ("", "06:00:00", "05:00:00", "05:00:00"),
        ("20:00:00", "", "19:00:00", "20:00:00"),
    ],
)
def test_a_daily_window_opens_and_may_wrap_midnight(start: str, end: str, now: str, opens: str) -> None:
    window = window_of(start, end)
    assert window is not None
    assert opens_after(window, MONDAY + seconds(now)) == MONDAY + seconds(opens)


def seconds(text: str) -> int:
    hours, minutes, rest = map(int, text.split(":"))
    return hours * 3600 + minutes * 60 + rest


def test_after_its_end_a_window_opens_the_next_day() -> None:
    window = window_of("09:00:00", "18:00:00")
    assert window is not None
    assert opens_after(window, MONDAY + seconds("18:00:00")) == MONDAY + DAY + seconds("09:00:00")
    assert window_of("", "") is window_of("09:00:00", "09:00:00") is None


def test_calls_fall_inside_the_window_over_days() -> None:
    plan = Plan(window=window_of("23:30:00", "00:30:00"))
    told = dialer(400, plan, odds(no_answer=1), max_simultaneous=1, num_attempts=5)
    told.advance(MONDAY + 30 * DAY)
    assert set(told.state) == {ERROR}
    of_day = [second % DAY for second in told.last]
    assert all(second >= seconds("23:30:00") or second < seconds("00:30:00") for second in of_day)
    assert told.last[-1] - told.last[0] > DAY


def test_calls_fall_inside_the_hours_of_the_week() -> None:
    week = [
        {"day_of_week": "Monday", "start": "09:00:00", "end": "09:30:00"},
        {"day_of_week": "sat", "start": "23:50:00", "end": ""},
        {"day_of_week": "sunday", "start": "", "end": "00:10:00"},
    ]
    plan = Plan(window=window_of("09:10:00", "00:05:00"), schedule=schedule_of(json.dumps(week)))
    told = dialer(400, plan, odds(no_answer=1), max_simultaneous=1)
    told.advance(MONDAY + 60 * DAY)
    assert set(told.state) == {ERROR}
    called = {datetime.fromtimestamp(second, UTC).strftime("%a %H:%M")[:8] for second in told.last}
    assert called == {"Mon 09:1", "Mon 09:2", "Sat 23:5", "Sun 00:0"}
    assert all(datetime.fromtimestamp(second, UTC).strftime("%a %H:%M") < "Sun 00:05" for second in told.last)


def test_hours_that_never_come_are_waited_for() -> None:
    for schedule in ("[]", '[{"day_of_week": "mon", "start": "10:00:00", "end": "11:00:00"}]'):
        told = dialer(1, Plan(window=window_of("12:00:00", "13:00:00"), schedule=schedule_of(schedule)))
        told.advance(MONDAY + 60 * DAY)
        assert told.state[0] == NEW
    assert schedule_of(" ") is None


def test_a_contact_that_is_not_reached_is_tried_again_after_the_interval() -> None:
    told = dialer(1, luck=odds(busy=1), num_attempts=3, interval_seconds=600)
    told.advance(MONDAY + 500)
    assert (told.state[0], told.left[0], WORDS[told.word[0]]) == (WAITING, 2, "busy")
    first = told.last[0]
    told.advance(MONDAY + 700)
    assert told.left[0] == 1
    assert 600 <= told.last[0] - first <= 603
    told.advance(MONDAY + 3000)
    assert (told.state[0], told.left[0], told.completed) == (ERROR, 0, True)


@pytest.mark.parametrize(("repeated_first", "turns"), [(0, [0, 1, 2, 0, 1, 2]), (1, [0, 0, 1, 1, 2, 2])])
def test_the_strategy_says_whether_first_or_repeated_attempts_go_first(repeated_first: int, turns: list[int]) -> None:
    told = dialer(3, luck=odds(busy=1), max_simultaneous=1, num_attempts=2, repeated_first=repeated_first)
    called = [0]
    for tenth in range(200):
        told.advance(MONDAY + tenth / 10)
        busy = told.state.find(IN_PROGRESS)
        if busy >= 0 and sum(told.left) != 6 - len(called) + 1:
            called.append(busy)
    assert called == turns


def test_a_more_urgent_row_goes_first() -> None:
    told = Dialer(Pace(1, 1, 0, False), odds(answered=1), MONDAY)
    groups = [(Plan(), array("I", [0])), (Plan(priority=0), array("I", [1]))]
    told.add(dice(2), groups, MONDAY)
    told.advance(MONDAY)
    assert list(told.state) == [NEW, IN_PROGRESS]


def test_an_invalid_number_stays_invalid() -> None:
    told = dialer(300, num_attempts=5, luck=odds(invalid_number=1, answered=1))
    told.advance(MONDAY + DAY)
    invalid = [row for row in range(300) if WORDS[told.word[row]] == "invalid number"]
    assert 100 < len(invalid) < 200
    assert all(told.state[row] == ERROR and told.left[row] == 0 for row in invalid)


def test_outcomes_come_in_the_shares_of_the_mix_on_every_attempt() -> None:
    luck = odds()
    draws = [crc32(str(number).encode()) for number in range(20_000)]
    for attempt in (1, 2):
        seen = Counter(WORDS[luck.draw(one, attempt)[0]] for one in draws if attempt == 1 or luck.draw(one, 1)[0] > 1)
        total = sum(seen.values())
        assert all(abs(seen[word] / total - share) < 0.02 for word, share in DEFAULT_MIX.items())


def test_luck_depends_on_the_seed_and_the_contact_alone() -> None:
    def words(seed: int, places: int) -> bytes:
        told = dialer(200, luck=odds(seed), max_simultaneous=places, num_attempts=3)
        told.advance(MONDAY + DAY)
        return bytes(told.word)

    assert words(1, 3) == words(1, 100)
    assert words(1, 3) != words(2, 3)


def test_while_held_calls_end_and_none_begins() -> None:
    told = dialer(30, max_simultaneous=5)
    told.advance(MONDAY + 1)
    told.held = True
    told.advance(MONDAY + DAY)
    assert Counter(told.state) == {PROCESSED: 5, NEW: 25}
    assert told.restorable == 25
    told.held = False
    told.advance(MONDAY + 2 * DAY)
    assert told.completed
    assert min(told.last[5:]) >= MONDAY + DAY


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(st.floats(min_value=0, max_value=400), min_size=1, max_size=20),
    budget=st.integers(min_value=1, max_value=40),
    places=st.integers(min_value=1, max_value=30),
)
def test_many_small_steps_come_to_the_same_as_one(steps: list[float], budget: int, places: int) -> None:
    def fresh() -> Dialer:
        window = window_of("00:00:10", "00:02:00")
        return dialer(40, Plan(window=window), odds(7), max_simultaneous=places, num_attempts=3, interval_seconds=20)

    one, many = fresh(), fresh()
    at = MONDAY
    for step in steps:
        at += step
        while not many.advance(at, budget):
            pass
    one.advance(at)
    assert (one.state, one.left, one.word, one.last) == (many.state, many.left, many.word, many.last)
