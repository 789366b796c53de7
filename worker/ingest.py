"""Ingest: read the staged file once, clean it, cut it into chunks, account for every row.

Nothing is sent here and nothing is visible until the last transaction, so a reader that dies is simply replaced by
another that begins again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

import numpy as np
from sqlmodel import Session

from worker import memory, roster, telemetry
from worker.context import Context, list_name
from worker.errors import ConfigError, InputError, RollcallError, StagingError, Unavailable
from worker.intake import Dialect, Intake, Order, StagedChunk, memory_needed, take_in
from worker.job import Job
from worker.models import CallList, Chunk, Upload, Withdrawal
from worker.states import ChunkState
from worker.store import chunks, gates, suppressions, uploads, withdrawals

MAY_HAVE_CALLED = tuple(
    state for state in ChunkState if state not in (ChunkState.REFUSED, ChunkState.CANCELLED, ChunkState.SKIPPED)
)


class _Lost(Exception):
    """The lease was lost, or the upload was cancelled: stop reading."""


def ingest(ctx: Context, ulid: str) -> None:
    """Take in an upload that was received. Does nothing where another worker does it, or where it is done."""
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        upload = uploads.claim_intake(session, ulid, now, ctx.settings.timing.lease)
    if upload is None:
        return
    telemetry.emit("ingest.claimed", upload=ulid)
    if upload.deaths >= ctx.settings.max_deaths:
        text = f"Reading the file ended its worker {upload.deaths} times; look at the workers' memory and logs."
        _fail(ctx, upload, InputError("intake_kept_dying", text))
        return
    try:
        _take_in(ctx, upload, now)
    except (InputError, ConfigError, StagingError) as error:
        _fail(ctx, upload, error)
    except Unavailable as error:
        _put_off(ctx, upload, error)
    except _Lost:
        telemetry.emit("ingest.lost", upload=ulid)


def _take_in(ctx: Context, upload: Upload, now: datetime) -> None:
    order = _order(ctx, upload, Job.model_validate(upload.job), now)
    with _room(ctx, upload, order, now):
        with ctx.db.read() as session:
            suppressed = suppressions.of_account(session, upload.account)
            seen: set[int] = set()
            called = _called(ctx, session, upload, now, seen)
        with _opened(ctx, upload) as source:
            order = replace(order, suppressed=suppressed, called=called)
            intake = take_in(source, order, ctx.staging, _keep_lease(ctx, upload))
        telemetry.emit("ingest.staged", upload=upload.ulid, rows=intake.total, chunks=len(intake.chunks))
        with ctx.db.write() as session:
            list_ids = _finish(ctx, session, upload, intake, now, seen)
    telemetry.emit("ingest.finished", upload=upload.ulid, rows=intake.total, rejected=intake.rejected)
    for list_id in list_ids[:1]:  # the sweep rings for lists with a start of their own
        ctx.ring("submit", list_id)


@contextmanager
def _room(ctx: Context, upload: Upload, order: Order, now: datetime) -> Iterator[None]:
    """Memory for the reading, where the settings limit it. Raises Unavailable while others have it."""
    limit = ctx.settings.intake_memory
    if limit is None:
        yield
        return
    with ctx.db.read() as session:
        if uploads.waited_longer(session, upload, memory.WAITS):  # a large file would else never get its turn
            raise Unavailable(memory.WAITS, "An earlier upload waits for memory; this one is read after it.")
        listed = suppressions.count(session, upload.account) + suppressions.count(session, suppressions.EVERYWHERE)
        listed += sum(one.total for one in _recent(ctx, session, upload, now))
    with _opened(ctx, upload) as source:
        need = memory_needed(source, order, listed)
    with memory.room(ctx.settings.home / "intakes", need, limit):
        yield


def _recent(ctx: Context, session: Session, upload: Upload, now: datetime) -> list[Upload]:
    """The account's other uploads, within the time that it leaves a number alone."""
    days = ctx.settings.account(upload.account).call_again_after
    return uploads.recent(session, upload, now - timedelta(days=days)) if days else []


def _called(ctx: Context, session: Session, upload: Upload, now: datetime, seen: set[int]) -> suppressions.Numbers:
    """Numbers that the account's other uploads call, or have called within the time that it leaves a number alone.

    Of uploads that are not in `seen`, to which they are added.
    """
    found = []
    for one in _recent(ctx, session, upload, now):
        every = chunks.of_upload(session, one.id, *MAY_HAVE_CALLED) if one.id not in seen else []
        found += [roster.index(ctx.staging, chunk)["e164"].drop_nulls().to_numpy() for chunk in every]
        seen |= {one.id} if every else set()
    return np.unique(np.concatenate(found)) if found else suppressions.NONE


def _opened(ctx: Context, upload: Upload) -> BinaryIO:
    if upload.source_digest is None:
        raise StagingError(
            "staged_object_missing", f"The file of upload {upload.ulid} was never staged; push it again."
        )
    return ctx.staging.open(upload.source_digest)


def _order(ctx: Context, upload: Upload, job: Job, now: datetime) -> Order:
    account = ctx.settings.account(upload.account)
    can = ctx.kind(upload.account).capabilities
    return Order(
        token=upload.ulid,
        phone_column=job.phone_column,
        region=job.region or account.region,
        dialect=Dialect(job.delimiter, job.encoding, job.quote, job.escape),
        starts_at=None if job.starts_at is None else int(job.starts_at.timestamp()),
        now=int(now.timestamp()),
        max_rows=min(account.chunk_rows, can.max_rows),
        max_bytes=min(account.chunk_bytes, can.max_bytes),
        layout=ctx.kind(upload.account).layout(job.options),
        only=frozenset(job.only or ()),
        countries=frozenset(job.countries or ()),
        max_expanded=ctx.settings.source_limit,
    )


