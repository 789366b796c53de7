"""One call list from its bytes to staged chunks, with every record accounted for."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import numpy as np
import polars as pl

from worker.ahead import ahead
from worker.intake.check import Checked, Checks, Holds, Looked, Rules
from worker.intake.contacts import Contacts
from worker.intake.cut import Cutter, StagedChunk
from worker.intake.dialect import Dialect
from worker.intake.header import resolve_phone_column
from worker.intake.late import LateStarts
from worker.intake.opened import open_list
from worker.intake.pieces import texts_of
from worker.intake.read import BLOCK_BYTES, no_beat, no_rows
from worker.intake.rejects import Rejects
from worker.intake.scan import Ints
from worker.intake.stage import Staging
from worker.intake.starts import UPLOADS_OWN
from worker.intake.swallow import rows_behind
from worker.intake.timetable import Timetable, written
from worker.intake.unpack import EXPANDED_LIMIT
from worker.intake.wire import Wire
from worker.layout import Layout
from worker.sizes import Sizes
from worker.windows import Asked, Summary

RECORD = "record"  # beside the index of a row that waits for its start: its bytes


@dataclass(frozen=True)
class Order:
    """What to make of a file. Times are Unix seconds; `now` is the database's clock.

    `token` is the upload's ULID, `region` the ISO code for national numbers (None: only international ones),
    `starts_at` the upload's own start (None: at once). `sizes` and `max_bytes` bound one chunk, header included.
    More than `max_starts` different starts of rows are rounded up to the minute. `first_row` lets a continuation
    number on from the last row. `suppressed` are the digits of numbers that are not called, `called` of those that
    other uploads have called a short while ago, both in ascending order, and `forgotten` knows numbers without
    telling them; `withdrawn`, `taken`, `taken_uuids`, `only` and `countries` are those of `Rules`. A packed file may
    unpack to `max_expanded` bytes. `asked` is the calling window that is to be kept. The first `pilot` contacts lie in
    chunks of their own.
    """

    token: str
    phone_column: str | None
    region: str | None
    dialect: Dialect
    starts_at: int | None
    now: int
    sizes: Sizes
    max_bytes: int
    max_starts: int = 1000
    layout: Layout = field(default_factory=lambda: Layout(delimiter=";", windows=True))
    first_row: int = 1
    block_bytes: int = BLOCK_BYTES
    max_expanded: int = EXPANDED_LIMIT
    suppressed: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    called: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    taken: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    taken_uuids: pl.Series = field(default_factory=lambda: pl.Series([], dtype=pl.String))
    only: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    asked: Asked | None = None
    pilot: int = 0
    forgotten: Holds | None = None
    withdrawn: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        if min(self.sizes.first, self.sizes.later, self.max_bytes, self.max_starts, self.block_bytes) < 1:
            raise ValueError("sizes, max_bytes, max_starts and block_bytes are at least 1")


@dataclass(frozen=True)
class Intake:
    """`total = rejected + duplicate + suppressed + sum of the chunks' rows`, always.

    `reasons` counts the rejected by code. `swallowed` are lines in rejected rows, behind the first of each, that look
    like rows which a quote took into them. `rejects_digest` is None where every row was good. `dialect` is the file's
    as it was found. Chunks come with the upload's own start first, then by start. `unsent_columns` are those that the
    provider has no place for. `windows`: when the contacts would be called where they are; None without calling hours.
    """

    total: int
    rejected: int
    duplicate: int
    suppressed: int
    reasons: dict[str, int]
    rejects_digest: str | None
    chunks: list[StagedChunk]
    columns: list[str]
    phone_column: str
    swallowed: int
    custom_uuids: bool
    dialect: Dialect
    unsent_columns: list[str]
    windows: Summary | None = None


def take_in(source: BinaryIO, order: Order, staging: Staging, beat: Callable[[], None] = no_beat) -> Intake:
    """Read `source` from its beginning to its end, once, and stage its chunks and rejects.

    `beat` is called at least once per block and per chunk; what it raises ends the intake. Reading the same bytes with
    the same order again gives the same chunks. Raises InputError where the file as a whole cannot be used (see `peek`
    and `resolve_phone_column`), Unavailable where staging does not answer.
    """
    with TemporaryDirectory(prefix="rollcall-intake-") as folder:
        return _Run(source, order, staging, beat, Path(folder)).whole()


class _Run:
    def __init__(
        self, source: BinaryIO, order: Order, staging: Staging, beat: Callable[[], None], folder: Path
    ) -> None:
        self._order, self._staging = order, staging
        self._reading = open_list(
            source,
            order.dialect,
            limit=order.max_expanded,
            block_bytes=order.block_bytes,
            first_row=order.first_row,
            beat=beat,
        )
        columns = self._reading.columns
        self._phone = resolve_phone_column(columns, order.phone_column)
        start = order.now if order.starts_at is None else order.starts_at
        self._timetable = None if order.asked is None else Timetable(order.asked, columns, order.layout, start)
        self._wire = wire = Wire(
            columns, self._phone, order.layout, {} if order.asked is None else written(order.layout)
        )
        self._unsent = wire.unsent
        rules = Rules(
            order.token,
            order.region,
            order.now,
            order.max_bytes,
            order.suppressed,
            order.called,
            order.taken,
            order.taken_uuids,
            order.only,
            order.countries,
            order.forgotten,
            order.withdrawn,
        )
        self._checks = Checks(wire, columns, self._phone, rules, self._timetable)
        self._cutter = Cutter(
            wire.header, staging, sizes=order.sizes, max_bytes=order.max_bytes, beat=beat, pilot=order.pilot
        )
        self._late = LateStarts(folder, order.max_starts)
        reading = self._reading  # and not `self`: in a circle, what a file takes would outlive it
        self._rejects = Rejects(
            folder / "rejects.parquet",
            lambda text: rows_behind(text, reading.dialect, len(columns)),
            expected=len(columns),
            limit=order.max_bytes,
        )
        self._total = 0
        self._custom = False

    def whole(self) -> Intake:
        with closing(self._cutter):
            # Reading, checking and cutting have a thread each: the libraries do not hold Python's lock for long.
            with closing(ahead(self._checked())) as every:
                for checked in every:
                    self._rejects.add(checked.flaws)
                    self._sort_out(checked.contacts)
            if not self._total:
                raise no_rows()
            for start, late in self._late.in_order():
                self._cut(late, start)
            self._cutter.finish()
            rejects = self._rejects.finish(self._staging)  # while the last chunks are stored
        return self._sum(rejects)

    def _looked(self) -> Generator[Looked, None, None]:
        for block in self._reading.blocks():
            yield self._checks.look(block)

    def _checked(self) -> Generator[Checked, None, None]:
        with closing(ahead(self._looked())) as every:
            for looked in every:
                self._total += looked.block.records
                yield self._checks.check(looked)

    def _sort_out(self, contacts: Contacts) -> None:
        """Rows with the upload's own start are cut at once, the others wait until all starts are known."""
        rows = self._wire.write(contacts)
        own = (contacts.starts == UPLOADS_OWN) | (contacts.starts == (self._order.starts_at or UPLOADS_OWN))
        if own.all():
            self._cutter.add(contacts.index, rows, self._order.starts_at)
        else:
            every = contacts.index.with_columns(pl.Series("start", contacts.starts), rows.series().alias(RECORD))
            self._late.add(every.filter(~own))
            self._cut(every.filter(own), self._order.starts_at)
        self._custom |= not contacts.has_our_uuids

    def _cut(self, contacts: pl.DataFrame, start: int | None) -> None:
        self._cutter.add(contacts.drop("start", RECORD), texts_of(contacts[RECORD]), start)

    def _sum(self, rejects: str | None) -> Intake:
        return Intake(
            total=self._total,
            rejected=self._rejects.of_kind("rejected"),
            duplicate=self._rejects.of_kind("duplicate"),
            suppressed=self._rejects.of_kind("suppressed"),
            reasons=self._rejects.reasons(),
            rejects_digest=rejects,
            chunks=self._cutter.chunks,
            columns=self._reading.columns,
            phone_column=self._phone,
            swallowed=self._rejects.swallowed,
            custom_uuids=self._custom,
            dialect=self._reading.dialect,
            unsent_columns=self._unsent,
            windows=None if self._timetable is None else self._timetable.summary(),
        )
