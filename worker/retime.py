"""Retime: a chunk that is sent later than its calling windows were worked out for gets new ones first.

Windows hold for as long as somebody may be called who is sent in time. Who is sent later, since a person said so, would
be called by the hours of another season, or on a Sunday. Such a chunk is not claimed before it has windows from now on.
"""

import csv
import io
import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import polars as pl
from sqlmodel import Session

from worker import calling, roster, telemetry
from worker.context import Context
from worker.errors import ConfigError, StagingError, Unavailable
from worker.intake.header import WINDOW_END, WINDOW_START, WINDOWS
from worker.intake.payload import as_csv, read_csv
from worker.intake.timetable import SAID, contacts_of, written
from worker.job import Job
from worker.layout import Layout
from worker.models import CallList, Chunk, Upload
from worker.states import AT_PROVIDER
from worker.store import chunks, claims, journal, uploads, withdrawals
from worker.windows import Asked, Plan, Planned, is_asked, read_daily, read_schedule

_log = logging.getLogger("rollcall.retime")
DAILY = (WINDOW_START, WINDOW_END)


def in_time(ctx: Context, upload: Upload, now: datetime) -> datetime | None:
    """Chunks that started before this have windows that are too old to be sent now; None where there are no windows."""
    if not is_asked(upload.job.get("window")):
        return None
    return now - timedelta(seconds=ctx.settings.timing.late_after)


def needs_list(ctx: Context, upload: Upload, call_list: CallList) -> bool:
    """Whether a chunk that is to get new windows would join contacts who keep old ones: these are not to be called for
    as long as it is, so it goes into a list of its own."""
    if call_list.reference is None or not is_asked(upload.job.get("window")):
        return False
    with ctx.db.read() as session:
        now = ctx.db.now(session)
        since = in_time(ctx, upload, now)
        first = chunks.first_start(session, call_list.id)
        if since is None or first is None or first >= since:
            return False
        return claims.outdated(session, call_list.id, now, since) is not None


def renew(ctx: Context, upload: Upload, list_id: int) -> None:
    """Give one chunk of the list new windows from now on, if there is one that is too late for its own.

    Whoever has no window any more is withdrawn; until that is done, the chunk is not claimed. One whose file is gone is
    put off, and holds up no other.
    """
    if not is_asked(upload.job.get("window")):
        return
    try:
        while (chunk := _outdated(ctx, upload, list_id)) is not None:
            try:
                _renew(ctx, upload, chunk)
                return
            except StagingError as error:
                if not _put_off(ctx, upload, chunk, error):
                    return
    except (Unavailable, ConfigError) as error:
        _log.error("a chunk of upload %s that wants new calling windows must wait: %s", upload.ulid, error.message)


def _outdated(ctx: Context, upload: Upload, list_id: int) -> Chunk | None:
    with ctx.db.read() as session:
        now = ctx.db.now(session)
        since = in_time(ctx, upload, now)
        return None if since is None else claims.outdated(session, list_id, now, since)


def _put_off(ctx: Context, upload: Upload, chunk: Chunk, error: StagingError) -> bool:
    """The journal says it once, however often it is tried. False where the chunk was changed meanwhile."""
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        again_at = now + timedelta(seconds=ctx.settings.timing.probe_every)
        if not chunks.put_off(session, chunk, again_at, error.code, error.message):
            return False
        if chunk.code != error.code:
            _note(session, now, chunk, "held", code=error.code, message=error.message)
            _log.error("chunk %s of upload %s gets no new windows: %s", chunk.seq, upload.ulid, error.message)
    return True


def _note(session: Session, now: datetime, chunk: Chunk, result: str, **values: Any) -> None:
    about = {"upload_id": chunk.upload_id, "list_id": chunk.list_id, "chunk_id": chunk.id}
    journal.note(session, now, "retime", result, **about, **values)


