"""The slow and certain way: Python's `csv` over one block, for what the fast path does not claim."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from worker.errors import InputError
from worker.intake.dialect import LINE_END, Dialect, csv_reader
from worker.intake.scan import CR, LF

MAX_CELL_LINES = 100
LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")

# The module's own limit of 128 KiB a cell holds for the whole process and would turn away files that are fine.
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class OddRecord:
    """One record, or a run of blank lines' one (no cells). Cells are Latin-1, so that every byte is one character.

    `line` counts the line ends before it, `height` its own. `unfinished`: the data ended inside the record.
    """

    cells: list[str]
    start: int
    end: int
    next: int
    line: int
    height: int
    unfinished: bool

    @property
    def more_lines(self) -> int:
        """Its lines behind the first."""
        return self.height - (self.end < self.next)


class _Lines:
    """Feeds the reader, and knows what it took. If it asks for more than there is, it stands inside a record."""

    def __init__(self, text: str, limit: int) -> None:
        self._found = LINE.finditer(text, 0, limit)
        self.offset = self.ends = 0
        self.drained = False

    def __iter__(self) -> Iterator[str]:
        for match in self._found:
            line = match.group()
            self.offset = match.end()
            ended = line[-1] in "\r\n"
            self.ends += ended
            # csv forgets to end a record that went on after an escaped line end, unless it sees one.
            yield line if ended else line + "\n"
        self.drained = True


def odd_records(data: bytes, dialect: Dialect, final: bool) -> Iterator[OddRecord]:
    """The records of `data`, blank lines included; an unfinished one only where nothing follows (`final`)."""
    text = data.decode("latin-1")
    lines = _Lines(text, len(data) if final else whole_lines(data))
    start = line = 0
    for cells in csv_reader(lines, dialect, dialect.delimiter or ","):
        if lines.drained and not final:
            return
        yield _record(text, cells, start, line, lines)
        start, line = lines.offset, lines.ends
    if final and start < lines.offset:
        yield _record(text, [text[start : lines.offset]], start, line, lines)


def is_well_formed(text: bytes, dialect: Dialect) -> bool:
    """Whether a record's quotes close where its cells end; its own line end is not part of `text`."""
    lines = _Lines(text.decode("latin-1") + "\n", len(text) + 1)
    try:
        return len(list(csv_reader(lines, dialect, dialect.delimiter or ",", strict=True))) == 1
    except csv.Error:
        return False


def lines_of(text: bytes, dialect: Dialect) -> list[tuple[int, list[str]]]:
    """The cells of each line of a record by itself, and how many lines stand before it; blank ones are left out.

    A quote that does not close where its cell ends is a letter of its line, and then so is an escape.
    """
    bare = replace(dialect, quote="", escape=None)
    found = []
    for before, line in enumerate(LINE_END.split(text.decode("latin-1"))):
        alone = line.encode("latin-1")
        whole = is_well_formed(alone, dialect) and not (dialect.escape and line.endswith(dialect.escape))
        read = dialect if whole else bare
        found += [(before, one.cells) for one in odd_records(alone, read, final=True) if one.cells]
    return found


def whole_lines(data: bytes) -> int:
    """How many bytes are lines that surely have ended; a CR at the very end may be half of a CR LF."""
    return max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1


def refuse_endless_cell(text: bytes, dialect: Dialect, line: int) -> None:
    """Raise InputError `unbalanced_quote` where a cell of the record at physical line `line` has over 100 lines."""
    for record in odd_records(text, dialect, final=True):
        for cell in record.cells:
            ends = len(LINE_END.findall(cell))
            if ends >= MAX_CELL_LINES:
                raise InputError(
                    "unbalanced_quote",
                    f"The cell that begins on line {line} runs on for more than {MAX_CELL_LINES} lines, so its quote "
                    "is not closed; close or remove it and upload the file again.",
                )
            line += ends
        return


def _record(text: str, cells: list[str], start: int, line: int, lines: _Lines) -> OddRecord:
    end = lines.offset
    if end > start and ord(text[end - 1]) == LF:
        end -= 1
        if end > start and ord(text[end - 1]) == CR:
            end -= 1
    elif end > start and ord(text[end - 1]) == CR:
        end -= 1
    return OddRecord(cells, start, end, lines.offset, line, lines.ends - line, lines.drained)
