"""The bytes that a provider gets: UTF-8, doubled quotes, LF, and the columns that its layout names."""

import io
from collections.abc import Mapping

import numpy as np
import polars as pl

from worker.errors import InputError
from worker.intake.dialect import Dialect
from worker.intake.header import BOOKKEEPING, START_AT, TASK_UUID, WINDOWS, bare, surplus
from worker.intake.scan import LF, Ints, scan
from worker.layout import Extra, Layout

TASK = "task"
INDEX = ("row", "line", "e164", "uuid")
CORRECTS = "corrects"  # beside the index in the file of a continuation: the row that the contact was before


class Wire:
    """Which columns of the file go out, and how. `__start_at` does not: the time is held by us. Nor do those of a file
    of rejects that say where a row came from.

    `unsent` names the columns that the provider has no place for. `window` are columns of calling windows that we add:
    their names in a frame of cells, and those that go out, in place of all that the file says of windows. Raises
    InputError `no_such_column` where the layout requires one that the file lacks, `column_taken` where the file has one
    under the name that the provider reads.
    """

    def __init__(
        self, columns: list[str], phone_column: str, layout: Layout, window: Mapping[str, str] | None = None
    ) -> None:
        self.layout = layout
        self._window = dict(window or {})
        self._replaced = WINDOWS if self._window else ()
        self._phone = str(columns.index(phone_column))
        self._ours = {*BOOKKEEPING, *surplus(columns)} - {phone_column}
        if layout.extras is None:
            names = self._all(columns, phone_column)
        else:
            names = self._chosen(columns, phone_column, layout.extras)
        self._columns, self._wires = list(names), list(names.values())
        sent = {int(column) for column in self._columns if column != TASK and column not in self._window}
        read = (START_AT, *layout.own_uuid, *self._replaced, *self._ours)
        self.unsent = [name for n, name in enumerate(columns) if n not in sent and name not in read]
        self.header = self._written(pl.DataFrame([[name] for name in self._wires])) if layout.header else b""

    def _all(self, columns: list[str], phone_column: str) -> dict[str, str]:
        """Every column where it stands, the uuid last."""
        layout = self.layout
        not_sent = (START_AT, TASK_UUID, *self._replaced, *self._ours)
        names = {str(n): name for n, name in enumerate(columns) if name not in not_sent}
        if layout.phone is not None:
            names[self._phone] = layout.phone
        if layout.phone is not None and layout.phone != phone_column and layout.phone in columns:
            raise InputError(
                "column_taken",
                f"The provider reads the number from a column {layout.phone}, and the file has another one of that "
                "name; rename it, or name it as the phone column.",
            )
        return {**names, **self._window, TASK: layout.task}

    def _chosen(self, columns: list[str], phone_column: str, extras: tuple[Extra, ...]) -> dict[str, str]:
        """Number, uuid, and those of the extras that the file has, the first of each name."""
        names = {self._phone: self.layout.phone or phone_column, TASK: self.layout.task}
        theirs = {str(n): bare(name) for n, name in enumerate(columns) if name not in self._ours}
        for extra in extras:
            found = next((n for n, name in theirs.items() if name == bare(extra.column)), None)
            if found is None and extra.required:
                raise InputError("no_such_column", f"The file has no column {extra.column!r}; name one that it has.")
            if found is not None and found not in names and extra.wire not in names.values():
                names[found] = extra.wire
        return {**names, **self._window}

    def longest(self) -> dict[str, int]:
        """How many characters the cells of a column may have, by the column's place in the file."""
        if self.layout.extras is None:
            return {}
        limits = {extra.wire: extra.longest for extra in self.layout.extras}
        chosen = dict(zip(self._columns, self._wires, strict=True))
        return {column: limit for column, wire in chosen.items() if (limit := limits.get(wire)) is not None}

    def sent(self) -> list[str]:
        """The places in the file of the columns that go out as they are."""
        return [column for column in self._columns if column not in (TASK, self._phone, *self._window)]

    def room_of_window(self, cells: pl.DataFrame) -> int:
        """Bytes that a window may take in a row at most, if every character were a quote."""
        longest = [cells[column].str.len_bytes().max() for column in self._window if cells.height]
        return sum(2 * int(str(size)) + 3 for size in longest)

    def frame(self, cells: pl.DataFrame, e164: Ints, tasks: pl.Series) -> pl.DataFrame:
        """Rows as they go out: the columns sent, the number as digits, with "+" where the layout has it, the uuid."""
        digits = pl.Series(e164).cast(pl.String)
        phone = (("+" + digits) if self.layout.plus else digits).alias(self._phone)
        return cells.with_columns(phone, tasks.alias(TASK)).select(self._columns)

    def serialise(self, contacts: pl.DataFrame) -> tuple[bytes, Ints]:
        """The rows' bytes without the header, and where each row ends."""
        rows = contacts.select(self._columns)
        # An empty string would be written as two quotes, a null is written as nothing.
        empty = [cells.name for cells in rows if (cells == "").any()]
        data = self._written(rows.with_columns(pl.when(pl.col(empty) != "").then(pl.col(empty)).name.keep()))
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == LF) + 1
        if len(ends) != contacts.height:  # a cell holds a line end
            spans = scan(data, Dialect(delimiter=self.layout.delimiter), final=True)
            ends = np.empty(0, np.int64) if spans is None else spans.ends + 1
        if len(ends) != contacts.height:
            raise AssertionError("the payload does not hold the rows that were written")
        return data, ends

    def _written(self, rows: pl.DataFrame) -> bytes:
        out = io.BytesIO()
        rows.write_csv(
            out,
            include_header=False,
            separator=self.layout.delimiter,
            line_terminator="\n",
            quote_style="necessary",
        )
        return out.getvalue()
