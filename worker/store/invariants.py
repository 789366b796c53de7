"""What must hold at every moment: the accounting adds up, and nothing that is due is attended by nobody.

One query each, on indexes, so that all of it may be asked every minute. A query tells how many break it, and one of
them. `since` is the moment before which something may be overdue: work that waits its turn is not yet stuck.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlmodel import Session, col

from worker.models import Callback, CallList, Chunk, Gate, Upload, Withdrawal
from worker.states import CallbackState, ChunkState, ListState, UploadState, WithdrawalState
from worker.store import due, gates, lists

ENDED = timedelta(hours=1)  # for so long an upload that has ended is still added up
LIVE = col(Upload.ended_at).is_(None)


class Broken(NamedTuple):
    """An invariant that does not hold: how many break it, and an upload or an account among them."""

    name: str
    number: int
    example: str


Count = Select[int, str]
Query = Callable[[datetime, datetime], Count]


def broken(session: Session, now: datetime, since: datetime) -> list[Broken]:
    """Those that do not hold now."""
    found = []
    for name, query in QUERIES.items():
        count, example = session.execute(query(now, since)).one()
        if count:
            found.append(Broken(name, int(count), str(example)))
    return found


def _accounting(now: datetime, _since: datetime) -> Count:
    """Promise one: every row of a file is in exactly one count."""
    rows = select(func.coalesce(func.sum(col(Chunk.rows)), 0)).where(col(Chunk.upload_id) == col(Upload.id))
    parts = col(Upload.rejected) + col(Upload.duplicate) + col(Upload.suppressed) + rows.scalar_subquery()
    return _uploads().where(or_(LIVE, col(Upload.ended_at) > now - ENDED), col(Upload.total) != parts)


def _claimed(_now: datetime, since: datetime) -> Count:
    return _chunks().where(col(Chunk.state) == ChunkState.CLAIMED, col(Chunk.lease_until) < since)


def _unknown(now: datetime, since: datetime) -> Count:
    overdue = (col(Chunk.check_at) < since, col(Chunk.deadline_at) < since)
    free = or_(col(Chunk.check_token).is_(None), col(Chunk.check_lease_until) < now)
    asked = gates.in_reach(col(Chunk.upload_id))
    return _chunks().where(col(Chunk.state) == ChunkState.UNKNOWN, *overdue, free, asked)


def _overdue(now: datetime, since: datetime) -> Count:
    """Chunks that nothing holds back, of accounts of which nobody sends anything at the moment."""
    waited = and_(col(Chunk.not_before) < since, or_(col(Chunk.retry_at).is_(None), col(Chunk.retry_at) < since))
    idle = _idle(CallList.token, CallList.lease_until, now)
    query = _chunks().join(CallList, col(CallList.id) == col(Chunk.list_id))
    query = query.join(Gate, col(Gate.account) == col(Upload.account), isouter=True)
    return query.where(*due.submittable(now), waited, idle, ~_undecided())


def _undecided() -> Any:
    """Of a list: nobody knows whether it was made, and a person is asked."""
    other = Chunk.__table__.alias("undecided")  # type: ignore[attr-defined]
    asked = exists().where(other.c.list_id == col(CallList.id), other.c.state == ChunkState.REVIEW, other.c.creates)
    return and_(col(CallList.reference).is_(None), asked)


def _reading(_now: datetime, since: datetime) -> Count:
    return _uploads().where(LIVE, col(Upload.state) == UploadState.INGESTING, col(Upload.lease_until) < since)


def _unread(now: datetime, since: datetime) -> Count:
    """Files that wait to be read while none is."""
    other = Upload.__table__.alias("other")  # type: ignore[attr-defined]
    reading = exists().where(
        other.c.ended_at.is_(None), other.c.state == UploadState.INGESTING, other.c.lease_until >= now
    )
    return _uploads().where(LIVE, col(Upload.state) == UploadState.RECEIVED, col(Upload.created_at) < since, ~reading)


def _unpolled(now: datetime, since: datetime) -> Count:
    """Lists that are to be asked for outcomes, of accounts of which no list is being read at the moment."""
    live = (col(CallList.state) != ListState.FINISHED, col(CallList.reference).is_not(None), ~col(CallList.held))
    overdue = (col(CallList.next_poll_at) < since, lists.unpolled(now), gates.in_reach(col(CallList.upload_id)))
    return _lists().where(*live, *overdue, _idle(CallList.poll_token, CallList.poll_lease_until, now))


def _beyond(_now: datetime, since: datetime) -> Count:
    """Lists whose deadline has passed, that were asked since, and that nobody has to decide about."""
    running = (col(CallList.state) == ListState.OPEN, ~col(CallList.stop_wanted), col(CallList.adopted_at).is_(None))
    asked = (col(CallList.reference).is_not(None), gates.in_reach(col(CallList.upload_id)))
    unfinished = col(CallList.state) != ListState.FINISHED  # said although it is open: so the index is of use
    over = (col(CallList.deadline_at) < since, col(CallList.next_poll_at) < since)
    pending = (ChunkState.CLAIMED, ChunkState.UNKNOWN, ChunkState.REVIEW)
    waits = exists().where(col(Chunk.list_id) == col(CallList.id), col(Chunk.state).in_(pending))
    return _lists().where(*running, unfinished, *asked, *over, ~waits)


def _callbacks(_now: datetime, since: datetime) -> Count:
    waiting = (col(Callback.state) == CallbackState.NEW, col(Callback.received_at) < since)
    return select(func.count(), func.min(col(Callback.account))).where(*waiting)


def _wishes(_now: datetime, since: datetime) -> Count:
    wanted = (col(Withdrawal.state) == WithdrawalState.WANTED, col(Withdrawal.again_at) < since)
    query = select(func.count(), func.min(col(Upload.ulid))).select_from(Withdrawal)
    return query.join(Upload, col(Upload.id) == col(Withdrawal.upload_id)).where(*wanted)


def _uncompared(_now: datetime, since: datetime) -> Count:
    return _gates().where(col(Gate.listed_since).is_not(None), col(Gate.compare_at) < since)


def _unprobed(_now: datetime, since: datetime) -> Count:
    return _gates().where(col(Gate.blocked).is_not(None), col(Gate.probe_at) < since)


# name -> its query. The sentences stand in `worker.invariants`.
QUERIES: dict[str, Query] = {
    "accounting": _accounting,
    "claim_unattended": _claimed,
    "unknown_unattended": _unknown,
    "overdue": _overdue,
    "reading_unattended": _reading,
    "unread": _unread,
    "unpolled": _unpolled,
    "beyond_deadline": _beyond,
    "callback_unapplied": _callbacks,
    "withdrawal_unattended": _wishes,
    "uncompared": _uncompared,
    "unprobed": _unprobed,
}


def _uploads() -> Count:
    return select(func.count(), func.min(col(Upload.ulid))).select_from(Upload)


def _chunks() -> Count:
    query = select(func.count(), func.min(col(Upload.ulid))).select_from(Chunk)
    return query.join(Upload, col(Upload.id) == col(Chunk.upload_id))


def _lists() -> Count:
    query = select(func.count(), func.min(col(Upload.ulid))).select_from(CallList)
    return query.join(Upload, col(Upload.id) == col(CallList.upload_id))


def _gates() -> Count:
    return select(func.count(), func.min(col(Gate.account))).select_from(Gate)


def _idle(token: Any, lease_until: Any, now: datetime) -> Any:
    """Of an upload: nobody holds a list of its account in this way. What waits its turn behind another is not stuck."""
    busy = select(col(Upload.account)).join(CallList, col(CallList.upload_id) == col(Upload.id))
    return col(Upload.account).not_in(busy.where(LIVE, col(token).is_not(None), col(lease_until) >= now))
