"""GetCallListDetails as XLS, in the same frames as the CSV.

A spreadsheet can only be read whole, and memory grows with it. It also ends where its format does, without a word
about what was left out, so one that is full to the last row is no complete reading.
"""

from collections.abc import Iterator
from typing import IO

import fastexcel
import polars as pl

from worker.errors import Unknown
from worker.providers.voximplant import details

_OLD = bytes.fromhex("d0cf11e0")  # how a file of the format before XLSX begins
_MOST, _MOST_OLD = 1 << 20, 1 << 16  # rows
_AT_A_TIME = 100_000


def frames_of_xls(file: IO[bytes]) -> Iterator[pl.DataFrame]:
    """Frames of TASKS; raises Unknown `broken_answer` where it is no whole reading, NoUuids where it lacks them."""
    content = file.read()
    sheets = [sheet for sheet in _sheets(content) if sheet.height]
    if len(sheets) != 1:
        raise Unknown("broken_answer", f"The details of the list came as {len(sheets)} sheets with rows, and not one.")
    sheet = sheets[0]
    if sheet.height >= (_MOST_OLD if content.startswith(_OLD) else _MOST):
        raise Unknown(
            "broken_answer", 'The details of the list fill their sheet and may be cut; set own = { details = "csv" }.'
        )
    wanted = details.positions([name or "" for name in sheet.row(0)])
    tasks = sheet.slice(1).select(pl.nth(i).fill_null("").alias(name) for name, i in wanted.items())
    yield from (details.normal(frame) for frame in tasks.iter_slices(_AT_A_TIME))


def _sheets(content: bytes) -> list[pl.DataFrame]:
    """Every sheet as text, the header as its first row: names of columns may repeat."""
    try:
        sheets = pl.read_excel(
            content,
            sheet_id=0,
            engine="calamine",
            has_header=False,
            infer_schema_length=0,
            drop_empty_rows=False,
            drop_empty_cols=False,
            raise_if_empty=False,
        )
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError, ValueError) as error:
        raise Unknown("broken_answer", "The details of the list cannot be read as XLS.") from error
    return list(sheets.values())
