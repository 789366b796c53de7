"""Withdraw: contacts that asked not to be called after they were taken in.

Who has not been sent leaves his chunk; a chunk that holds such a wish is not claimed. Who was sent is taken back from
the list, where the provider can do that, and asked for again until it is done or he has come to an end otherwise. While
a chunk is on its way or in doubt, the wish waits for it to settle.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl
from sqlmodel import Session

from worker import accounts, parts, retry, roster, telemetry, told
from worker.context import Context, place_of
from worker.errors import InputError, ProviderError, Refused
from worker.models import CallList, Chunk, Upload, Withdrawal
from worker.providers.base import TASKS
from worker.states import ChunkState, Disposition, WithdrawalState
from worker.store import chunks, journal, lists, outcomes, uploads, withdrawals
from worker.view import find

NOBODY_THERE = (ChunkState.REFUSED, ChunkState.CANCELLED, ChunkState.SKIPPED)


def ask(ctx: Context, ulid: str, wanted: Sequence[int], who: str, why: str) -> int:
    """Keep the wish of these rows not to be called; returns how many had not asked before.

    Raises InputError `no_such_upload`, or `no_such_contact` where a row was never a contact of a chunk.
    """
    with ctx.db.read() as session:
        upload = find(session, ulid)
        every = chunks.of_upload(session, upload.id, *ChunkState)
    places = _places(ctx, every, wanted)
    astray = sorted(set(wanted) - set(places))
    if astray:
        text = f"Row {astray[0]} of upload {ulid} is no contact that was to be called; nothing was withdrawn."
        raise InputError("no_such_contact", text)
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        now = ctx.db.now(session)
        wishes = [_wish(row, places[row], who, why, now) for row in sorted(places)]
        fresh = withdrawals.ask(session, wishes)
        if fresh:
            journal.note(session, now, "withdraw", "decided", upload_id=upload.id, who=who, message=why, count=fresh)
    ctx.ring("withdraw", upload.ulid)
    return fresh


def _wish(row: int, chunk: Chunk, who: str, why: str, now: datetime) -> Withdrawal:
    place = {"upload_id": chunk.upload_id, "row": row, "chunk_id": chunk.id}
    times = {"asked_at": now, "since": now, "again_at": now}
    return Withdrawal.model_validate({**place, **times, "who": who, "why": why})


def withdraw(ctx: Context, ulid: str) -> None:
    """Carry out what is wanted for an upload, as far as that can be done now; the sweep asks for the rest again."""
    with ctx.db.read() as session:
        upload = find(session, ulid)
        wishes = withdrawals.wanted(session, upload.id)
        every = chunks.of_upload(session, upload.id, *ChunkState) if wishes else []
    if not wishes:
        return
    places = _places(ctx, every, [wish.row for wish in wishes])
    _follow(ctx, wishes, places)
    for chunk in every:
        here = [wish for wish in wishes if wish.row in places and places[wish.row].id == chunk.id]
        if here:
            _carry_out(ctx, upload, chunk, here)


def _places(ctx: Context, every: Sequence[Chunk], wanted: Sequence[int]) -> dict[int, Chunk]:
    """The chunk of each row. Ranges overlap where rows have different starts, so the index has the last word."""
    found: dict[int, Chunk] = {}
    for chunk in every:
        near = [row for row in wanted if chunk.first_row <= row <= chunk.last_row]
        if near:
            index = roster.index(ctx.staging, chunk)["row"]
            found |= dict.fromkeys(index.filter(index.is_in(near)).to_list(), chunk)
    return found


def _follow(ctx: Context, wishes: Sequence[Withdrawal], places: dict[int, Chunk]) -> None:
    """A person's decision may have put a contact into another chunk."""
    for wish in wishes:
        chunk = places.get(wish.row)
        if chunk is not None and chunk.id != wish.chunk_id:
            with ctx.db.write() as session:
                withdrawals.moved(session, wish.upload_id, [wish.row], chunk.id)


def _carry_out(ctx: Context, upload: Upload, chunk: Chunk, wishes: list[Withdrawal]) -> None:
    rows = [wish.row for wish in wishes]
    match chunk.state:
        case ChunkState.STAGED | ChunkState.READY:
            _keep_back(ctx, upload, chunk, rows)
        case ChunkState.ACCEPTED:
            _take_back(ctx, upload, chunk, wishes)
        case ChunkState.FINISHED:
            _has_ended(ctx, upload, wishes, finished=True)
        case state if state in NOBODY_THERE:
            with ctx.db.write() as session:
                now = ctx.db.now(session)
                withdrawals.end(session, upload.id, rows, WithdrawalState.UNSENT, now, "It was never accepted.")
        case _:
            with ctx.db.write() as session:
                soon = ctx.db.now(session) + timedelta(seconds=ctx.settings.timing.rung)
                withdrawals.put_off(session, wishes, soon, "Its chunk is on its way or in doubt.")


def _keep_back(ctx: Context, upload: Upload, chunk: Chunk, rows: list[int]) -> None:
    """Take contacts out of a chunk that has not been sent; what was claimed meanwhile is met again later."""
    everybody = len(rows) == chunk.rows
    left = {} if everybody else parts.cut(ctx, upload, chunk, pl.Series(rows), keep=False)
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        now = ctx.db.now(session)
        done = chunks.skip(session, chunk, now) if everybody else chunks.shrink(session, chunk, **left)
        if not done:
            return
        if not everybody:
            uploads.suppress(session, upload.id, len(rows))
        withdrawals.end(session, upload.id, rows, WithdrawalState.UNSENT, now, None)
        uploads.advance(session, upload.id, now)
    telemetry.emit("withdraw.unsent", upload=upload.ulid, chunk=chunk.seq, rows=len(rows))
    ctx.ring("submit", chunk.list_id)


