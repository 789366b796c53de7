"""Chunks: each arrow is one guarded statement. Whatever leaves `claimed` matches the claim's token, and whatever
leaves `unknown` matches the token of the worker that looked."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Select, Update, and_, exists, func, insert, or_, select, true, update
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import Session, col

from worker.models import CallList, Chunk, Upload
from worker.states import AT_PROVIDER, CHUNK_WAITING, ChunkState, UploadState
from worker.store import journal, uploads, withdrawals
from worker.store.arrows import NOW, change, changed, checked, chunk_arrow, move_chunks, new_token, run
from worker.store.once import TIME, once

DECIDED = "accepted_by_person"  # code of a chunk that no comparison questions again
UNSEEN = "cannot_look"  # code of a chunk in review about which the provider could not be asked


_OPTIONAL = {name: field for name, field in Chunk.model_fields.items() if not field.is_required()}
_GIVEN = {name: field.get_default(call_default_factory=True) for name, field in _OPTIONAL.items()}
_FRESH = {name: value for name, value in _GIVEN.items() if value is not None}
_ADDED = insert(Chunk).returning(col(Chunk.seq), col(Chunk.id))


def add(session: Session, rows: Sequence[dict[str, Any]]) -> dict[int, int]:
    """Store chunks of an upload, given by their columns; the id of each by its number."""
    if not rows:
        return {}
    added = session.connection().execute(_ADDED, [{**_FRESH, **checked(_ADDED.table, row)} for row in rows])
    return {int(seq): int(chunk_id) for seq, chunk_id in added}


def release_first(session: Session, upload: Upload) -> int:
    """What may be sent once the file was read: all of it, or its pilot where the job asks for one."""
    first = col(Chunk.pilot) == true() if upload.job.get("pilot") else true()
    return move_chunks(session, "release", col(Chunk.upload_id) == upload.id, first)


def release(session: Session, upload_id: int) -> int:
    """A person has seen the pilot's end: the rest may be sent too."""
    return move_chunks(session, "release", col(Chunk.upload_id) == upload_id)


def _at_rest(session: Session, chunk: Chunk, moved: int) -> bool:
    """What waited for the chunk to settle goes on."""
    if moved:
        withdrawals.soon(session, chunk.id)
    return bool(moved)


def _settle(session: Session, arrow: str, chunk: Chunk, **values: Any) -> bool:
    moved = _from_claimed[arrow](chunk.id, chunk.token)
    return _at_rest(session, chunk, run(session, *moved, token=None, lease_until=None, **values))


def _of_claim(arrow: str) -> Callable[[int, str | None], tuple[Update, dict[str, Any]]]:
    def moved(chunk_id: int, token: str | None) -> Update:
        return chunk_arrow(arrow, col(Chunk.id) == chunk_id, col(Chunk.token) == token)

    return once(moved)


_from_claimed = {arrow: _of_claim(arrow) for arrow in ("accept", "refuse", "give_back", "doubt", "ask")}


def accept(session: Session, chunk: Chunk, now: datetime) -> bool:
    return _settle(session, "accept", chunk, settled_at=now, code=None, message=None)


def refuse(session: Session, chunk: Chunk, now: datetime, code: str, message: str) -> bool:
    return _settle(session, "refuse", chunk, settled_at=now, code=code, message=message)


def give_back(session: Session, chunk: Chunk, retry_at: datetime, code: str, message: str) -> bool:
    """Proved not sent: ready again, not before `retry_at`."""
    return _settle(session, "give_back", chunk, retry_at=retry_at, code=code, message=message)


def doubt(session: Session, chunk: Chunk, check_at: datetime, code: str, message: str) -> bool:
    return _settle(session, "doubt", chunk, check_at=check_at, code=code, message=message)


def ask_claimed(session: Session, chunk: Chunk, code: str, message: str, evidence: dict[str, Any]) -> bool:
    return _settle(session, "ask", chunk, code=code, message=message, evidence=evidence)


EXPIRED = select(col(Chunk.upload_id)).where(col(Chunk.state) == ChunkState.CLAIMED, col(Chunk.lease_until) < NOW)


def expired(session: Session, now: datetime) -> list[int]:
    """Uploads that hold a claim whose lease is over."""
    return list(session.scalars(EXPIRED.distinct(), {"now": now}))


