"""The bytes that a provider gets: UTF-8, doubled quotes, LF, and the columns that its layout names."""

from collections.abc import Container, Mapping

import numpy as np
import polars as pl

from worker.errors import InputError
from worker.intake.cells import Uncut
from worker.intake.contacts import Contacts
from worker.intake.dialect import Dialect
from worker.intake.header import BOOKKEEPING, START_AT, TASK_UUID, WINDOWS, bare, surplus
from worker.intake.payload import as_csv
from worker.intake.pieces import Pieces, Texts, joined, pieces_of
from worker.intake.scan import LF, scan
from worker.intake.splice import Record, numbered, plain, repeated
from worker.layout import Extra, Layout

TASK = "task"
MOSTLY = 0.95  # of the phone cells: so many make it worth while to keep them as they stand
QUOTED_FOR = '"\r\n'
CORRECTS = (
    "corrects"  # beside the others of an index, in the file of a continuation: the row that the contact was before
)


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
        self.header = as_csv(pl.DataFrame([[name] for name in self._wires]), layout.delimiter) if layout.header else b""

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

    def room_of_window(self, windows: Mapping[str, pl.Series]) -> int:
        """Bytes that a window may take in a row at most, if every character were a quote."""
        longest = [windows[column].str.len_bytes().max() for column in self._window if len(windows[column])]
        return sum(2 * int(str(size)) + 3 for size in longest)

    def write(self, contacts: Contacts) -> Texts:
        """The rows' bytes: the columns sent, the number as digits, with "+" where the layout has it, the uuid.

        Rows in which nothing needs quotes are spliced together out of the block, the others are written cell by cell.
        """
        if isinstance(contacts.cells, Uncut) and contacts.height:
            ready = plain(contacts.cells, contacts.at, self.layout.delimiter)
            kept = ready & contacts.as_written
            as_written = self.layout.plus and bool(kept.sum() > MOSTLY * ready.sum())
            ready = kept if as_written else ready
            odd = np.flatnonzero(~ready)
            rows = self._spliced(contacts, contacts.cells, as_written) if 2 * len(odd) < len(ready) else None
            if rows is not None:
                return joined(rows, self._by_cells(contacts.part(odd)).pieces(), odd) if len(odd) else joined(rows)
        return self._by_cells(contacts)

    def _spliced(self, contacts: Contacts, cells: Uncut, as_written: bool) -> list[Pieces] | None:
        """The pieces of every row; None where a column of ours needs quotes. `as_written`: the phone cells are kept."""
        layout, count = self.layout, contacts.height
        record = Record(cells, contacts.at, layout.delimiter)
        pieces: list[Pieces] = []
        end = b"\n" if self._columns[-1] == TASK and contacts.has_our_uuids else b""
        changed = {TASK, *self._window} if as_written else {TASK, *self._window, self._phone}
        for place, (first, last) in self._runs(changed):
            before = layout.delimiter.encode() if place else b""
            if first == self._phone and first in changed:
                before += b"+" if layout.plus else b""
                pieces.append(numbered(before, contacts.index["e164"].to_numpy()))
            elif first == TASK and contacts.has_our_uuids:
                before += contacts.prefix.encode()
                pieces.append(numbered(before, contacts.index["row"].to_numpy(), end))
            elif first in changed:
                texts = contacts.tasks() if first == TASK else contacts.windows[first]
                own = pieces_of(texts)
                if any(mark.encode() in own.text.tobytes() for mark in QUOTED_FOR + layout.delimiter):
                    return None
                pieces += [repeated(before, count), own]
            elif place and first == "0":
                pieces += [repeated(before, count), record.columns(0, int(last), leading=False)]
            else:
                pieces.append(record.columns(int(first), int(last), leading=place > 0))
        return pieces if end else [*pieces, repeated(b"\n", count)]

    def _runs(self, ours: Container[str]) -> list[tuple[int, tuple[str, str]]]:
        """The columns as they go out: place, first and last. Those that are neighbours in the file as well are one."""
        runs: list[tuple[int, tuple[str, str]]] = []
        for place, column in enumerate(self._columns):
            first, last = runs[-1][1] if runs else (TASK, TASK)
            if runs and last not in ours and column not in ours and int(column) == int(last) + 1:
                runs[-1] = (runs[-1][0], (first, column))
            else:
                runs.append((place, (column, column)))
        return runs

    def _by_cells(self, contacts: Contacts) -> Texts:
        digits = contacts.index["e164"].cast(pl.String)
        phone = (("+" + digits) if self.layout.plus else digits).alias(self._phone)
        windows = [cells.alias(name) for name, cells in contacts.windows.items()]
        rows = contacts.cells.rows(contacts.at).with_columns(phone, contacts.tasks().alias(TASK), *windows)
        rows = rows.select(self._columns)
        data = as_csv(rows, self.layout.delimiter)
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == LF) + 1
        if len(ends) != rows.height:  # a cell holds a line end
            spans = scan(data, Dialect(delimiter=self.layout.delimiter), final=True)
            ends = np.empty(0, np.int64) if spans is None else spans.ends + 1
        if len(ends) != rows.height:
            raise AssertionError("the payload does not hold the rows that were written")
        return Texts(memoryview(data), np.append(0, ends))
