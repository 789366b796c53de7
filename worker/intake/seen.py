"""Where a 64-bit key was seen first: sorted runs, behind a sieve that keeps most keys from being looked for."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from worker.intake.scan import Ints
from worker.intake.sieve import GROWTH, Sieve

Lines = npt.NDArray[np.uint32]

RUNS_JOINED = 16
JOINED_KEYS = 1 << 19  # longer runs are joined no more: looking into a few of them costs less
LAST_LINE = 2**32 - 1


@dataclass(frozen=True)
class _Run:
    """Keys in ascending order, each once, and the line of each."""

    keys: Ints
    lines: Lines

    def lines_of(self, keys: Ints) -> Ints:
        """0 for keys that are not there."""
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, self.lines[at], 0).astype(np.int64)


class Seen:
    """Remembers keys, each with the line of its first row, in 14 to 20 bytes a key."""

    def __init__(self) -> None:
        self._sieve = Sieve(0)
        self._long: list[_Run] = []
        self._short: list[_Run] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """Memory of all of it."""
        return self._sieve.nbytes + sum(run.keys.nbytes + run.lines.nbytes for run in self._runs)

    @property
    def _runs(self) -> list[_Run]:
        return [*self._long, *self._short]

    def first_lines(self, keys: Ints, lines: Ints) -> Ints:
        """For each key the line where it stood before, in earlier calls or earlier in this one; 0 where it is new."""
        if not len(keys):
            return np.zeros(0, np.int64)
        order = np.argsort(keys)
        ordered = keys[order]
        again = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
        groups = np.delete(np.arange(len(keys)), again) if len(again) else slice(None)
        unique, first = ordered[groups], order[groups]
        of_again = np.searchsorted(unique, ordered[again])
        np.minimum.at(first, of_again, order[again])
        of_first = np.minimum(lines[first], LAST_LINE)
        known = self._lines_of(unique)
        new = known == 0
        self._keep(unique[new], of_first[new].astype(np.uint32))
        found = np.zeros(len(keys), np.int64)
        old = np.flatnonzero(known)
        found[first[old]] = known[old]
        # Those of one key stand together: all but the first of them repeat it.
        repeated = np.concatenate([order[again], order[groups][of_again]])
        rest = np.concatenate([of_again, of_again])
        late = repeated != first[rest]
        found[repeated[late]] = np.where(new, of_first, known)[rest[late]]
        return found

    def _lines_of(self, keys: Ints) -> Ints:
        lines = np.zeros(len(keys), np.int64)
        maybe = np.flatnonzero(self._sieve.may_hold(keys))
        for run in self._runs if len(maybe) else []:
            lines[maybe] = np.maximum(lines[maybe], run.lines_of(keys[maybe]))
        return lines

    def _keep(self, keys: Ints, lines: Lines) -> None:
        if not len(keys):
            return
        self._short.append(_Run(keys, lines))
        self._count += len(keys)
        if self._count > self._sieve.room:
            self._sieve = Sieve(GROWTH * self._sieve.room)
            for run in self._runs:
                self._sieve.add(run.keys)
        else:
            self._sieve.add(keys)
        if len(self._short) >= RUNS_JOINED:
            self._join()

    def _join(self) -> None:
        keys = np.concatenate([run.keys for run in self._short])
        order = np.argsort(keys, kind="stable")  # which makes use of it that these are sorted runs
        joined = _Run(keys[order], np.concatenate([run.lines for run in self._short])[order])
        if len(keys) >= JOINED_KEYS:
            self._long.append(joined)
            self._short = []
        else:
            self._short = [joined]
