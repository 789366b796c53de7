"""Finds the tasks of a call list by what clients know of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.voximplant.calllist import Batch, CallList


class TaskIndex:
    """By task_id, and by task_uuid: uuids are read when one is first asked for, then as batches come."""

    def __init__(self, target: CallList) -> None:
        self._target = target
        self._batches_read = 0
        self._first: dict[str, int] = {}
        self._repeats: dict[str, list[int]] = {}

    def with_id(self, task_id: int) -> list[int]:
        """The task's index as a list of one, or of none."""
        batches = self._target.batches
        at = bisect_right(batches, task_id, key=lambda batch: batch.first_task_id) - 1
        row = task_id - batches[at].first_task_id if at >= 0 else -1
        return [batches[at].rows[row]] if 0 <= row < len(batches[at].rows) else []

    def with_uuid(self, uuid: str) -> list[int]:
        """The indices of all tasks that bear it."""
        batches = self._target.batches
        for batch in batches[self._batches_read :]:
            for index, _, known in self._read(batch.rows):
                if self._first.setdefault(known, index) != index:
                    self._repeats.setdefault(known, []).append(index)
        self._batches_read = len(batches)
        first = [self._first[uuid]] if uuid in self._first else []
        return first + self._repeats.get(uuid, [])

    def names(self, indices: Collection[int]) -> dict[int, tuple[int, str]]:
        """task_id and task_uuid by index."""
        return {index: (task_id, uuid) for index, task_id, uuid in self._read(sorted(set(indices)))}

    def _read(self, indices: range | list[int]) -> Iterator[tuple[int, int, str]]:
        """Index, task_id and task_uuid of ascending indices. A page of rows never spans two batches."""
        for run, page in self._target.store.runs(indices):
            batch = self._batch_of(run[0])
            column = batch.uuid_column
            for index, row in zip(run, page, strict=True):
                sent = "" if column is None else row[column]
                task_id = batch.first_task_id + index - batch.rows.start
                yield index, task_id, self._target.task_uuid(index, sent)

    def _batch_of(self, index: int) -> Batch:
        batches = self._target.batches
        return batches[bisect_right(batches, index, key=lambda batch: batch.rows.start) - 1]
