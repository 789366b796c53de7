"""Claims: which chunk may be sent now, and taking it, so that one worker at a time sends one chunk of a list."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Case, Connection, Select, case, or_, select, type_coerce
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import Session, col

from worker.models import CallList, Chunk
from worker.states import CHUNK_BUSY, ChunkState, UploadState
from worker.store import gates, lists, uploads, withdrawals
from worker.store.arrows import changed, chunk_arrow, found_first, new_token
from worker.store.once import once

FEW = 16  # chunks whose payloads are looked up at a time


class InFlight(Exception):
    """Another chunk of the list is in flight or in doubt; the transaction cannot go on."""


def _start() -> Case[datetime]:
    """When a chunk starts, as no index knows it.

    What a list may send is looked for among its own chunks. A planner that last counted when all was for later, or
    long ago, takes the chunks of that moment for few, and would go through those of every list that is due.
    """
    return case((col(Chunk.retry_at).is_(None), col(Chunk.not_before)), else_=col(Chunk.not_before))


def due(now: datetime) -> tuple[Any, ...]:
    """Conditions of a chunk of a list, or of one chunk, that may be sent at this moment."""
    return (
        col(Chunk.state) == ChunkState.READY,
        _start() <= now,
        col(Chunk.not_after) > now,
        or_(col(Chunk.retry_at).is_(None), col(Chunk.retry_at) <= now),
        ~withdrawals.holds(),
        col(Chunk.uncompared_since).is_(None),
        ~col(Chunk.in_question),
    )


def claim(
    session: Session,
    locked: uploads.Locked,
    call_list: CallList,
    now: datetime,
    *,
    lease: float,
    deadline: float,
    carries: Callable[[CallList], bool] = lambda _: True,
    since: datetime | None = None,
    untroubled: bool = False,
) -> tuple[Chunk, CallList] | None:
    """Claim the next due chunk of a list whose runner we are; None where there is none, or where something holds it.

    The upload is `locked` already, then the list is, so claims of one list come one after another; a second chunk in
    flight is refused by the database's own index, and the whole transaction with it (InFlight). We stay the runner for
    `lease` seconds. `deadline` is in seconds from now. `carries`: whether contacts travel in the request that makes
    a list. `since`: nothing that started before is claimed. `untroubled`: nothing while the provider fails requests.
    """
    if locked.state != UploadState.SUBMITTING:
        return None
    current = lists.extend_open_run(session, call_list, now, lease)
    if current is None or not _may_send(session, current):
        return None
    which = (current.id, locked.account, now, not untroubled)
    statement, given = _claim_next(*which) if since is None else _claim_young(*which, since)
    creates = current.reference is None and carries(current)
    until, deadline_at = now + timedelta(seconds=lease), now + timedelta(seconds=deadline)
    values: dict[str, Any] = {"token": new_token(), "lease_until": until, "deadline_at": deadline_at}
    try:
        taken = changed(session, statement, given, creates=creates, **values)
    except IntegrityError as error:
        raise InFlight from error
    return None if taken is None else (taken, current)


@once
def _claim_next(list_id: int, account: str, now: datetime, anyhow: bool) -> ReturningUpdate[Chunk]:
    return _claim(_next(list_id, account, now, anyhow), now)


@once
def _claim_young(list_id: int, account: str, now: datetime, anyhow: bool, since: datetime) -> ReturningUpdate[Chunk]:
    return _claim(_next(list_id, account, now, anyhow).where(_start() >= since), now)


def _claim(which: Select[int], now: datetime) -> ReturningUpdate[Chunk]:
    claimed = chunk_arrow("claim", col(Chunk.id) == which.scalar_subquery(), *due(now))
    return claimed.values(attempts=col(Chunk.attempts) + 1, absent_at=None, partial_at=None).returning(Chunk)


def _next(list_id: int, account: str, now: datetime, anyhow: bool) -> Select[int]:
    calm = or_(type_coerce(anyhow, Boolean()), ~gates.failed_lately(account))
    free = (*due(now), ~gates.being_compared(account), calm)
    return select(col(Chunk.id)).where(col(Chunk.list_id) == list_id, *free).order_by(col(Chunk.seq)).limit(1)


def outdated(session: Session, list_id: int, now: datetime, since: datetime) -> Chunk | None:
    """The next chunk of a list that might be sent now, and started before `since`.

    None that waits: for its next try, or to be compared with the do-not-call list.
    """
    late_one = (col(Chunk.state) == ChunkState.READY, _start() < since, col(Chunk.not_after) > now)
    waits_not = (or_(col(Chunk.retry_at).is_(None), col(Chunk.retry_at) <= now), col(Chunk.uncompared_since).is_(None))
    query = select(Chunk).where(col(Chunk.list_id) == list_id, *late_one, *waits_not).order_by(col(Chunk.seq)).limit(1)
    return session.scalars(query).first()


class Place(NamedTuple):
    """Where a chunk stands in its list, and where its payload lies."""

    seq: int
    digest: str


def upcoming(connection: Connection, list_id: int, seq: int, now: datetime) -> list[Place]:
    """The next few chunks of a list that are due, behind one of them."""
    return [Place(*found) for found in connection.execute(*_upcoming(list_id, seq, now))]


@once
def _upcoming(list_id: int, seq: int, now: datetime) -> Select[int, str]:
    behind = (col(Chunk.list_id) == list_id, col(Chunk.seq) > seq)
    return select(col(Chunk.seq), col(Chunk.digest)).where(*behind, *due(now)).order_by(col(Chunk.seq)).limit(FEW)


def next_in(session: Session, call_list: CallList, now: datetime, account: str) -> tuple[bool, bool, bool]:
    """Whether a chunk of the list may be sent now, any of its upload is unsettled, and the provider failed lately."""
    is_due, is_busy, has_failed = (
        session.connection().execute(*_next_in(call_list.id, call_list.upload_id, account, now)).one()
    )
    return bool(is_due), bool(is_busy), bool(has_failed)


@once
def _next_in(list_id: int, upload_id: int, account: str, now: datetime) -> Select[bool, bool, bool]:
    in_list = select(col(Chunk.id)).where(col(Chunk.list_id) == list_id, *due(now)).order_by(col(Chunk.seq))
    busy = uploads.unsettled(upload_id, *CHUNK_BUSY)
    return select(found_first(in_list), busy, gates.failed_lately(account))


def _may_send(session: Session, call_list: CallList) -> bool:
    """A create that waits for a person holds its list: it may exist already."""
    if call_list.reference is not None:
        return True
    return session.connection().execute(*_doubtful_create(call_list.id)).first() is None


@once
def _doubtful_create(list_id: int) -> Select[int]:
    in_review = (col(Chunk.list_id) == list_id, col(Chunk.state) == ChunkState.REVIEW, col(Chunk.creates))
    return select(col(Chunk.id)).where(*in_review).limit(1)
