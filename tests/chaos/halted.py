"""A worker in a thread of this process that stands still at an event until it is told to go on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.house import FLOWS
from tests.patience import until
from worker import telemetry
from worker.context import Context

PATIENCE = 30.0


class Halted:
    def __init__(self, ctx: Context, flow: str, key: Any, event: str | None) -> None:
        self._event = event
        self._arrived, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=FLOWS[flow], args=(ctx, key), daemon=True)

    @classmethod
    @contextmanager
    def at(cls, ctx: Context, flow: str, key: Any, event: str | None) -> Iterator["Halted"]:
        """It has come to the event; without one it just works beside us."""
        worker = cls(ctx, flow, key, event)
        stop = telemetry.listen(worker._hear)
        try:
            worker._thread.start()
            if event is not None:
                until(worker._arrived.is_set, PATIENCE, f"a worker comes to {event}")
            yield worker
        finally:
            worker.go_on()
            stop()

    def _hear(self, event: str, _fields: telemetry.Fields) -> None:
        if event == self._event and threading.current_thread() is self._thread and not self._arrived.is_set():
            self._arrived.set()
            self._go.wait(2 * PATIENCE)

    def ended(self, within: float = PATIENCE) -> bool:
        self._thread.join(within)
        return not self._thread.is_alive()

    def go_on(self) -> None:
        """Returns when it has done its work."""
        self._go.set()
        assert self.ended()
