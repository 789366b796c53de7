"""Rejected rows as a file that can be corrected and uploaded again: where each came from and why, then its cells.

The cells are read in the dialect in which the upload was read, and come back exactly as they were. A record that runs
on behind a misplaced quote comes back line by line: its lines were meant as rows. One that cannot be read stands whole
in one cell to the right of all columns, where no upload takes it for a contact.
"""

from collections.abc import Iterator, Sequence

import polars as pl

from worker.intake.dialect import Dialect
from worker.intake.header import BOOKKEEPING, surplus
from worker.intake.odd import is_well_formed, lines_of, odd_records
from worker.intake.rejects import Code, read_rejects
from worker.intake.stage import Staging

UNREAD = Code.UNREADABLE.word
MISQUOTED = (Code.OPEN_QUOTE.word, Code.RUNS_ON.word)
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
        readable = [text for code, text in zip(codes, texts, strict=True) if code != UNREAD]
        found = iter(cells_of(readable, dialect))
        for row, line, code, why, text in zip(rows, lines, codes, whys, texts, strict=True):
            cells = next(found) if code != UNREAD else None
            if code in MISQUOTED and not is_well_formed(text, dialect):
                for before, alone in lines_of(text, dialect):
                    yield [row, line + before, code, why, *_chosen(_decoded(alone), columns, kept)]
                continue
            shown = [*[""] * len(kept), _as_text(text)] if cells is None else _chosen(cells, columns, kept)
            yield [row, line, code, why, *shown]


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
