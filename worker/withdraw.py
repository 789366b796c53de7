"""Withdraw: contacts that asked not to be called after they were taken in.

Who has not been sent leaves his chunk; a chunk that holds such a wish is not claimed. Who was sent is taken back from
the list, where the provider can do that, and asked for again until it is done or he has come to an end otherwise. While
a chunk is on its way or in doubt, the wish waits for it to settle.
"""

import logging
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl
from sqlmodel import Session

from worker import accounts, parts, retry, roster, telemetry, told
from worker.context import Context, place_of
from worker.errors import InputError, NotSent, ProviderError, Refused, StagingError, Throttled, Unavailable
from worker.models import CallList, Chunk, Upload, Withdrawal
from worker.providers.base import TASKS
from worker.states import ChunkState, Disposition, WithdrawalState
from worker.store import chunks, gates, journal, lists, outcomes, progress, uploads, withdrawals
from worker.view import find, refuse_pruned

_log = logging.getLogger("rollcall.withdraw")
STILL_CALLED = (Disposition.NO_OUTCOME, Disposition.CANCELLED)  # perhaps: see `_has_ended`
PLACES = {"row": pl.Int64, "chunk_id": pl.Int64}


def ask(ctx: Context, ulid: str, rows: Sequence[int], who: str, why: str) -> int:
    """Keep the wish of these rows not to be called; returns how many had not asked before.

    Raises InputError `no_such_upload`, `pruned`, or `no_such_contact` where a row was never a contact of a chunk.
    """
    with ctx.db.read() as session:
        upload = find(session, ulid)
        refuse_pruned(upload)
        every = chunks.of_upload(session, upload.id, *ChunkState)
        asked = {wish.row for wish in withdrawals.of_upload(session, upload.id)}
    wanted = sorted(set(rows) - asked)
    places = {row: chunk for chunk in every for row in _rows_in(ctx, chunk, wanted)}
    astray = next((row for row in wanted if row not in places), None)
    if astray is not None:
        text = f"Row {astray} of upload {ulid} is no contact that was to be called; nothing was withdrawn."
        raise InputError("no_such_contact", text)
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        frame = pl.DataFrame({"row": wanted, "chunk_id": [places[row].id for row in wanted]}, schema=PLACES)
        now, why = ctx.db.now(session), f"{why} ({who})" if why in withdrawals.OURS else why
        too = withdrawals.ask_too(session, upload.id, sorted(set(rows) & asked), who, why, now)
        fresh = keep(session, upload.id, frame, who, why, now, too)
    ctx.ring("withdraw", upload.ulid)
    return fresh


def ended(ctx: Context, ulid: str, rows: Sequence[int]) -> int:
    """How many of the rows have an outcome of a call, so that the wish comes too late."""
    with ctx.db.read() as session:
        final = outcomes.final(session, find(session, ulid).id, sorted(set(rows)))
    return sum(kind not in STILL_CALLED for kind, _ in final.values())


def keep(
    session: Session, upload_id: int, places: pl.DataFrame, who: str, why: str, now: datetime, too: int = 0
) -> int:
    """Keep the wish of contacts, given by the columns PLACES, and say so; returns how many had not asked before, with
    those whose wish was kept `too`."""
    fresh = withdrawals.ask(session, upload_id, places, who, why, now) + too
    if fresh:
        journal.note(session, now, "withdraw", "decided", upload_id=upload_id, who=who, message=why, count=fresh)
    return fresh


@dataclass
class _Pass:
    """One pass over the wishes of an upload. They are hidden from others until `until`, and that is extended.

    `stop` says why the provider is not asked any more in this pass.
    """

    ctx: Context
    upload: Upload
    until: datetime
    stop: str | None = None
    renewed: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        if time.monotonic() - self.renewed < self.ctx.settings.timing.probe_every / 4:
            return
        with self.ctx.db.write() as session:
            until = self.ctx.db.now(session) + _lease(self.ctx, self.upload)
            withdrawals.keep_taken(session, self.upload.id, self.until, until)
        self.until, self.renewed = until, time.monotonic()


