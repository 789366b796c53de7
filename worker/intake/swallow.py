"""Rows that lie inside another: a quote that stands open takes everything up to the next one into its cell."""

import re
from collections.abc import Sequence

from worker.intake.dialect import LINE_END, Dialect
from worker.intake.header import is_number
from worker.intake.odd import lines_of


def rows_behind(text: bytes, dialect: Dialect, width: int) -> int:
    """How many lines behind the first of a record have as many cells as the header, each read alone."""
    _, *others = lines_of(text, dialect) or [(0, [])]
    return sum(len(cells) == width for _, cells in others)


def holds_contact(cells: Sequence[str], phone: int, delimiter: str) -> bool:
    """Whether a record that reads well has somebody's row in a cell of several lines; `phone`: place of the column.

    What a stray quote takes in are the rest of its own row, whole rows, and the beginning of the one in which the next
    quote stands. One number among them is the record's own.
    """
    return any(_holds(cell, place, len(cells), phone, delimiter) for place, cell in enumerate(cells))


def holds_number(cells: Sequence[str]) -> bool:
    """Whether a header has a phone number in a name of several lines."""
    return any(
        is_number(piece.strip(' "'))
        for name in cells
        if LINE_END.search(name)
        for piece in re.split(r"[\r\n,;\t|]", name)
    )


def _holds(cell: str, place: int, width: int, phone: int, delimiter: str) -> bool:
    lines = [line.split(delimiter) for line in LINE_END.split(cell) if line.strip()]
    if len(lines) < 2:
        return False
    first, *whole, last = lines
    if any(len(line) == width and is_number(line[phone].strip(' "')) for line in whole):
        return True
    other = first[phone - place :] if phone > place else last[phone:]
    return (len(first), len(last)) == (width - place, place + 1) and is_number(other[0].strip(' "'))
