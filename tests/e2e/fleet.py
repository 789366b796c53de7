"""Rollcall as processes: started for a test, waited for by what they do, and gone when it ends."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.bell_worker import ROOT
from tests.patience import until
from worker import heartbeat
from worker.lifeline import bound
from worker.up import FEW_HEAPS

LOOPBACK = "127.0.0.1"
CELERY = [sys.executable, "-m", "celery", "-A", "worker.app"]
QUIET = ["--without-gossip", "--without-mingle", "-l", "INFO"]
CALLS = [*CELERY, "worker", "--pool", "threads", "-c", "8", "-Q", "submit,collect,sweep", "-n", "calls@%h", *QUIET]
INTAKE = [*CELERY, "worker", "--pool", "prefork", "-c", "1", "-Q", "ingest", "-n", "intake@%h", *QUIET]
GRACE = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def clean_environment() -> dict[str, str]:
    """Ours without any setting of Rollcall, Celery or Flower: a fleet is told all it knows. Heaps are as few as every
    deployment has."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROLLCALL_", "CELERY", "FLOWER"))}
    return {**kept, **FEW_HEAPS, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


class Member:
    """One process of a fleet, leader of a group of its own. It can be killed and started again."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.log = folder / f"{name}.log"
        self.alive_file = folder / f"{name}.alive"
        self._command = list(command)
        self._env = {**clean_environment(), heartbeat.VARIABLE: str(self.alive_file), **env}
        self._folder = folder
        self.start()

    def start(self) -> None:
        self.alive_file.unlink(missing_ok=True)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                bound(self._command, signal.SIGKILL),  # so that it cannot outlive the tests
                env=self._env,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        return self.process.poll() is None

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until_it_works(self) -> None:
        """For a worker or a beat: until it takes tasks, or rings."""
        until(lambda: self.alive_file.exists() or not self.alive(), 30, f"{self.name} is up")
        assert self.alive(), self.said()

    def wait_until_it_listens(self, port: int) -> None:
        until(lambda: listens(port) or not self.alive(), 30, f"{self.name} listens")
        assert self.alive(), self.said()

    def stop(self, within: float = GRACE) -> int:
        """Ask it to end; returns its exit code. Fails where it does not, or leaves a process behind."""
        self.process.terminate()
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop within {within:g} s: {self.said()[-3000:]}") from None
        left = self._group_lives()
        self.kill()
        assert not left, f"{self.name} left a process behind"
        return code

    def kill(self) -> None:
        """SIGKILL to all of it, which nothing can prepare for."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _group_lives(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


@dataclass
class Fleet:
    """Processes that share an environment. They stop in the reverse of the order in which they were started."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)

    def start(self, name: str, command: Sequence[str], **env: str) -> Member:
        self.members[name] = Member(name, command, {**self.env, **env}, self.folder / name)
        return self.members[name]

    def start_sandbox(self, *options: str) -> str:
        """A sandbox on a free port, and its address."""
        return self.start_provider("sandbox", *options)

    def start_provider(self, module: str, *options: str) -> str:
        """What stands in for a provider, on a free port, and its address."""
        port = free_port()
        member = self.start(module.rpartition(".")[2], [sys.executable, "-m", module, "--port", str(port), *options])
        member.wait_until_it_listens(port)
        return f"http://{LOOPBACK}:{port}"

    def start_workers(self, *include: str, beat: bool = True) -> None:
        """Those for the calls and for the intake, with modules that they include, and a beat; returns when all of them
        work."""
        included = ["--include", ",".join(include)] if include else []
        started = [self.start("calls", [*CALLS, *included]), self.start("intake", [*INTAKE, *included])]
        if beat:
            schedule = self.folder / "beat" / "schedule"
            started.append(self.start("beat", [*CELERY, "beat", "-s", str(schedule), "-l", "INFO"]))
        for member in started:
            member.wait_until_it_works()

    def stop(self) -> dict[str, int]:
        """Exit codes by name."""
        return {name: self.members[name].stop() for name in reversed(self.members)}

    def kill(self) -> None:
        for member in self.members.values():
            member.kill()


@contextmanager
def fleet(folder: Path, **env: str) -> Iterator[Fleet]:
    """A fleet that is killed at the end whatever happened; stop it yourself where it should end in order."""
    made = Fleet(folder, env)
    try:
        yield made
    finally:
        made.kill()
