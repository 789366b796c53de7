"""Cuts contacts into chunks that a provider accepts and stages their bytes."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from worker.intake.pieces import Texts
from worker.intake.scan import Ints
from worker.intake.stage import Staging
from worker.sizes import Sizes

COUNTED = {"row": "DELTA_BINARY_PACKED", "line": "DELTA_BINARY_PACKED"}
STORED_AT_ONCE = 3  # what a disk takes to be sure of one chunk is time for another


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


@dataclass(frozen=True)
class _Chunk:
    """A chunk that is cut and not stored yet."""

    seq: int
    starts_at: int | None
    bodies: list[memoryview]
    index: pl.DataFrame
    pilot: bool


class Cutter:
    """Fills one chunk at a time. None has more rows than `sizes` allows, more than `max_bytes` bytes, or two starts.

    The first `pilot` rows that come lie in chunks of their own. Chunks are stored while the next is filled, and are all
    in `chunks`, in order, once the cutter is closed.
    """

    def __init__(
        self,
        header: bytes,
        staging: Staging,
        *,
        sizes: Sizes,
        max_bytes: int,
        beat: Callable[[], None],
        pilot: int = 0,
    ) -> None:
        self.chunks: list[StagedChunk] = []
        self._header = header
        self._staging = staging
        self._sizes = sizes
        self._max_bytes = max_bytes
        self._beat = beat
        self._pilot = pilot
        self._taken = self._before = 0  # contacts in all, and those of earlier starts
        self._start: int | None = None
        self._seq = 0
        self._stores = ThreadPoolExecutor(STORED_AT_ONCE, "store")
        self._storing: deque[Future[StagedChunk]] = deque()
        self._clear()

    def add(self, index: pl.DataFrame, rows: Texts, start: int | None) -> None:
        """The index's columns of some contacts, and their bytes, each small enough for a chunk of its own."""
        if index.is_empty():
            return
        if start != self._start:
            self.finish()
            self._start, self._before = start, self._taken
        ends = rows.edges[1:]
        at = 0
        while at < len(ends):
            if (room := self._room(ends, at)) < 1:
                self.finish()
                room = self._room(ends, at)
            begin = int(ends[at - 1]) if at else 0
            self._take(rows.data[begin : int(ends[at + room - 1])], index.slice(at, room))
            at += room

    def finish(self) -> None:
        """Stage what has gathered; the next row begins a new chunk."""
        if not self._rows:
            return
        self._seq += 1
        pilot = self._taken <= self._pilot
        chunk = _Chunk(self._seq, self._start, self._bodies, pl.concat(self._indexes), pilot)
        self._clear()
        if len(self._storing) >= STORED_AT_ONCE:
            self._keep()
        self._storing.append(self._stores.submit(self._store, chunk))
        self._beat()

    def close(self) -> None:
        """Wait until all is stored, and leave it at that where something failed."""
        try:
            while self._storing:
                self._keep()
            self._staging.settle()
        finally:
            self._stores.shutdown(cancel_futures=True)

    def _keep(self) -> None:
        self.chunks.append(self._storing.popleft().result())

    def _store(self, chunk: _Chunk) -> StagedChunk:
        digest, size = self._staging.put_stream([self._header, *chunk.bodies], settled=False)
        index, _ = self._staging.put_stream([_stored(chunk.index)], settled=False)
        return StagedChunk(
            seq=chunk.seq,
            rows=chunk.index.height,
            bytes=size,
            digest=digest,
            index_digest=index,
            starts_at=chunk.starts_at,
            first_row=int(chunk.index["row"][0]),
            last_row=int(chunk.index["row"][-1]),
            pilot=chunk.pilot,
        )

    def _room(self, ends: Ints, at: int) -> int:
        """How many rows from `at` on still fit."""
        begin = int(ends[at - 1]) if at else 0
        by_size = int(np.searchsorted(ends, begin + self._max_bytes - self._bytes, side="right")) - at
        most = self._sizes.at(self._taken - self._rows - self._before)
        whole = min(by_size, most - self._rows, len(ends) - at)
        return min(whole, self._pilot - self._taken) if self._taken < self._pilot else whole

    def _take(self, body: memoryview, index: pl.DataFrame) -> None:
        self._bodies.append(body)
        self._indexes.append(index)
        self._rows += index.height
        self._bytes += len(body)
        self._taken += index.height
        if self._taken == self._pilot:
            self.finish()

    def _clear(self) -> None:
        self._bodies: list[memoryview] = []
        self._indexes: list[pl.DataFrame] = []
        self._rows = 0
        self._bytes = len(self._header)


def _stored(index: pl.DataFrame) -> memoryview:
    """As Parquet. Numbers of E.164 do not get smaller by compression, rows and lines are by their encoding."""
    out = pa.BufferOutputStream()
    pq.write_table(
        index.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()),
        out,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
        column_encoding=COUNTED,
    )
    return memoryview(out.getvalue())
