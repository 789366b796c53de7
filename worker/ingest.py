"""Ingest: read the staged file once, clean it, cut it into chunks, account for every row.

Nothing is sent here and nothing is visible until the last transaction, so a reader that dies is simply replaced by
another that begins again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import polars as pl
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from worker import calling, known, lanes, memory, roster, telemetry, wishes
from worker.context import Context, list_name
from worker.counted import counted, swallowed
from worker.errors import ConfigError, InputError, RollcallError, StagingError, Unavailable
from worker.intake.cut import StagedChunk
from worker.intake.dialect import Dialect
from worker.intake.need import memory_needed
from worker.intake.read import no_beat
from worker.intake.rejects import UNASKED
from worker.intake.run import Intake, Order, take_in
from worker.job import Job
from worker.lanes import Place
from worker.lease import Lost, kept
from worker.models import CallList, Upload
from worker.sizes import sizes
from worker.store import chunks, families, gates, journal, progress, suppressions, uploads, withdrawals
from worker.windows import is_asked

Beat = Callable[[], None]
Rows = dict[int, list[int]]  # by number of the chunk


@dataclass(frozen=True)
class _Leaving:
    """Who is to be called no more since the file was begun: `listed` on the do-not-call list with one of `numbers`, or
    `called` by another upload."""

    numbers: suppressions.Numbers
    listed: Rows
    called: Rows


class Share(NamedTuple):
    """How many of how many rows, and how many more lines lie in them (`Intake.swallowed`)."""

    rejected: int
    total: int
    swallowed: int

    @property
    def lines(self) -> str:
        """What is to be said of the lines."""
        return f" ({swallowed(self.swallowed)})" if self.swallowed else ""


def ingest(ctx: Context, ulid: str) -> None:
    """Take in an upload that was received. Does nothing where another worker does it, or where it is done."""
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        upload = families.claim_intake(session, ulid, now, ctx.settings.timing.lease)
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
    except OperationalError as error:  # the worker lives: were the claim left to end, it would count as a death
        text = f"The database did not take what was read ({type(error.orig).__name__}); look at its disk and its log."
        _put_off(ctx, upload, Unavailable("database_down", text))
    except Lost:
        telemetry.emit("ingest.lost", upload=ulid)


def _take_in(ctx: Context, upload: Upload, now: datetime) -> None:
    lease, seen = ctx.settings.timing.lease, set[int]()
    beat = kept(ctx, lease, lambda session, at: uploads.extend_intake(session, upload, at, lease))
    with _room(ctx, upload, now):
        order = order_for(ctx, upload, now, seen, beat)
        with _opened(ctx, upload) as source:
            intake = take_in(source, order, ctx.staging, beat)
        telemetry.emit("ingest.staged", upload=upload.ulid, rows=intake.total, chunks=len(intake.chunks))
        leaving = _leaving(ctx, upload, intake, now, seen, beat)
        with ctx.db.write() as session:
            list_ids = _finish(ctx, session, upload, intake, now, seen, leaving)
    telemetry.emit("ingest.finished", upload=upload.ulid, rows=intake.total, rejected=intake.rejected)
    for list_id in list_ids:
        ctx.ring("submit", list_id)


def order_for(ctx: Context, upload: Upload, now: datetime, seen: set[int], beat: Beat = no_beat) -> Order:
    """What to make of an upload's file, by what is known at this moment; `seen` as in `known.called`."""
    with ctx.db.read() as session:
        suppressed = _listed_before(session, upload)
        forgotten = known.forgotten(ctx, session)
    called = known.called(ctx, upload, now, seen, beat)
    out = {"suppressed": suppressed, "forgotten": forgotten, "called": called}
    out["withdrawn"] = known.withdrawn(ctx, upload, beat)
    left_out = {**out, **known.family(ctx, upload, beat)}
    return replace(_order(ctx, upload, Job.model_validate(upload.job), now), **left_out)


@contextmanager
def _room(ctx: Context, upload: Upload, now: datetime) -> Iterator[None]:
    """Memory for the reading, where the settings limit it. Raises Unavailable while others have it."""
    limit = ctx.settings.intake_memory
    if limit is None:
        yield
        return
    with ctx.db.read() as session:
        if uploads.waited_longer(session, upload, memory.WAITS):  # a large file would else never get its turn
            raise Unavailable(memory.WAITS, "An earlier upload waits for memory; this one is read after it.")
        numbers = suppressions.count_of_account(session, upload.account) + (upload.first_row or 1) - 1
        numbers += sum(one.total for one in known.recent(ctx, session, upload, now))
    order = _order(ctx, upload, Job.model_validate(upload.job), now)
    with _opened(ctx, upload) as source:
        need = memory_needed(source, order, numbers)
    with memory.room(ctx.settings.home / "intakes", need, limit):
        yield


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
        sizes=sizes(account.chunk_rows, most=can.max_rows, grows=can.shows_contacts),
        max_bytes=min(account.chunk_bytes, can.max_bytes),
        layout=ctx.layout(upload.account, job.options),
        only=frozenset(job.only or ()),
        countries=frozenset(job.countries or ()),
        asked=calling.asked(ctx, job),
        pilot=job.pilot or 0,
        max_expanded=ctx.settings.source_limit,
        first_row=upload.first_row or 1,
    )


