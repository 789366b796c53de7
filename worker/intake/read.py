"""A call list as blocks of records: each record comes out once, readable or set aside, with its row and line."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import BinaryIO

import numpy as np

from worker.errors import InputError
from worker.intake.cells import Cells
from worker.intake.decode import Text
from worker.intake.dialect import (
    LINE_END,
    NAMED_DELIMITER,
    NAMED_DELIMITER_BYTES,
    SAMPLE_RECORDS,
    Dialect,
    find_delimiter,
    find_quote,
)
from worker.intake.header import name_columns
from worker.intake.odd import (
    LINE,
    MAX_CELL_LINES,
    OddRecord,
    is_well_formed,
    odd_records,
    refuse_endless_cell,
    whole_lines,
)
from worker.intake.parse import Parsed, parse
from worker.intake.rejects import RUN_ON, Code, Flaws
from worker.intake.scan import Ints
from worker.intake.swallow import holds_contact, holds_number

BLOCK_BYTES = 4 << 20
MAX_RECORD_BYTES = 64 << 20
CONTROL = "\0"
CONTROLS = dict.fromkeys({*range(32), 127} - {ord(sign) for sign in "\t\n\v\f\r"}, CONTROL)  # in no name of a column


@dataclass(frozen=True)
class Block:
    """Consecutive records of the file.

    `cells` holds the readable ones; `rows`, `lines` and `sizes` (bytes of the record)
    run beside it. `flaws` are the others. `records` counts both. `long` are the places of readable ones with several
    lines in the file, whose cells `delimiter` parts.
    """

    cells: Cells
    rows: Ints
    lines: Ints
    sizes: Ints
    flaws: Flaws
    records: int
    texts: Callable[[Ints], list[bytes]]
    long: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    delimiter: str = ","

    def with_contact_inside(self, phone: int, width: int) -> Ints:
        """Those of the readable records in whose cells of several lines somebody else's row lies.

        `phone` is the place of the column with the number, `width` the number of columns.
        """
        if not len(self.long):
            return self.long
        least = 2 * (width - 1)  # two rows have twice as many delimiters as one
        likely = self.long[[text.count(self.delimiter.encode()) >= least for text in self.texts(self.long)]]
        rows = self.cells.rows(likely).iter_rows() if len(likely) else ()
        return likely[[holds_contact(cells, phone, self.delimiter) for cells in rows]]

    def last_lines(self, at: Ints) -> list[int]:
        """On which line each of these records ends."""
        return [_last_line(text, line) for text, line in zip(self.texts(at), self.lines[at].tolist(), strict=True)]

    def turned_away(self, at: Ints, codes: Ints, facts: Ints) -> Flaws:
        """The readable records at `at`; `codes` and `facts` run beside all of them."""
        return Flaws(self.rows[at], self.lines[at], codes[at], facts[at], self.texts(at))


def no_beat() -> None:
    """For callers without a lease to keep."""


class Reading:
    """Reads the text of `source` from where it stands. The header is read at once, the records by `blocks`.

    Raises InputError `empty_file`, `undecodable_header`, `duplicate_columns`, `unknown_encoding`, `unbalanced_quote`.
    """

    def __init__(
        self,
        source: BinaryIO,
        dialect: Dialect,
        *,
        block_bytes: int = BLOCK_BYTES,
        first_row: int = 1,
        beat: Callable[[], None] = no_beat,
    ) -> None:
        self._text = Text(source, dialect.encoding, block_bytes, beat)
        self._pieces = self._text.pieces()
        self._data = b""
        self._final = False
        self._row, self._line = first_row, 1
        self._dialect = self._without_named_delimiter(dialect)
        self.columns = self._header()

    @property
    def dialect(self) -> Dialect:
        """As it was found so far: the encoding may show as late as in the first letter beyond ASCII."""
        return replace(self._dialect, encoding=self._text.encoding)

    def blocks(self) -> Iterator[Block]:
        """The records after the header. Raises InputError `unbalanced_quote` and `record_too_long`."""
        while True:
            parsed = parse(self._data, self._dialect, len(self.columns), self._final)
            self._refuse_endless(parsed)
            if len(parsed.spans):
                yield self._block(parsed)
            self._advance(parsed.spans.consumed, parsed.spans.lines_consumed)
            self._row += len(parsed.spans)
            if self._final:
                return
            self._guard_rest()
            self._more()

    def _more(self) -> None:
        piece = next(self._pieces, None)
        self._final = piece is None
        self._data += piece or b""

    def _advance(self, consumed: int, lines: int) -> None:
        self._data = self._data[consumed:]
        self._line += lines

    def _without_named_delimiter(self, dialect: Dialect) -> Dialect:
        """Pass over the line `sep=;`, which names the delimiter where none was declared."""
        while len(self._data) < NAMED_DELIMITER_BYTES and not self._final:
            self._more()
        named = NAMED_DELIMITER.match(self._data)
        if named is None:
            return dialect
        self._advance(named.end(), 1)
        return dialect if dialect.delimiter is not None else replace(dialect, delimiter=named[1].decode("latin-1"))

    def _header(self) -> list[str]:
        while (record := self._first_record()) is None:
            if self._final:
                raise InputError("empty_file", "The file is empty; upload one with a header line and contacts.")
            self._guard_rest()
            self._more()
        text, last = self._data[record.start : record.end], self._line + record.line + record.more_lines
        if record.height >= MAX_CELL_LINES or record.unfinished:
            refuse_endless_cell(text, self._dialect, self._line + record.line)
        if record.unfinished or (record.more_lines and not is_well_formed(text, self._dialect)):
            raise _open_header(last)
        self._advance(record.next, record.line + record.height)
        try:
            cells = [cell.encode("latin-1").decode() for cell in record.cells]
        except UnicodeDecodeError:
            cells = [CONTROL]
        if CONTROL in "".join(cells).translate(CONTROLS):
            raise InputError(
                "undecodable_header",
                f"The header is not text in {self._text.encoding}; name its encoding, such as utf-8 or cp1252, or "
                "save the list as CSV or .xlsx if it is something else.",
            )
        if record.more_lines and holds_number(cells):
            raise _open_header(last)
        return name_columns(cells)

    def _first_record(self) -> OddRecord | None:
        """The first that is no blank line. Quote and delimiter are found on the way, from the records at hand."""
        dialect = self._dialect
        if dialect.delimiter is None or dialect.quote is None:
            usable = self._data if self._final else self._data[: whole_lines(self._data)]
            lines = [m.group() for m in islice(LINE.finditer(usable.decode("latin-1")), 4 * SAMPLE_RECORDS)]
            if dialect.quote is None:
                dialect = replace(dialect, quote=find_quote(lines, dialect))
            if dialect.delimiter is None:
                dialect = replace(dialect, delimiter=find_delimiter(lines, dialect))
        record = next((record for record in odd_records(self._data, dialect, self._final) if record.cells), None)
        if record is not None:
            self._dialect = dialect
        return record

    def _block(self, parsed: Parsed) -> Block:
        data, spans, good = self._data, parsed.spans, parsed.good
        starts, ends = spans.starts[good], spans.ends[good]
        rows = self._row + np.arange(len(spans))
        lines = self._line + spans.lines
        faulty = np.array(list(parsed.faults), np.int64)
        codes = [code for code, _ in parsed.faults.values()]
        texts = [data[spans.starts[i] : spans.ends[i]] for i in parsed.faults]
        facts = [
            _last_line(text, int(lines[i])) if code in RUN_ON else cells * (code == Code.WRONG_COLUMN_COUNT)
            for text, (i, (code, cells)) in zip(texts, parsed.faults.items(), strict=True)
        ]
        flaws = Flaws(
            rows[faulty],
            lines[faulty],
            np.array(codes, np.int64),
            np.array(facts, np.int64),
            [self._as_it_was(text, code) for text, code in zip(texts, codes, strict=True)],
        )
        return Block(
            cells=parsed.cells,
            rows=rows[good],
            lines=lines[good],
            sizes=ends - starts,
            flaws=flaws,
            records=len(spans),
            texts=lambda at: [data[i:j] for i, j in zip(starts[at].tolist(), ends[at].tolist(), strict=True)],
            long=np.flatnonzero(spans.have_several_lines()[good]),
            delimiter=self._dialect.delimiter or ",",
        )

    def _as_it_was(self, text: bytes, code: Code) -> bytes:
        return self._text.original(text) if code == Code.UNREADABLE else text

    def _refuse_endless(self, parsed: Parsed) -> None:
        spans = parsed.spans
        for i in np.flatnonzero(spans.heights >= MAX_CELL_LINES):
            text = self._data[spans.starts[i] : spans.ends[i]]
            refuse_endless_cell(text, self._dialect, self._line + int(spans.lines[i]))

    def _guard_rest(self) -> None:
        """What is left is the beginning of one record. An open quote would collect the rest of the file in it."""
        if self._data.count(b"\n") + self._data.count(b"\r") >= MAX_CELL_LINES:
            refuse_endless_cell(self._data, self._dialect, self._line)
        if len(self._data) > MAX_RECORD_BYTES:
            raise InputError(
                "record_too_long",
                f"The record on line {self._line} is longer than {MAX_RECORD_BYTES >> 20} MiB; "
                "check its quotes and line ends.",
            )


def _last_line(text: bytes, line: int) -> int:
    """The last line that holds anything of a record that begins on `line`; 0 where it has but one."""
    further = len(LINE_END.findall(text.rstrip().decode("latin-1")))
    return line + further if further else 0


def _open_header(last: int) -> InputError:
    text = f"A quote in the header stands open, so that it runs on to line {last} and holds rows; close or remove it."
    return InputError("unbalanced_quote", text)


def no_rows() -> InputError:
    """The refusal of a file without contacts."""
    return InputError("no_rows", "The file has a header and no row below it; add contacts and upload it again.")
