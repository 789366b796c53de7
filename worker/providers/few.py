"""Few large files are read at a time: each takes up to 250 MB of memory meanwhile, and a worker has sixteen threads.

Who waits holds a file on disk, and nothing of it in memory.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from worker.giving_up import go_on

LARGE = 2 << 20  # bytes; a file of so many takes 15 MB of memory
AT_ONCE = 2
LOOKS_EVERY = 0.2  # seconds, whether the worker is told to stop

_places = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def one_of_few(size: int) -> Iterator[None]:
    """The block is one of few in this process, for a file of so many bytes; waits where there are enough.

    A small file does not wait. Raises NotSent `stopping`.
    """
    if size <= LARGE:
        yield
        return
    while not _places.acquire(timeout=LOOKS_EVERY):
        go_on()
    try:
        yield
    finally:
        _places.release()