def _finish(
    ctx: Context,
    session: Session,
    upload: Upload,
    intake: Intake,
    began: datetime,
    seen: set[int],
    leaving: _Leaving,
) -> list[int]:
    """One transaction: the counts, the lists, the chunks, and the one UPDATE that makes them ready, or their pilot.

    Behind the account's gate, where whoever adds a number to its do-not-call list comes by as well. Returns the list
    that begins, or its lanes: the sweep rings for those with a start of their own.
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
        "found": {
            "columns": intake.columns,
            "phone_column": intake.phone_column,
            "swallowed": intake.swallowed,
            **asdict(intake.dialect),
        },
    }
    wishes.refuse_lost(session, upload.account, upload.source_digest, upload.id)  # who was pruned since it was stored
    held = _rejects_held(ctx, upload, intake)
    if held is None:
        moved = uploads.finish_intake(session, upload, **counts)
    else:
        moved = uploads.hold_rejects(session, upload, code="too_many_rejects", message=held, **counts)
    if not moved:
        raise Lost
    journal.note(session, now, "read", "done", upload_id=upload.id, count=intake.total, message=_counted(intake))
    into = _lists(ctx, session, uploads.lock(session, upload.id), intake)  # with its options as they are now
    late_after = timedelta(seconds=ctx.settings.timing.late_after)
    ids = chunks.add(session, [_chunk(upload, into[staged.seq], staged, now, late_after) for staged in intake.chunks])
    listed = np.setdiff1d(_listed_since(session, upload, began), leaving.numbers)
    called = known.called(ctx, upload, began, seen, no_beat)
    _leave_out(ctx, session, upload, intake, ids, withdrawals.LISTED, leaving.listed, listed)
    _leave_out(ctx, session, upload, intake, ids, withdrawals.CALLED_BEFORE, leaving.called, called)
    if held is not None:
        return []
    chunks.release_first(session, upload)
    progress.advance(session, upload.id, now)
    begin = list({call_list.id: call_list.lanes for call_list in into.values()}.items())
    return [list_id for list_id, _ in begin[: begin[0][1] if begin else 0]]


def _counted(intake: Intake) -> str:
    parts = {"rejected": intake.rejected, "duplicate": intake.duplicate, "suppressed": intake.suppressed}
    left = ", ".join(f"{count} {name}" for name, count in parts.items())
    contacts = sum(chunk.rows for chunk in intake.chunks)
    return f"{left}; {counted(contacts, 'contact')} in {counted(len(intake.chunks), 'chunk')}"


def _listed_before(session: Session, upload: Upload) -> suppressions.Numbers:
    """Who is on the do-not-call list; where a backup was restored, who was on it when the file was given: it may have
    been sent since, so it is cut as it was then. Who came onto the list later leaves, or is taken back."""
    every = suppressions.of_account(session, upload.account)
    if upload.restored_at is None:
        return every
    return np.setdiff1d(every, suppressions.added_since(session, upload.account, upload.created_at))


def _listed_since(session: Session, upload: Upload, began: datetime) -> suppressions.Numbers:
    since = began if upload.restored_at is None else upload.created_at
    return suppressions.added_since(session, upload.account, since - suppressions.SKEW)


def _leaving(ctx: Context, upload: Upload, intake: Intake, began: datetime, seen: set[int], beat: Beat) -> _Leaving:
    """Looked for before the last transaction, which holds the account: there only what came in between is read."""
    with ctx.db.read() as session:
        numbers = _listed_since(session, upload, began)
    called = known.called(ctx, upload, began, seen, beat)
    listed: Rows = _rows_with(ctx, intake.chunks, numbers, beat)
    return _Leaving(numbers, listed, _rows_with(ctx, intake.chunks, called, beat))


def _rows_with(ctx: Context, cut: Sequence[StagedChunk], numbers: suppressions.Numbers, beat: Beat) -> Rows:
    rows: Rows = {}
    for chunk in cut if len(numbers) else ():
        beat()
        rows[chunk.seq] = roster.rows_with(ctx.staging, chunk, numbers)
    return rows


def _leave_out(
    ctx: Context,
    session: Session,
    upload: Upload,
    intake: Intake,
    ids: dict[int, int],
    why: str,
    found: Rows,
    numbers: suppressions.Numbers,
) -> None:
    """Who is to be called no more since the file was begun leaves again, before anything is sent.

    Those that were found, and those with one of `numbers`. `ids`: of the chunks, by number.
    """
    late = _rows_with(ctx, intake.chunks, numbers, no_beat)
    out = [(row, chunk_id) for seq, chunk_id in ids.items() for rows in (found, late) for row in rows.get(seq, ())]
    frame = pl.DataFrame(out, schema={"row": pl.Int64, "chunk_id": pl.Int64}, orient="row")
    withdrawals.ask(session, upload.id, frame, "intake", why, ctx.db.now(session))


def _lists(ctx: Context, session: Session, upload: Upload, intake: Intake) -> dict[int, CallList]:
    """The list of each chunk, by its number."""
    apart = ctx.holds(upload)
    made: dict[Place, CallList] = {}
    into: dict[int, CallList] = {}
    for seq, place in places(ctx, upload, intake.chunks).items():
        if place not in made:
            number = len(made) + 1
            made[place] = CallList(
                upload_id=upload.id,
                number=number,
                name=list_name(ctx, upload, number),
                held=apart,
                lane=place.lane,
                lanes=place.lanes,
            )
        into[seq] = made[place]
    session.add_all(made.values())
    session.flush()
    return into


def places(ctx: Context, upload: Upload, cut: list[StagedChunk]) -> dict[int, Place]:
    """By the number of each chunk, what it shares with the others of its list, and with no other list.

    One list holds the whole campaign where the provider lets us append; else each chunk is a list. Lists that are
    compared before they start hold contacts of one start. With calling windows a list holds those who start within
    `late_after` of each other: it is stopped when the windows of the first are over. A pilot ends before the rest is
    sent, so its list is its own. What would be a large list becomes several.
    """
    kind, account, options = ctx.kind(upload.account), ctx.settings.account(upload.account), upload.job["options"]
    appends, apart = kind.capabilities.appends, ctx.holds(upload)
    span = max(1, int(ctx.settings.timing.late_after)) if is_asked(upload.job.get("window")) else None

    def together(one: StagedChunk) -> int | None:
        if not appends:
            return one.seq
        if apart or span is None or one.starts_at is None:
            return one.starts_at if apart else None
        return one.starts_at // span

    def many(rows: int) -> int:
        if not kind.divides(options):
            return 1
        return lanes.many(rows, options, lists=account.lists, least_rows=account.list_rows)

    into = lanes.divided([Place(one.pilot, together(one)) for one in cut], [one.rows for one in cut], many)
    return {one.seq: place for one, place in zip(cut, into, strict=True)}


def too_many_rejects(ctx: Context, intake: Intake) -> Share | None:
    """The share of rejected rows where it is above the threshold. Rows that were not asked for do not count, and lines
    that a quote may have taken into a rejected row count as if each were one."""
    unasked = sum(intake.reasons.get(code.word, 0) for code in UNASKED)
    share = Share(intake.rejected - unasked, intake.total - unasked, intake.swallowed)
    most = ctx.settings.reject_threshold * (share.total + share.swallowed)
    return share if share.rejected + share.swallowed > most else None


def _rejects_held(ctx: Context, upload: Upload, intake: Intake) -> str | None:
    share = too_many_rejects(ctx, intake)
    if share is None:
        return None
    return (
        f"{share.rejected} of {share.total} rows were rejected{share.lines}, more than "
        f"{ctx.settings.reject_threshold:.0%}; nothing was sent. "
        f"`rollcall rejects {upload.ulid}` shows them. `rollcall resume {upload.ulid} --accept-rejects` goes on "
        "without them, and they may follow once corrected (-o FILE, --continues); or cancel it, and upload the file "
        "anew, mended or with other options."
    )


def _chunk(
    upload: Upload, call_list: CallList, staged: StagedChunk, now: datetime, late_after: timedelta
) -> dict[str, Any]:
    start = now if staged.starts_at is None else datetime.fromtimestamp(staged.starts_at, UTC)
    return {
        "upload_id": upload.id,
        "list_id": call_list.id,
        "seq": staged.seq,
        "rows": staged.rows,
        "bytes": staged.bytes,
        "digest": staged.digest,
        "index_digest": staged.index_digest,
        "first_row": staged.first_row,
        "last_row": staged.last_row,
        "pilot": staged.pilot,
        "not_before": start,
        "not_after": start + late_after,
        "in_question": upload.restored_at is not None,
        "attempts": 0 if upload.restored_at is None else 1,
    }


def _put_off(ctx: Context, upload: Upload, error: Unavailable) -> None:
    """Staging is away, or memory or the database: nothing was lost, so whoever comes first reads the file later."""
    with ctx.db.write() as session:
        again = ctx.db.now(session) + timedelta(seconds=ctx.settings.timing.probe_every)
        uploads.give_back_intake(session, upload, again, error.code, error.message)
    telemetry.emit("ingest.put_off", upload=upload.ulid, code=error.code)


def _fail(ctx: Context, upload: Upload, error: RollcallError) -> None:
    with ctx.db.write() as session:
        uploads.fail_intake(session, upload, ctx.db.now(session), error.code, error.message)
    telemetry.emit("ingest.failed", upload=upload.ulid, code=error.code, message=error.message)
