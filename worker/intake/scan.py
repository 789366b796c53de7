"""Where the records of a block lie, found without reading a cell."""

from dataclasses import dataclass, field

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
    follows is an unfinished record. `quotes` are where the scan met one.
    """

    starts: Ints
    ends: Ints
    lines: Ints
    heights: Ints
    consumed: int
    lines_consumed: int
    quotes: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.starts)

    def have_several_lines(self) -> Marks:
        """Which of the records do. The last one of a file may have no line end."""
        found: Marks = self.heights > (self.ends < self.consumed)
        return found


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
    finishing = outside(breaks, quotes)
    if final and len(data) and (not len(finishing) or finishing[-1] != len(data) - 1):
        if len(quotes) % 2:
            return None
        finishing = np.append(finishing, len(data))
    return _spans(data, breaks, finishing, quotes)


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


def delimiters(data: bytes, spans: Spans, dialect: Dialect) -> Ints:
    """Where the cells of the records end, but the last one of each."""
    found = positions(data, dialect.delimiter or "")
    return outside(found[: np.searchsorted(found, spans.consumed)], spans.quotes)


def widths(places: Ints, spans: Spans, usual: int) -> Ints:
    """Cells of each record, whose delimiters are at `places`. It is quick where all have `usual` ones."""
    if usual > 1 and len(places) == (usual - 1) * len(spans):
        first, last = places[0 :: usual - 1], places[usual - 2 :: usual - 1]
        if (first >= spans.starts).all() and (last < spans.ends).all():
            return np.full(len(spans), usual)
    return np.searchsorted(places, spans.ends) - np.searchsorted(places, spans.starts) + 1


def outside(places: Ints, quotes: Ints) -> Ints:
    """Those of `places` that are not between an opening quote and its closing one. Both are in ascending order."""
    if not len(quotes):
        return places
    if len(quotes) > len(places):
        even: Marks = np.searchsorted(quotes, places) % 2 == 0
        return places[even]
    begins = np.searchsorted(places, quotes[0::2])
    ends = np.append(np.searchsorted(places, quotes[1::2]), len(places))[: len(begins)]
    held = np.flatnonzero(ends > begins)
    edges = np.concatenate([[0], np.column_stack([begins[held], ends[held]]).ravel(), [len(places)]]).tolist()
    return np.concatenate([places[begin:end] for begin, end in zip(edges[0::2], edges[1::2], strict=True)])


def _whole_cells(data: bytes, quotes: Ints, dialect: Dialect) -> bool:
    """Every opening quote begins a cell and every closing one ends it; a doubled one closes and opens."""
    edges = np.zeros(256, np.bool_)
    edges[[LF, CR, ord(dialect.mark), ord(dialect.delimiter or ",")]] = True
    buffer = np.frombuffer(data, np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    before = buffer[opening[opening > 0] - 1]
    after = buffer[closing[closing < len(data) - 1] + 1]
    return bool(edges[before].all() and edges[after].all())


def _spans(data: bytes, breaks: Ints, finishing: Ints, quotes: Ints) -> Spans:
    if not len(finishing):
        none = np.empty(0, np.int64)
        return Spans(none, none, none, none, 0, 0)
    starts = np.concatenate(([0], finishing[:-1] + 1))
    consumed = min(int(finishing[-1]) + 1, len(data))
    lines_consumed = int(np.searchsorted(breaks, consumed))
    simple = len(finishing) == len(breaks) and finishing[-1] == breaks[-1]  # every line is a record
    lines = np.arange(len(starts)) if simple else np.searchsorted(breaks, starts)
    heights = np.ones(len(starts), np.int64) if simple else np.diff(np.append(lines, lines_consumed))
    ends = _without_line_end(np.frombuffer(data, np.uint8), starts, finishing) if b"\r" in data else finishing
    real = ends > starts
    if real.all():
        return Spans(starts, ends, lines, heights, consumed, lines_consumed, quotes)
    return Spans(starts[real], ends[real], lines[real], heights[real], consumed, lines_consumed, quotes)


def _without_line_end(buffer: Bytes, starts: Ints, finishing: Ints) -> Ints:
    """A record's line end is LF, CR or CR LF; the last record of a file may have none."""
    ends = finishing.copy()
    wide = np.flatnonzero(finishing > starts)
    wide = wide[finishing[wide] < len(buffer)]
    crlf = (buffer[finishing[wide]] == LF) & (buffer[finishing[wide] - 1] == CR)
    ends[wide[crlf]] -= 1
    return ends
