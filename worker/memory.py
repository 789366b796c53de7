"""Room for intakes: what those of one machine may need together stays within a limit.

Whoever reads a file holds the lock of a place in a folder that its machine shares, and the place says how many bytes
the reading may need. The kernel drops the lock of one who dies, and with it the share.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker import flock
from worker.errors import Unavailable

WAITS = "waits_for_memory"
MB = 1_000_000


@contextmanager
def room(folder: Path, need: int, limit: int) -> Iterator[None]:
    """Hold `need` of the folder's `limit` bytes for the block; one alone is let in whatever it needs.

    Raises Unavailable `waits_for_memory` where others hold too much.
    """
    place = _place(folder, need, limit)
    try:
        yield
    finally:
        os.close(place)


def _place(folder: Path, need: int, limit: int) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    with flock.waiting(folder / "door.lock"):
        places = list(folder.glob("place-*"))
        busy = [place for place in places if flock.held(place)]
        held = sum(int(place.read_text()) for place in busy)
        if busy and held + need > limit:
            raise Unavailable(
                "waits_for_memory",
                f"Reading this file may take {need // MB} MB, and {held // MB} of the {limit // MB} MB that "
                "intake_memory allows are held by others; it is read when one of them has ended.",
            )
        free = next((place for place in places if place not in busy), folder / f"place-{len(places)}")
        taken = flock.take(free)
        assert taken is not None, "places are only taken behind the door"
        os.ftruncate(taken, 0)
        os.pwrite(taken, str(need).encode(), 0)
    return taken
