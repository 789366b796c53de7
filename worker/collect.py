"""Collect: ask the provider what became of a list's contacts, and store what is new or changed.

Where outcomes are called back to us there is nothing to read: the list is looked at all the same, since it ends here.

A list is done when every task in it has ended. `cancelled` is an end only where we cancelled the upload: a list that is
stopped by a pause or by an empty balance goes on later. At the deadline whoever is still open gets `no_outcome`.
"""

import logging
from collections.abc import Generator
from contextlib import closing
from datetime import datetime, timedelta

import polars as pl
from sqlmodel import Session

from worker import accounts, retry, roster, telemetry, told
from worker.ahead import ahead
from worker.context import Context, place_of
from worker.errors import ProviderError, Refused
from worker.giving_up import giving_up, go_on
from worker.models import CallList, Chunk, Upload
from worker.providers.base import Found, Frames
from worker.states import CHUNK_SENT, ChunkState, ListState, UploadState, WithdrawalState
from worker.store import chunks, journal, lists, outcomes, progress, restored, uploads, withdrawals

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
        sent = [] if upload is None else _may_lie_in(session, upload, list_id)
    if call_list is None or upload is None:
        return
    telemetry.emit("collect.asking", upload=upload.ulid, list=call_list.number)
    polls = ctx.kind(upload.account).capabilities.results == "poll"
    read = _store_tasks if polls else _look_on
    with giving_up(ctx.stopping):
        tally = retry.as_value(lambda: read(ctx, upload, call_list, sent))
    if isinstance(tally, ProviderError) or tally.asked:
        accounts.judge(ctx, upload.account, tally)
    if isinstance(tally, ProviderError):
        _put_off(ctx, upload, call_list, tally)
        return
    _conclude(ctx, upload, call_list, tally)
    telemetry.emit("collect.stored", upload=upload.ulid, list=call_list.number, changed=tally.changed)


def _may_lie_in(session: Session, upload: Upload, list_id: int) -> list[Chunk]:
    """The chunks whose contacts the provider may show in a list: its own.

    After a restore a file may have been divided otherwise than before, and a row lie in another list than its chunk,
    which may be found while the list is read.
    """
    if upload.restored_at is not None:
        return chunks.of_upload(session, upload.id, *ChunkState)
    return chunks.of_list(session, list_id, *CHUNK_SENT, ChunkState.REVIEW, ChunkState.UNKNOWN)


class Tally:
    """What one reading of a list came to: tasks in all, those that ended, rows written; whether it was `asked` for."""

    def __init__(self, *, asked: bool = True) -> None:
        self.asked = asked
        self.tasks = self.ended = self.changed = 0

    def add(self, frame: pl.DataFrame, changed: int) -> None:
        self.tasks += frame.height
        self.ended += int(frame["terminal"].sum())
        self.changed += changed


def _store_tasks(ctx: Context, upload: Upload, call_list: CallList, sent: list[Chunk]) -> Tally:
    """Read the whole list and write what differs from what we hold, frame by frame."""
    known = roster.names(ctx, upload, sent)
    tally = Tally()
    final: bool | pl.Series | None = None
    with ctx.db.read() as session:
        began = ctx.db.now(session)
        released = withdrawals.asked(session, upload.id, began, WithdrawalState.TAKEN_BACK)
    frames = accounts.in_reach(ctx, upload.account).tasks(place_of(upload, call_list))
    with closing(ahead(_told(ctx, upload, call_list, known, frames))) as read:
        for rows, frame in read:
            if frame is None:
                gone = rows.filter(pl.col("phase") == "cancelled")["row"]
                if final is None and not gone.is_in(released.implode()).all():
                    final = _ended_cancelled(ctx, upload, call_list, began)
                frame = told.outcomes(ctx, upload, rows, cancelled_is_final=released if final is None else final)
            with ctx.db.write() as session:
                uploads.lock(session, upload.id)
                now = ctx.db.now(session)
                lists.extend_poll(session, call_list, now, ctx.settings.reading_lease)
                changed = outcomes.store(session, frame, now)
            tally.add(frame, changed)
            go_on()
    return tally