def withdraw(ctx: Context, ulid: str) -> None:
    """Carry out what is due for an upload, as far as that can be done now; the sweep asks for the rest again.

    Lists that dial come first. A chunk whose files cannot be read holds up no other.
    """
    with ctx.db.write() as session:
        upload = uploads.lock(session, find(session, ulid).id)
        now = ctx.db.now(session)
        one = _Pass(ctx, upload, now + _lease(ctx, upload))
        wishes = withdrawals.take(session, upload.id, now, one.until)
        every = chunks.of_upload(session, upload.id, *ChunkState) if wishes else []
        gate = gates.look(session, upload.account)
    if gate is not None and gate.throttled_until is not None and gate.throttled_until > _later(ctx, now):
        one.stop = "The provider said when to come again."  # a shorter wait, as many requests bring it, is sat out
    elif gate is not None and gates.is_left_alone(gate):
        one.stop = gate.message
    every.sort(key=lambda chunk: chunk.state != ChunkState.ACCEPTED)
    by_chunk: dict[int, list[Withdrawal]] = {}
    for wish in wishes:
        by_chunk.setdefault(wish.chunk_id, []).append(wish)
    astray = [wish for chunk in every for wish in _attend(one, chunk, by_chunk.pop(chunk.id, []))]
    for chunk in every:  # a person's decision may have put a contact into another chunk
        astray = _attend(one, chunk, astray)
    _put_off(ctx, astray, "The chunk that it lies in cannot be read now.")


def _lease(ctx: Context, upload: Upload) -> timedelta:
    """Longer than one request may take, however often it is tried."""
    account = ctx.settings.accounts.get(upload.account)
    tries = retry.TRIES * account.http_deadline if account is not None else 0
    return timedelta(seconds=tries + 2 * ctx.settings.timing.probe_every)


def _attend(one: _Pass, chunk: Chunk, wishes: list[Withdrawal]) -> list[Withdrawal]:
    """Carry out those of the wishes that lie in this chunk; returns the others."""
    if not wishes:
        return []
    one.beat()
    rows: set[int] = set()
    here: list[Withdrawal] = []
    try:
        rows = set(_rows_in(one.ctx, chunk, sorted(wish.row for wish in wishes)))
        here = [wish for wish in wishes if wish.row in rows]
        if here:
            _carry_out(one, chunk, here)
    except (StagingError, Unavailable) as error:
        _log.error("who withdrew from chunk %s of upload %s waits: %s", chunk.seq, one.upload.ulid, error.message)
        _put_off(one.ctx, here, error.message)
    return [wish for wish in wishes if wish.row not in rows]


def _put_off(ctx: Context, wishes: list[Withdrawal], why: str) -> None:
    if wishes:
        with ctx.db.write() as session:
            withdrawals.put_off(session, wishes, _later(ctx, ctx.db.now(session)), why)


def _rows_in(ctx: Context, chunk: Chunk, rows: Sequence[int]) -> list[int]:
    """Those of the ascending `rows` that lie in a chunk. Ranges overlap, so the index has the last word."""
    near = rows[bisect_left(rows, chunk.first_row) : bisect_right(rows, chunk.last_row)]
    if not near:
        return []
    index = roster.index(ctx.staging, chunk)["row"]
    return index.filter(index.is_in(pl.Series(near, dtype=pl.Int64).implode())).to_list()


def _carry_out(one: _Pass, chunk: Chunk, wishes: list[Withdrawal]) -> None:
    ctx, upload = one.ctx, one.upload
    moved = [wish.row for wish in wishes if wish.chunk_id != chunk.id]
    if moved:
        with ctx.db.write() as session:
            withdrawals.moved(session, upload.id, moved, chunk.id)
    with ctx.db.read() as session:
        call_list = lists.get(session, chunk.list_id)
    match chunk.state:
        case ChunkState.STAGED | ChunkState.READY if chunk.in_question:
            _put_off(ctx, wishes, "Its chunk may have been sent before a backup was restored; it is looked up.")
        case ChunkState.STAGED | ChunkState.READY:
            _keep_back(ctx, upload, chunk, wishes)
        case ChunkState.FINISHED:
            _has_ended(ctx, upload, wishes, finished=True)
        case ChunkState.ACCEPTED:
            _take_back(one, chunk, call_list, wishes)
        case ChunkState.REVIEW if _is_there(call_list):  # some of it may lie in a list that dials
            _take_back(one, chunk, call_list, wishes)
        case ChunkState.REFUSED if chunk.attempts and _is_there(call_list):
            left = _take_back(one, chunk, call_list, wishes)
            _end(ctx, left, WithdrawalState.TOO_LATE, "Its chunk was given up; whether it arrived nobody knows.")
        case ChunkState.REFUSED | ChunkState.CANCELLED | ChunkState.SKIPPED:
            _end(ctx, wishes, WithdrawalState.UNSENT, "It was never accepted.")
        case _:
            _put_off(ctx, wishes, "Its chunk is on its way or in doubt.")


