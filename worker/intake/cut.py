"""Cuts contacts into chunks that a provider accepts and stages their bytes."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from worker.intake.scan import Ints
from worker.intake.stage import Staging
from worker.intake.timetable import OF_WINDOWS
from worker.intake.wire import CORRECTS, INDEX, Wire


@dataclass(frozen=True)
class StagedChunk:
    """`seq` counts from 1. `bytes` is the size of the payload at `digest`, header included; `starts_at` None = at once.

    `index_digest` is Parquet with row, line, e164 (digits) and uuid (the user's own, null where ours was sent), and
    what the file says of calling windows where one was asked for; of a file of rejects also with corrects, the row that
    the contact was before (null where the cell does not say). `pilot`: all its rows are among the first, which are
    called before the others.
    """

    seq: int
    rows: int
    bytes: int
    digest: str
    index_digest: str
    starts_at: int | None
    first_row: int
    last_row: int
    pilot: bool = False


class Cutter:
    """Fills one chunk at a time. No chunk has more than `max_rows` rows or `max_bytes` bytes, nor two starts.

    The first `pilot` rows that come lie in chunks of their own.
    """

    def __init__(
        self, wire: Wire, staging: Staging, *, max_rows: int, max_bytes: int, beat: Callable[[], None], pilot: int = 0
    ) -> None:
        self.chunks: list[StagedChunk] = []
        self._wire = wire
        self._staging = staging
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._beat = beat
        self._pilot = pilot
        self._taken = 0
        self._start: int | None = None
        self._clear()

    def add(self, contacts: pl.DataFrame, start: int | None) -> None:
        """Rows with the wire's columns and the index's, each small enough for a chunk of its own."""
        if contacts.is_empty():
            return
        if start != self._start:
            self.finish()
            self._start = start
        kept = [name for name in (*INDEX, *OF_WINDOWS, CORRECTS) if name in contacts.columns]
        body, ends = self._wire.serialise(contacts)
        at = 0
        while at < len(ends):
            if (room := self._room(ends, at)) < 1:
                self.finish()
                room = self._room(ends, at)
            begin = int(ends[at - 1]) if at else 0
            self._take(body[begin : int(ends[at + room - 1])], contacts.slice(at, room).select(kept))
            at += room

    def finish(self) -> None:
        """Stage what has gathered; the next row begins a new chunk."""
        if not self._rows:
            return
        index = pl.concat(self._indexes)
        out = io.BytesIO()
        index.write_parquet(out, compression="zstd")
        digest, size = self._staging.put_stream([self._wire.header, *self._bodies])
        self.chunks.append(
            StagedChunk(
                seq=len(self.chunks) + 1,
                rows=self._rows,
                bytes=size,
                digest=digest,
                index_digest=self._staging.put(out.getvalue()),
                starts_at=self._start,
                first_row=int(index["row"][0]),
                last_row=int(index["row"][-1]),
                pilot=self._taken <= self._pilot,
            )
        )
        self._clear()
        self._beat()

    def _room(self, ends: Ints, at: int) -> int:
        """How many rows from `at` on still fit."""
        begin = int(ends[at - 1]) if at else 0
        by_size = int(np.searchsorted(ends, begin + self._max_bytes - self._bytes, side="right")) - at
        whole = min(by_size, self._max_rows - self._rows, len(ends) - at)
        return min(whole, self._pilot - self._taken) if self._taken < self._pilot else whole

    def _take(self, body: bytes, index: pl.DataFrame) -> None:
        self._bodies.append(body)
        self._indexes.append(index)
        self._rows += index.height
        self._bytes += len(body)
        self._taken += index.height
        if self._taken == self._pilot:
            self.finish()

    def _clear(self) -> None:
        self._bodies: list[bytes] = []
        self._indexes: list[pl.DataFrame] = []
        self._rows = 0
        self._bytes = len(self._wire.header)
