"""Payload rows made of what lies in the block already: a cell that nobody changes is neither read nor written anew."""

import numpy as np

from worker.intake.cells import Uncut
from worker.intake.dialect import QUOTE
from worker.intake.pieces import Pieces, padded
from worker.intake.scan import Bytes, Ints, Marks, positions

ZERO = ord("0")
SPLIT = 10**9  # integers below it fit in 32 bits, where dividing is quick
SPLIT_DIGITS = 9


class Record:
    """The records at `at` of a block, whose delimiters become `delimiter`."""

    def __init__(self, cells: Uncut, at: Ints, delimiter: str) -> None:
        self._cells, self._at = cells, at
        self._text = padded(cells.data)
        self._text[cells.delimiters.ravel()] = ord(delimiter)

    def columns(self, first: int, last: int, *, leading: bool) -> Pieces:
        """The cells of neighbouring columns with the delimiters between, and with the one before where it is `leading`.

        The first column has none.
        """
        starts, ends = self._cells.edges(first)[0][self._at], self._cells.edges(last)[1][self._at]
        if leading:
            starts = starts - 1
        return Pieces(self._text, starts, ends - starts)


def plain(cells: Uncut, at: Ints, delimiter: str) -> Marks:
    """Which of these records can go out as they stand: no quote is in them, and the new delimiter is in no cell."""
    found = np.ones(cells.height, np.bool_)
    found[cells.quoted] = False
    dialect = cells.dialect
    for mark in {QUOTE, delimiter} - {dialect.mark, dialect.delimiter}:
        found[np.searchsorted(cells.starts, positions(cells.data, mark), "right") - 1] = False
    return found[at]


def repeated(text: bytes, times: int) -> Pieces:
    """The same text for every row."""
    return Pieces(padded(text), np.zeros(times, np.int64), np.full(times, len(text)))


def numbered(before: bytes, numbers: Ints, after: bytes = b"") -> Pieces:
    """`before`, a number from 0 to 10^18 - 1 in decimal, `after`."""
    sizes = _digits(numbers)
    longest = int(sizes.max(initial=1))
    width, end = len(before) + longest + len(after), len(before) + longest
    text = np.zeros(len(numbers) * width + len(padded(b"")), np.uint8)
    table = text[: len(numbers) * width].reshape(-1, width)
    low = numbers % SPLIT if longest > SPLIT_DIGITS else numbers
    _write_digits(table[:, max(end - SPLIT_DIGITS, len(before)) : end], low.astype(np.uint32))
    if longest > SPLIT_DIGITS:
        _write_digits(table[:, len(before) : end - SPLIT_DIGITS], (numbers // SPLIT).astype(np.uint32))
    table[:, end:] = np.frombuffer(after, np.uint8)
    begins = longest - sizes
    if begins.any():
        starts = np.arange(len(numbers)) * width + begins
        for place, byte in enumerate(before):
            text[starts + place] = byte
    else:
        starts = np.arange(0, len(numbers) * width, width)
        table[:, : len(before)] = np.frombuffer(before, np.uint8)
    return Pieces(text, starts, len(before) + sizes + len(after))


def _digits(numbers: Ints) -> Ints:
    """How many digits each has."""
    least, most = (len(str(numbers.min())), len(str(numbers.max()))) if len(numbers) else (1, 1)
    sizes = np.full(len(numbers), least)
    for digits in range(least, most):
        sizes += numbers >= 10**digits
    return sizes


def _write_digits(places: Bytes, numbers: np.ndarray) -> None:
    for place in range(places.shape[1] - 1, -1, -1):
        tenth = numbers // np.uint32(10)
        places[:, place] = numbers - tenth * np.uint32(10) + np.uint32(ZERO)
        numbers = tenth
