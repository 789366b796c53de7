"""Sees to it that nothing outlives a supervisor that was killed with SIGKILL.

The supervisor holds the other end of our standard input and tells us what runs. When the pipe closes with processes
left on the list, the supervisor is dead: each leader gets its stop signal, and what is left of its process group
after the grace gets SIGKILL. Groups reach what a parent-death signal does not (the children of a prefork worker), and
a closed pipe works on every Unix.

Protocol, one line each: `+ LEADER SIGNAL GRACE` and `- LEADER`. Standard library only, run by path.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable

POLL = 0.1

Charge = tuple[int, float]  # stop signal, grace in seconds


class Undertaker:
    """The supervisor's end of the pipe. `lock` is a descriptor that the other end keeps open until all is buried."""

    def __init__(self, lock: int) -> None:
        self._lock = lock
        self._charges: dict[int, Charge] = {}
        self._process = self._hire()

    def take(self, leader: int, stop_signal: int, grace: float) -> None:
        self._charges[leader] = (stop_signal, grace)
        self._tell(_line(leader, self._charges[leader]))

    def release(self, leader: int) -> None:
        self._charges.pop(leader, None)
        self._tell(f"- {leader}\n")

    def replace_if_dead(self) -> bool:
        """True when it was dead; the new one has been told the whole list."""
        if self._process.poll() is None:
            return False
        self._process = self._hire()
        return True

    def dismiss(self) -> None:
        """Close the pipe and wait for the other end; with nothing left on its list it goes at once."""
        self._process.communicate()

    def _hire(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            pass_fds=[self._lock],
            start_new_session=True,
            text=True,
        )
        for leader, charge in self._charges.items():
            _write(process, _line(leader, charge))
        return process

    def _tell(self, line: str) -> None:
        try:
            _write(self._process, line)
        except BrokenPipeError:
            self._process.wait()
            self._process = self._hire()  # the new one is told the whole list


def _line(leader: int, charge: Charge) -> str:
    return f"+ {leader} {int(charge[0])} {charge[1]}\n"


def _write(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line)
    process.stdin.flush()


def listen(lines: Iterable[str]) -> dict[int, Charge]:
    """Read until the pipe closes; what is left then is ours to bury."""
    charges: dict[int, Charge] = {}
    for line in lines:
        mark, leader, *rest = line.split()
        if mark == "+":
            charges[int(leader)] = (int(rest[0]), float(rest[1]))
        else:
            charges.pop(int(leader), None)
    return charges


def bury(charges: dict[int, Charge]) -> None:
    for leader, (number, _) in charges.items():
        _signal(leader, number)  # the leader alone: SIGTERM would kill a prefork child in the middle of its task
    began = time.monotonic()
    while charges:
        ripe = [leader for leader, (_, grace) in charges.items() if time.monotonic() - began >= grace]
        for leader in ripe:
            _kill_group(leader)
        charges = {leader: c for leader, c in charges.items() if leader not in ripe and _group_lives(leader)}
        time.sleep(POLL)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        _kill_group(pid)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS says EPERM of a group that holds only zombies
        return


def _group_lives(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def outlast_signals() -> None:
    """Only the closing of the pipe ends us: a service manager that signals everything would leave nobody to bury."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    outlast_signals()
    bury(listen(sys.stdin))
