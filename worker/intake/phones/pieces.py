"""The numbers of one length, cut into stretches of which the same is true.

A number is its digits read as an integer; its length tells how many zeros stand in front.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from worker.intake.phones.patterns import ANY, Pattern, UnreadablePattern, Way
from worker.intake.scan import Ints

MOST_LEADS = 1 << 20


@dataclass(frozen=True)
class Pieces:
    """`values[i]` is true of the numbers from `starts[i]` up to `starts[i + 1]`; the first start is 0."""

    starts: Ints
    values: Ints

    def at(self, numbers: Ints) -> Ints:
        """The value of each number."""
        return self.values[np.searchsorted(self.starts, numbers, "right") - 1]

    def merged(self) -> "Pieces":
        """The same with neighbours of one value joined."""
        new = np.concatenate([[True], self.values[1:] != self.values[:-1]])
        return Pieces(self.starts[new], self.values[new])


def everywhere(value: int) -> Pieces:
    """One value for all numbers."""
    return Pieces(np.zeros(1, np.int64), np.full(1, value, np.int64))


def whole(pattern: Pattern, length: int) -> Pieces:
    """1 where the pattern matches the whole number, else 0."""
    found = _painted([(1, way) for way in pattern.ways if len(way.places) == length], length, 0)
    return found.merged()


def beginning(pattern: Pattern, length: int) -> Pieces:
    """Which of the pattern's ways the number begins with, the first that does; -1 where none."""
    fitting = [
        (i, way)
        for i, way in enumerate(pattern.ways)
        if len(way.places) == length or (len(way.places) < length and not way.at_end)
    ]
    return _painted(fitting, length, -1).merged()


def common_starts(pieces: Iterable[Ints], length: int) -> Ints:
    """All cuts of all `pieces` that lie within the numbers of that length."""
    starts: Ints = np.unique(np.concatenate([np.zeros(1, np.int64), *pieces]))
    inside: Ints = starts[starts < 10**length]
    return inside


def _painted(layers: list[tuple[int, Way]], length: int, ground: int) -> Pieces:
    """Earlier layers lie above later ones."""
    values, begins, ends = [], [], []
    for value, way in layers:
        leads, unit = _leads(way, length)
        begins += [lead * unit for lead in leads]
        ends += [(lead + 1) * unit for lead in leads]
        values += [value] * len(leads)
    first, last = np.array(begins, np.int64), np.array(ends, np.int64)
    starts = common_starts([first, last], length)
    painted = np.full(len(starts), ground, np.int64)
    edges = [np.searchsorted(starts, places).tolist() for places in (first, last)]
    for value, begin, end in reversed(list(zip(values, *edges, strict=True))):
        painted[begin:end] = value
    return Pieces(starts, painted)


def _leads(way: Way, length: int) -> tuple[list[int], int]:
    """What the numbers of that length begin with that begin with the way, and how many share a beginning."""
    head = len(way.places)
    while head and way.places[head - 1] == ANY:
        head -= 1
    leads = [0]
    for place in way.places[:head]:
        digits = _digits(place)
        if len(leads) * len(digits) > MOST_LEADS:
            raise UnreadablePattern("too many beginnings")
        leads = [lead * 10 + digit for lead in leads for digit in digits]
    return leads, 10 ** (length - head)


@cache
def _digits(place: int) -> list[int]:
    return [digit for digit in range(10) if place >> digit & 1]