def _renew(ctx: Context, upload: Upload, chunk: Chunk) -> None:
    with ctx.db.read() as session:
        now = ctx.db.now(session)
    job = Job.model_validate(upload.job)
    asked, layout = calling.asked(ctx, job), ctx.layout(upload.account, job.options)
    assert asked is not None
    index = roster.index(ctx.staging, chunk)
    planned = _planned(asked, layout.schedule is not None, index, now)
    of_uuid = dict(zip(roster.uuids(upload, index), planned, strict=True))
    payload = _rewritten(ctx.staging.read(chunk.digest), layout, of_uuid)
    left = [row for row, plan in zip(index["row"].to_list(), planned, strict=True) if plan.fault is not None]
    values = {"digest": ctx.staging.put(payload), "bytes": len(payload), "not_before": now}
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        if not chunks.shrink(session, chunk, **values):
            return
        places = pl.DataFrame({"row": left}, schema={"row": pl.Int64}).with_columns(chunk_id=pl.lit(chunk.id))
        withdrawals.ask(session, upload.id, places, "calling hours", withdrawals.NO_WINDOW, now)
        had = f"Its windows were those of a start at {chunk.not_before.isoformat()}, in the object {chunk.digest}."
        _note(session, now, chunk, "renewed", count=len(left), message=had)
    telemetry.emit("retime.renewed", upload=upload.ulid, chunk=chunk.seq, rows=chunk.rows, left=len(left))
    if left:
        ctx.ring("withdraw", upload.ulid)


def outside(ctx: Context, upload: Upload, list_ids: Collection[int]) -> int:
    """How many contacts in these lists would be called outside their windows if the lists dial from now on.

    Raises StagingError, Unavailable, ConfigError.
    """
    with ctx.db.read() as session:
        now = ctx.db.now(session)
        since = in_time(ctx, upload, now)
        there = [] if since is None else chunks.of_upload(session, upload.id, *AT_PROVIDER)
    old = [one for one in there if one.list_id in list_ids and since is not None and one.not_before < since]
    return outlived(ctx, upload, old, now, upload.job["options"])


def outlived(ctx: Context, upload: Upload, of: Sequence[Chunk], now: datetime, options: dict[str, Any]) -> int:
    """How many contacts of these chunks have windows that would not hold if they are called from now on.

    `options` say how long they may be called. Raises StagingError, ConfigError.
    """
    asked = calling.asked(ctx, Job.model_validate({**upload.job, "options": options})) if of else None
    if asked is None:
        return 0
    return sum(_outlived(ctx, upload, chunk, asked, max(now, chunk.not_before)) for chunk in of)


def _outlived(ctx: Context, upload: Upload, chunk: Chunk, asked: Asked, since: datetime) -> int:
    layout, index = ctx.layout(upload.account, upload.job["options"]), roster.index(ctx.staging, chunk)
    payload = io.StringIO(ctx.staging.read(chunk.digest).decode(), newline="")
    records = csv.reader(payload, delimiter=layout.delimiter)
    header = next(records)
    weekly = not set(DAILY) <= set(header)
    planned = _planned(asked, weekly, index, since)
    of_uuid = dict(zip(roster.uuids(upload, index), planned, strict=True))
    places = [place for place, name in enumerate(header) if name in WINDOWS]

    @cache
    def fits(plan: Planned, *said: str) -> bool:
        spans = read_schedule(*said) if weekly else read_daily(*said)
        return plan.window is not None and plan.window.allows(spans)

    return sum(not fits(of_uuid[record[-1]], *(record[place] for place in places)) for record in records)


def _planned(asked: Asked, weekly: bool, index: pl.DataFrame, since: datetime) -> list[Planned]:
    start = int(since.timestamp())
    plan = Plan(asked.rules, start=start, lasts=asked.lasts, hours=asked.hours, weekly=weekly)
    return [plan.planned[place] for place in plan.of(contacts_of(index).with_columns(start=pl.lit(start)))]


def _rewritten(payload: bytes, layout: Layout, of_uuid: dict[str, Planned]) -> bytes:
    """The payload with other windows. Whoever has none keeps what he had: he is taken out. The uuid stands last."""
    records = read_csv(payload, layout.delimiter)
    header, rows = list(records.row(0)), records[1:]
    plans = [of_uuid[uuid] for uuid in rows.to_series(-1)]
    new = pl.Series([plan.fault is None for plan in plans], dtype=pl.Boolean)
    windows = []
    for ours, wire in written(layout).items():
        had = rows[str(header.index(wire))] if wire in header else pl.repeat("", rows.height, eager=True)
        said = pl.Series([getattr(plan, SAID[ours]) for plan in plans], dtype=pl.String)
        windows.append(said.zip_with(new, had).alias(wire))
    kept = [rows[str(place)].alias(name) for place, name in enumerate(header[:-1]) if name not in WINDOWS]
    out = pl.DataFrame([*kept, *windows, rows.to_series(-1).alias(header[-1])])
    return as_csv(pl.DataFrame([[name] for name in out.columns]), layout.delimiter) + as_csv(out, layout.delimiter)
