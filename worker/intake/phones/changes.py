"""What is done to a number's beginning, and what is then true of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from worker.intake.phones.pieces import Pieces, common_starts
from worker.intake.scan import Ints


@dataclass(frozen=True)
class Change:
    """The first `drop` digits give way to `insert`."""

    drop: int = 0
    insert: str = ""

    def length(self, length: int) -> int:
        """How long a number of that length becomes."""
        return length - self.drop + len(self.insert)

    def of(self, numbers: Ints, length: int) -> Ints:
        """The changed numbers."""
        unit = 10 ** (length - self.drop)
        changed: Ints = int(self.insert or 0) * unit + numbers % unit
        return changed

    def leads(self, begins: Ints, ends: Ints, length: int) -> Ints:
        """All that is dropped from numbers between `begins` and `ends`."""
        unit = 10 ** (length - self.drop)
        first, last = begins // unit, (ends - 1) // unit
        leads: Ints = np.unique(np.concatenate([np.arange(a, b + 1) for a, b in zip(first, last, strict=True)]))
        return leads

    def cuts(self, inner: Ints, begins: Ints, ends: Ints, length: int) -> Ints:
        """Where numbers between `begins` and `ends` must be cut so that each piece becomes a piece of `inner`."""
        unit = 10 ** (length - self.drop)
        shifted = inner - int(self.insert or 0) * unit
        shifted = np.append(shifted[(shifted > 0) & (shifted < unit)], 0)
        cuts: Ints = self.leads(begins, ends, length)[:, None] * unit + shifted
        return cuts.ravel()


SAME = Change()


class Changes:
    """A list in which each change stands once; places in it are the values of Pieces. SAME has the place 0."""

    def __init__(self) -> None:
        self._changes = [SAME]

    def place(self, change: Change) -> int:
        """Where the change stands, now or already."""
        if change not in self._changes:
            self._changes.append(change)
        return self._changes.index(change)

    def __getitem__(self, place: int) -> Change:
        return self._changes[place]


def after(chosen: Pieces, length: int, changes: Changes, told: Callable[[int], Pieces]) -> tuple[Pieces, Ints]:
    """`chosen` holds places in `changes`, negative where there is none. It comes back cut finer, and beside it what
    `told`, which is asked for lengths, says of each piece's changed numbers; 0 where there is no change.
    """
    ends = np.append(chosen.starts[1:], 10**length)
    places = [int(place) for place in np.unique(chosen.values) if place >= 0]
    cuts = [chosen.starts]
    for place in places:
        here = chosen.values == place
        inner = told(changes[place].length(length)).starts
        cuts.append(changes[place].cuts(inner, chosen.starts[here], ends[here], length))
    starts = common_starts(cuts, length)
    values = chosen.at(starts)
    said = np.zeros(len(starts), np.int64)
    for place in places:
        here = values == place
        change = changes[place]
        said[here] = told(change.length(length)).at(change.of(starts[here], length))
    return Pieces(starts, values), said