def _is_there(call_list: CallList | None) -> bool:
    return call_list is not None and call_list.reference is not None


def _end(ctx: Context, wishes: list[Withdrawal], state: WithdrawalState, message: str | None) -> None:
    with ctx.db.write() as session:
        withdrawals.end(session, wishes, state, ctx.db.now(session), message)


def _keep_back(ctx: Context, upload: Upload, chunk: Chunk, wishes: list[Withdrawal]) -> None:
    """Take contacts out of a chunk that has not been sent; what was claimed meanwhile is met again later."""
    everybody = len(wishes) == chunk.rows
    rows = pl.Series([wish.row for wish in wishes], dtype=pl.Int64)
    left = {} if everybody else parts.cut(ctx, upload, chunk, rows, keep=False)
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        now = ctx.db.now(session)
        done = chunks.skip(session, chunk, now) if everybody else chunks.shrink(session, chunk, **left)
        if not done:
            withdrawals.put_off(session, wishes, _later(ctx, now), "Its chunk changed meanwhile.")
            return
        if not everybody:
            uploads.suppress(session, upload.id, len(wishes))
        before = "It was sent once, and proved not to have arrived." if chunk.attempts else None
        withdrawals.end(session, wishes, WithdrawalState.UNSENT, now, before)
        progress.advance(session, upload.id, now)
    telemetry.emit("withdraw.unsent", upload=upload.ulid, chunk=chunk.seq, rows=len(wishes))
    ctx.ring("submit", chunk.list_id)


def _take_back(one: _Pass, chunk: Chunk, call_list: CallList | None, wishes: list[Withdrawal]) -> list[Withdrawal]:
    """Ask the provider for those who have not come to an end yet; returns those who still may be called."""
    ctx, upload = one.ctx, one.upload
    wishes = _has_ended(ctx, upload, wishes)
    if not wishes:
        return []
    most = ctx.kind(upload.account).capabilities.withdraws
    if not most:
        text = "The provider cannot take single contacts back; `rollcall cancel` stops the upload, where that can be."
        _end(ctx, wishes, WithdrawalState.TOO_LATE, text)
        return []
    left: list[Withdrawal] = []
    for start in range(0, len(wishes), most):
        one.beat()
        if one.stop is not None:
            _put_off(ctx, wishes[start:], one.stop)
            return left + wishes[start:]
        some = wishes[start : start + most]
        for place in _may_lie_in(ctx, upload, call_list):
            some = _ask_provider(one, place, chunk, some) if some and one.stop is None else some
        left += some
    return left


def _may_lie_in(ctx: Context, upload: Upload, call_list: CallList | None) -> list[CallList]:
    """The chunk's list; behind it the others that exist, where a file was read anew after a backup was restored, and
    may have been divided otherwise before."""
    if call_list is None or upload.restored_at is None or not ctx.kind(upload.account).capabilities.appends:
        return [] if call_list is None else [call_list]
    with ctx.db.read() as session:
        every = lists.of_upload(session, upload.id)
    return [call_list, *(one for one in every if one.reference is not None and one.id != call_list.id)]