def _keep_lease(ctx: Context, upload: Upload) -> Callable[[], None]:
    """Extends the lease, at most a few times in its length."""
    lease = ctx.settings.timing.lease
    renewed: list[datetime] = []

    def beat() -> None:
        with ctx.db.write() as session:
            now = ctx.db.now(session)
            if renewed and (now - renewed[-1]).total_seconds() < lease / 4:
                return
            if not uploads.extend_intake(session, upload, now, lease):
                raise _Lost
        renewed[:] = [now]

    return beat


def _finish(
    ctx: Context, session: Session, upload: Upload, intake: Intake, began: datetime, seen: set[int]
) -> list[int]:
    """One transaction: the counts, the lists, the chunks, and the one UPDATE that makes them all ready.

    Behind the account's gate, where whoever adds a number to its do-not-call list comes by as well.
    """
    gates.get(session, upload.account)
    now = ctx.db.now(session)
    counts = {
        "total": intake.total,
        "rejected": intake.rejected,
        "duplicate": intake.duplicate,
        "suppressed": intake.suppressed,
        "reasons": intake.reasons,
        "rejects_digest": intake.rejects_digest,
        "custom_uuids": intake.custom_uuids,
        "unsent_columns": intake.unsent_columns,
    }
    held = _too_many_rejects(ctx, upload, intake)
    if held is None:
        moved = uploads.finish_intake(session, upload, **counts)
    else:
        moved = uploads.hold_rejects(session, upload, code="too_many_rejects", message=held, **counts)
    if not moved:
        raise _Lost
    into = _lists(ctx, session, upload, intake)
    late_after = timedelta(seconds=ctx.settings.timing.late_after)
    cut = [_chunk(upload, into[staged.seq], staged, now, late_after) for staged in intake.chunks]
    session.add_all(cut)
    session.flush()
    _leave_out(ctx, session, upload, cut, suppressions.WHY, _listed_since(session, upload, began))
    _leave_out(ctx, session, upload, cut, "called by another upload", _called(ctx, session, upload, began, seen))
    if held is not None:
        return []
    chunks.release(session, upload.id)
    uploads.advance(session, upload.id, now)
    return list(dict.fromkeys(call_list.id for call_list in into.values()))


def _listed_since(session: Session, upload: Upload, began: datetime) -> suppressions.Numbers:
    return suppressions.added_since(session, upload.account, began - suppressions.SKEW)


def _leave_out(
    ctx: Context, session: Session, upload: Upload, cut: list[Chunk], why: str, numbers: suppressions.Numbers
) -> None:
    """Who is to be called no more since the file was begun leaves again, before anything is sent."""
    if not len(numbers):
        return
    now = ctx.db.now(session)
    said = {"who": "intake", "why": why, "asked_at": now, "since": now, "again_at": now}
    wishes = [
        Withdrawal.model_validate({**said, "upload_id": upload.id, "row": row, "chunk_id": chunk.id})
        for chunk in cut
        for row in roster.rows_with(ctx.staging, chunk, numbers)
    ]
    if wishes:
        withdrawals.ask(session, wishes)


def _lists(ctx: Context, session: Session, upload: Upload, intake: Intake) -> dict[int, CallList]:
    """The list of each chunk, by its number: one for the whole campaign where the provider lets us append.

    Else each chunk is a list. Lists that are compared before they start hold contacts of one start.
    """
    appends, apart = ctx.kind(upload.account).capabilities.appends, ctx.holds(upload)
    made: dict[int | None, CallList] = {}
    into: dict[int, CallList] = {}
    for staged in intake.chunks:
        shared = staged.starts_at if apart else None
        place = shared if appends else staged.seq
        if place not in made:
            number = len(made) + 1
            name = list_name(ctx, upload, number)
            made[place] = CallList(upload_id=upload.id, number=number, name=name, held=apart)
        into[staged.seq] = made[place]
    session.add_all(made.values())
    session.flush()
    return into


def _too_many_rejects(ctx: Context, upload: Upload, intake: Intake) -> str | None:
    limit = ctx.settings.reject_threshold
    if not intake.total or intake.rejected <= limit * intake.total:
        return None
    return (
        f"{intake.rejected} of {intake.total} rows were rejected, more than {limit:.0%}; nothing was sent. "
        f"`rollcall rejects {upload.ulid}` shows them; `rollcall resume {upload.ulid} --accept-rejects` goes on."
    )


def _chunk(upload: Upload, call_list: CallList, staged: StagedChunk, now: datetime, late_after: timedelta) -> Chunk:
    start = now if staged.starts_at is None else datetime.fromtimestamp(staged.starts_at, UTC)
    return Chunk(
        upload_id=upload.id,
        list_id=call_list.id,
        seq=staged.seq,
        rows=staged.rows,
        bytes=staged.bytes,
        digest=staged.digest,
        index_digest=staged.index_digest,
        first_row=staged.first_row,
        last_row=staged.last_row,
        not_before=start,
        not_after=start + late_after,
    )


def _put_off(ctx: Context, upload: Upload, error: Unavailable) -> None:
    """Staging is away, or memory is: nothing was lost, so the file is read later, by whoever comes first."""
    with ctx.db.write() as session:
        again = ctx.db.now(session) + timedelta(seconds=ctx.settings.timing.probe_every)
        uploads.give_back_intake(session, upload, again, error.code, error.message)
    telemetry.emit("ingest.put_off", upload=upload.ulid, code=error.code)


def _fail(ctx: Context, upload: Upload, error: RollcallError) -> None:
    with ctx.db.write() as session:
        uploads.fail_intake(session, upload, ctx.db.now(session), error.code, error.message)
    telemetry.emit("ingest.failed", upload=upload.ulid, code=error.code, message=error.message)