def _told(
    ctx: Context, upload: Upload, call_list: CallList, known: roster.Names, frames: Frames
) -> Generator[tuple[pl.DataFrame, pl.DataFrame | None], None, None]:
    """The tasks of each frame, and their outcomes; None where somebody is cancelled, of whom more must be known."""
    here = pl.lit(call_list.id).alias("list_id")
    with closing(frames):
        for tasks in frames:
            rows = roster.with_rows(tasks, known).with_columns(here)
            is_plain = not (rows["phase"] == "cancelled").any()
            yield rows, told.outcomes(ctx, upload, rows, cancelled_is_final=False) if is_plain else None


def _look_on(ctx: Context, upload: Upload, call_list: CallList, _sent: list[Chunk]) -> Tally:
    """Nothing to read: callbacks are stored as they come. The provider's own numbers are kept where it tells such."""
    numbers = retry.reading(
        lambda: accounts.in_reach(ctx, upload.account).tallies(place_of(upload, call_list)), ctx.stopping
    )
    tally = Tally(asked=numbers is not None)
    if numbers is not None and numbers != call_list.tallies:
        tally.changed = 1
        with ctx.db.write() as session:
            lists.told(session, call_list.id, numbers)
    return tally


def _ended_cancelled(ctx: Context, upload: Upload, before: CallList, began: datetime) -> bool | pl.Series:
    """Whether a cancelled task has ended: every one, none, or those of the rows given.

    None while we hold the list, nor while the account has no money. Of a list that dials, those who were withdrawn
    before the reading `began`; and all, once somebody else cancelled it at the provider and its numbers have not moved
    for a while. Asked after the reading, of the rows as they are then: whoever stopped the list said so before.
    """
    with ctx.db.read() as session:
        current, state = lists.get(session, before.id), uploads.get(session, upload.id).state
        both = (WithdrawalState.WANTED, WithdrawalState.TAKEN_BACK)
        withdrawn = withdrawals.asked(session, upload.id, began, *both)
    if state == UploadState.CANCELLED:
        return True
    if current is None or current.stop_wanted or current.state == ListState.STOPPED:
        return False
    if not accounts.check_balance(ctx, upload.account):
        if before.adopted_at is None and accounts.lacks_money(ctx, upload.account):
            with ctx.db.write() as session:
                lists.stopped(session, before.id)
        return False
    return True if QUIET <= before.quiet_polls == current.quiet_polls else withdrawn


def _put_off(ctx: Context, upload: Upload, call_list: CallList, error: ProviderError) -> None:
    """No answer to be had: later, and loudly where it concerns the whole account."""
    _log.warning("list %s of upload %s could not be read: %s", call_list.number, upload.ulid, error.message)
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        current = lists.get(session, call_list.id)
        lists.polled(session, call_list, now + _interval(ctx, upload, 1), call_list.quiet_polls)
        over = current is not None and _is_over(uploads.get(session, upload.id), current, now)
    if current is not None and over:
        _close(ctx, upload, current)


def _interval(ctx: Context, upload: Upload, quiet: int) -> timedelta:
    account = ctx.settings.account(upload.account)
    return timedelta(seconds=min(account.poll_slow, account.poll_fast * 2 ** min(quiet, _SLOWEST)))


def _conclude(ctx: Context, upload: Upload, call_list: CallList, tally: Tally) -> None:
    """Finish the list, close it at its deadline, or ask again: soon while numbers move, later while they do not."""
    ended = _ended(ctx, upload, call_list) if tally.ended == tally.tasks else None
    with ctx.db.write() as session:
        holder = uploads.lock(session, upload.id)
        now = ctx.db.now(session)
        current = lists.get(session, call_list.id)
        assert current is not None
        stopping = current.stop_wanted and current.state == ListState.OPEN  # it may just be going on
        finished = not stopping and ended is not None and ended == _to_end(session, call_list)
        if finished:
            _end(session, upload, current, now, "finished")
        quiet = 0 if tally.changed else call_list.quiet_polls + 1
        lists.polled(session, call_list, now + _interval(ctx, upload, quiet), quiet)
        over = _is_over(holder, current, now)
        progress.advance(session, upload.id, now)
    if not finished and over:
        _close(ctx, upload, current)


def _to_end(session: Session, call_list: CallList) -> dict[int, int] | None:
    """The chunks that were accepted into the list, with how many outcomes each must have; None while any is open."""
    if _may_grow(session, call_list):
        return None
    sent = chunks.of_list(session, call_list.id, *CHUNK_SENT)
    return {chunk.id: chunk.rows - chunk.missing for chunk in sent}


