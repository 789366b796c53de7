"""What a fleet looks like from outside, twice a second: chunks by state, queues, memory and processor by process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil
from sqlalchemy import text

from tests.chaos.ground import Ground
from worker import queues
from worker.errors import Unavailable

EVERY = 0.5  # seconds
CHUNKS = "SELECT state, count(*), sum(rows) FROM chunk GROUP BY state"
TAKEN = ("accepted", "finished")  # what the provider has


@dataclass
class Sample:
    """`at` in seconds since the watch began; memory in bytes, processor in seconds since the process began, by name."""

    at: float
    chunks: dict[str, int]
    contacts: int
    waiting: dict[str, int]
    memory: dict[str, int] = field(default_factory=dict)
    processor: dict[str, float] = field(default_factory=dict)


class Watch:
    def __init__(self, ground: Ground) -> None:
        self.samples: list[Sample] = []
        self.began = time.time()
        self._ground = ground
        self._over = threading.Event()
        self._roots = {name: psutil.Process(member.pid) for name, member in ground.fleet.members.items()}
        if (server := _server(ground)) is not None:
            self._roots["PostgreSQL"] = server

    @contextmanager
    def watching(self) -> Iterator["Watch"]:
        """It is looked at as this begins, all the time inside, and once more at the end."""
        self.look()
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()
            self.look()

    def look(self) -> None:
        with self._ground.ctx.db.engine.connect() as connection:
            held = connection.execute(text(CHUNKS)).all()
        taken = sum(int(rows) for state, _, rows in held if state in TAKEN)
        waiting: dict[str, int] = {}
        with suppress(Unavailable):
            waiting = queues.waiting(self._ground.broker.url)
        chunks = {state: count for state, count, _ in held}
        sample = Sample(time.time() - self.began, chunks, taken, waiting)
        for name, root in self._roots.items():
            sample.memory[name], sample.processor[name] = _measured(root)
        self.samples.append(sample)

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self.look()


def _server(ground: Ground) -> psutil.Process | None:
    """The process that PostgreSQL's others belong to; None where there is no such server."""
    if ground.ctx.db.is_sqlite:
        return None
    with ground.ctx.db.engine.connect() as connection:
        return psutil.Process(int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())).parent()


def _measured(root: psutil.Process) -> tuple[int, float]:
    """Memory and processor of a process with all below it, those that have ended included.

    A process alone: what is resident. Of several: pages that they share are divided among them.
    """
    memory, seconds, below = 0, 0.0, root.children(recursive=True)
    for one in (root, *below):
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
            memory += one.memory_full_info().pss if below else one.memory_info().rss
    return memory, seconds
