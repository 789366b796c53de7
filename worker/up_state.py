"""What `rollcall up` tells the other commands: a lock that says whether it runs, and a file that says what."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from worker import flock


@dataclass(frozen=True)
class Running:
    """One `rollcall up`. `services` maps a name to its process id, phase and number of starts.

    `stopping` means that it was killed, or is about to end, and that its services are still going down.
    """

    pid: int
    started_at: str
    ports: Mapping[str, int]
    services: Mapping[str, Mapping[str, object]]
    stopping: bool = False


def lock_file(home: Path) -> Path:
    return home / "up.lock"


def state_file(home: Path) -> Path:
    return home / "up.json"


def publish(home: Path, state: Running) -> None:
    """Replace the state file whole; a reader never sees half of it."""
    fresh = state_file(home).with_suffix(".json.new")
    fresh.write_text(json.dumps(asdict(state), indent=1) + "\n")
    fresh.replace(state_file(home))


def withdraw(home: Path) -> None:
    state_file(home).unlink(missing_ok=True)


def running(home: Path) -> Running | None:
    """The `rollcall up` of this home, or None. The lock decides: a file left by a killed one deceives nobody."""
    if not flock.held(lock_file(home)):
        return None
    try:
        state = Running(**json.loads(state_file(home).read_text()))
    except FileNotFoundError:  # between the lock and the file, at the start or at the end
        return Running(0, "", {}, {}, stopping=True)
    if _alive(state.pid):
        return state
    return Running(state.pid, state.started_at, state.ports, state.services, stopping=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