def _may_grow(session: Session, call_list: CallList) -> bool:
    return bool(chunks.of_list(session, call_list.id, *OPEN)) or restored.may_lie_in(session, call_list)


def _ended(ctx: Context, upload: Upload, call_list: CallList) -> dict[int, int] | None:
    """`_to_end` where every contact that was accepted has a final outcome, one by one and not by number; else None.

    Read before anything is locked: what is final stays so, and a chunk that came in meanwhile is seen under the lock.
    """
    with ctx.db.read() as session:
        wanted = _to_end(session, call_list)
        if wanted is None:
            return None
        for chunk in chunks.of_list(session, call_list.id, *CHUNK_SENT):
            rows = roster.index(ctx.staging, chunk)["row"]
            if outcomes.count_ended(session, upload.id, rows) < wanted[chunk.id]:
                return None
    return wanted


def _is_over(upload: Upload, call_list: CallList, now: datetime) -> bool:
    """The deadline has passed of a list that could dial: not of one that is held back by us or by an empty balance.

    What was cancelled does not go on: its deadline counts however its lists are; one that never dialled tells nothing.
    """
    running = call_list.state == ListState.OPEN and not call_list.stop_wanted
    ends = running or upload.state == UploadState.CANCELLED
    return ends and call_list.deadline_at is not None and now >= call_list.deadline_at


def _close(ctx: Context, upload: Upload, call_list: CallList) -> None:
    """The deadline: say of everybody who is still open that nothing was heard, and stop the list.

    A list that cannot be stopped now is asked again, and stopped then; what is known is said all the same. One that
    was made elsewhere is not ours to stop.
    """
    if call_list.adopted_at is not None and _still_dials(ctx, upload, call_list):
        return
    let_be = call_list.adopted_at is not None or not ctx.kind(upload.account).capabilities.stops
    is_stopped = let_be or _stopped(ctx, upload, call_list)
    with ctx.db.read() as session:
        sent = chunks.of_list(session, call_list.id, *CHUNK_SENT)
    rows = [roster.index(ctx.staging, chunk)["row"] for chunk in sent]
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        now = ctx.db.now(session)
        unheard = sum(outcomes.no_outcome(session, upload.id, call_list.id, part, now) for part in rows)
        if unheard:
            journal.note(session, now, "list", "deadline", upload_id=upload.id, list_id=call_list.id, count=unheard)
        if is_stopped and not _may_grow(session, call_list):
            _end(session, upload, call_list, now, "over")
        progress.advance(session, upload.id, now)
    telemetry.emit("collect.closed", upload=upload.ulid, list=call_list.number)


def _end(session: Session, upload: Upload, call_list: CallList, now: datetime, how: str) -> None:
    chunks.complete(session, call_list.id)
    if lists.finish_list(session, call_list.id):
        journal.note(session, now, "list", how, upload_id=upload.id, list_id=call_list.id)


def _still_dials(ctx: Context, upload: Upload, call_list: CallList) -> bool:
    """Of a list that was made elsewhere we do not know how long it may dial: it is over when its provider says so."""
    place = place_of(upload, call_list)
    found = retry.as_value(
        lambda: retry.reading(lambda: accounts.in_reach(ctx, upload.account).status(place), ctx.stopping)
    )
    if found is None or isinstance(found, Refused) or (isinstance(found, Found) and found.complete):
        return False
    with ctx.db.write() as session:
        later = ctx.db.now(session) + timedelta(seconds=ctx.settings.timing.outcome_grace)
        lists.prolong(session, call_list.id, later)
    return True


def _stopped(ctx: Context, upload: Upload, call_list: CallList) -> bool:
    """Stop the list; one that there is nothing of to stop counts as stopped."""
    place = place_of(upload, call_list)
    with ctx.db.write() as session:
        line = journal.sending(session, ctx.db.now(session), "stop", upload_id=upload.id, list_id=call_list.id)
    said = retry.as_value(
        lambda: retry.reading(lambda: accounts.in_reach(ctx, upload.account).stop(place), ctx.stopping)
    )
    with ctx.db.write() as session:
        journal.closed(session, line, ctx.db.now(session), said)
    return said is None or isinstance(said, Refused)
