"""Short retries inside one attempt, in one place. What may have been sent is never sent again here.

Waiting ends at once when the worker is told to stop. Long waits are rows, not sleeps.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_any,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    stop_any,
    stop_when_event_set,
    wait_random_exponential,
)
from tenacity.nap import sleep_using_event
from tenacity.stop import stop_base

from worker.errors import NotSent, ProviderError, Throttled, Unknown

T = TypeVar("T")
TRIES = 3
PATIENCE = 5.0  # seconds we wait inside one attempt where the provider says how long
_backoff = wait_random_exponential(multiplier=0.2, max=2)


def _unsent(error: BaseException) -> bool:
    if isinstance(error, Throttled):
        return error.retry_after is not None and error.retry_after <= PATIENCE
    return isinstance(error, NotSent) and not error.ours


def _harmless(error: BaseException) -> bool:
    return isinstance(error, Unknown) or _unsent(error)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Throttled) and error.retry_after is not None:
        return error.retry_after
    return _backoff(state)


class _Before(stop_base):
    """Stop where the next try would begin after a moment of `time.monotonic()`."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def __call__(self, state: RetryCallState) -> bool:
        return time.monotonic() + state.upcoming_sleep >= self._deadline


def sending(call: Callable[[], T], stopping: threading.Event, deadline: float) -> T:
    """Run a submission; repeat it only where it was proved not sent, and only before `deadline` (monotonic)."""

    return _run(call, stopping, _unsent, _Before(deadline))


def reading(call: Callable[[], T], stopping: threading.Event) -> T:
    """Run a request that changes nothing; any doubt about it is harmless, so it is asked again, unless it took long."""
    return _run(call, stopping, _harmless, stop_after_delay(PATIENCE))


def _run(
    call: Callable[[], T],
    stopping: threading.Event,
    again: Callable[[BaseException], bool],
    too_late: stop_base,
) -> T:
    policy = Retrying(
        retry=retry_any(retry_if_exception(again)),
        stop=stop_any(stop_after_attempt(TRIES), stop_when_event_set(stopping), too_late),
        wait=_wait,
        sleep=sleep_using_event(stopping),
        reraise=True,
    )
    return policy(_unless_stopped(call, stopping))


def _unless_stopped(call: Callable[[], T], stopping: threading.Event) -> Callable[[], T]:
    """A wait that ended early because of `stopping` leads to the last error and not to another request."""
    last: list[Exception] = []

    def attempt() -> T:
        if last and stopping.is_set():
            raise last[-1]
        try:
            return call()
        except Exception as error:
            last.append(error)
            raise

    return attempt


def as_value(call: Callable[[], T]) -> T | ProviderError:
    """The answer, or the provider's error as a value."""
    try:
        return call()
    except ProviderError as error:
        return error
