"""Apply: what providers told us by themselves becomes outcomes.

Callbacks come late, twice, in any order, and before the submission that they are about is settled. So the table of
outcomes only goes forward, and a chunk that was ever sent is one whose contacts may be told of. A callback is marked in
the transaction that stores its outcome. What is about nobody that we sent is kept and marked as ignored.

A callback also proves that a request arrived: that of a chunk which nobody could be asked about, and that of one which
was taken for not sent. The latter is then not sent again before a person has looked.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import polars as pl
from sqlmodel import Session

from worker import accounts, roster, telemetry, told
from worker.context import Context
from worker.errors import AccountRefused, StagingError, Unavailable
from worker.intake.stage import Staging
from worker.models import Callback, Chunk, Upload
from worker.providers.base import TASKS, Inbox
from worker.states import ChunkState, Disposition, ListState, UploadState
from worker.store import callbacks, chunks, gates, journal, lists, outcomes, progress, uploads

_log = logging.getLogger("rollcall.heard")
BATCH = 2000
PHASES = ("open", "done", "cancelled")
OURS = r"^([0-9A-HJKMNP-TV-Z]{26}):[0-9]+$"  # our own uuid: the upload, and the row
MOST = 2**31 - 1  # what the column of attempts holds

KEPT = 2_000_000  # rows of chunks that are remembered while one bell is answered: 16 MB

_at_work: set[tuple[int, str]] = set()
_lock = threading.Lock()


def apply(ctx: Context, account: str) -> None:
    """Apply the new callbacks of an account, oldest first, until there are none or the time slice is over."""
    with _alone(ctx, account) as alone:
        inbox = _inbox(ctx, account) if alone else None
        if alone and inbox is None:
            _hear_later(ctx, account)
        if inbox is not None and not _apply_all(ctx, account, inbox):
            ctx.ring("apply", account)


def _hear_later(ctx: Context, account: str) -> None:
    with ctx.db.write() as session:
        later = ctx.db.now(session) + timedelta(seconds=ctx.settings.timing.probe_every)
        gates.hear_later(session, account, later)


@contextmanager
def _alone(ctx: Context, account: str) -> Iterator[bool]:
    """Whether no other thread here applies this account. Two processes may: each callback is then marked by one."""
    key = (id(ctx), account)
    with _lock:
        alone = key not in _at_work
        _at_work.add(key)
    try:
        yield alone
    finally:
        if alone:
            with _lock:
                _at_work.discard(key)


def _inbox(ctx: Context, account: str) -> Inbox | None:
    """None where callbacks cannot be read: they wait until they can."""
    try:
        inbox = accounts.provider(ctx, account).inbox
    except AccountRefused as error:
        _log.warning("the callbacks of account %s wait: %s", account, error.message)
        return None
    if inbox is None:
        _log.warning("the callbacks of account %s wait: it has no secret to read them with", account)
    return inbox


class _Rows:
    """Who is in which chunk. Callbacks come for many chunks at a time, and for the same ones again and again.

    `unread`: something could not be read, and its callbacks wait.
    """

    def __init__(self, staging: Staging) -> None:
        self._staging, self._kept = staging, dict[str, pl.Series]()
        self.unread = False

    def of(self, chunk: Chunk) -> pl.Series:
        if chunk.index_digest not in self._kept:
            if sum(rows.len() for rows in self._kept.values()) > KEPT:
                self._kept.clear()
            self._kept[chunk.index_digest] = roster.index(self._staging, chunk)["row"]
        return self._kept[chunk.index_digest]


def _apply_all(ctx: Context, account: str, inbox: Inbox) -> bool:
    """True where nothing new is left. What cannot be applied yet is passed over, and met again by the next bell."""
    index = _Rows(ctx.staging)
    until, after = time.monotonic() + ctx.settings.timing.slice, 0
    while True:
        with ctx.db.read() as session:
            batch = callbacks.waiting(session, account, after, BATCH)
        if not batch:
            if index.unread:
                _hear_later(ctx, account)
            return True
        _apply(ctx, account, inbox, batch, index)
        after = batch[-1].id
        if time.monotonic() >= until or ctx.stopping.is_set():
            return False


def _apply(ctx: Context, account: str, inbox: Inbox, batch: list[Callback], index: _Rows) -> None:
    """Upload by upload; what is then left over concerns nobody."""
    left = {one.id for one in batch}
    for tasks in _read(inbox, batch):
        for (ulid,), told_of in tasks.drop_nulls("upload").partition_by("upload", as_dict=True).items():
            left -= _tell(ctx, account, str(ulid), told_of, index)
    if left:
        with ctx.db.write() as session:
            callbacks.ignore(session, sorted(left), ctx.db.now(session))


def _read(inbox: Inbox, batch: Sequence[Callback]) -> Iterator[pl.DataFrame]:
    """The columns TASKS, `id` of the callback and `upload`, the ULID. A callback that cannot be read holds no other."""
    try:
        tasks = inbox.read([one.body for one in batch]).select(list(TASKS)).cast(TASKS)  # type: ignore[arg-type]
        _check(tasks, len(batch))
    except Exception as error:
        if len(batch) > 1:
            middle = len(batch) // 2
            yield from _read(inbox, batch[:middle])
            yield from _read(inbox, batch[middle:])
            return
        _log.error("callback %s is ignored: unreadable_callback (%s)", batch[0].id, type(error).__name__)
        return
    addressed = pl.Series("addressed", [one.upload_ulid for one in batch], dtype=pl.Utf8)
    upload = pl.coalesce(addressed, pl.col("uuid").str.extract(OURS)).alias("upload")
    yield tasks.with_columns(pl.Series("id", [one.id for one in batch]), upload).drop_nulls("uuid")


def _check(tasks: pl.DataFrame, count: int) -> None:
    """Raises ValueError where the tables would refuse what an adapter made of the bodies."""
    phase, kind, left = tasks["phase"], tasks["disposition"], tasks["attempts_left"]
    fits = tasks["uuid"].is_null() | (
        phase.is_in(PHASES).fill_null(False)
        & ((phase == "open") | kind.is_in([one.value for one in Disposition]).fill_null(False))
        & left.is_between(0, MOST).fill_null(True)
    )
    if tasks.height != count or not fits.all():
        raise ValueError("not what the seam promises")


def _tell(ctx: Context, account: str, ulid: str, tasks: pl.DataFrame, index: _Rows) -> set[int]:
    """Apply what is about contacts that were sent; returns the callbacks that are not to be ignored."""
    with ctx.db.read() as session:
        upload = uploads.by_ulid(session, ulid)
        every = [] if upload is None else chunks.of_upload(session, upload.id, *ChunkState)
    if upload is None or upload.account != account or upload.pruned_at is not None:
        return set()
    sent = [chunk for chunk in every if chunk.attempts]
    try:
        known = _placed(index, sent, roster.with_rows(tasks, roster.names(ctx, upload, sent)))
    except (StagingError, Unavailable) as error:
        _log.error("callbacks about upload %s wait: %s", upload.ulid, error.message)
        index.unread = True
        return set(tasks["id"])
    if not known.is_empty():
        _store(ctx, upload, known.sort(_progress(), maintain_order=True))
    return set(known["id"])


def _placed(index: _Rows, sent: list[Chunk], tasks: pl.DataFrame) -> pl.DataFrame:
    """With the list and the chunk that each contact lies in; who is in no chunk that was sent is dropped.

    Ranges of chunks overlap where rows have different starts, so the index of each has the last word.
    """
    found = []
    for chunk in sent:
        rows = tasks["row"].filter(tasks["row"].is_between(chunk.first_row, chunk.last_row))
        if not rows.is_empty():
            here = index.of(chunk).to_frame("row").filter(pl.col("row").is_in(rows.implode()))
            found.append(here.with_columns(_number("list_id", chunk.list_id), _number("chunk_id", chunk.id)))
    if not found:
        return tasks.clear().with_columns(_number("list_id", None), _number("chunk_id", None))
    places = pl.concat(found).unique("row", keep="last", maintain_order=True)
    return tasks.join(places, on="row", how="inner", maintain_order="left")


def _number(name: str, value: int | None) -> pl.Expr:
    return pl.lit(value, dtype=pl.Int64).alias(name)


def _progress() -> pl.Expr:
    """What came to its end sorts last, and fewer attempts left behind more, whatever came in first."""
    left = pl.col("attempts_left").fill_null(MOST)
    return pl.when(pl.col("phase") == "done").then(2).when(pl.col("phase") == "cancelled").then(1).otherwise(-left)


def _store(ctx: Context, upload: Upload, known: pl.DataFrame) -> None:
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        now = ctx.db.now(session)
        ours = callbacks.apply(session, known["id"].to_list(), now)
        known = known.filter(pl.col("id").is_in(list(ours))).drop("id", "upload")
        told_of = set(known["chunk_id"])
        rows = told.outcomes(
            ctx, upload, known.drop("chunk_id"), cancelled_is_final=_may_end_cancelled(session, upload.id)
        )
        outcomes.store(session, rows, now)
        _arrived(ctx, session, upload, told_of, now)
        doubtful = {chunk.list_id for chunk in chunks.of_upload(session, upload.id, ChunkState.UNKNOWN)}
        named = set(rows["list_id"])
        soon = now + timedelta(seconds=ctx.settings.account(upload.account).poll_fast)
        for list_id in sorted(named):
            lists.heard(session, list_id, soon)
    for list_id in sorted(named & doubtful):
        ctx.ring("reconcile", list_id)


def _arrived(ctx: Context, session: Session, upload: Upload, told_of: set[int], now: datetime) -> None:
    """What callbacks prove of the chunks `told_of` that wait to be sent, or for a person: a request of each arrived."""
    unseen = not ctx.kind(upload.account).capabilities.finds_by_reference
    waiting = chunks.of_upload(session, upload.id, ChunkState.READY, ChunkState.REVIEW)
    named = [chunk for chunk in waiting if chunk.id in told_of and not chunk.in_question]
    for chunk in named:
        if chunk.state == ChunkState.READY:
            text = "It was taken for not sent, and then the provider told of its contacts; look there, then decide."
            if chunks.heard_after_absent(session, chunk, text):
                telemetry.emit("chunk.review", upload=upload.ulid, chunk=chunk.seq, code="heard_after_absent")
                _note(session, chunk, now, "review", "heard_after_absent", text)
        elif unseen and chunks.heard_in_review(session, chunk, now):
            call_list = lists.get(session, chunk.list_id)
            assert call_list is not None
            lists.adopt(session, call_list.id, call_list.reference or call_list.name)
            ctx.expect_outcomes(session, upload, call_list.id)
            _note(session, chunk, now, "found", None, "The provider told of its contacts, so it arrived.")
    if named:
        progress.advance(session, upload.id, now)


def _note(session: Session, chunk: Chunk, now: datetime, result: str, code: str | None, text: str) -> None:
    about = {"upload_id": chunk.upload_id, "list_id": chunk.list_id, "chunk_id": chunk.id}
    journal.note(session, now, "heard", result, **about, code=code, message=text, who="callback")


def _may_end_cancelled(session: Session, upload_id: int) -> bool:
    """Whether a cancelled contact has ended: not while we hold a list of the upload, which goes on later."""
    if uploads.get(session, upload_id).state == UploadState.CANCELLED:
        return True
    return not any(one.stop_wanted or one.state == ListState.STOPPED for one in lists.of_upload(session, upload_id))
