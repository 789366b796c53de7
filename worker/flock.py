"""A lock that the kernel drops when its last holder dies.

flock() belongs to the open file and not to the process, so a descriptor that a child inherits keeps the lock for as
long as the child lives. Lock files are never deleted: removing one would let two holders lock two different files.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RETRY_FOR = 0.3  # `held` takes the lock for an instant; a taker must not be turned away by that


def take(path: Path) -> int | None:
    """Lock `path` and return the descriptor that holds it, or None when somebody else does. Close it to let go."""
    fd = _open(path)
    give_up = time.monotonic() + RETRY_FOR
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            if time.monotonic() >= give_up:
                os.close(fd)
                return None
            time.sleep(0.05)


def held(path: Path) -> bool:
    """Whether some process holds the lock now."""
    if not path.exists():
        return False
    fd = _open(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


@contextmanager
def waiting(path: Path) -> Iterator[None]:
    """Hold the lock for the block, waiting for whoever has it."""
    fd = _open(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
