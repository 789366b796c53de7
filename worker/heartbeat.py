"""A file that a living worker or beat keeps touching: ready when it appears, dead when it grows old.

Asking a worker over the broker (`inspect ping`) starts a Python process for every question; a file costs nothing.
`python -m worker.heartbeat FILE` exits 0 while it is fresh, for container health checks.
"""

import os
import sys
import time
from pathlib import Path

VARIABLE = "ROLLCALL_HEARTBEAT_FILE"
FRESH_FOR = 60.0  # a worker beats every two seconds, beat whenever it publishes


class Heartbeat:
    """Touches the file from the moment the worker consumes, or beat runs, and with every beat after that."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began = False

    def begin(self, **_: object) -> None:
        self._began = True
        self._path.touch()

    def beat(self, **_: object) -> None:
        if self._began:  # a worker's heart beats before it takes tasks
            self._path.touch()


def apply() -> None:
    """Connect to Celery's signals, in a process that is told its file by ROLLCALL_HEARTBEAT_FILE. Without, nothing."""
    if VARIABLE not in os.environ:
        return
    from celery import signals  # not needed to ask whether a file is fresh

    heartbeat = Heartbeat(Path(os.environ[VARIABLE]))
    for signal in (signals.worker_ready, signals.beat_init):
        signal.connect(heartbeat.begin, weak=False)
    for signal in (signals.heartbeat_sent, signals.after_task_publish):
        signal.connect(heartbeat.beat, weak=False)


def fresh(path: Path) -> bool:
    """Whether the file was touched in the last FRESH_FOR seconds."""
    try:
        return time.time() - path.stat().st_mtime <= FRESH_FOR
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    sys.exit(0 if fresh(Path(sys.argv[1])) else 1)
