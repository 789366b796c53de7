"""Files that an answer consists of, written while they are sent: CSV, and XLS.

Voximplant offers XLS and does not say which flavour; this one is XLSX.
"""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from tempfile import TemporaryFile
from typing import Protocol

import xlsxwriter

ROWS_AT_A_TIME = 2000
BYTES_AT_A_TIME = 1 << 16


class FileAnswer(Protocol):
    """An answer that is a file and not JSON."""

    @property
    def media_type(self) -> str: ...

    def pieces(self) -> AsyncIterator[bytes]: ...


@dataclass(frozen=True)
class CsvFile:
    media_type: str
    columns: list[str]
    records: Iterable[Sequence[object]]
    delimiter: str
    encoding: str

    async def pieces(self) -> AsyncIterator[bytes]:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.delimiter, lineterminator="\n")
        writer.writerow(self.columns)
        records, encode = iter(self.records), self.encoding
        while True:
            yield text.getvalue().encode(encode, "replace")
            text.seek(0)
            text.truncate()
            some = list(islice(records, ROWS_AT_A_TIME))
            if not some:
                return
            writer.writerows(some)
            await asyncio.sleep(0)  # a million rows must not keep everybody else waiting


@dataclass(frozen=True)
class XlsFile:
    media_type: str
    columns: list[str]
    records: Iterable[Sequence[object]]

    async def pieces(self) -> AsyncIterator[bytes]:
        with TemporaryFile() as file:
            book = xlsxwriter.Workbook(
                file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
            )
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, self.columns)
            for number, record in enumerate(self.records, 1):
                for column, cell in enumerate(record):
                    sheet.write(number, column, cell)
                if number % ROWS_AT_A_TIME == 0:
                    await asyncio.sleep(0)
            await asyncio.to_thread(book.close)
            file.seek(0)
            while piece := file.read(BYTES_AT_A_TIME):
                yield piece
