"""Starts services in order, restarts what dies, and stops all of them in reverse; the machinery of `rollcall up`.

Three nets keep anything from being left behind: services lead process groups that end with them; on Linux the kernel
signals them when we die (`lifeline.py`); and the undertaker, at the far end of a pipe, ends the groups on any Unix.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from worker import flock, up_state
from worker.child import Child, Death, Service
from worker.errors import Exit, InputError, Unavailable
from worker.undertaker import Undertaker

POLL = 0.1
SECOND_THOUGHT = 1.0  # a signal sooner than this after the first is an echo: make and shells pass Ctrl-C on


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class StopRequest:
    """What signals have asked for: to stop, and, by one that comes later, to hurry."""

    def __init__(self) -> None:
        self._since: float | None = None
        self.hurry = False

    @property
    def made(self) -> bool:
        return self._since is not None

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._since is None:
            self._since = time.monotonic()
        elif time.monotonic() - self._since > SECOND_THOUGHT:
            self.hurry = True


class Supervisor:
    """Runs `services` for one home. `ports` is only told to others, in the state file."""

    def __init__(
        self,
        home: Path,
        services: Sequence[Service],
        *,
        ports: Mapping[str, int] | None = None,
    ) -> None:
        self._home = home.absolute()
        self._children = [Child(service, self._home / "logs") for service in services]
        self._ports = dict(ports or {})
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._stop_request = StopRequest()
        self._undertaker: Undertaker

    def run(self) -> int:
        """Run until SIGINT, SIGTERM or SIGHUP; a second signal kills what has not stopped yet. From the main thread.

        Raises InputError `already_running`, and Unavailable `service_failed` or `service_not_ready` when a service
        does not come up the first time. In every case nothing is left running.
        """
        with self._only_one() as lock, self._listening():
            self._undertaker = Undertaker(lock)
            try:
                self._bring_all_up()
                self._keep_up()
            finally:
                self._stop_all()
                self._undertaker.dismiss()
                up_state.withdraw(self._home)
        return Exit.OK

    @contextmanager
    def _only_one(self) -> Iterator[int]:
        self._home.mkdir(parents=True, exist_ok=True)
        lock = flock.take(up_state.lock_file(self._home))
        if lock is None:
            refuse_second(self._home)
            raise InputError("already_running", f"`rollcall up` already runs for {self._home}.")
        try:
            yield lock
        finally:
            os.close(lock)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # nohup
        numbers = (signal.SIGINT, signal.SIGTERM) if ignored else (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._stop_request.on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _bring_all_up(self) -> None:
        self._publish()
        for child in self._children:
            self._start(child)
            self._wait_until_ready(child)
            if self._stop_request.made:
                return
        tell("all up; Ctrl-C stops everything")

    def _wait_until_ready(self, child: Child) -> None:
        name, log = child.service.name, child.log
        while not self._stop_request.made:
            if child.turns_ready():
                self._announce_ready(child)
                return
            if (death := child.ended()) is not None:
                self._undertaker.release(death.pid)
                raise Unavailable("service_failed", f"{name} {death} before it was ready; {log} says why.")
            if child.overdue():
                limit = child.service.ready_within
                raise Unavailable("service_not_ready", f"{name} was not ready within {limit:g} s; {log} may say why.")
            self._watch(others=child)
            time.sleep(POLL)

    def _keep_up(self) -> None:
        while not self._stop_request.made:
            self._watch()
            time.sleep(POLL)

    def _watch(self, others: Child | None = None) -> None:
        """Look once at everything that has been started, but for the one that is being waited for."""
        if self._undertaker.replace_if_dead():
            tell("undertaker: started again")
        for child in self._children:
            if child is not others and child.starts:
                self._look_after(child)

    def _look_after(self, child: Child) -> None:
        if (death := child.ended()) is not None:
            self._mourn(child, death)
        elif child.due():
            self._start(child)
        elif child.turns_ready():
            self._announce_ready(child)

    def _start(self, child: Child) -> None:
        pid = child.start()
        self._undertaker.take(pid, child.service.stop_signal, child.service.grace)
        tell(f"{child.service.name}: started (pid {pid})")
        self._publish()

    def _announce_ready(self, child: Child) -> None:
        tell(f"{child.service.name}: ready")
        self._publish()

    def _mourn(self, child: Child, death: Death) -> None:
        self._undertaker.release(death.pid)
        line = f"{child.service.name}: {death}"
        if child.service.restart:
            line += f"; starting again in {child.plan_restart():g} s (log: {child.log})"
        tell(line)
        self._publish()

    def _stop_all(self) -> None:
        for child in reversed(self._children):
            if child.pid is not None:
                self._stop(child)

    def _stop(self, child: Child) -> None:
        child.ask_to_stop()
        give_up = time.monotonic() + child.service.grace
        killed = False
        while (death := child.ended()) is None:
            if not killed and (self._stop_request.hurry or time.monotonic() >= give_up):
                child.kill()
                killed = True
            time.sleep(POLL / 5)
        self._undertaker.release(death.pid)
        tell(f"{child.service.name}: {'killed' if killed else 'stopped'}")

    def _publish(self) -> None:
        services = {
            child.service.name: {"pid": child.pid, "phase": child.phase, "starts": child.starts}
            for child in self._children
        }
        up_state.publish(self._home, up_state.Running(os.getpid(), self._started_at, self._ports, services))


def refuse_second(home: Path) -> None:
    """Raise InputError `already_running` where a `rollcall up` holds this home."""
    other = up_state.running(home)
    if other is None:
        return
    if other.stopping:
        raise InputError(
            "already_running", f"An earlier `rollcall up` for {home} is still stopping; try again in a few seconds."
        )
    raise InputError("already_running", f"`rollcall up` already runs for {home} as process {other.pid}; stop it first.")