def doubt_expired(session: Session, upload_id: int, now: datetime) -> int:
    """A claim whose lease is over may have sent its request: unknown, and never ready again by itself."""
    uploads.lock(session, upload_id)
    over = (col(Chunk.upload_id) == upload_id, col(Chunk.lease_until) < now)
    for chunk in session.scalars(select(Chunk).where(col(Chunk.state) == ChunkState.CLAIMED, *over)).all():
        about = {"upload_id": chunk.upload_id, "list_id": chunk.list_id, "chunk_id": chunk.id}
        journal.note(session, now, "lease", "expired", **about)
    return move_chunks(
        session,
        "doubt_expired",
        *over,
        token=None,
        lease_until=None,
        check_at=now,
        deaths=col(Chunk.deaths) + 1,
        code="lease_expired",
        message="The worker that sent this chunk did not come back; whether it arrived is being looked up.",
    )


def claim_check(session: Session, list_id: int, now: datetime, lease: float) -> Chunk | None:
    """Claim the chunk of this list that is in doubt; its request must be past its own deadline."""
    until = now + timedelta(seconds=lease)
    return changed(session, *_claim_check(list_id, now), check_token=new_token(), check_lease_until=until)


@once
def _claim_check(list_id: int, now: datetime) -> ReturningUpdate[Chunk]:
    free = or_(col(Chunk.check_token).is_(None), col(Chunk.check_lease_until) < now)
    doubtful = (col(Chunk.state) == ChunkState.UNKNOWN, col(Chunk.deadline_at) <= now)
    return update(Chunk).where(col(Chunk.list_id) == list_id, *doubtful, free).returning(Chunk)


def check_again(session: Session, chunk: Chunk, at: datetime, **values: Any) -> bool:
    """Still in doubt: look again at `at`. `values` may note the first read that showed it absent or in part."""
    return bool(
        change(session, Chunk, *_looked(chunk), check_at=at, check_token=None, check_lease_until=None, **values)
    )


def found(session: Session, chunk: Chunk, now: datetime, list_id: int) -> bool:
    return _resolve(session, "found", chunk, settled_at=now, code=None, message=None, list_id=list_id)


def absent(session: Session, chunk: Chunk) -> bool:
    """The provider has proved that it never arrived: it may be sent again."""
    vanished = col(Chunk.vanished) + (0 if chunk.in_question else 1)
    return _resolve(session, "absent", chunk, retry_at=None, vanished=vanished)


def absent_cancelled(session: Session, chunk: Chunk, now: datetime) -> bool:
    return _resolve(session, "absent_cancelled", chunk, settled_at=now)


def ask_unknown(session: Session, chunk: Chunk, code: str, message: str, evidence: dict[str, Any]) -> bool:
    return _resolve(session, "ask", chunk, code=code, message=message, evidence=evidence)


def _looked(chunk: Chunk) -> tuple[Any, ...]:
    return (
        col(Chunk.id) == chunk.id,
        col(Chunk.state) == ChunkState.UNKNOWN,
        col(Chunk.check_token) == chunk.check_token,
    )


def _resolve(session: Session, arrow: str, chunk: Chunk, **values: Any) -> bool:
    blank = ("check_at", "check_token", "check_lease_until", "absent_at", "partial_at")
    values = {**dict.fromkeys(blank), "in_question": False, **values}
    return _at_rest(session, chunk, move_chunks(session, arrow, *_looked(chunk), **values))


def heard_in_review(session: Session, chunk: Chunk, now: datetime) -> bool:
    """Nobody could be asked about it, and now a callback has told of it: it arrived."""
    where = (*_judged(chunk), col(Chunk.code) == UNSEEN)
    return bool(move_chunks(session, "heard_in_review", *where, settled_at=now, code=None, message=None, evidence={}))


def heard_after_absent(session: Session, chunk: Chunk, message: str) -> bool:
    """It was taken for not sent, and a callback has told of it: it must not be sent before a person has looked."""
    sent = (*_judged(chunk), col(Chunk.attempts) > 0)
    told: dict[str, Any] = {"code": "heard_after_absent", "message": message, "evidence": {}, "retry_at": None}
    return bool(move_chunks(session, "heard_after_absent", *sent, **told))


def contradict(session: Session, chunk: Chunk, code: str, message: str, evidence: dict[str, Any]) -> bool:
    """The list as a whole does not hold what the provider confirmed: before it starts, a person decides."""
    values = {"code": code, "message": message, "evidence": evidence}
    return bool(move_chunks(session, "contradict", col(Chunk.id) == chunk.id, **values))


def _judged(chunk: Chunk) -> tuple[Any, ...]:
    """The very chunk that the person saw: not one that was decided, sent and came into review again meanwhile."""
    same = (col(Chunk.attempts) == chunk.attempts, col(Chunk.digest) == chunk.digest)
    return col(Chunk.id) == chunk.id, *same


