"""What is due: the rows whose bell must be rung. Every query runs on a partial index, so idle rows cost nothing.

A query that finds rows also marks them as rung for so many seconds, so that a queue that is behind is not flooded.
Given None instead it only looks, and runs in a transaction that reads. Probes, listings and callbacks are not marked:
whoever takes up one of the first two has it for a while, and of each account's callbacks one worker in a process.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, exists, func, or_, select, true
from sqlmodel import Session, col

from worker.models import Callback, CallList, Chunk, Gate, Upload
from worker.states import CHUNK_BUSY, UPLOAD_GOES_ON, CallbackState, ChunkState, ListState, UploadState
from worker.store import lists, withdrawals
from worker.store.arrows import change

LIMIT = 500


class Due(NamedTuple):
    """A list and the moment from which it may be submitted."""

    list_id: int
    at: datetime


def withdrawn(session: Session, now: datetime, rung: float | None) -> list[str]:
    """Uploads that hold a wish not to be called which is to be carried out now."""
    query = select(col(Upload.id), col(Upload.ulid)).where(
        col(Upload.id).in_(withdrawals.due(now)), _quiet(Upload.rung_until, now)
    )
    rows = session.execute(query.limit(LIMIT)).all()
    _mark(session, Upload, [row.id for row in rows], "rung_until", now, rung)
    return [row.ulid for row in rows]


def intakes(session: Session, now: datetime, rung: float | None) -> list[str]:
    """Uploads whose file waits to be read, or whose reader died."""
    waiting = col(Upload.state) == UploadState.RECEIVED
    died = and_(col(Upload.state) == UploadState.INGESTING, col(Upload.lease_until) < now)
    live = col(Upload.ended_at).is_(None)
    query = select(col(Upload.id), col(Upload.ulid)).where(live, or_(waiting, died), _quiet(Upload.rung_until, now))
    rows = session.execute(query.limit(LIMIT)).all()
    _mark(session, Upload, [row.id for row in rows], "rung_until", now, rung)
    return [row.ulid for row in rows]


def submissions(session: Session, now: datetime, horizon: float, rung: float | None) -> list[Due]:
    """Open lists with a chunk that is ready within the horizon and that nothing holds back."""
    at = func.min(func.coalesce(col(Chunk.retry_at), col(Chunk.not_before)), type_=Chunk.__table__.c.not_before.type)  # type: ignore[attr-defined]
    query = (
        select(col(CallList.id), at.label("at"))
        .select_from(Chunk)
        .join(CallList, col(CallList.id) == col(Chunk.list_id))
        .join(Upload, col(Upload.id) == col(Chunk.upload_id))
        .join(Gate, col(Gate.account) == col(Upload.account), isouter=True)
        .where(
            col(Chunk.state) == ChunkState.READY,
            col(Chunk.not_before) <= now + timedelta(seconds=horizon),
            col(Chunk.not_after) > now,
            or_(col(Chunk.retry_at).is_(None), col(Chunk.retry_at) <= now),
            col(Upload.state) == UploadState.SUBMITTING,
            col(CallList.state) != ListState.STOPPED,
            ~col(CallList.stop_wanted),
            or_(col(CallList.token).is_(None), col(CallList.lease_until) < now),
            _quiet(col(CallList.rung_until), now),
            _quiet(col(Gate.throttled_until), now),
            ~_in_doubt(),
            ~withdrawals.holds(),
            col(Chunk.uncompared_since).is_(None),
            ~col(Chunk.in_question),
            col(Gate.listed_since).is_(None),
        )
        .group_by(col(CallList.id))
        .limit(LIMIT)
    )
    found = [Due(row.id, max(row.at, now)) for row in session.execute(query)]
    for due in found:
        _mark(session, CallList, [due.list_id], "rung_until", due.at, rung)
    return found


def _in_doubt() -> Any:
    other = Chunk.__table__.alias("other")  # type: ignore[attr-defined]
    return exists().where(other.c.list_id == col(CallList.id), other.c.state == ChunkState.UNKNOWN)


def checks(session: Session, now: datetime, rung: float | None) -> list[int]:
    """Lists with a chunk in doubt that is to be looked up now."""
    free = or_(col(Chunk.check_token).is_(None), col(Chunk.check_lease_until) < now)
    query = select(col(Chunk.id), col(Chunk.list_id)).where(
        col(Chunk.state) == ChunkState.UNKNOWN, col(Chunk.check_at) <= now, col(Chunk.deadline_at) <= now, free
    )
    rows = session.execute(query.limit(LIMIT)).all()
    _mark(session, Chunk, [row.id for row in rows], "check_at", now, rung)
    return [row.list_id for row in rows]


def polls(session: Session, now: datetime, rung: float | None) -> list[int]:
    """Lists that are to be asked for outcomes."""
    live = (col(CallList.state) != ListState.FINISHED, col(CallList.reference).is_not(None), ~col(CallList.held))
    query = select(col(CallList.id)).where(*live, col(CallList.next_poll_at) <= now, lists.unpolled(now)).limit(LIMIT)
    found = list(session.scalars(query))
    _mark(session, CallList, found, "next_poll_at", now, rung)
    return found


def verifications(session: Session, now: datetime, rung: float | None) -> list[int]:
    """Lists that were filled while stopped and wait to be compared and started."""
    unsettled = (*CHUNK_BUSY, ChunkState.REVIEW)
    filling = exists().where(col(Chunk.list_id) == col(CallList.id), col(Chunk.state).in_(unsettled))
    waiting = (col(CallList.held) == true(), ~col(CallList.stop_wanted), col(CallList.state) == ListState.OPEN)
    due = (col(CallList.next_poll_at) <= now, col(CallList.reference).is_not(None))
    free = (lists.unpolled(now), ~filling)
    found = list(session.scalars(select(col(CallList.id)).where(*waiting, *due, *free).limit(LIMIT)))
    _mark(session, CallList, found, "next_poll_at", now, rung)
    return found


def steers(session: Session, now: datetime, rung: float | None) -> list[int]:
    """Lists that run and should be stopped, are stopped and may go on, or are to be told changed options."""
    running = col(CallList.state) == ListState.OPEN
    may_go_on = col(Upload.state).in_(UPLOAD_GOES_ON)
    wrong = or_(and_(col(CallList.stop_wanted), running), and_(~col(CallList.stop_wanted), ~running, may_go_on))
    changed = col(CallList.changes).is_not(None)
    live = (col(CallList.state) != ListState.FINISHED, col(CallList.reference).is_not(None))
    wrong = or_(changed, and_(~col(CallList.held), wrong))
    query = select(col(CallList.id)).join(Upload, col(Upload.id) == col(CallList.upload_id))
    found = list(session.scalars(query.where(*live, wrong, _quiet(CallList.steer_at, now)).limit(LIMIT)))
    _mark(session, CallList, found, "steer_at", now, rung)
    return found


def callbacks(session: Session, now: datetime, _rung: float | None) -> list[str]:
    """Accounts whose inbox holds what was not applied yet, and can be."""
    query = select(col(Callback.account)).where(col(Callback.state) == CallbackState.NEW).distinct()
    deaf = select(col(Gate.account)).where(col(Gate.hear_at) > now)
    return list(session.scalars(query.where(col(Callback.account).not_in(deaf))))


def probes(session: Session, now: datetime, _rung: float | None) -> list[str]:
    """Accounts that are held back and to be tried again."""
    return list(
        session.scalars(select(col(Gate.account)).where(col(Gate.blocked).is_not(None), col(Gate.probe_at) <= now))
    )


def listings(session: Session, now: datetime, _rung: float | None) -> list[str]:
    """Accounts whose running campaigns are to be compared with new numbers of the do-not-call list."""
    return list(session.scalars(select(col(Gate.account)).where(col(Gate.compare_at) <= now)))


def _quiet(column: Any, now: datetime) -> Any:
    return or_(col(column).is_(None), col(column) <= now)


def _mark(session: Session, table: Any, ids: list[int], column: str, since: datetime, rung: float | None) -> None:
    if ids and rung is not None:
        change(session, table, col(table.id).in_(ids), **{column: since + timedelta(seconds=rung)})
