"""The rates of one process, on a clock that is turned: whoever waits turns it on."""

import logging
import math
import threading
import time
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import ConfigError
from worker.rates import Limit, ProcessRates, rates_for

FAR = 1e9
SECRET = "not-to-be-seen-anywhere"


class Turned(threading.Event):
    """A clock and the event that is waited for: waiting takes no time and moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        if not self.is_set():
            self.now = math.nextafter(self.now + timeout, math.inf)
        return self.is_set()


@pytest.fixture
def clock() -> Turned:
    return Turned()


@pytest.fixture
def rates(clock: Turned) -> ProcessRates:
    return ProcessRates(clock)


def most_in(seconds: float, moments: list[float]) -> int:
    """The most moments that lie in any span of so many seconds."""
    return max(sum(1 for moment in moments if first <= moment < first + seconds) for first in moments)


def turns(rates: ProcessRates, clock: Turned, per_second: float, pauses: Iterable[float]) -> list[float]:
    taken = []
    for pause in pauses:
        clock.now += pause
        assert rates.wait("madrid", per_second, FAR, clock)
        taken.append(clock.now)
    return taken


@pytest.mark.parametrize("per_second", [0.5, 1, 2.5, 10, 300])
def test_a_rate_is_held_in_every_second_and_nearly_reached(
    rates: ProcessRates, clock: Turned, per_second: float
) -> None:
    taken = turns(rates, clock, per_second, [0] * 1000)
    limit = Limit.of(per_second)
    assert most_in(1, taken) <= math.ceil(per_second)
    assert most_in(limit.window * 0.999, taken) == limit.turns
    assert 999 / (taken[-1] - taken[0]) >= per_second * 0.95


@given(st.floats(0.1, 50), st.lists(st.floats(0, 3), min_size=2, max_size=60))
def test_a_rate_is_held_however_the_requests_come(per_second: float, pauses: list[float]) -> None:
    clock = Turned()
    taken = turns(ProcessRates(clock), clock, per_second, pauses)
    limit = Limit.of(per_second)
    assert most_in(1, taken) <= math.ceil(per_second)
    assert most_in(limit.window * 0.999, taken) <= limit.turns
    assert all(later - earlier >= limit.gap * 0.999 for earlier, later in pairwise(taken))


def test_the_second_that_is_counted_is_longer_than_a_second_by_less_than_the_rate_may_lose() -> None:
    assert 1 < Limit.of(10).window < 10 / 9.5
    assert Limit.of(0.5).turns == 1
    assert 2 < Limit.of(0.5).window < 2 * 10 / 9.5


def test_turns_do_not_all_come_together(rates: ProcessRates, clock: Turned) -> None:
    taken = turns(rates, clock, 10, [60] + [0] * 9)
    assert 0.7 < taken[-1] - taken[0] < 0.9


def test_accounts_do_not_wait_for_each_other(rates: ProcessRates, clock: Turned) -> None:
    assert rates.wait("madrid", 1, clock.now, clock)
    assert rates.wait("lima", 1, clock.now, clock)
    assert not rates.wait("madrid", 1, clock.now, clock)


def test_a_turn_that_cannot_come_in_time_is_not_waited_for(rates: ProcessRates, clock: Turned) -> None:
    began = clock.now
    assert rates.wait("madrid", 0.5, FAR, clock)
    assert not rates.wait("madrid", 0.5, began + 2, clock)
    assert clock.now == began
    assert rates.wait("madrid", 0.5, began + 2.5, clock)
    assert began + 2 < clock.now < began + 2.5


def test_being_told_to_stop_ends_a_wait_and_no_turn_that_is_there(rates: ProcessRates, clock: Turned) -> None:
    clock.set()
    assert rates.wait("madrid", 1, FAR, clock)
    assert not rates.wait("madrid", 1, FAR, clock)


def test_nobody_of_a_held_account_has_a_turn(rates: ProcessRates, clock: Turned) -> None:
    began = clock.now
    rates.hold("madrid", 30)
    assert not rates.wait("madrid", 10, began + 29, clock)
    assert not rates.wait("madrid", None, began + 29, clock)
    assert rates.wait("lima", 10, began, clock)
    assert rates.wait("madrid", 10, began + 31, clock)
    assert clock.now >= began + 30


def test_a_hold_is_made_longer_and_never_shorter(rates: ProcessRates, clock: Turned) -> None:
    began = clock.now
    rates.hold("madrid", 30)
    rates.hold("madrid", 5)
    rates.hold("madrid", 0)
    assert not rates.wait("madrid", None, began + 29, clock)
    rates.hold("madrid", 60)
    assert rates.wait("madrid", None, FAR, clock)
    assert clock.now >= began + 60


def test_without_a_limit_there_is_no_wait(rates: ProcessRates, clock: Turned) -> None:
    began = clock.now
    assert all(rates.wait("madrid", None, began, clock) for _ in range(1000))
    assert clock.now == began


def test_of_many_threads_one_has_the_turn_of_a_moment(rates: ProcessRates) -> None:
    answers: list[float] = []
    barrier = threading.Barrier(16)

    def ask() -> None:
        barrier.wait()
        answers.extend(rates.take("madrid", 100) for _ in range(50))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(0) == 1


def test_whoever_stands_in_line_leaves_it_at_his_deadline() -> None:
    rates, stopping = ProcessRates(), threading.Event()
    rates.hold("madrid", 60)
    first = threading.Thread(target=rates.wait, args=("madrid", None, time.monotonic() + 100, stopping))
    first.start()
    began = time.monotonic()
    assert not rates.wait("madrid", None, began + 0.2, threading.Event())
    assert time.monotonic() - began < 10
    stopping.set()
    first.join()


@pytest.mark.parametrize("url", [None, f"amqp://user:{SECRET}@broker.example/"])
def test_where_there_is_no_redis_a_process_keeps_to_the_rate_by_itself(
    url: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        rates = rates_for(url)
    assert isinstance(rates, ProcessRates)
    assert rates.wait("madrid", 1, time.monotonic(), threading.Event())
    assert not rates.wait("madrid", 1, time.monotonic(), threading.Event())
    assert [record.levelname for record in caplog.records] == ([] if url is None else ["WARNING"])
    assert SECRET not in caplog.text


def test_a_url_that_is_none_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        rates_for(f"redis://:{SECRET}@broker.example:port/0")
    assert caught.value.code == "bad_broker_url"
    assert SECRET not in str(caught.value)
