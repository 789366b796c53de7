"""Files that an answer consists of, written while they are sent: CSV, and XLS.

Voximplant offers XLS and does not say which flavour; this one is XLSX.
"""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from tempfile import TemporaryFile
from typing import Protocol

import xlsxwriter

ROWS_AT_A_TIME = 2000
ENDS = 65_536  # ends of rows that are known at a time
BYTES_AT_A_TIME = 1 << 16


# Cells, of which there is one or more, and the last ones, which few rows have alone. Where there are last ones, the
# first are two or more: csv writes an empty cell otherwise where it stands alone.
Record = tuple[Sequence[object], tuple[object, ...]]


class FileAnswer(Protocol):
    """An answer that is a file and not JSON."""

    @property
    def media_type(self) -> str: ...

    def pieces(self) -> AsyncIterator[bytes]: ...


@dataclass(frozen=True)
class CsvFile:
    media_type: str
    columns: list[str]
    records: Iterable[Record]
    delimiter: str
    encoding: str

    async def pieces(self) -> AsyncIterator[bytes]:
        lines = Lines(self.delimiter)
        records = iter(self.records)
        some: list[Record] = [(self.columns, ())]
        while some:
            yield lines.of(some).encode(self.encoding, "replace")
            some = list(islice(records, ROWS_AT_A_TIME))
            await asyncio.sleep(0)  # a million rows must not keep everybody else waiting


class Lines:
    """Records as CSV. Of a million rows most end in one of a few ways: each is written once."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._written: list[str] = []
        self._writer = csv.writer(_Calls(self._written.append), delimiter=delimiter, lineterminator="\n")
        self._ends: dict[tuple[object, ...], str] = {}

    def of(self, records: Sequence[Record]) -> str:
        self._writer.writerows([cells for cells, _ in records])
        ends = [self._ends.get(end) or self._end(end) for _, end in records]
        text = "".join([line[:-1] + end for line, end in zip(self._written, ends, strict=True)])
        self._written.clear()
        return text

    def _end(self, cells: tuple[object, ...]) -> str:
        if len(self._ends) >= ENDS:
            self._ends.clear()
        end = io.StringIO()
        csv.writer(end, delimiter=self._delimiter, lineterminator="\n").writerow(cells)
        self._ends[cells] = f"{self._delimiter}{end.getvalue()}" if cells else "\n"
        return self._ends[cells]


@dataclass(frozen=True)
class _Calls:
    """A file for csv's writer, which writes a row at a time."""

    write: Callable[[str], object]


@dataclass(frozen=True)
class XlsFile:
    media_type: str
    columns: list[str]
    records: Iterable[Record]

    async def pieces(self) -> AsyncIterator[bytes]:
        with TemporaryFile() as file:
            book = xlsxwriter.Workbook(
                file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
            )
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, self.columns)
            for number, (cells, end) in enumerate(self.records, 1):
                for column, cell in enumerate((*cells, *end)):
                    sheet.write(number, column, cell)
                if number % ROWS_AT_A_TIME == 0:
                    await asyncio.sleep(0)
            await asyncio.to_thread(book.close)
            file.seek(0)
            while piece := file.read(BYTES_AT_A_TIME):
                yield piece
