"""Where a 64-bit key was seen first: an open-addressing table of 12 bytes a slot, filled by whole arrays."""

import numpy as np
import numpy.typing as npt

from worker.intake.scan import Ints

Keys = npt.NDArray[np.uint64]
Lines = npt.NDArray[np.uint32]

PARTS_LOG2 = 4
FULL, GROWTH, FIRST_SLOTS = 0.75, 1.25, 1 << 10
MOVED_AT_ONCE = 1 << 16
LAST_LINE = 2**32 - 1
# Odd, so that multiplying loses nothing: the product is stored in place of the key.
SPREAD = np.uint64(0x9E3779B97F4A7C15)
STEP = np.uint64(0xD1B54A32D192ED03)


class Seen:
    """Remembers keys other than 0, each with the line of its first row, in 16 to 24 bytes a key.

    The table is kept in parts that grow one at a time, so growing never holds two whole tables.
    """

    def __init__(self) -> None:
        self._parts = [_Part() for _ in range(1 << PARTS_LOG2)]

    def __len__(self) -> int:
        return sum(part.used for part in self._parts)

    @property
    def nbytes(self) -> int:
        """Memory of the whole table."""
        return sum(part.nbytes for part in self._parts)

    def first_lines(self, keys: Ints, lines: Ints) -> Ints:
        """For each key the line where it stood before, in earlier calls or earlier in this one; 0 where it is new."""
        unique, first, group = np.unique(keys, return_index=True, return_inverse=True)
        before = self._known_or_kept(unique.view(np.uint64) * SPREAD, np.minimum(lines[first], LAST_LINE))
        found = np.where(before == 0, lines[first], before)[group]
        found[first[before == 0]] = 0
        return found

    def _known_or_kept(self, keys: Keys, lines: Ints) -> Ints:
        part_of = (keys >> np.uint64(64 - PARTS_LOG2)).astype(np.uint8)
        known = np.zeros(len(keys), np.int64)
        for number, part in enumerate(self._parts):
            mine = np.flatnonzero(part_of == number)
            known[mine] = part.known_or_kept(keys[mine], lines[mine].astype(np.uint32))
        return known


class _Part:
    def __init__(self) -> None:
        self.used = 0
        self._keys: Keys = np.zeros(FIRST_SLOTS, np.uint64)
        self._lines: Lines = np.zeros(FIRST_SLOTS, np.uint32)

    @property
    def nbytes(self) -> int:
        return self._keys.nbytes + self._lines.nbytes

    def known_or_kept(self, keys: Keys, lines: Lines) -> Lines:
        """The line of each key that is there already; the others are put in and come out as 0. No key comes twice."""
        if self.used + len(keys) > FULL * len(self._keys):
            self._grow(self.used + len(keys))
        known = self._place(keys, lines)
        self.used += int(np.count_nonzero(known == 0))
        return known

    def _place(self, keys: Keys, lines: Lines) -> Lines:
        known: Lines = np.zeros(len(keys), np.uint32)
        pending = np.arange(len(keys))
        attempt = 0
        while len(pending):
            mine = keys[pending]
            slots = self._slots(mine, attempt)
            free = self._keys[slots] == 0
            taken = slots[free]
            # Two keys may want one slot: the later write stays, and the other key tries the next slot.
            self._keys[taken] = mine[free]
            here = self._keys[slots] == mine
            new, old = here & free, here & ~free
            self._lines[slots[new]] = lines[pending[new]]
            known[pending[old]] = self._lines[slots[old]]
            pending = pending[~here]
            attempt += 1
        return known

    def _slots(self, keys: Keys, attempt: int) -> Keys:
        """A new pseudo-random slot at each attempt: neighbours would clump, and the longest search rules the time."""
        mixed = (keys ^ np.uint64(attempt)) * STEP if attempt else keys
        high = (mixed << np.uint64(PARTS_LOG2)) >> np.uint64(32)
        return (high * np.uint64(len(self._keys))) >> np.uint64(32)

    def _grow(self, needed: int) -> None:
        keys, lines = self._keys, self._lines
        slots = max(int(len(keys) * GROWTH), int(needed / FULL * GROWTH))
        self._keys, self._lines = np.zeros(slots, np.uint64), np.zeros(slots, np.uint32)
        for at in range(0, len(keys), MOVED_AT_ONCE):
            moved = slice(at, at + MOVED_AT_ONCE)
            full = keys[moved] != 0
            self._place(keys[moved][full], lines[moved][full])
