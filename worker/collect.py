"""Collect: ask the provider what became of a list's contacts, and store what is new or changed.

A list is done when every task in it has ended. `cancelled` is an end only where we cancelled the upload: a list that is
stopped by a pause or by an empty balance goes on later. At the deadline whoever is still open gets `no_outcome`.
"""

import logging
from datetime import datetime, timedelta

import polars as pl

from worker import accounts, retry, roster, telemetry
from worker.context import Context
from worker.errors import ProviderError
from worker.models import CallList, Chunk, Upload
from worker.states import CHUNK_SENT, ChunkState, Disposition, ListState, UploadState
from worker.store import chunks, lists, outcomes, uploads

_log = logging.getLogger("rollcall.collect")
OPEN = (ChunkState.CLAIMED, ChunkState.UNKNOWN, ChunkState.REVIEW)  # what keeps a list from being finished
QUIET = 2  # polls without a change after which a list that somebody else cancelled is over
_SLOWEST = 10  # doublings after which the poll interval does not grow any more


def collect(ctx: Context, list_id: int) -> None:
    """Ask once for the outcomes of a list, store them, and say when to ask again."""
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        call_list = lists.claim_poll(session, list_id, now, ctx.settings.reading_lease)
        upload = uploads.get(session, call_list.upload_id) if call_list else None
        sent = chunks.of_list(session, list_id, *CHUNK_SENT, ChunkState.REVIEW, ChunkState.UNKNOWN)
    if call_list is None or upload is None:
        return
    telemetry.emit("collect.asking", upload=upload.ulid, list=call_list.number)
    tally = retry.as_value(lambda: _store_tasks(ctx, upload, call_list, sent))
    if isinstance(tally, ProviderError):
        _put_off(ctx, upload, call_list, tally)
        return
    _conclude(ctx, upload, call_list, tally)
    telemetry.emit("collect.stored", upload=upload.ulid, list=call_list.number, changed=tally.changed)


class Tally:
    """What one reading of a list came to: tasks in all, those that ended, and rows written."""

    def __init__(self) -> None:
        self.tasks = self.ended = self.changed = 0

    def add(self, frame: pl.DataFrame, changed: int) -> None:
        self.tasks += frame.height
        self.ended += int(frame["terminal"].sum())
        self.changed += changed


def _store_tasks(ctx: Context, upload: Upload, call_list: CallList, sent: list[Chunk]) -> Tally:
    """Read the whole list and write what differs from what we hold, frame by frame."""
    assert call_list.reference is not None
    own = roster.own_uuids(ctx.staging, upload, sent)
    with ctx.db.read() as session:
        known = outcomes.versions(session, upload.id, call_list.id)
    tally, final = Tally(), None
    for tasks in ctx.provider(upload.account).tasks(call_list.reference):
        rows = roster.with_rows(tasks, upload.ulid, own)
        if final is None and (rows["phase"] == "cancelled").any():
            final = _cancelled_is_final(ctx, upload, call_list)
        frame = _outcomes(ctx, upload, call_list, rows, bool(final))
        with ctx.db.write() as session:
            now = ctx.db.now(session)
            lists.extend_poll(session, call_list, now, ctx.settings.reading_lease)
            changed, known = outcomes.store(session, frame, known, now)
        tally.add(frame, changed)
    return tally


def _cancelled_is_final(ctx: Context, upload: Upload, call_list: CallList) -> bool:
    """Whether a cancelled task has ended. Not while we hold the list, nor while the account has no money.

    A list that somebody cancelled at the provider is over, once its numbers have not moved for a while.
    """
    if upload.state == UploadState.CANCELLED:
        return True
    if call_list.stop_wanted or call_list.state == ListState.STOPPED:
        return False
    if not accounts.check_balance(ctx, upload.account):
        with ctx.db.write() as session:
            lists.stopped(session, call_list.id)
        return False
    return call_list.quiet_polls >= QUIET


