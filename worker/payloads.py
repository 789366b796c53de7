"""The payloads of a call list: the next one is read while one is at the provider, since staging may be far away.

What was read ahead is taken by its digest: a chunk that became another one meanwhile is read as if nothing had been.
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple, Self

from worker.context import Context
from worker.errors import Unavailable
from worker.models import Chunk
from worker.store import claims


class _Found(NamedTuple):
    """What came of reading the payload of a digest."""

    digest: str
    data: bytes | Unavailable


class Payloads:
    """Holds one payload beside the one that is sent, from the second one of the list on. Not for several threads."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._reader = ThreadPoolExecutor(1, "payloads")
        self._upcoming: deque[claims.Place] = deque()
        self._ahead: Future[_Found | None] | None = None
        self._before: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Waits for a reading that is under way."""
        self._reader.shutdown(cancel_futures=True)

    def read(self, chunk: Chunk, now: datetime) -> bytes:
        """The payload, proved. Raises what `Staging.read` raises: for this chunk now, and never for one to come."""
        begun, self._ahead = self._ahead, None
        found = None if begun is None or begun.exception() is not None else begun.result()
        if found is None or found.digest != chunk.digest:
            data = self._ctx.staging.read(chunk.digest)
        elif isinstance(found.data, Unavailable):  # it was waited for already
            raise found.data
        else:
            data = found.data
        if self._before is not None and chunk.seq > self._before:
            with suppress(RuntimeError):  # no thread is to be had: the next one is read when its turn has come
                self._ahead = self._reader.submit(self._following, chunk, now)
        self._before = chunk.seq
        return data

    def _following(self, chunk: Chunk, now: datetime) -> _Found | None:
        while self._upcoming and self._upcoming[0].seq <= chunk.seq:
            self._upcoming.popleft()
        if not self._upcoming:
            with self._ctx.db.glance() as connection:
                self._upcoming.extend(claims.upcoming(connection, chunk.list_id, chunk.seq, now))
        if not self._upcoming:
            return None
        digest = self._upcoming[0].digest
        try:
            return _Found(digest, self._ctx.staging.read(digest))
        except Unavailable as error:
            return _Found(digest, error)
