"""Rows with a start of their own, sorted by it on disk: a file may name more starts than memory can keep lists for."""

import heapq
from collections.abc import Iterator
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

import numpy as np
import polars as pl
from pyarrow import ipc

RUN_BYTES = 16 << 20
BATCH_ROWS = 8192
MINUTE = 60

Started = tuple[int, pl.DataFrame]


class LateStarts:
    """Takes contacts with a `start` in the order of the file and gives them back start by start.

    Beyond `max_starts` different ones, all are rounded up to the minute: nobody is called before their time.
    """

    def __init__(self, folder: Path, max_starts: int, run_bytes: int = RUN_BYTES) -> None:
        self._folder = folder
        self._max_starts = max_starts
        self._run_bytes = run_bytes
        self._starts: set[int] = set()
        self._pieces: list[Path] = []
        self._writer: ipc.RecordBatchFileWriter | None = None
        self._bytes = 0

    def add(self, contacts: pl.DataFrame) -> None:
        """Keep the contacts on disk."""
        if contacts.is_empty():
            return
        # The oldest layout copies just these rows' text; the newer one would drag the whole block along.
        table = contacts.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._writer is None:
            self._pieces.append(self._folder / f"starts-{len(self._pieces)}.arrow")
            self._writer = ipc.new_file(str(self._pieces[-1]), table.schema)
        self._writer.write_table(table)
        self._bytes += table.nbytes
        if self._bytes >= self._run_bytes:
            self._end_piece()
        if len(self._starts) <= self._max_starts:
            self._starts.update(contacts["start"].unique().to_list())

    def in_order(self) -> Iterator[Started]:
        """(start, contacts), starts ascending, the contacts of one start in the order of the file."""
        self._end_piece()
        # Only now is it known whether there are too many starts, so only now are the pieces sorted.
        runs = [self._sorted(piece) for piece in self._pieces]
        yield from heapq.merge(*map(_slices, runs), key=itemgetter(0))

    def _end_piece(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._bytes = None, 0

    def _sorted(self, piece: Path) -> Path:
        contacts = pl.read_ipc(piece)
        piece.unlink()
        if len(self._starts) > self._max_starts:
            contacts = contacts.with_columns(pl.col("start") + (-pl.col("start") % MINUTE))
        run = piece.with_suffix(".run")
        contacts.sort("start", maintain_order=True).write_ipc(run, record_batch_size=BATCH_ROWS)
        return run


def _slices(run: Path) -> Iterator[Started]:
    with run.open("rb") as file, ipc.open_file(file) as reader:
        for number in range(reader.num_record_batches):
            contacts = pl.DataFrame(pl.from_arrow(reader.get_batch(number)))
            starts = contacts["start"].to_numpy()
            edges = [0, *(np.flatnonzero(np.diff(starts)) + 1).tolist(), len(starts)]
            for begin, end in pairwise(edges):
                yield int(starts[begin]), contacts.slice(begin, end - begin)
