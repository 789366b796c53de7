"""One program that `rollcall up` runs: what it is, and its life from start to end."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, NamedTuple

from worker.lifeline import bound

LARGEST_LOG = 10 * 1024 * 1024


@dataclass(frozen=True)
class Service:
    """What to run. `env` is added to our own environment; times are in seconds.

    It is ready when `ready()` says so, or when it has made `ready_file`; with neither, as soon as it runs.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    ready_file: Path | None = None
    restart: bool = True
    grace: float = 10.0
    ready_within: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM


class Phase(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    ENDED = "ended"


class Death(NamedTuple):
    pid: int
    code: int  # as subprocess has it: negative for a signal

    def __str__(self) -> str:
        if self.code < 0:
            return f"was ended by {signal.Signals(-self.code).name}"
        return f"ended with exit code {self.code}"


class Backoff:
    """Seconds to wait before the next start: doubled at each death, and from the beginning after a steady run."""

    def __init__(self, first: float = 0.5, cap: float = 30.0, steady: float = 60.0) -> None:
        self._first, self._cap, self._steady = first, cap, steady
        self._next = first

    def after(self, ran_for: float) -> float:
        if ran_for >= self._steady:
            self._next = self._first
        delay = self._next
        self._next = min(delay * 2, self._cap)
        return delay


class Child:
    """The process of a service. It leads a process group of its own, and the whole group ends with it."""

    def __init__(self, service: Service, logs: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.service = service
        self.log = logs / f"{service.name}.log"
        self.phase = Phase.WAITING
        self.starts = 0
        self._clock = clock
        self._backoff = Backoff()
        self._process: subprocess.Popen[bytes] | None = None
        self._began = self._due = clock()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> int:
        """Start it and return the process id."""
        if self.service.ready_file:
            self.service.ready_file.unlink(missing_ok=True)
        with _open_log(self.log) as output:
            self._process = subprocess.Popen(
                bound(self.service.command, self.service.stop_signal),
                env={**os.environ, **self.service.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C reaches us alone, and the group can be killed as one
            )
        self._began = self._clock()
        self.starts += 1
        self.phase = Phase.STARTING
        return self._process.pid

    def due(self) -> bool:
        """Whether it waits for a start whose time has come."""
        return self.phase is Phase.WAITING and self._clock() >= self._due

    def overdue(self) -> bool:
        """Whether it should have been ready by now."""
        return self.phase is Phase.STARTING and self._clock() - self._began > self.service.ready_within

    def turns_ready(self) -> bool:
        """True once for each start."""
        if self.phase is not Phase.STARTING or not self._is_ready():
            return False
        self.phase = Phase.READY
        return True

    def _is_ready(self) -> bool:
        if self.service.ready_file:
            return self.service.ready_file.exists()
        return self.service.ready is None or self.service.ready()

    def ended(self) -> Death | None:
        """How it died, once, when it has since the last question. Whatever it left in its group is killed."""
        if self._process is None or (code := self._process.poll()) is None:
            return None
        death = Death(self._process.pid, code)
        _kill_group(death.pid)
        self._process = None
        self.phase = Phase.ENDED
        return death

    def plan_restart(self) -> float:
        """Wait for the next start; returns for how many seconds."""
        delay = self._backoff.after(self._clock() - self._began)
        self._due = self._clock() + delay
        self.phase = Phase.WAITING
        return delay

    def ask_to_stop(self) -> None:
        """Tell the leader alone: SIGTERM to a prefork worker's children would kill them in the middle of a task."""
        if self._process is not None:
            self._process.send_signal(self.service.stop_signal)

    def kill(self) -> None:
        if self._process is not None:
            _kill_group(self._process.pid)


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS says EPERM of a group that holds only zombies
        os.killpg(leader, signal.SIGKILL)


def _open_log(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LARGEST_LOG:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")
