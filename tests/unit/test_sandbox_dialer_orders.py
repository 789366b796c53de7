"""What a dialler is told in the middle of a list: the next task by hand, another pace, tasks taken out and restored."""

from array import array
from dataclasses import replace
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.dialer import DAY, ERROR, IN_PROGRESS, NEW, PROCESSED, WAITING, WITHDRAWN, Dialer, Pace, Plan
from sandbox.odds import Odds

BEGIN = 1_700_006_400.0 - 1_700_006_400.0 % DAY  # midnight
PACE = Pace(max_simultaneous=10, num_attempts=3, interval_seconds=60, repeated_first=False)


def dialer(rows: int, word: str = "answered", pace: Pace = PACE, plan: Plan | None = None) -> Dialer:
    odds = Odds(1)
    odds.put({word: 1})
    made = Dialer(pace, odds, BEGIN)
    dice = array("I", [crc32(str(row).encode()) for row in range(rows)])
    made.add(dice, [(plan or Plan(), array("I", range(rows)))], BEGIN)
    return made


class TestByHand:
    def test_only_the_next_is_begun(self) -> None:
        told = dialer(3)
        told.manual = True
        told.advance(BEGIN + DAY)
        assert list(told.begun) == [0, 0, 0]
        assert [told.start_next() for _ in range(4)] == [0, 1, 2, None]
        assert set(told.last) == {int(BEGIN) + DAY}
        told.advance(BEGIN + 2 * DAY)
        assert told.completed
        assert list(told.begun) == [1, 1, 1]

    def test_none_begins_outside_its_window_before_the_start_while_held_or_without_a_place(self) -> None:
        told = dialer(2, pace=Pace(1, 1, 0, False), plan=Plan(window=(3600, 7200)))
        told.manual = True
        assert told.start_next() is None
        told.advance(BEGIN + 3600)
        told.not_before = BEGIN + 3601
        assert told.start_next() is None
        told.advance(BEGIN + 3601)
        told.held = True
        assert told.start_next() is None
        told.held = False
        assert told.start_next() == 0
        assert told.start_next() is None
        told.advance(BEGIN + 3700)
        assert told.start_next() == 1

    @pytest.mark.parametrize(("repeated_first", "second"), [(False, 1), (True, 0)])
    def test_the_strategy_says_who_is_next(self, repeated_first: bool, second: int) -> None:
        told = dialer(2, "busy", Pace(10, 3, 60, repeated_first))
        told.manual = True
        assert told.start_next() == 0
        told.advance(BEGIN + 100)
        assert told.start_next() == second


class TestPace:
    def test_the_strategy_changes_for_those_that_wait(self) -> None:
        told = dialer(2, "busy", Pace(1, 3, 0, False))
        told.advance(BEGIN)
        told.manual = True
        told.advance(BEGIN + 100)  # row 1 is ready for its first attempt, row 0 for its second
        assert told.start_next() == 1
        told.advance(BEGIN + 200)
        told.change_pace(Pace(1, 3, 0, True))
        assert told.start_next() == 0

    def test_fewer_attempts_end_who_has_none_left_and_not_the_call_under_way(self) -> None:
        told = dialer(2, "busy")
        told.advance(BEGIN + 20)
        told.advance(BEGIN + 62)
        states = list(told.state)
        assert set(states) <= {WAITING, IN_PROGRESS}
        told.change_pace(Pace(10, 1, 60, False))
        for row, state in enumerate(states):
            assert told.state[row] == (ERROR if state == WAITING else IN_PROGRESS)
        told.advance(BEGIN + DAY)
        assert list(told.state) == [ERROR, ERROR]
        assert list(told.left) == [0, 0]
        assert told.completed

    def test_a_later_start_of_the_whole_list_holds_repeated_attempts_too(self) -> None:
        told = dialer(1, "busy")
        told.advance(BEGIN + 10)
        told.not_before = BEGIN + 5000
        told.advance(BEGIN + 4999)
        assert list(told.begun) == [1]
        told.advance(BEGIN + 5000)
        assert list(told.begun) == [2]


class TestTakenOut:
    def test_a_task_is_taken_out_once_and_not_after_its_end(self) -> None:
        told = dialer(3, pace=Pace(1, 1, 0, False))
        told.advance(BEGIN)
        assert [told.withdraw(row) for row in (0, 1, 1)] == [False, True, False]
        told.advance(BEGIN + DAY)
        assert list(told.state) == [PROCESSED, WITHDRAWN, PROCESSED]
        assert told.completed
        assert [told.withdraw(row) for row in range(3)] == [False] * 3

    @pytest.mark.parametrize("passed_over", [True, False])
    def test_a_restored_task_is_called_as_often_as_it_would_have_been(self, passed_over: bool) -> None:
        told = dialer(3, "busy", Pace(1, 2, 60, False))
        told.held = True
        told.withdraw(1)
        told.held = False
        if passed_over:
            told.advance(BEGIN + DAY)
            assert list(told.begun) == [2, 0, 2]
        assert told.restore() == 1
        assert told.restore() == 0
        told.advance(BEGIN + 2 * DAY)
        assert list(told.begun) == [2, 2, 2]
        assert told.completed

    def test_a_stored_task_that_is_never_called_stays_so(self) -> None:
        told = dialer(1)
        told.add(array("I", [1]), [(Plan(), array("I", [0]))], BEGIN, dial=False)
        assert told.withdraw(1)
        assert told.restore() == 0
        told.advance(BEGIN + DAY)
        assert (list(told.begun), told.state[1] != NEW) == ([1, 0], True)


ORDERS = st.one_of(
    st.tuples(st.just("pass"), st.integers(0, 120)),
    st.tuples(st.just("withdraw"), st.integers(0, 19)),
    st.tuples(st.just("withdraw after"), st.integers(0, 19)),
    st.tuples(st.just("restore"), st.just(0)),
    st.tuples(st.just("hold"), st.integers(0, 1)),
    st.tuples(st.just("attempts"), st.integers(1, 5)),
    st.tuples(st.just("places"), st.integers(1, 6)),
    st.tuples(st.just("manual"), st.integers(0, 1)),
    st.tuples(st.just("next"), st.just(0)),
    st.tuples(st.just("wait"), st.integers(0, 300)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ORDERS, max_size=30))
def test_whatever_is_ordered_nobody_is_called_who_is_out_and_everybody_ends(orders: list[tuple[str, int]]) -> None:
    told = Dialer(Pace(3, 3, 20, False), Odds(3), BEGIN)
    told.add(array("I", range(20)), [(Plan(), array("I", range(20)))], BEGIN)
    now = BEGIN
    for order, number in orders:
        out = {row: told.begun[row] for row, state in enumerate(told.state) if state == WITHDRAWN}
        match order:
            case "pass":
                now += number
                told.advance(now)
            case "withdraw" | "withdraw after":
                told.withdraw(number, after_call=order != "withdraw")
            case "restore":
                told.restore()
            case "hold":
                told.held = bool(number)
            case "attempts":
                told.change_pace(replace(told.pace, num_attempts=number))
            case "places":
                told.change_pace(replace(told.pace, max_simultaneous=number))
            case "manual":
                told.manual = bool(number)
            case "next":
                told.start_next()
            case "wait":
                told.not_before = now + number
        assert all(told.begun[row] == times for row, times in out.items())
    told.held = told.manual = False
    told.restore()
    told.advance(now + DAY)
    assert told.completed
    assert set(told.state) <= {PROCESSED, ERROR}
    assert all(1 <= times <= 5 for times in told.begun)
