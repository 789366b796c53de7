"""What was proved not sent is sent again, a few times and in time; what may have arrived is never sent again."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tenacity import RetryCallState, Retrying

from worker import retry
from worker.errors import AccountRefused, InputError, LowBalance, NotSent, ProviderError, Refused, Throttled, Unknown
from worker.retry import PATIENCE, TRIES

UNSENT = NotSent("connect_failed", "It was not sent.")
FAULT = NotSent("bad_url", "Our mistake.", fault=True)
DOUBT = Unknown("read_timeout", "It may have arrived.")
FINAL = [
    FAULT,
    Refused("r", "No."),
    AccountRefused("a", "No."),
    LowBalance("b", "No."),
    Throttled("t", "Later."),
    Throttled("t", "Much later.", retry_after=PATIENCE + 0.1),
]
SHORT = Throttled("t", "Soon.", retry_after=0.01)


class Call:
    """Raises each of `errors` in turn, then answers; counts how often and when it was asked."""

    def __init__(self, *errors: Exception) -> None:
        self._errors: Iterator[Exception] = iter(errors)
        self.times: list[float] = []

    def __call__(self) -> str:
        self.times.append(time.monotonic())
        for error in self._errors:
            raise error
        return "answer"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses of our own choosing are made short; those that the provider names are kept."""
    monkeypatch.setattr(retry, "_backoff", lambda state: 0.001)


def sent(call: Call, seconds: float = 5, stopping: threading.Event | None = None) -> Any:
    deadline = time.monotonic() + seconds
    return retry.as_value(lambda: retry.sending(call, stopping or threading.Event(), deadline))


def read(call: Call, stopping: threading.Event | None = None) -> Any:
    return retry.as_value(lambda: retry.reading(call, stopping or threading.Event()))


def test_an_answer_is_asked_for_once() -> None:
    call = Call()
    assert sent(call) == "answer"
    assert len(call.times) == 1


@pytest.mark.parametrize("error", [UNSENT, SHORT])
def test_what_was_not_sent_is_sent_again(error: ProviderError) -> None:
    call = Call(error, error)
    assert sent(call) == "answer"
    assert len(call.times) == 3


@pytest.mark.parametrize("error", [UNSENT, SHORT])
def test_it_is_not_tried_for_ever(error: ProviderError) -> None:
    call = Call(*[error] * 9)
    assert sent(call) is error
    assert len(call.times) == TRIES


def test_what_may_have_arrived_is_never_sent_again() -> None:
    call = Call(DOUBT)
    assert sent(call) is DOUBT
    assert len(call.times) == 1


def test_a_doubt_after_what_was_not_sent_ends_it() -> None:
    call = Call(UNSENT, DOUBT)
    assert sent(call) is DOUBT
    assert len(call.times) == 2


@pytest.mark.parametrize("error", FINAL, ids=lambda error: f"{type(error).__name__} {error.code}")
@pytest.mark.parametrize("run", [sent, read])
def test_what_is_final_or_far_away_is_not_repeated(run: Callable[[Call], Any], error: ProviderError) -> None:
    call = Call(error)
    assert run(call) is error
    assert len(call.times) == 1


@pytest.mark.parametrize("error", [UNSENT, SHORT, DOUBT])
def test_a_reading_is_repeated_also_in_doubt(error: ProviderError) -> None:
    call = Call(error, error)
    assert read(call) == "answer"
    assert len(call.times) == TRIES == 3
    again = Call(*[error] * 9)
    assert read(again) is error
    assert len(again.times) == TRIES


@pytest.mark.parametrize("run", [retry.reading, lambda call, stop: retry.sending(call, stop, time.monotonic() + 5)])
@pytest.mark.parametrize("error", [InputError("x", "Other."), RuntimeError("a bug")])
def test_what_is_no_providers_error_passes_through(run: Any, error: Exception) -> None:
    call = Call(error)
    with pytest.raises(type(error)):
        retry.as_value(lambda: run(call, threading.Event()))
    assert len(call.times) == 1


def test_the_provider_says_how_long_to_wait() -> None:
    call = Call(Throttled("t", "Wait.", retry_after=0.15))
    assert sent(call) == "answer"
    assert 0.15 <= call.times[1] - call.times[0] < 1


def test_nothing_is_sent_again_after_the_deadline() -> None:
    call = Call(*[Throttled("t", "Wait.", retry_after=0.3)] * 9)
    began = time.monotonic()
    assert isinstance(sent(call, seconds=0.2), Throttled)
    assert time.monotonic() - began < 0.2
    assert len(call.times) == 1


def test_tries_go_on_only_while_the_next_one_begins_in_time() -> None:
    call = Call(*[Throttled("t", "Wait.", retry_after=0.1)] * 9)
    began = time.monotonic()
    sent(call, seconds=0.15)
    assert len(call.times) == 2
    assert call.times[-1] < began + 0.15


@pytest.mark.parametrize("run", [sent, read])
def test_a_worker_that_is_told_to_stop_does_not_try_again(run: Any) -> None:
    stopping = threading.Event()
    stopping.set()
    call = Call(UNSENT, UNSENT)
    assert run(call, stopping=stopping) is UNSENT
    assert len(call.times) == 1


@pytest.mark.parametrize("run", [sent, read])
def test_being_told_to_stop_ends_the_wait_at_once(run: Any) -> None:
    stopping = threading.Event()
    threading.Timer(0.1, stopping.set).start()
    call = Call(*[Throttled("t", "Wait.", retry_after=PATIENCE - 0.5)] * 9)
    began = time.monotonic()
    assert isinstance(run(call, stopping=stopping), Throttled)
    assert time.monotonic() - began < 1
    assert len(call.times) == 1


def test_our_own_pauses_are_short_and_no_two_workers_keep_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    state = RetryCallState(retry_object=Retrying(), fn=None, args=(), kwargs={})
    state.attempt_number = TRIES
    pauses = {retry._backoff(state) for _ in range(20)}
    assert len(pauses) > 10
    assert max(pauses) <= 2