def looked(session: Session, chunk: Chunk, evidence: dict[str, Any]) -> int:
    return change(session, Chunk, *_judged(chunk), col(Chunk.state) == ChunkState.REVIEW, evidence=evidence)


def person_accepts(session: Session, chunk: Chunk, now: datetime, missing: int) -> bool:
    values = {"settled_at": now, "missing": missing, "code": DECIDED}
    return _at_rest(session, chunk, move_chunks(session, "person_accepts", *_judged(chunk), **values))


def person_resends(session: Session, chunk: Chunk, not_after: datetime, **payload: Any) -> bool:
    values = {"retry_at": None, "deaths": 0, "vanished": 0, "not_after": not_after, "evidence": {}, **payload}
    moved = move_chunks(session, "person_resends", *_judged(chunk), **values)
    if moved:
        withdrawals.again(session, chunk.id)
    return bool(moved)


def person_gives_up(session: Session, chunk: Chunk, now: datetime) -> bool:
    return _at_rest(session, chunk, move_chunks(session, "person_gives_up", *_judged(chunk), settled_at=now))


def skip(session: Session, chunk: Chunk, now: datetime) -> bool:
    """Nobody in it is to be called."""
    return bool(move_chunks(session, "skip", *_judged(chunk), settled_at=now))


def shrink(session: Session, chunk: Chunk, **payload: Any) -> bool:
    """Put a part of it in its place, while it waits to be sent. Who was in it stays known."""
    whole = func.coalesce(col(Chunk.whole_digest), col(Chunk.index_digest))
    waiting = col(Chunk.state).in_(CHUNK_WAITING)
    return bool(change(session, Chunk, *_judged(chunk), waiting, whole_digest=whole, **payload))


def put_off(session: Session, chunk: Chunk, retry_at: datetime, code: str, message: str) -> bool:
    """Something of ours keeps it from being sent: it is tried again at `retry_at`."""
    values = {"retry_at": retry_at, "code": code, "message": message}
    return bool(change(session, Chunk, *_judged(chunk), col(Chunk.state) == ChunkState.READY, **values))


def complete(session: Session, list_id: int) -> int:
    return run(session, *_complete(list_id))


@once
def _complete(list_id: int) -> Update:
    return chunk_arrow("complete", col(Chunk.list_id) == list_id)


def held(session: Session, chunk: Chunk, now: datetime) -> bool:
    """Whether the claim is still ours."""
    return session.connection().execute(*_held(chunk.id, chunk.token, now)).first() is not None


@once
def _held(chunk_id: int, token: str | None, now: datetime) -> Select[int]:
    mine = (col(Chunk.id) == chunk_id, col(Chunk.token) == token, col(Chunk.lease_until) > now)
    return select(col(Chunk.id)).where(*mine)


def late(session: Session, now: datetime) -> list[int]:
    """Uploads that are submitting and hold a chunk whose time has passed."""
    return list(session.scalars(LATE, {"now": now}))


def _late() -> Select[int]:
    ready = (col(Chunk.upload_id) == col(Upload.id), col(Chunk.state) == ChunkState.READY)
    first = select(func.min(col(Chunk.not_after))).where(*ready).correlate(Upload).scalar_subquery()
    live = (col(Upload.ended_at).is_(None), col(Upload.state) == UploadState.SUBMITTING)
    return select(col(Upload.id)).where(*live, first <= NOW)


LATE = _late()


def in_time(session: Session, list_id: int, now: datetime) -> bool:
    """Whether a list that was filled may still be started: the time of none of its contacts has passed."""
    late_ones = (col(Chunk.list_id) == list_id, col(Chunk.state) == ChunkState.ACCEPTED, col(Chunk.not_after) <= now)
    return session.scalars(select(func.count()).where(*late_ones)).one() == 0


def give_more_time(session: Session, upload_id: int, not_after: datetime) -> int:
    """A person confirmed that what came too late may still be sent, or started, until `not_after`."""
    unstarted = exists().where(col(CallList.id) == col(Chunk.list_id), col(CallList.started_at).is_(None))
    waiting = or_(col(Chunk.state) == ChunkState.READY, and_(col(Chunk.state) == ChunkState.ACCEPTED, unstarted))
    late_ones = (col(Chunk.upload_id) == upload_id, waiting)
    return change(session, Chunk, *late_ones, col(Chunk.not_after) < not_after, not_after=not_after)


def compared(session: Session, chunk_ids: Sequence[int], uncompared_since: datetime | None) -> None:
    """Say of chunks that they were compared with the do-not-call list, or that what was listed since could not be."""
    change(session, Chunk, col(Chunk.id).in_(chunk_ids), uncompared_since=uncompared_since)