def _ask_provider(one: _Pass, call_list: CallList, chunk: Chunk, wishes: list[Withdrawal]) -> list[Withdrawal]:
    ctx, upload = one.ctx, one.upload
    rows = pl.Series([wish.row for wish in wishes], dtype=pl.Int64)
    there = roster.index(ctx.staging, chunk).filter(pl.col("row").is_in(rows.implode()))
    uuid_of = dict(zip(there["row"].to_list(), roster.uuids(upload, there), strict=True))
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        line = journal.sending(session, now, "withdraw", upload_id=upload.id, list_id=call_list.id, chunk_id=chunk.id)
    telemetry.emit("withdraw.sending", upload=upload.ulid, chunk=chunk.seq, rows=len(uuid_of))
    answer = _request(ctx, upload, call_list, list(uuid_of.values()))
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        now = ctx.db.now(session)
        if isinstance(answer, ProviderError):
            words = {"code": answer.code, "message": answer.message}
            journal.came_back(session, line, now, type(answer).__name__, **words)
            said_no = isinstance(answer, Refused)
            again_at = _patiently(ctx, wishes[0], now) if said_no else _later(ctx, now)
            withdrawals.put_off(session, wishes, again_at, answer.message)
            left = wishes
        else:
            done = [wish for wish in wishes if answer.get(uuid_of[wish.row], "") is None]
            journal.came_back(session, line, now, "done", count=len(done))
            _taken_back(ctx, session, upload, call_list, done, now)
            left = [wish for wish in wishes if answer.get(uuid_of[wish.row], "") is not None]
            alike: dict[tuple[datetime, str | None], list[Withdrawal]] = {}
            for wish in left:
                alike.setdefault((wish.since, answer.get(uuid_of[wish.row])), []).append(wish)
            for (_, said), some in alike.items():
                withdrawals.put_off(session, some, _patiently(ctx, some[0], now), said)
    held = accounts.judge(ctx, upload.account, answer)
    if isinstance(answer, ProviderError) and (held or isinstance(answer, (Throttled, NotSent))):
        one.stop = answer.message
    telemetry.emit("withdraw.answered", upload=upload.ulid, chunk=chunk.seq, answer=type(answer).__name__)
    return left


def _request(
    ctx: Context, upload: Upload, call_list: CallList, uuids: list[str]
) -> dict[str, str | None] | ProviderError:
    def once() -> dict[str, str | None]:
        hands = accounts.in_reach(ctx, upload.account).hands
        if hands is None:
            raise Refused("cannot_withdraw", "The provider cannot take single contacts back.")
        return hands.withdraw(place_of(upload, call_list), uuids)

    return retry.as_value(lambda: retry.reading(once, ctx.stopping))


def _taken_back(
    ctx: Context, session: Session, upload: Upload, call_list: CallList, wishes: list[Withdrawal], now: datetime
) -> None:
    """Nobody will call them: that is their outcome, whatever the provider calls it."""
    if not withdrawals.end(session, wishes, WithdrawalState.TAKEN_BACK, now):
        return
    tasks = pl.DataFrame({"row": [wish.row for wish in wishes]}, schema={"row": pl.Int64}).with_columns(
        pl.lit("cancelled").alias("phase"),
        pl.lit(Disposition.CANCELLED.value).alias("disposition"),
        pl.lit("withdrawn").alias("status"),
        pl.lit(call_list.id, dtype=pl.Int64).alias("list_id"),
        *(pl.lit(None, dtype=TASKS[name]).alias(name) for name in ("uuid", "result", "attempts_left", "last_attempt")),
    )
    outcomes.store(session, told.outcomes(ctx, upload, tasks, cancelled_is_final=True), now)


def _has_ended(ctx: Context, upload: Upload, wishes: list[Withdrawal], *, finished: bool = False) -> list[Withdrawal]:
    """End the wishes of those who came to an end before; returns the others. None is left of a chunk that `finished`.

    That somebody was cancelled before the list was stopped and went on proves nothing: he may have been revived. And of
    whom nothing was heard until the deadline may still be called, while his list is not over.
    """
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        now = ctx.db.now(session)
        final = outcomes.final(session, upload.id, [wish.row for wish in wishes])
        gone: list[Withdrawal] = []
        over: list[Withdrawal] = []
        for wish in wishes:
            kind, at = final.get(wish.row, (Disposition.NO_OUTCOME, now))
            if kind == Disposition.CANCELLED and (finished or at >= wish.since):
                gone.append(wish)
            elif finished or kind not in STILL_CALLED:
                over.append(wish)
        withdrawals.end(session, gone, WithdrawalState.TAKEN_BACK, now)
        text = "Its list was over, or it had come to its end, before it could be taken back."
        withdrawals.end(session, over, WithdrawalState.TOO_LATE, now, text)
    ended = {wish.row for wish in (*gone, *over)}
    return [wish for wish in wishes if wish.row not in ended]


def _later(ctx: Context, now: datetime) -> datetime:
    return now + timedelta(seconds=ctx.settings.timing.probe_every)


def _patiently(ctx: Context, wish: Withdrawal, now: datetime) -> datetime:
    """What the provider refuses is asked for again, ever less often: he may be in the middle of a call."""
    return max(_later(ctx, now), now + (now - wish.since) / 4)