def _take_back(ctx: Context, upload: Upload, chunk: Chunk, wishes: list[Withdrawal]) -> None:
    """Ask the provider for those who have not come to an end yet."""
    wishes = _has_ended(ctx, upload, wishes)
    with ctx.db.read() as session:
        call_list = lists.get(session, chunk.list_id)
    if not wishes or call_list is None:
        return
    most = ctx.kind(upload.account).capabilities.withdraws
    if not most:
        text = "The provider cannot take single contacts back; `rollcall cancel` stops the upload, where that can be."
        with ctx.db.write() as session:
            rows = [wish.row for wish in wishes]
            withdrawals.end(session, upload.id, rows, WithdrawalState.TOO_LATE, ctx.db.now(session), text)
        return
    for start in range(0, len(wishes), most):
        _ask_provider(ctx, upload, call_list, chunk, wishes[start : start + most])


def _ask_provider(ctx: Context, upload: Upload, call_list: CallList, chunk: Chunk, wishes: list[Withdrawal]) -> None:
    wanted = pl.Series([wish.row for wish in wishes], dtype=pl.Int64)
    there = roster.index(ctx.staging, chunk).filter(pl.col("row").is_in(wanted.implode()))
    uuids = dict(zip(roster.uuids(upload, there), there["row"].to_list(), strict=True))
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        line = journal.sending(session, now, "withdraw", upload_id=upload.id, list_id=call_list.id, chunk_id=chunk.id)
    telemetry.emit("withdraw.sending", upload=upload.ulid, chunk=chunk.seq, rows=len(uuids))
    answer = _request(ctx, upload, call_list, list(uuids))
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        if isinstance(answer, ProviderError):
            words = {"code": answer.code, "message": answer.message}
            journal.came_back(session, line, now, type(answer).__name__, **words)
            withdrawals.put_off(session, wishes, _again(ctx, now), answer.message)
        else:
            done = [row for uuid, row in uuids.items() if uuid in answer and answer[uuid] is None]
            journal.came_back(session, line, now, "done", count=len(done))
            _taken_back(ctx, session, upload, call_list, done, now)
            for wish in wishes:
                if wish.row not in done:
                    said = next((answer.get(uuid) for uuid, row in uuids.items() if row == wish.row), None)
                    withdrawals.put_off(session, [wish], _again(ctx, now), said)
    if isinstance(answer, ProviderError):
        accounts.hold(ctx, upload.account, answer)
    telemetry.emit("withdraw.answered", upload=upload.ulid, chunk=chunk.seq, answer=type(answer).__name__)


def _request(
    ctx: Context, upload: Upload, call_list: CallList, uuids: list[str]
) -> dict[str, str | None] | ProviderError:
    def once() -> dict[str, str | None]:
        hands = accounts.provider(ctx, upload.account).hands
        if hands is None:
            raise Refused("cannot_withdraw", "The provider cannot take single contacts back.")
        return hands.withdraw(place_of(upload, call_list), uuids)

    return retry.as_value(lambda: retry.reading(once, ctx.stopping))


def _taken_back(
    ctx: Context, session: Session, upload: Upload, call_list: CallList, rows: list[int], now: datetime
) -> None:
    """Nobody will call them: that is their outcome, whatever the provider calls it."""
    if not rows:
        return
    withdrawals.end(session, upload.id, rows, WithdrawalState.TAKEN_BACK, now, None)
    tasks = pl.DataFrame({"row": rows}).with_columns(
        pl.lit("cancelled").alias("phase"),
        pl.lit(Disposition.CANCELLED.value).alias("disposition"),
        pl.lit("withdrawn").alias("status"),
        pl.lit(call_list.id, dtype=pl.Int64).alias("list_id"),
        *(pl.lit(None, dtype=TASKS[name]).alias(name) for name in ("uuid", "result", "attempts_left", "last_attempt")),
    )
    outcomes.store(session, told.outcomes(ctx, upload, tasks, cancelled_is_final=True), now)


def _has_ended(ctx: Context, upload: Upload, wishes: list[Withdrawal], *, finished: bool = False) -> list[Withdrawal]:
    """End the wishes of those who came to an end before; returns the others. None is left of a chunk that `finished`.

    That somebody was cancelled before the list was stopped and went on proves nothing: he may have been revived.
    """
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        final = outcomes.final(session, upload.id, [wish.row for wish in wishes])
        gone, over = [], []
        for wish in wishes:
            kind, at = final.get(wish.row, (None, now))
            if kind == Disposition.CANCELLED and (finished or at >= wish.since):
                gone.append(wish.row)
            elif finished or kind not in (None, Disposition.CANCELLED):
                over.append(wish.row)
        withdrawals.end(session, upload.id, gone, WithdrawalState.TAKEN_BACK, now, None)
        text = "It had come to its end before it could be taken back."
        withdrawals.end(session, upload.id, over, WithdrawalState.TOO_LATE, now, text)
    return [wish for wish in wishes if wish.row not in {*gone, *over}]


def _again(ctx: Context, now: datetime) -> datetime:
    return now + timedelta(seconds=ctx.settings.timing.probe_every)
