"""What decides whether a readable row is sent: whether others lie in it, number, start, window, task uuid, cells, size,
repetition, in this order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import polars as pl

from worker.errors import InputError
from worker.intake.contacts import Contacts
from worker.intake.header import ROW, START_AT, WINDOW_END, WINDOW_START, WINDOWS, surplus
from worker.intake.phones import Phones, Read, each_once, kinds
from worker.intake.read import Block
from worker.intake.rejects import Code, Flaws, together
from worker.intake.scan import Ints, Marks
from worker.intake.seen import Seen
from worker.intake.sieve import Listed
from worker.intake.starts import UPLOADS_OWN, read_start
from worker.intake.timetable import Timed, Timetable
from worker.intake.wire import CORRECTS, Wire

TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"
LINE_END = r"[\r\n]"
CODE_DIGITS = 1  # of the one calling code whose numbers all have ten digits behind it
Said = Mapping[str, pl.Series]  # columns of calling windows
QUOTING_ROOM = 64  # quotes, delimiters and "+" of cells that had none


@dataclass(frozen=True)
class Checked:
    """`contacts`: the rows to send. `flaws`: all the others of the block."""

    contacts: Contacts
    flaws: Flaws


class Holds(Protocol):
    """Knows numbers, and need not be able to tell them."""

    def holds(self, numbers: Ints) -> Marks: ...


@dataclass(frozen=True)
class Looked:
    """A block and what its phone cells are, each for itself.

    `told`: type and country, where a rule asks for them. `listed`: a Code for numbers that stand in a list, else FINE.
    """

    block: Block
    read: Read
    told: pl.DataFrame | None
    listed: Ints


@dataclass(frozen=True)
class Rules:
    """What the rows of one upload are held against.

    `suppressed`, `withdrawn` and `called` are digits of E.164 numbers in ascending order: those on a do-not-call list,
    those who were withdrawn from this file or family, and those that the account's other uploads have called a short
    while ago. `taken` are those of the uploads that this one continues, `taken_uuids` their users' own uuids. `only`
    names types of numbers, `countries` ISO codes; empty means any.
    """

    token: str
    region: str | None
    now: int
    max_bytes: int
    suppressed: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    called: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    taken: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    taken_uuids: pl.Series = field(default_factory=lambda: pl.Series([], dtype=pl.String))
    only: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    forgotten: Holds | None = None
    withdrawn: Ints = field(default_factory=lambda: np.zeros(0, np.int64))


class Checks:
    """Judges block after block of one upload; remembers its numbers and task uuids.

    What `look` does depends on no other block, so that it may be done ahead, in another thread.
    """

    def __init__(
        self, wire: Wire, columns: list[str], phone_column: str, rules: Rules, timetable: Timetable | None = None
    ) -> None:
        self._wire = wire
        self._timetable = timetable
        self._columns = columns
        self._phone_column = phone_column
        self._rules = rules
        self._row_limit = rules.max_bytes - len(wire.header)
        self._phones = Phones(rules.region)
        self._lists = [
            (Listed(numbers), code)
            for numbers, code in (
                (rules.suppressed, Code.SUPPRESSED),
                (rules.withdrawn, Code.WITHDRAWN),
                (rules.taken, Code.ALREADY_TAKEN_IN),
                (rules.called, Code.CALLED_BEFORE),
            )
            if len(numbers)
        ]
        self._numbers = Seen()
        self._uuids = Seen()

    def look(self, block: Block) -> Looked:
        """Read the numbers of a block and look them up in the lists."""
        read = self._phones.read_pieces(block.cells.pieces(str(self._columns.index(self._phone_column))))
        told = kinds(read.e164) if self._rules.only or self._rules.countries or self._timetable else None
        listed = np.zeros(len(read.e164), np.int64)
        for numbers, code in self._lists:
            _mark(listed, numbers.holds(read.e164), code)
        return Looked(block, read, told, listed)

    def check(self, looked: Looked) -> Checked:
        """Every record of the block comes out exactly once: as a contact or as a flaw. To be called in their order."""
        block, read, told = looked.block, looked.read, looked.told
        e164 = read.e164
        verdicts = np.zeros(len(e164), np.int64)
        run_on = block.with_contact_inside(self._columns.index(self._phone_column), len(self._columns))
        verdicts[run_on] = Code.RUNS_ON
        _mark(verdicts, self._beside_the_header(block), Code.SURPLUS_CELLS)
        _mark(verdicts, e164 < 0, -e164)
        _mark(verdicts, self._out_of_reach(e164), Code.OUT_OF_REACH)
        self._mark_unwanted(verdicts, told)
        starts = self._starts(block)
        _mark(verdicts, starts < 0, -starts)
        _mark(verdicts, ~self._windows_fit(block), Code.BAD_WINDOW)
        timed = self._timed(verdicts, block, e164, told, starts)
        uuids, bad = self._users_uuids(block)
        _mark(verdicts, bad, Code.BAD_TASK_UUID)
        self._mark_unfit_cells(verdicts, block)
        self._mark_too_large(verdicts, block, timed.said, read, uuids)
        self._mark_forgotten(verdicts, e164)
        _mark(verdicts, looked.listed != Code.FINE, looked.listed)
        _mark(verdicts, self._has_uuid_of_family(uuids), Code.REPEATED_TASK_UUID)
        before = self._mark_repeated_uuids(verdicts, block, uuids) + self._mark_repeated_numbers(verdicts, block, e164)
        before[run_on] = block.last_lines(run_on)
        flaws = together([block.flaws, block.turned_away(np.flatnonzero(verdicts), verdicts, before)])
        if self._timetable:
            self._timetable.count(timed.plans[verdicts == timed.codes])
        fine = np.flatnonzero(verdicts == Code.FINE)
        index = pl.DataFrame(
            [
                pl.Series("row", block.rows[fine]),
                pl.Series("line", block.lines[fine]),
                pl.Series("e164", e164[fine]),
                uuids[fine].alias("uuid"),
                *(cells[fine] for cells in timed.index.values()),
                *self._rows_before(block, fine),
            ]
        )
        return Checked(self._contacts(block, fine, index, starts, timed.said, read), flaws)

    def _contacts(self, block: Block, at: Ints, index: pl.DataFrame, starts: Ints, said: Said, read: Read) -> Contacts:
        windows = {name: cells[at] for name, cells in said.items()}
        return Contacts(block.cells, at, index, starts[at], windows, read.as_written[at], self._prefix)

    def _cells(self, block: Block, column: str) -> pl.Series | None:
        return block.cells.column(str(self._columns.index(column))) if column in self._columns else None

    def _starts(self, block: Block) -> Ints:
        cells = self._cells(block, START_AT)
        if cells is None:
            return np.full(block.cells.height, UPLOADS_OWN, np.int64)
        return each_once(cells, lambda cell: read_start(cell, self._rules.now))

    def _beside_the_header(self, block: Block) -> Marks:
        """Rows that a spreadsheet did not mend by saving them: which cell belongs where is still not known."""
        found = np.zeros(block.cells.height, np.bool_)
        for name in surplus(self._columns):
            cells = self._cells(block, name)
            assert cells is not None
            found |= (cells.str.strip_chars() != "").to_numpy()
        return found

    def _has_uuid_of_family(self, uuids: pl.Series) -> Marks:
        if self._rules.taken_uuids.is_empty():
            return np.zeros(len(uuids), np.bool_)
        found: Marks = uuids.is_in(self._rules.taken_uuids.implode()).fill_null(False).to_numpy()
        return found

    def _rows_before(self, block: Block, fine: Ints) -> list[pl.Series]:
        """Which row of an earlier file each contact was, where the file says it."""
        cells = self._cells(block, ROW)
        return [] if cells is None else [cells[fine].str.strip_chars().cast(pl.Int64, strict=False).alias(CORRECTS)]

    def _out_of_reach(self, e164: Ints) -> Marks:
        """Numbers of countries that the provider does not call. One calling code is all there is so far: 1."""
        codes = self._wire.layout.calling_codes
        if codes is None:
            return np.zeros(len(e164), np.bool_)
        reached: Marks = np.isin(e164 // 10**10, list(codes)) & (e164 < 10 ** (10 + CODE_DIGITS))
        return ~reached

    def _mark_unwanted(self, verdicts: Ints, told: pl.DataFrame | None) -> None:
        """What the upload itself leaves out: types and countries that it does not ask for."""
        rules = self._rules
        for column, asked, code in (
            ("type", rules.only, Code.OTHER_TYPE),
            ("region", rules.countries, Code.OTHER_COUNTRY),
        ):
            if asked and told is not None:
                wanted = told[column].cast(pl.String).is_in(list(asked)).fill_null(False).to_numpy()
                _mark(verdicts, ~wanted, code)

    def _mark_forgotten(self, verdicts: Ints, e164: Ints) -> None:
        """Each is hashed, so only those that would be sent are."""
        if self._rules.forgotten is not None:
            fine = np.flatnonzero(verdicts == Code.FINE)
            verdicts[fine[self._rules.forgotten.holds(e164[fine])]] = Code.SUPPRESSED

    def _timed(self, verdicts: Ints, block: Block, e164: Ints, told: pl.DataFrame | None, starts: Ints) -> Timed:
        """The calling windows of the rows that may be sent so far; those that get none are marked."""
        if self._timetable is None or told is None:
            return Timed({}, {}, np.zeros(len(e164), np.int64), np.zeros(0, np.int64))
        timed = self._timetable.of(block.cells, e164, told, starts, np.flatnonzero(verdicts == Code.FINE))
        _mark(verdicts, timed.codes != Code.FINE, timed.codes)
        return timed

    def _mark_unfit_cells(self, verdicts: Ints, block: Block) -> None:
        for column in self._wire.sent() if self._wire.layout.one_line else []:
            _mark(verdicts, block.cells.column(column).str.contains(LINE_END).to_numpy(), Code.LINE_END_IN_CELL)
        for column, limit in self._wire.longest().items():
            _mark(verdicts, (block.cells.column(column).str.len_chars() > limit).to_numpy(), Code.CELL_TOO_LONG)

    def _windows_fit(self, block: Block) -> Marks:
        if not self._wire.layout.windows:
            self._refuse_windows(block)
            return np.full(block.cells.height, True)
        sides = [self._cells(block, name) for name in (WINDOW_START, WINDOW_END)]
        present = [cells for cells in sides if cells is not None]
        neither, both = np.full((2, block.cells.height), True)
        for cells in present:
            neither &= (cells == "").to_numpy()
            both &= cells.str.contains(TIME_OF_DAY).to_numpy()
        return neither | both if len(present) == len(sides) else neither

    def _refuse_windows(self, block: Block) -> None:
        """A window that would be ignored must not be sent: people would be called at night."""
        for name in WINDOWS:
            cells = self._cells(block, name)
            if cells is not None and (cells.str.strip_chars() != "").any():
                raise InputError(
                    "window_unsupported",
                    f"The column {name} says when each contact may be called, and this account's provider cannot be "
                    "told that; empty it, or choose an account whose provider can.",
                )

    def _users_uuids(self, block: Block) -> tuple[pl.Series, Marks]:
        """The user's own task uuids, null where ours is used, and which of them cannot be sent."""
        named = [cells for name in self._wire.layout.own_uuid if (cells := self._cells(block, name)) is not None]
        cells = named[0] if named else None
        if cells is None:
            none = pl.repeat(None, block.cells.height, dtype=pl.String, eager=True)
            return none, np.zeros(block.cells.height, np.bool_)
        blank = cells.str.strip_chars() == ""
        ours = cells.str.to_lowercase().str.starts_with(self._prefix.lower())
        usable = cells.str.contains(self._wire.layout.uuid_form) & ~ours
        return cells.set(blank, None), (~(blank | usable)).to_numpy()

    @property
    def _prefix(self) -> str:
        return f"{self._rules.token}:"

    def _mark_too_large(self, verdicts: Ints, block: Block, said: Said, read: Read, uuids: pl.Series) -> None:
        """Only rows whose size could reach the limit if every character were a quote are measured."""
        room = QUOTING_ROOM + len(self._prefix) + 3 * len(self._columns) + self._wire.room_of_window(said)
        large = np.flatnonzero((2 * block.sizes + room > self._row_limit) & (verdicts == Code.FINE))
        if len(large):
            index = pl.DataFrame({"row": block.rows[large], "e164": read.e164[large], "uuid": uuids[large]})
            rows = self._wire.write(self._contacts(block, large, index, np.zeros(len(verdicts), np.int64), said, read))
            verdicts[large[rows.sizes > self._row_limit]] = Code.ROW_TOO_LARGE

    def _mark_repeated_uuids(self, verdicts: Ints, block: Block, uuids: pl.Series) -> Ints:
        """Before the numbers: a row that is turned away here must not make another a duplicate."""
        if uuids.null_count() == len(uuids):
            return np.zeros(len(verdicts), np.int64)
        candidates = np.flatnonzero((verdicts == Code.FINE) & uuids.is_not_null().to_numpy())
        hashes = uuids[candidates].hash().to_numpy().view(np.int64)
        keys = np.where(hashes == 0, 1, hashes)
        return _mark_repeated(self._uuids, keys, candidates, block, verdicts, Code.REPEATED_TASK_UUID)

    def _mark_repeated_numbers(self, verdicts: Ints, block: Block, e164: Ints) -> Ints:
        candidates = np.flatnonzero(verdicts == Code.FINE)
        return _mark_repeated(self._numbers, e164[candidates], candidates, block, verdicts, Code.DUPLICATE)


def _mark_repeated(seen: Seen, keys: Ints, candidates: Ints, block: Block, verdicts: Ints, code: Code) -> Ints:
    """The line where each row of the block stood before, 0 where it did not."""
    before = np.zeros(len(verdicts), np.int64)
    if len(candidates):
        before[candidates] = seen.first_lines(keys, block.lines[candidates])
        verdicts[before > 0] = code
    return before


def _mark(verdicts: Ints, wrong: Marks, codes: Ints | Code) -> None:
    """The first fault that was found stays."""
    chosen = wrong & (verdicts == Code.FINE)
    verdicts[chosen] = codes[chosen] if isinstance(codes, np.ndarray) else codes
