"""The digits of cells that hold a number and nothing else."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from worker.intake.scan import Bytes, Ints, Marks

SHORTEST, LONGEST = 3, 17  # digits
TENS = 10 ** np.arange(LONGEST + 1, dtype=np.int64)
MOST_BYTES = 64
SEPARATOR, DIGIT, PLUS, OTHER = range(4)
MEANING = np.full(256, OTHER, np.uint8)
MEANING[[ord(mark) for mark in " ()-./"]] = SEPARATOR
MEANING[[ord(digit) for digit in "0123456789"]] = DIGIT
MEANING[ord("+")] = PLUS


@dataclass(frozen=True)
class Numbers:
    """`keys`: the digits of each cell with a 1 in front, 0 for cells that hold something else as well.

    `plus`: whether a plus stands before the digits.
    """

    keys: Ints
    plus: Marks


def numbers_in(cells: pl.Series) -> Numbers:
    """Reads 3 to 17 digits, a plus before them, and separators anywhere. Extensions and letters are something else."""
    plus = cells.str.starts_with("+").to_numpy(writable=True)
    keys = _plain(cells, plus)
    rest = np.flatnonzero(keys == 0)
    if len(rest):
        whole = len(rest) == len(cells)
        separated = _separated(cells if whole else cells.gather(rest))
        keys[rest], plus[rest] = separated.keys, separated.plus
    return Numbers(keys, plus)


def _plain(cells: pl.Series, plus: Marks) -> Ints:
    """Cells without separators. What casts to a positive integer is digits, with or without a plus."""
    values = cells.cast(pl.Int64, strict=False).fill_null(0).to_numpy()
    digits = cells.str.len_bytes().to_numpy().astype(np.int64) - plus
    return _keys(values, digits, values > 0)


def _keys(values: Ints, digits: Ints, readable: Marks) -> Ints:
    readable = readable & (digits >= SHORTEST) & (digits <= LONGEST)
    return np.where(readable, values + TENS[np.where(readable, digits, 0)], 0)


def _separated(cells: pl.Series) -> Numbers:
    text, ends = _bytes_of(cells)
    meaning = MEANING[text]
    is_digit = meaning == DIGIT
    before = np.zeros(len(text) + 1, np.int64)
    np.cumsum(is_digit, out=before[1:])
    first, last = before[ends[:-1]], before[ends[1:]]
    readable = np.diff(ends) <= MOST_BYTES
    readable[_cells_of(np.flatnonzero(meaning == OTHER), ends)] = False
    pluses = np.flatnonzero(meaning == PLUS)
    plus_cells = _cells_of(pluses, ends)
    plus = np.zeros(len(cells), np.bool_)
    plus[plus_cells] = True
    readable[plus_cells[before[pluses] > first[plus_cells]]] = False
    readable[plus_cells[1:][plus_cells[1:] == plus_cells[:-1]]] = False
    digits = last - first
    return Numbers(_keys(_values(text[is_digit], first, digits), digits, readable), plus)


def _values(stream: Bytes, first: Ints, digits: Ints) -> Ints:
    """The integers that lie in a stream of digits, each from its first on; those too long come out cut."""
    padded = np.append(stream - ord("0"), np.zeros(LONGEST, np.uint8))
    values = np.zeros(len(first), np.int64)
    shortest, longest = (int(digits.min()), int(digits.max())) if len(digits) else (0, 0)
    for place in range(min(longest, LONGEST)):
        longer = values * 10 + padded[first + place]
        values = longer if place < shortest else np.where(digits > place, longer, values)
    return values


def _bytes_of(cells: pl.Series) -> tuple[Bytes, Ints]:
    """The bytes of all cells in a row, and where each cell ends, with a 0 before the first."""
    arrow = cells.to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = arrow.buffers()
    ends = np.frombuffer(memoryview(offsets or b""), np.int64)[arrow.offset : arrow.offset + len(arrow) + 1]
    text = np.frombuffer(memoryview(data or b""), np.uint8)[ends[0] : ends[-1]]
    return text, ends - ends[0]


def _cells_of(places: Ints, ends: Ints) -> Ints:
    return np.searchsorted(ends, places, "right") - 1