def tally(session: Session, upload_id: int, *states: ChunkState, uncompared: bool = False) -> tuple[int, int]:
    """How many chunks are in these states, and their contacts; of those alone that could not be compared with the
    do-not-call list, where `uncompared`."""
    of = (upload_id, list(states))
    count, rows = session.connection().execute(*(_tally_uncompared(*of) if uncompared else _tally(*of))).one()
    return int(count), int(rows)


@once
def _tally(upload_id: int, states: list[ChunkState]) -> Select[int, int]:
    return _sums().where(col(Chunk.upload_id) == upload_id, col(Chunk.state).in_(states))


@once
def _tally_uncompared(upload_id: int, states: list[ChunkState]) -> Select[int, int]:
    mine = (col(Chunk.upload_id) == upload_id, col(Chunk.state).in_(states))
    return _sums().where(*mine, col(Chunk.uncompared_since).is_not(None))


class Wait(NamedTuple):
    """Ready chunks that are tried again at `until`, all for one reason; `message` is that of one of them."""

    code: str
    message: str
    chunks: int
    contacts: int
    until: datetime


def waits(session: Session, upload_id: int) -> list[Wait]:
    """What kept chunks that are ready from being sent so far, by code, what keeps most contacts first."""
    found = session.connection().execute(*_waits(upload_id)).all()
    return sorted((Wait(*one) for one in found), key=lambda one: -one.contacts)


@once
def _waits(upload_id: int) -> Select[*tuple[Any, ...]]:
    mine = (col(Chunk.upload_id) == upload_id, col(Chunk.state) == ChunkState.READY)
    of_one = (func.count(), func.sum(col(Chunk.rows)), func.min(col(Chunk.retry_at), type_=TIME))
    said = select(col(Chunk.code), func.min(col(Chunk.message)), *of_one)
    put_off = (col(Chunk.retry_at).is_not(None), col(Chunk.code).is_not(None))
    return said.where(*mine, *put_off).group_by(col(Chunk.code))


def next_start(session: Session, upload_id: int) -> datetime | None:
    """From when on the first of the contacts that wait may be sent; None where none waits."""
    start: datetime | None = session.scalar(*_next_start(upload_id))
    return start


@once
def _next_start(upload_id: int) -> Select[datetime | None]:
    waiting = (col(Chunk.upload_id) == upload_id, col(Chunk.state).in_(CHUNK_WAITING))
    return select(func.min(col(Chunk.not_before), type_=TIME)).where(*waiting)


def _sums() -> Select[int, int]:
    return select(func.count(), func.coalesce(func.sum(col(Chunk.rows)), 0))


def creates_in_review(session: Session, upload_id: int) -> bool:
    """Whether a list waits for a person, since the request that makes it may have arrived."""
    unmade = exists().where(col(CallList.id) == col(Chunk.list_id), col(CallList.reference).is_(None))
    doubtful = (col(Chunk.upload_id) == upload_id, col(Chunk.state) == ChunkState.REVIEW, col(Chunk.creates))
    return session.scalars(select(col(Chunk.id)).where(*doubtful, unmade).limit(1)).first() is not None


def of_upload(session: Session, upload_id: int, *states: ChunkState) -> list[Chunk]:
    return list(session.scalars(*_of_upload(upload_id, list(states))))


@once
def _of_upload(upload_id: int, states: list[ChunkState]) -> Select[Chunk]:
    mine = (col(Chunk.upload_id) == upload_id, col(Chunk.state).in_(states))
    return select(Chunk).where(*mine).order_by(col(Chunk.seq))


def of_list(session: Session, list_id: int, *states: ChunkState) -> list[Chunk]:
    return list(session.scalars(*_of_list(list_id, list(states))))


@once
def _of_list(list_id: int, states: list[ChunkState]) -> Select[Chunk]:
    mine = (col(Chunk.list_id) == list_id, col(Chunk.state).in_(states))
    return select(Chunk).where(*mine).order_by(col(Chunk.seq))


def first_start(session: Session, list_id: int) -> datetime | None:
    """The earliest start of what lies in a list, or may lie there; None where nothing does."""
    query = select(col(Chunk.not_before)).where(col(Chunk.list_id) == list_id, col(Chunk.state).in_(AT_PROVIDER))
    return session.scalars(query.order_by(col(Chunk.not_before)).limit(1)).first()


def next_seq(session: Session, upload_id: int) -> int:
    query = select(func.max(col(Chunk.seq))).where(col(Chunk.upload_id) == upload_id)
    return 1 + int(session.scalars(query).one() or 0)