def _outcomes(ctx: Context, upload: Upload, call_list: CallList, tasks: pl.DataFrame, final: bool) -> pl.DataFrame:
    """Rows for the table of outcomes. A repeated uuid counts once, the last one."""
    words = {word.lower(): kind.value for word, kind in ctx.settings.account(upload.account).dispositions.items()}
    done = pl.col("phase") == "done"
    said = pl.col("result").str.strip_chars().str.to_lowercase()
    named = said.replace_strict(words, default=None, return_dtype=pl.Utf8)
    over = done | ((pl.col("phase") == "cancelled") & pl.lit(final))
    kind = pl.when(over).then(pl.when(done).then(named.fill_null(pl.col("disposition"))).otherwise("disposition"))
    frame = tasks.unique("row", keep="last", maintain_order=True).with_columns(
        kind.otherwise(pl.lit(Disposition.PENDING.value)).alias("disposition"),
        over.alias("terminal"),
        pl.lit(upload.id).alias("upload_id"),
        pl.lit(call_list.id).alias("list_id"),
    )
    told = pl.struct("disposition", "terminal", "status", "result", "attempts_left", "last_attempt")
    return frame.with_columns(told.hash(seed=1).reinterpret(signed=True).alias("version")).drop("uuid", "phase")


def _put_off(ctx: Context, upload: Upload, call_list: CallList, error: ProviderError) -> None:
    """No answer to be had: later, and loudly where it concerns the whole account."""
    _log.warning("list %s of upload %s could not be read: %s", call_list.number, upload.ulid, error.message)
    accounts.hold(ctx, upload.account, error)
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        lists.polled(session, call_list, now + _interval(ctx, upload, 1), call_list.quiet_polls)


def _interval(ctx: Context, upload: Upload, quiet: int) -> timedelta:
    account = ctx.settings.account(upload.account)
    return timedelta(seconds=min(account.poll_slow, account.poll_fast * 2 ** min(quiet, _SLOWEST)))


def _conclude(ctx: Context, upload: Upload, call_list: CallList, tally: Tally) -> None:
    """Finish the list, close it at its deadline, or ask again: soon while numbers move, later while they do not."""
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        now = ctx.db.now(session)
        current = lists.get(session, call_list.id)
        assert current is not None
        open_chunks = chunks.of_list(session, call_list.id, *OPEN)
        all_here = tally.tasks >= lists.accepted_rows(session, call_list.id)
        if not open_chunks and all_here and tally.ended == tally.tasks:
            chunks.complete(session, call_list.id)
            lists.finish_list(session, call_list.id)
        quiet = 0 if tally.changed else call_list.quiet_polls + 1
        lists.polled(session, call_list, now + _interval(ctx, upload, quiet), quiet)
        uploads.advance(session, upload.id, now)
    if current.deadline_at is not None and now >= current.deadline_at and current.state != ListState.FINISHED:
        _close(ctx, upload, current)


def _close(ctx: Context, upload: Upload, call_list: CallList) -> None:
    """The deadline: stop the list and say of everybody who is still open that nothing was heard."""
    assert call_list.reference is not None
    provider, reference = ctx.provider(upload.account), call_list.reference
    stopped = retry.as_value(lambda: retry.reading(lambda: provider.stop(reference), ctx.stopping))
    if isinstance(stopped, ProviderError):
        _log.warning("list %s of upload %s could not be stopped: %s", call_list.number, upload.ulid, stopped.message)
        return
    with ctx.db.read() as session:
        sent = chunks.of_list(session, call_list.id, *CHUNK_SENT)
    rows = [roster.index(ctx.staging, chunk)["row"] for chunk in sent]
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        now: datetime = ctx.db.now(session)
        if rows:
            outcomes.no_outcome(session, upload.id, call_list.id, pl.concat(rows), now)
        if not chunks.of_list(session, call_list.id, *OPEN):
            chunks.complete(session, call_list.id)
            lists.finish_list(session, call_list.id)
        uploads.advance(session, upload.id, now)
    telemetry.emit("collect.closed", upload=upload.ulid, list=call_list.number)
