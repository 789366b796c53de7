"""A workbook's first filled sheet as records. Each carries the number of its row in the sheet, as the user sees it."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import fastexcel
import numpy as np
import polars as pl

from worker.errors import InputError
from worker.intake.cells import Table
from worker.intake.dialect import QUOTE, Dialect
from worker.intake.header import name_columns
from worker.intake.read import Block, no_beat
from worker.intake.rejects import NONE
from worker.intake.scan import Ints
from worker.intake.unpack import DAMAGE, too_large

BLOCK_ROWS = 65_536
MAX_CELLS = 50_000_000  # a sheet is held whole, the empty cells of its rectangle too
MAX_BYTES = 2_000_000_000  # unpacked; reading a workbook takes up to four times as much memory
PIECE_BYTES = 1 << 20
BEAT_SECONDS = 2.0
OVERLAP_BYTES = 32
PANIC = "PanicException"  # what Rust raises where it did not expect what it found; it is no Exception
SHEETS = "xl/worksheets/"
REFERENCE = r"""r=["']([A-Z]{0,3})([0-9]{1,7})["']"""

# A date cell comes as a moment: midnight stands for the day, the day that spreadsheets count from for the time.
MIDNIGHT = r"^(\d{4}-\d\d-\d\d) 00:00:00$"
DAY_ZERO = r"^(?:1899-12-3[01]|1904-01-01) (\d\d:\d\d:\d\d)(?:\.\d+)?$"
MOMENT = r"^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)$"

# What a sheet shows where a formula failed; a date beyond the calendar fills its cell with the last of them.
FAILED = r"^Expected string but got 'Error\(([A-Za-z0-9]+)\)'"
SHOWN = {"NA": "#N/A", "Div0": "#DIV/0!", "Name": "#NAME?", "Null": "#NULL!", "Num": "#NUM!", "Ref": "#REF!"}
SHOWN |= {"Value": "#VALUE!"}
NOT_SHOWN = "#####"


Filled = tuple[pl.DataFrame, Ints]


class Sheet:
    """The first visible sheet that has rows; its first filled row is the header.

    Numbers come as plain digits, dates and times as ISO 8601, formulas as the value they had when the file was saved,
    failed ones as the error that they show: a start or a zone must not pass for empty.
    Raises InputError `bad_workbook`, `source_too_large`, `empty_file`, `duplicate_columns`.
    """

    def __init__(
        self,
        source: BinaryIO,
        dialect: Dialect,
        *,
        limit: int,
        first_row: int = 1,
        beat: Callable[[], None] = no_beat,
    ) -> None:
        self.dialect = Dialect(delimiter=",", encoding="utf-8", quote=QUOTE)  # as `_texts` writes the rows
        self._first_row = first_row
        self._beat = beat
        _measure(source, limit, beat)
        self._cells, self._lines = _loaded(source.read(), beat)
        header = [str(cell) for cell in self._cells.row(0)]
        used = [n for n, name in enumerate(header) if name.strip() or (self._cells.to_series(n) != "").any()]
        self._cells = self._cells[1:].select(pl.nth(n).alias(str(place)) for place, n in enumerate(used))
        self.columns = name_columns([header[n] for n in used])

    def blocks(self) -> Iterator[Block]:
        """The rows below the header; blank ones are passed over."""
        for begin in range(0, self._cells.height, BLOCK_ROWS):
            cells = self._cells.slice(begin, BLOCK_ROWS)
            sizes = cells.select(pl.sum_horizontal(pl.all().str.len_bytes())).to_series().to_numpy()
            yield Block(
                cells=Table(cells),
                rows=self._first_row + np.arange(begin, begin + cells.height),
                lines=self._lines[begin + 1 : begin + 1 + cells.height],
                sizes=sizes.astype(np.int64) + len(self.columns),
                flaws=NONE,
                records=cells.height,
                texts=_texts(cells),
            )
            self._beat()


def _measure(source: BinaryIO, limit: int, beat: Callable[[], None]) -> None:
    """Unpack all of it once, without keeping it: what is not to be held in memory is refused before it is."""
    size = rows = columns = 0
    try:
        with zipfile.ZipFile(source) as archive:
            for part in archive.infolist():
                tail = b""
                with archive.open(part) as stream:
                    while piece := stream.read(PIECE_BYTES):
                        beat()
                        size += len(piece)
                        if size > limit:
                            raise too_large(limit)
                        if size > MAX_BYTES:
                            raise _heavy()
                        if part.filename.startswith(SHEETS):
                            rows, columns = _widened(tail + piece, rows, columns)
                            tail = piece[-OVERLAP_BYTES:]
                        if rows * columns > MAX_CELLS:
                            raise _bad(f"it spans {rows} rows and {columns} columns")
    except DAMAGE as error:
        raise _bad("it is damaged, or ends too early") from error
    source.seek(0)


def _heavy() -> InputError:
    text = f"The workbook unpacks to more than {MAX_BYTES} bytes, all of which would be in memory; save it as CSV."
    return InputError("source_too_large", text)


def _widened(xml: bytes, rows: int, columns: int) -> tuple[int, int]:
    """The rectangle that holds every cell whose reference, such as `B12`, stands in the piece."""
    text = pl.Series([xml.decode("latin-1")])
    found = text.str.extract_all(REFERENCE).explode().drop_nulls()
    last = found.str.extract(REFERENCE, 2).cast(pl.Int64).max()
    letters = found.str.extract(REFERENCE, 1).unique().to_list()
    return max(rows, int(str(last or 0))), max([columns, *map(_column, letters)])


def _column(letters: str) -> int:
    """A is 1, Z 26, AA 27."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def _loaded(data: bytes, beat: Callable[[], None]) -> Filled:
    """The first sheet's filled rows, with a beat every few seconds: a million rows take longer than a lease."""
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(_first_sheet, data)
        while True:
            try:
                return loading.result(timeout=BEAT_SECONDS)
            except TimeoutError:
                beat()


def _first_sheet(data: bytes) -> Filled:
    try:
        book = fastexcel.read_excel(data)
        for number in range(len(book.sheet_names)):
            sheet = book.load_sheet(number, header_row=None, skip_rows=0, dtypes="string")
            if sheet.visible == "visible" and sheet.height:
                cells = _shown(sheet)
                filled = _filled(cells.select(_told(name) for name in cells.columns))
                if len(filled[1]):
                    return filled
    except BaseException as error:
        if isinstance(error, (fastexcel.FastExcelError, ValueError)) or type(error).__name__ == PANIC:
            raise _bad(type(error).__name__) from error
        raise
    raise InputError(
        "empty_file", "The workbook has no visible sheet with rows; upload one with a header and contacts."
    )


def _shown(sheet: fastexcel.ExcelSheet) -> pl.DataFrame:
    """The cells as text, also those that have no value of that kind."""
    batch, failed = sheet.to_arrow_with_errors()
    cells = pl.DataFrame(pl.from_arrow(batch))
    places: dict[int, tuple[list[int], list[str]]] = {}
    for one in failed.errors if failed is not None else ():
        row, column = one.offset_position
        rows, whys = places.setdefault(column, ([], []))
        rows.append(row)
        whys.append(one.detail)
    for column, (rows, whys) in places.items():
        words = pl.Series(whys).str.extract(FAILED).replace_strict(SHOWN, default=NOT_SHOWN, return_dtype=pl.String)
        cells.replace_column(column, cells.to_series(column).scatter(rows, words))
    return cells


def _told(name: str) -> pl.Expr:
    cell = pl.col(name).fill_null("")
    return cell.str.replace(DAY_ZERO, "$1").str.replace(MIDNIGHT, "$1").str.replace(MOMENT, "${1}T$2")


def _filled(cells: pl.DataFrame) -> Filled:
    """The rows that hold anything, and their numbers in the sheet."""
    filled = cells.select(pl.any_horizontal(pl.all() != "")).to_series()
    return cells.filter(filled), np.flatnonzero(filled.to_numpy()) + 1


def _texts(cells: pl.DataFrame) -> Callable[[Ints], list[bytes]]:
    """A sheet has no text of its rows, so a row is written as CSV would write it."""

    def text(cells: tuple[str, ...]) -> bytes:
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="").writerow(cells)
        return out.getvalue().encode()

    return lambda at: [text(row) for row in cells[at].iter_rows()]


def _bad(why: str) -> InputError:
    return InputError("bad_workbook", f"The workbook cannot be read ({why}); save it anew as .xlsx, or as CSV.")
