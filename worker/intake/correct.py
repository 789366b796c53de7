"""Rejected rows as a file that can be corrected and uploaded again: where each came from and why, then its cells.

The cells are read in the dialect in which the upload was read, and come back exactly as they were. A record that runs
on behind a misplaced quote comes back line by line: its lines were meant as rows. One that cannot be read stands whole
in one cell to the right of all columns, where no upload takes it for a contact.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import polars as pl

from worker.intake.decode import lines_as_written
from worker.intake.dialect import Dialect
from worker.intake.header import BOOKKEEPING, surplus
from worker.intake.odd import is_well_formed, lines_of, odd_records
from worker.intake.rejects import RUN_ON, Code, read_rejects
from worker.intake.stage import Staging
from worker.intake.swallow import rows_behind

RUNNING_ON = tuple(code.word for code in RUN_ON)
KIND = "rejected"  # duplicates and suppressed rows are as they should be


def header_to_correct(columns: Sequence[str]) -> list[str]:
    """The first line of such a file; `columns` are those of the upload's file."""
    return [*BOOKKEEPING, *(columns[place] for place in _kept(columns))]


def rows_to_correct(
    staging: Staging, digest: str | None, columns: Sequence[str], dialect: Dialect
) -> Iterator[list[str | int]]:
    """The rejected rows of an upload, in the order of the file; a row may have more or fewer cells than the header, and
    may come back as several.

    `digest` None: every row was good. Raises StagingError where the object is missing.
    """
    kept = _kept(columns)
    for batch in read_rejects(staging, digest) if digest is not None else ():
        rejected = pl.DataFrame(pl.from_arrow(batch)).filter(pl.col("kind") == KIND)
        rows, lines, codes, whys, texts = (
            rejected[name].to_list() for name in ("row", "line", "code", "sentence", "text")
        )
        whole = cells_of([text for code, text in zip(codes, texts, strict=True) if code not in RUNNING_ON], dialect)
        found = iter(whole)
        for row, line, code, why, text in zip(rows, lines, codes, whys, texts, strict=True):
            parts = _parts(text, code, dialect, len(columns)) if code in RUNNING_ON else [_Part(0, next(found), text)]
            for before, cells, raw in parts or [_Part(0, None, text)]:
                shown = [*[""] * len(kept), _as_text(raw)] if cells is None else _chosen(cells, columns, kept)
                yield [row, line + before, code, why, *shown]


class _Part(NamedTuple):
    """A line of a record, or all of it. `cells` is None where it cannot be read; `before`: the lines before it."""

    before: int
    cells: list[str] | None
    text: bytes


def _parts(text: bytes, code: str, dialect: Dialect, width: int) -> list[_Part]:
    """A record that others may lie in: its lines, or all of it where its quotes are right and no line is a row."""
    if code == Code.UNREADABLE.word:
        return [one for before, line in lines_as_written(text, dialect) for one in _part(before, line, dialect)]
    if is_well_formed(text, dialect) and not rows_behind(text, dialect, width):
        return [_Part(0, _alone(text, dialect), text)]
    return [_Part(before, _decoded(cells), b"") for before, cells in lines_of(text, dialect)]


def _part(before: int, line: bytes, dialect: Dialect) -> list[_Part]:
    try:
        line.decode()
    except UnicodeDecodeError:
        return [_Part(before, None, line)]
    return [_Part(before, _decoded(cells), line) for _, cells in lines_of(line, dialect)]


def cells_of(texts: Sequence[bytes], dialect: Dialect) -> list[list[str] | None]:
    """The cells of each record; None for one that is not a record by itself."""
    ends, at = [], 0
    for text in texts:
        ends.append((at, at + len(text)))
        at += len(text) + 1
    found = [one for one in odd_records(b"\n".join(texts), dialect, final=True) if one.cells]
    if [(one.start, one.end) for one in found] == ends and not any(one.unfinished for one in found):
        return [_decoded(one.cells) for one in found]
    return [_alone(text, dialect) for text in texts]


def _alone(text: bytes, dialect: Dialect) -> list[str] | None:
    found = [one for one in odd_records(text, dialect, final=True) if one.cells]
    return _decoded(found[0].cells) if len(found) == 1 and not found[0].unfinished else None


def _decoded(cells: list[str]) -> list[str]:
    return [cell if cell.isascii() else cell.encode("latin-1").decode() for cell in cells]


def _as_text(text: bytes) -> str:
    """A byte that is not UTF-8 is shown as \\xNN."""
    return text.decode("utf-8", errors="backslashreplace")


def _kept(columns: Sequence[str]) -> list[int]:
    """Places of the columns that are the user's: the file may be one of rejects itself."""
    ours = {*BOOKKEEPING, *surplus(list(columns))}
    return [place for place, name in enumerate(columns) if name not in ours]


def _chosen(cells: list[str], columns: Sequence[str], kept: list[int]) -> list[str]:
    """What the user wrote: the named columns, and whatever stands to their right."""
    if len(kept) == len(columns):
        return cells
    ours = {place for place, name in enumerate(columns) if name in BOOKKEEPING}
    chosen = [cell for place, cell in enumerate(cells) if place not in ours]
    while surplus(list(columns)) and len(chosen) > len(kept) and not chosen[-1]:
        chosen.pop()
    return chosen
