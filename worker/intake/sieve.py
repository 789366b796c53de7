"""Tells most numbers that were never put in from those that may have been, by two bits for each."""

import numpy as np

from worker.intake.pieces import Words
from worker.intake.scan import Ints, Marks

BITS_A_KEY = 16  # at the fewest: of a hundred keys that were never put in, two pass
GROWTH = 4  # so that most keys are put in once and few of them again
FEWEST_LOG2 = 10
SPREAD = np.uint64(0x9E3779B97F4A7C15)
WORD_LOG2 = 6
IN_WORD = np.uint64((1 << WORD_LOG2) - 1)
# Which bits of a spread key say where its two bits lie within a word: below those that say which word.
FIRST, SECOND = np.uint64(29), np.uint64(23)
ONE = np.uint64(1)
AT_A_TIME = 1 << 14  # keys; more of them would not stay in the processor's cache


class Sieve:
    """A set of integers other than exact: `may_hold` is always true of those that are in it. For `room` keys."""

    def __init__(self, room: int) -> None:
        self._log2 = max(FEWEST_LOG2, int(room * BITS_A_KEY - 1).bit_length() - WORD_LOG2)
        self._words = np.zeros(1 << self._log2, np.uint64)

    @property
    def room(self) -> int:
        return (1 << self._log2 + WORD_LOG2) // BITS_A_KEY

    @property
    def nbytes(self) -> int:
        return self._words.nbytes

    def may_hold(self, keys: Ints) -> Marks:
        places, bits = self._places(keys)
        found: Marks = (self._words[places] & bits) == bits
        return found

    def add(self, keys: Ints) -> None:
        for at in range(0, len(keys), AT_A_TIME):
            self._add(keys[at : at + AT_A_TIME])

    def _add(self, keys: Ints) -> None:
        places, bits = self._places(keys)
        while len(places):
            self._words[places] |= bits
            # Of two keys that share a word only the later one's bits were written.
            lost = (self._words[places] & bits) != bits
            places, bits = places[lost], bits[lost]

    def _places(self, keys: Ints) -> tuple[Ints, Words]:
        """The word of each key, and its bits there."""
        spread = keys.view(np.uint64) * SPREAD
        bits = ONE << (spread >> FIRST & IN_WORD)
        bits |= ONE << (spread >> SECOND & IN_WORD)
        spread >>= np.uint64(64 - self._log2)
        return spread.view(np.int64), bits


class Listed:
    """Numbers that stand in a list, which is in ascending order."""

    def __init__(self, numbers: Ints) -> None:
        self._numbers = numbers
        self._sieve = Sieve(2 * len(numbers))
        self._sieve.add(numbers)

    def holds(self, keys: Ints) -> Marks:
        """Which of these are in the list."""
        found = np.zeros(len(keys), np.bool_)
        if len(self._numbers):
            maybe = np.flatnonzero(self._sieve.may_hold(keys))
            at = np.minimum(np.searchsorted(self._numbers, keys[maybe]), len(self._numbers) - 1)
            found[maybe] = self._numbers[at] == keys[maybe]
        return found
