"""Tells most numbers that were never put in from those that may have been, by one bit for each."""

import numpy as np
import numpy.typing as npt

from worker.intake.scan import Ints, Marks

BITS_A_KEY = 32  # at the fewest: of a hundred keys that were never put in, three pass
FEWEST_LOG2 = 16
SPREAD = np.uint64(0x9E3779B97F4A7C15)
MASKS = np.left_shift(1, np.arange(8)).astype(np.uint8)


class Sieve:
    """A set of integers other than exact: `may_hold` is always true of those that are in it. For `room` keys."""

    def __init__(self, room: int) -> None:
        self._log2 = max(FEWEST_LOG2, int(room * BITS_A_KEY - 1).bit_length())
        self._bits = np.zeros(1 << (self._log2 - 3), np.uint8)

    @property
    def room(self) -> int:
        return (1 << self._log2) // BITS_A_KEY

    @property
    def nbytes(self) -> int:
        return self._bits.nbytes

    def may_hold(self, keys: Ints) -> Marks:
        places, masks = self._places(keys)
        found: Marks = (self._bits[places] & masks) != 0
        return found

    def add(self, keys: Ints) -> None:
        places, masks = self._places(keys)
        while len(places):
            self._bits[places] |= masks
            # Of two keys that share a byte only the later one's bit was written.
            lost = (self._bits[places] & masks) == 0
            places, masks = places[lost], masks[lost]

    def _places(self, keys: Ints) -> tuple[Ints, npt.NDArray[np.uint8]]:
        bits = (keys.view(np.uint64) * SPREAD) >> np.uint64(64 - self._log2)
        return (bits >> np.uint64(3)).view(np.int64), MASKS[(bits & np.uint64(7)).view(np.int64)]


class Listed:
    """Numbers that stand in a list, which is in ascending order."""

    def __init__(self, numbers: Ints) -> None:
        self._numbers = numbers
        self._sieve = Sieve(len(numbers))
        self._sieve.add(numbers)

    def holds(self, keys: Ints) -> Marks:
        """Which of these are in the list."""
        found = np.zeros(len(keys), np.bool_)
        if len(self._numbers):
            maybe = np.flatnonzero(self._sieve.may_hold(keys))
            at = np.minimum(np.searchsorted(self._numbers, keys[maybe]), len(self._numbers) - 1)
            found[maybe] = self._numbers[at] == keys[maybe]
        return found
