"""Where the records of a block lie, found without reading a cell."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from worker.intake.dialect import Dialect

Ints = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

LF, CR = 10, 13


@dataclass(frozen=True)
class Spans:
    """Records of a block, blank lines left out: content is data[start:end], `lines` counts the line ends before it.

    `heights` are the lines a record takes. `consumed` bytes and `lines_consumed` line ends are dealt with; what
    follows is an unfinished record.
    """

    starts: Ints
    ends: Ints
    lines: Ints
    heights: Ints
    consumed: int
    lines_consumed: int

    def __len__(self) -> int:
        return len(self.starts)


def scan(data: bytes, dialect: Dialect, final: bool) -> Spans | None:
    """The records of `data`, which begins at the start of one; `final` means that nothing follows.

    A line end between an even number of quotes ends a record. That is only true where every quote opens or closes a
    whole cell, so None is returned where one does not (`5" pipe`), and for dialects with an escape character.
    """
    if dialect.escape is not None:
        return None
    breaks = line_breaks(data, final)
    quotes = positions(data, dialect.mark)
    if len(quotes) and not _whole_cells(data, quotes, dialect):
        return None
    finishing = breaks[np.searchsorted(quotes, breaks) % 2 == 0] if len(quotes) else breaks
    if final and len(data) and (not len(finishing) or finishing[-1] != len(data) - 1):
        if len(quotes) % 2:
            return None
        finishing = np.append(finishing, len(data))
    return _spans(data, breaks, finishing)


def line_breaks(data: bytes, final: bool) -> Ints:
    """The last byte of each line end: LF, CR LF or CR. A CR at the end of what we have may be half of one."""
    buffer = np.frombuffer(data, np.uint8)
    marks = buffer == LF
    if b"\r" in data:
        alone = buffer == CR
        alone[:-1] &= ~marks[1:]
        alone[-1] &= final
        marks |= alone
    return np.flatnonzero(marks)


def positions(data: bytes, mark: str) -> Ints:
    """Where a character stands. An empty one stands nowhere."""
    if not mark or mark.encode() not in data:
        return np.empty(0, np.int64)
    return np.flatnonzero(np.frombuffer(data, np.uint8) == ord(mark))


def widths(data: bytes, spans: Spans, dialect: Dialect) -> Ints:
    """Cells of each record."""
    delimiters = positions(data, dialect.delimiter or "")
    quotes = positions(data, dialect.mark)
    if len(quotes):
        delimiters = delimiters[np.searchsorted(quotes, delimiters) % 2 == 0]
    return np.searchsorted(delimiters, spans.ends) - np.searchsorted(delimiters, spans.starts) + 1


def _whole_cells(data: bytes, quotes: Ints, dialect: Dialect) -> bool:
    """Every opening quote begins a cell and every closing one ends it; a doubled one closes and opens."""
    edges = np.zeros(256, np.bool_)
    edges[[LF, CR, ord(dialect.mark), ord(dialect.delimiter or ",")]] = True
    buffer = np.frombuffer(data, np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    before = buffer[opening[opening > 0] - 1]
    after = buffer[closing[closing < len(data) - 1] + 1]
    return bool(edges[before].all() and edges[after].all())


def _spans(data: bytes, breaks: Ints, finishing: Ints) -> Spans:
    if not len(finishing):
        none = np.empty(0, np.int64)
        return Spans(none, none, none, none, 0, 0)
    starts = np.concatenate(([0], finishing[:-1] + 1))
    consumed = min(int(finishing[-1]) + 1, len(data))
    lines_consumed = int(np.searchsorted(breaks, consumed))
    lines = np.searchsorted(breaks, starts)
    heights = np.diff(np.append(lines, lines_consumed))
    ends = _without_line_end(np.frombuffer(data, np.uint8), starts, finishing)
    real = ends > starts
    return Spans(starts[real], ends[real], lines[real], heights[real], consumed, lines_consumed)


def _without_line_end(buffer: Bytes, starts: Ints, finishing: Ints) -> Ints:
    """A record's line end is LF, CR or CR LF; the last record of a file may have none."""
    ends = finishing.copy()
    wide = np.flatnonzero(finishing > starts)
    wide = wide[finishing[wide] < len(buffer)]
    crlf = (buffer[finishing[wide]] == LF) & (buffer[finishing[wide] - 1] == CR)
    ends[wide[crlf]] -= 1
    return ends
