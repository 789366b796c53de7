"""Cells with a phone number that a program took for a quantity: `4930123456.0`, or `4.930123456E10`.

The library takes all their digits for the number, and in countries whose numbers differ in length that is often
another person's.
"""

import numpy as np
import polars as pl

from worker.intake.pieces import Pieces
from worker.intake.scan import Ints, Marks

WHOLE = b".0"
AS_WHOLE = r"^\s*\+?[0-9]+\.0$"
AS_POWER = r"^\s*\+?[0-9](?:\.[0-9]+)?[eE]\+?[0-9]{1,2}\s*$"


def wholes(cells: Pieces) -> Ints:
    """Where the cells are that end in `.0` behind digits alone."""
    long_enough = np.flatnonzero(cells.sizes > len(WHOLE))
    ends = (cells.starts + cells.sizes)[long_enough]
    maybe = long_enough[(cells.text[ends - 2] == WHOLE[0]) & (cells.text[ends - 1] == WHOLE[1])]
    found: Ints = maybe[_like(cells.at(maybe).series(), AS_WHOLE)] if len(maybe) else maybe
    return found


def powers(cells: pl.Series) -> Marks:
    """Which of the cells have an exponent."""
    return _like(cells, AS_POWER)


def _like(cells: pl.Series, form: str) -> Marks:
    found: Marks = cells.str.contains(form).to_numpy()
    return found
