"""Group commit: callbacks that come in while one commit is under way are written by the next one, all together.

One writer, since a file of SQLite has no more, and since a commit costs the same for one row as for hundreds.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType

from worker.db import Database
from worker.store import callbacks
from worker.store.callbacks import Arrival

GROUP = 500


@dataclass(frozen=True)
class Waiting:
    """A callback on its way to the table. The future says whether it is new, once it is committed."""

    arrival: Arrival
    is_new: "Future[bool]" = field(default_factory=Future)


class Writer:
    """Writes from a thread of its own; `stored(account)` is called after the commit that stored something new."""

    def __init__(self, db: Database, stored: Callable[[str], None]) -> None:
        self._db, self._stored = db, stored
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="callback-writer", daemon=True)

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """What waits is written first."""
        self._queue.put(None)
        self._thread.join()

    def put(self, arrival: Arrival) -> "Future[bool]":
        """The future raises what the database said where it could not be stored."""
        waiting = Waiting(arrival)
        self._queue.put(waiting)
        return waiting.is_new

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            self._write([first, *self._others()])

    def _others(self) -> list[Waiting]:
        others: list[Waiting] = []
        while len(others) < GROUP - 1 and not self._queue.empty():
            one = self._queue.get()
            if one is None:
                self._queue.put(None)  # the end: nothing comes behind it
                break
            others.append(one)
        return others

    def _write(self, group: list[Waiting]) -> None:
        group = [one for one in group if one.is_new.set_running_or_notify_cancel()]
        if not group:
            return
        try:
            with self._db.write() as session:
                new = callbacks.keep(session, [one.arrival for one in group], self._db.now(session))
        except Exception as error:
            for one in group:
                one.is_new.set_exception(error)
            return
        for account in {account for account, _ in new}:
            self._stored(account)
        for one in group:
            one.is_new.set_result(one.arrival.key in new)
            new.discard(one.arrival.key)  # the same twice in one group is new once
