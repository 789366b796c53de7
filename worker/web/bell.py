"""The bell of the inbox: rung at once, and then at most every so often, however many callbacks come."""

import logging
import threading
from types import TracebackType

from worker.context import Ring

_log = logging.getLogger("rollcall.web")
PAUSE = 0.25


class InboxBell:
    """Rings "apply" from a thread of its own: a broker that is away delays nobody who waits for an answer."""

    def __init__(self, ring: Ring, pause: float = PAUSE) -> None:
        self._ring, self._pause = ring, pause
        self._accounts: set[str] = set()
        self._news = threading.Condition()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inbox-bell", daemon=True)

    def __enter__(self) -> "InboxBell":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """What is still to be rung is rung."""
        with self._news:
            self._closed.set()
            self._news.notify()
        self._thread.join()

    def wanted(self, account: str) -> None:
        with self._news:
            self._accounts.add(account)
            self._news.notify()

    def _run(self) -> None:
        while accounts := self._next():
            for account in sorted(accounts):
                self._ring_for(account)
            self._closed.wait(self._pause)

    def _next(self) -> set[str]:
        with self._news:
            self._news.wait_for(lambda: self._accounts or self._closed.is_set())
            accounts, self._accounts = self._accounts, set()
            return accounts

    def _ring_for(self, account: str) -> None:
        try:
            self._ring("apply", account)
        except Exception as error:  # the thread must outlive it; the sweep rings, too
            _log.error("the bell for account %s failed (%s)", account, type(error).__name__)
