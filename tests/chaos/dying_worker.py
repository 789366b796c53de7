"""A worker in a process of its own that is struck by a signal the moment it reaches a named event.

It runs one flow on a house's database, by the clock that stands in a file, so that whoever turns the clock turns it for
a frozen worker too. Processes are forked from a server that has imported what is slow and has no threads.
"""

import contextlib
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import psutil
import pytest

from schedules.sweep import sweep
from tests import house as houses
from tests.chaos import moments
from tests.house import House, Provider
from worker import forget, producer, prune, telemetry
from worker.context import Context
from worker.settings import AccountSettings

# All is imported and nothing was called: polars and OpenBLAS start the threads that they compute with when they are
# first used, and jemalloc mends its own after a fork.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])

PATIENCE = 30.0
ANY = "*"
FLOWS: dict[str, Callable[[Context, Any], object]] = {
    **houses.FLOWS,
    "enqueue": lambda ctx, job: producer.enqueue(job, context=ctx),
    "sweep": lambda ctx, _: sweep(ctx),
    "prune": prune.prune,
    "forget": lambda ctx, _: forget.finish(ctx),
}


@dataclass(frozen=True)
class Strike:
    """The signal that a worker gives itself when it emits `event` for the `nth` time.

    ANY counts every event, and the moments around commits and requests; a worker stops itself only with no transaction
    open, since it would hold up the whole house.
    """

    event: str
    nth: int = 1
    blow: signal.Signals = signal.SIGKILL


@dataclass(frozen=True)
class Order:
    """What the worker is to do, and where. `key` is what the flow's bell carries."""

    folder: Path
    database_url: str
    provider_url: str
    accounts: dict[str, AccountSettings]
    flow: str
    key: Any
    strikes: tuple[Strike, ...]
    public_url: str | None

    @property
    def clock(self) -> Path:
        return self.folder / "clock"

    @property
    def struck(self) -> Path:
        return self.folder / "struck"


class Struck:
    """Counts events and strikes. What it struck at stands in a file, for whoever counts the deaths."""

    def __init__(self, house: House, order: Order) -> None:
        self._left = {(strike.event, strike.nth): strike.blow for strike in order.strikes}
        self._at_rest = any(strike.event == ANY and strike.blow == signal.SIGSTOP for strike in order.strikes)
        self._seen: Counter[str] = Counter()
        self._pool: Any = house.ctx.db.engine.pool
        self._file = order.struck

    def __call__(self, event: str, fields: telemetry.Fields) -> None:
        names = [event] if self._at_rest and self._pool.checkedout() else [event, ANY]
        self._seen.update(names)
        for name in names:
            blow = self._left.get((name, self._seen[name]))
            if blow is not None:
                self._file.write_text(event)
                os.kill(os.getpid(), blow)


def work(order: Order) -> None:
    """What the child does: one bell, answered. Other bells that it rings go nowhere, as on a dead broker."""
    provider = Provider(order.provider_url, None)  # type: ignore[arg-type]  # the worker never looks at the ledger
    with (
        pytest.MonkeyPatch.context() as patch,
        House.at(order.folder, order.database_url, provider, order.public_url) as house,
    ):
        house.ctx.settings.accounts.update(order.accounts)
        house.ctx.clock = lambda: datetime.fromisoformat(order.clock.read_text())
        if any(strike.event == ANY for strike in order.strikes):
            moments.tell_of(house.ctx.db.engine, patch)
        telemetry.listen(Struck(house, order))
        FLOWS[order.flow](house.ctx, order.key)


class DyingWorker:
    """The process, seen from the house it works in."""

    def __init__(self, house: House, flow: str, key: Any, *strikes: Strike) -> None:
        told = house.ctx.settings
        self._order = Order(
            house.folder, told.database, house.provider.url, told.accounts, flow, key, strikes, told.public_url
        )
        self.tell_time(house)
        self._process: ForkServerProcess = _processes.Process(target=work, args=(self._order,), daemon=True)
        self._process.start()

    def struck_at(self) -> str:
        return self._order.struck.read_text()

    def tell_time(self, house: House) -> None:
        """Turn the worker's clock to the house's. Replaced whole: a reader never sees half a time."""
        fresh = self._order.clock.with_suffix(".new")
        fresh.write_text(house.now.isoformat())
        fresh.replace(self._order.clock)

    def ended(self) -> int | None:
        """Exit code, negative for a signal."""
        self._process.join(PATIENCE)
        return self._process.exitcode

    def froze(self) -> bool:
        """Wait until it has stopped itself; False where it came to its end instead."""
        end = time.monotonic() + PATIENCE
        with contextlib.suppress(psutil.NoSuchProcess):
            watched = psutil.Process(self._process.pid)
            while self._process.exitcode is None:
                if watched.status() == psutil.STATUS_STOPPED:
                    return True
                assert time.monotonic() < end, "it neither froze nor ended"
                time.sleep(0.005)
        return False

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
        assert worker.froze(), "it ended and did not freeze"
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
