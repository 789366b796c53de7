"""Giving up what is read for minutes, once the worker is told to stop: another one can read it as well."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from worker.errors import NotSent

_stopping: ContextVar[threading.Event | None] = ContextVar("stopping", default=None)


@contextmanager
def giving_up(stopping: threading.Event) -> Iterator[None]:
    """Inside, requests are given up with NotSent `stopping` soon after the event was set."""
    before = _stopping.set(stopping)
    try:
        yield
    finally:
        _stopping.reset(before)


def is_told() -> bool:
    """Whether what is read now is to be given up."""
    stopping = _stopping.get()
    return stopping is not None and stopping.is_set()


def go_on() -> None:
    """Raises NotSent `stopping` where what is read now is to be given up."""
    if is_told():
        raise NotSent("stopping", "The worker was told to stop while it read; another one reads it again.", ours=True)
