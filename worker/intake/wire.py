"""The bytes that a provider gets: UTF-8, doubled quotes, LF, one header line, and the task uuid as the last column."""

import io

import numpy as np
import polars as pl

from worker.intake.dialect import Dialect
from worker.intake.header import START_AT, TASK_UUID
from worker.intake.scan import Ints, scan

TASK = "task"
INDEX = ("row", "line", "e164", "uuid")


class Wire:
    """Which columns of the file go out, and how. `__start_at` does not: the time is held by us."""

    def __init__(self, columns: list[str], phone_column: str, delimiter: str) -> None:
        sent = [n for n, name in enumerate(columns) if name not in (START_AT, TASK_UUID)]
        self._phone = str(columns.index(phone_column))
        self._delimiter = delimiter
        self._columns = [*map(str, sent), TASK]
        self.header = self._written(pl.DataFrame([[name] for name in [*(columns[n] for n in sent), TASK_UUID]]))

    def frame(self, cells: pl.DataFrame, e164: Ints, tasks: pl.Series) -> pl.DataFrame:
        """Rows as they go out: the columns sent, the number as "+" and digits, the task uuid."""
        phone = ("+" + pl.Series(e164).cast(pl.String)).alias(self._phone)
        return cells.with_columns(phone, tasks.alias(TASK)).select(self._columns)

    def serialise(self, contacts: pl.DataFrame) -> tuple[bytes, Ints]:
        """The rows' bytes without the header, and where each row ends."""
        # An empty string would be written as two quotes, a null is written as nothing.
        empty = pl.when(pl.all() == "").then(None).otherwise(pl.all()).name.keep()
        data = self._written(contacts.select(self._columns).select(empty))
        spans = scan(data, Dialect(delimiter=self._delimiter), final=True)
        ends = np.empty(0, np.int64) if spans is None else spans.ends + 1
        if len(ends) != contacts.height:
            raise AssertionError("the payload does not hold the rows that were written")
        return data, ends

    def _written(self, rows: pl.DataFrame) -> bytes:
        out = io.BytesIO()
        rows.write_csv(
            out, include_header=False, separator=self._delimiter, line_terminator="\n", quote_style="necessary"
        )
        return out.getvalue()
