"""The digits of cells that hold a number and nothing else."""

import re
from dataclasses import dataclass

import numpy as np

from worker.intake.phones.alike import groups
from worker.intake.pieces import Pieces, Words, joined, padded
from worker.intake.scan import Bytes, Ints, Marks

SHORTEST, LONGEST = 3, 17  # digits
TENS = 10 ** np.arange(LONGEST + 1, dtype=np.int64)
MOST_BYTES = 64
SEPARATOR, DIGIT, PLUS, OTHER = range(4)
MEANING = np.full(256, OTHER, np.uint8)
MEANING[[ord(mark) for mark in " ()-./"]] = SEPARATOR
MEANING[[ord(digit) for digit in "0123456789"]] = DIGIT
MEANING[ord("+")] = PLUS

EIGHT = 8  # digits in a word
RUN_OF_DIGITS = re.compile(rb"[0-9]{1,8}")
# By how many digits of a word are used, which come to lie above: bits to push the others out, and zeros for them.
ROOM = np.array([8 * (EIGHT - used) for used in range(EIGHT + 1)], np.uint64)
ZEROS = np.array([int.from_bytes(b"0" * (EIGHT - used), "little") for used in range(EIGHT + 1)], np.uint64)
TOP_BITS = np.uint64(0x8080808080808080)
ABOVE_NINE = np.uint64(0x7676767676767676)  # added to a byte from 10 to 127, it reaches the top bit


@dataclass(frozen=True)
class Numbers:
    """`keys`: the digits of each cell with a 1 in front, 0 for cells that hold something else as well.

    `plus`: whether a plus stands before the digits. `written`: the number of a cell that is a plus and digits, of which
    the first is no 0, and 0 for other cells.
    """

    keys: Ints
    plus: Marks
    written: Ints


def numbers_in(cells: Pieces) -> Numbers:
    """Reads 3 to 17 digits, a plus before them, and separators anywhere. Extensions and letters are something else."""
    plus = (cells.text[cells.starts] == ord("+")) & (cells.sizes > 0)
    values, sizes = _plain(cells, plus)
    keys = np.where(sizes > 0, values + TENS[sizes], 0)
    written = np.where(plus & (10 * values >= TENS[sizes]), values, 0)
    rest = np.flatnonzero(keys == 0)
    if len(rest):
        keys[rest], plus[rest] = _separated(cells.at(rest))
    return Numbers(keys, plus, written)


def _plain(cells: Pieces, plus: Marks) -> tuple[Ints, Ints]:
    """Cells of 3 to 16 digits, with or without a plus: their numbers and how many digits. 0 and 0 of other cells.

    Eight digits are read at a time.
    """
    first, digits = cells.starts + plus, cells.sizes - plus
    left, right = np.clip(digits - EIGHT, 0, EIGHT), np.clip(digits, 0, EIGHT)
    high = cells.eight_at(first) << ROOM[left] | ZEROS[left]
    low = cells.eight_at(first + left) << ROOM[right] | ZEROS[right]
    high ^= ZEROS[0]
    low ^= ZEROS[0]
    strange = ((high + ABOVE_NINE) | high | (low + ABOVE_NINE) | low) & TOP_BITS
    readable = (strange == 0) & (digits >= SHORTEST) & (digits <= 2 * EIGHT)
    return (_eight_digits(high) * 10**EIGHT + _eight_digits(low)) * readable, digits * readable


def _eight_digits(words: Words) -> Ints:
    """The integers of which the bytes of each word are the digits, the lowest byte the first: pairs, fours, all."""
    pairs = (words * np.uint64(10) + (words >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    fours = (pairs * np.uint64(100) + (pairs >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    both = (fours * np.uint64(10_000) + (fours >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
    return both.view(np.int64)


def _separated(cells: Pieces) -> tuple[Ints, Marks]:
    """Keys, and where there is a plus. Of cells that are written alike one says how all of them are read."""
    keys, plus = np.zeros(len(cells), np.int64), np.zeros(len(cells), np.bool_)
    rest = np.ones(len(cells), np.bool_)
    alike = list(groups(cells))
    sizes = np.array([len(form) for form, _ in alike], np.int64)
    forms = Pieces(padded(b"".join(form for form, _ in alike)), np.cumsum(sizes) - sizes, sizes)
    for (form, here), key, plus_there in zip(alike, *_one_by_one(forms), strict=True):
        rest[here] = False
        plus[here] = plus_there
        if key:
            keys[here] = key + _values_of(cells.at(here), form)
    if rest.any():
        keys[rest], plus[rest] = _one_by_one(cells.at(rest))
    return keys, plus


def _values_of(cells: Pieces, form: bytes) -> Ints:
    """The integers that the digits of cells of that form are."""
    values = np.zeros(len(cells), np.int64)
    for run in RUN_OF_DIGITS.finditer(form):
        words = cells.eight_at(cells.starts + run.start()) << ROOM[len(run[0])] | ZEROS[len(run[0])]
        values = values * TENS[len(run[0])] + _eight_digits(words ^ ZEROS[0])
    return values


def _one_by_one(cells: Pieces) -> tuple[Ints, Marks]:
    texts = joined([cells])
    text, ends = np.frombuffer(texts.data, np.uint8), texts.edges
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
    readable &= (digits >= SHORTEST) & (digits <= LONGEST)
    values = _values(text[is_digit], first, digits)
    return np.where(readable, values + TENS[np.where(readable, digits, 0)], 0), plus


def _values(stream: Bytes, first: Ints, digits: Ints) -> Ints:
    """The integers that lie in a stream of digits, each from its first on; those too long come out cut."""
    padded = np.append(stream - ord("0"), np.zeros(LONGEST, np.uint8))
    values = np.zeros(len(first), np.int64)
    shortest, longest = (int(digits.min()), int(digits.max())) if len(digits) else (0, 0)
    for place in range(min(longest, LONGEST)):
        longer = values * 10 + padded[first + place]
        values = longer if place < shortest else np.where(digits > place, longer, values)
    return values


def _cells_of(places: Ints, ends: Ints) -> Ints:
    return np.searchsorted(ends, places, "right") - 1
