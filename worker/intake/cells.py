"""The readable records of a block as columns "0" to "n-1" of strings, made when somebody looks at them."""

from typing import Protocol

import numpy as np
import polars as pl

from worker.intake.dialect import Dialect
from worker.intake.pieces import Pieces, padded, pieces_of
from worker.intake.scan import Ints


class Cells(Protocol):
    """`height` is the number of records."""

    @property
    def height(self) -> int: ...

    def column(self, name: str) -> pl.Series:
        """One cell of every record."""
        ...

    def pieces(self, name: str) -> Pieces:
        """The same as bytes."""
        ...

    def rows(self, at: Ints) -> pl.DataFrame:
        """All cells of these records."""
        ...


class Table:
    """Cells that were all read."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    @property
    def height(self) -> int:
        return self._frame.height

    def column(self, name: str) -> pl.Series:
        return self._frame[name]

    def pieces(self, name: str) -> Pieces:
        return pieces_of(self._frame[name])

    def rows(self, at: Ints) -> pl.DataFrame:
        return self._frame[at]


class Uncut:
    """Records as they lie in the block, with the places of their delimiters: most columns are never looked at.

    Record i is data[starts[i]:ends[i]]; `delimiters` has a row for each, and one place fewer than there are columns.
    Those at `quoted`, which hold the dialect's quote, do not say their cells as they stand; they were read into
    `unquoted`.
    """

    def __init__(
        self,
        data: bytes,
        dialect: Dialect,
        starts: Ints,
        ends: Ints,
        delimiters: Ints,
        quoted: Ints,
        unquoted: pl.DataFrame,
    ) -> None:
        self.data, self.dialect = data, dialect
        self.starts, self.ends, self.delimiters = starts, ends, delimiters
        self.quoted = quoted
        self._unquoted = unquoted

    @property
    def height(self) -> int:
        return len(self.starts)

    def column(self, name: str) -> pl.Series:
        return self.pieces(name).series().alias(name)

    def pieces(self, name: str) -> Pieces:
        starts, ends = self.edges(int(name))
        others = pieces_of(self._unquoted[name])
        starts, sizes = starts.copy(), ends - starts
        starts[self.quoted] = others.starts + len(self.data)
        sizes[self.quoted] = others.sizes
        return Pieces(padded(self.data, others.text), starts, sizes)

    def rows(self, at: Ints) -> pl.DataFrame:
        places = np.searchsorted(self.quoted, at)
        if len(at) and (places < len(self.quoted)).all() and (self.quoted[places] == at).all():
            return self._unquoted[places]
        return pl.DataFrame([self.pieces(name).at(at).series().alias(name) for name in self._unquoted.columns])

    def edges(self, column: int) -> tuple[Ints, Ints]:
        """Where the cells of a column begin and end in the block."""
        starts = self.starts if column == 0 else self.delimiters[:, column - 1] + 1
        return starts, self.ends if column == self.delimiters.shape[1] else self.delimiters[:, column]
