"""Uploads: received, taken in, submitted, dialled, ended."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Select, Update, case, exists, func, or_, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import Session, col

from worker.models import CallList, Chunk, Upload
from worker.states import Blocked, ChunkState, ListState, UploadState
from worker.store.arrows import (
    Condition,
    change,
    found_first,
    move_chunks,
    move_lists,
    move_uploads,
    new_token,
    run,
    run_uploads,
    upload_arrow,
)
from worker.store.once import once

_TRIED = exists().where(col(Chunk.upload_id) == col(Upload.id), col(Chunk.attempts) > 0)
# A chunk of it was sent, or may have been; of what a backup brought back nobody knows.
SENT = or_(_TRIED, col(Upload.restored_at).is_not(None))

LIVE = col(Upload.ended_at).is_(None)


def by_ulid(session: Session, ulid: str) -> Upload | None:
    return session.scalars(*_by_ulid(ulid)).first()


@once
def _by_ulid(ulid: str) -> Select[Upload]:
    return select(Upload).where(col(Upload.ulid) == ulid)


def by_key(session: Session, key: str) -> Upload | None:
    return session.scalars(*_by_key(key)).first()


@once
def _by_key(key: str) -> Select[Upload]:
    return select(Upload).where(col(Upload.idempotency_key) == key)


def get(session: Session, upload_id: int) -> Upload:
    upload: Upload = session.scalars(*_by_id(upload_id)).one()
    return upload


@once
def _by_id(upload_id: int) -> Select[Upload]:
    return select(Upload).where(col(Upload.id) == upload_id)


def lock(session: Session, upload_id: int) -> Upload:
    """The upload's row, held until the transaction ends.

    Every transaction that changes chunks or lists and then their upload takes this lock first: upload, list, chunk is
    the one order, so that two of them never wait for each other.
    """
    upload: Upload = session.scalars(*_locked(upload_id)).one()
    return upload


@once
def _locked(upload_id: int) -> Select[Upload]:
    query = select(Upload).where(col(Upload.id) == upload_id).with_for_update()
    return query.execution_options(populate_existing=True)


class Locked(NamedTuple):
    """An upload that is locked by us."""

    state: str
    account: str


def hold(session: Session, upload_id: int) -> Locked:
    """`lock` for whoever needs nothing but the state and the account."""
    return Locked(*session.connection().execute(*_held(upload_id)).one())


@once
def _held(upload_id: int) -> Select[str, str]:
    return select(col(Upload.state), col(Upload.account)).where(col(Upload.id) == upload_id).with_for_update()


def recent(session: Session, upload: Upload, since: datetime) -> list[Upload]:
    """The account's other uploads that ended since, or have not ended: one may have been given long before it calls."""
    young = or_(col(Upload.ended_at) >= since, LIVE)
    others = (col(Upload.account) == upload.account, col(Upload.id) != upload.id)
    return list(session.scalars(select(Upload).where(*others, young).order_by(col(Upload.id))))


def running(session: Session, account: str) -> list[Upload]:
    """Uploads of the account that have not ended."""
    return list(session.scalars(select(Upload).where(LIVE, col(Upload.account) == account).order_by(col(Upload.id))))


def newest(session: Session, limit: int) -> list[Upload]:
    return list(session.scalars(select(Upload).order_by(col(Upload.id).desc()).limit(limit)))


def with_digest(session: Session, account: str, digest: str) -> Upload | None:
    """The newest upload of this very file to this account of which something was sent; else the newest that waits."""
    same = (col(Upload.account) == account, col(Upload.source_digest) == digest)
    first_sent = (SENT.desc(), col(Upload.id).desc())
    found = select(Upload).where(*same, or_(SENT, col(Upload.ended_at).is_(None))).order_by(*first_sent).limit(1)
    return session.scalars(found).first()


def was_sent(session: Session, upload: Upload) -> bool:
    return bool(session.scalar(select(SENT).where(col(Upload.id) == upload.id)))


def receive(session: Session, upload: Upload) -> bool:
    """Store a new upload; False where its idempotency key is taken, by an earlier one or by one a moment ago."""
    try:
        with session.begin_nested():
            session.add(upload)
            session.flush()
    except IntegrityError:
        return False
    return True


def claim_intake(
    session: Session, ulid: str, now: datetime, lease: float, first_row: int | None = None
) -> Upload | None:
    """One worker reads the file. An expired lease may be taken over: intake sends nothing, so it may run twice."""
    values: dict[str, Any] = {"token": new_token(), "lease_until": now + timedelta(seconds=lease)}
    taken = run_uploads(session, "claim_intake", *_claim_intake(ulid, now), first_row=first_row, **values)
    return by_ulid(session, ulid) if taken else None


@once
def _claim_intake(ulid: str, now: datetime) -> ReturningUpdate[int]:
    free = or_(col(Upload.state) == UploadState.RECEIVED, col(Upload.lease_until) < now)
    died = case((col(Upload.state) == UploadState.INGESTING, 1), else_=0)
    claimed = upload_arrow("claim_intake", col(Upload.ulid) == ulid, free)
    return claimed.values(deaths=col(Upload.deaths) + died, rung_until=None, code=None, message=None)


def waited_longer(session: Session, upload: Upload, code: str) -> bool:
    """Whether an upload that came before was given back with this code, and waits to be read."""
    waiting = (col(Upload.state) == UploadState.RECEIVED, col(Upload.code) == code, LIVE)
    return bool(session.scalar(select(exists().where(col(Upload.id) < upload.id, *waiting))))


def extend_intake(session: Session, upload: Upload, now: datetime, lease: float) -> bool:
    """Keep the lease; False where it was lost or the upload was cancelled."""
    until = now + timedelta(seconds=lease)
    return bool(run(session, *_being_read(upload.id, upload.token), lease_until=until))


@once
def _being_read(upload_id: int, token: str | None) -> Update:
    mine = (col(Upload.id) == upload_id, col(Upload.token) == token)
    return update(Upload).where(*mine, col(Upload.state) == UploadState.INGESTING)


def finish_intake(session: Session, upload: Upload, **counts: Any) -> bool:
    return _end_intake(session, upload, "finish_intake", code=None, message=None, **counts)


def hold_rejects(session: Session, upload: Upload, **counts: Any) -> bool:
    return _end_intake(session, upload, "hold_rejects", blocked=Blocked.REJECTS, **counts)


def fail_intake(session: Session, upload: Upload, now: datetime, code: str, message: str) -> bool:
    return _end_intake(session, upload, "fail_intake", code=code, message=message, ended_at=now)


def give_back_intake(session: Session, upload: Upload, again_at: datetime, code: str, message: str) -> bool:
    values = {"code": code, "message": message, "rung_until": again_at}
    return _end_intake(session, upload, "give_back_intake", **values)


def _end_intake(session: Session, upload: Upload, arrow: str, **values: Any) -> bool:
    where = (col(Upload.id) == upload.id, col(Upload.token) == upload.token)
    return bool(move_uploads(session, arrow, *where, token=None, lease_until=None, **values))


def block(session: Session, reason: Blocked, message: str, *where: Any) -> int:
    return move_uploads(session, "block", *where, blocked=reason, code=reason.value, message=message)


def block_account(session: Session, account: str, reason: Blocked, message: str) -> int:
    return block(session, reason, message, col(Upload.account) == account)


def block_late(session: Session, upload_id: int, message: str) -> int:
    return block(session, Blocked.LATE, message, col(Upload.id) == upload_id)


def unblock_account(session: Session, account: str, reason: Blocked) -> int:
    where = (col(Upload.account) == account, col(Upload.blocked) == reason)
    return move_uploads(session, "unblock", *where, blocked=None, code=None, message=None)


def unblock(session: Session, upload_id: int) -> int:
    return move_uploads(session, "unblock", col(Upload.id) == upload_id, blocked=None, code=None, message=None)


def pause(session: Session, upload_id: int, *, stop_lists: bool = True) -> bool:
    """Hold what has not been sent and ask for the lists to be stopped, where that can be. Safe to repeat.

    What waits for its rejects to be accepted, or for a look at its pilot, holds already, and pausing it must not be a
    way around the question.
    """
    of_this = (col(Upload.id) == upload_id, no_question())
    moved = move_uploads(session, "pause", *of_this, blocked=None, code=None, message=None)
    if moved and stop_lists:
        want_stopped(session, upload_id, True)
    return bool(moved)


def no_question() -> Any:
    """Of an upload: it does not wait for the answer to a question of its own."""
    return or_(col(Upload.blocked).is_(None), col(Upload.blocked).not_in([Blocked.REJECTS, Blocked.PILOT]))


def pause_unstarted(session: Session, upload_id: int, code: str, message: str, where: Any = None) -> int:
    """Something is not to be started: wait for a person, and leave the lists that dial alone."""
    mine = (col(Upload.id) == upload_id, true() if where is None else where)
    return move_uploads(session, "pause", *mine, blocked=None, code=code, message=message)


def resume(session: Session, upload_id: int) -> bool:
    """Take up again what was paused; an upload whose file was never read goes back to the beginning."""
    of_this = col(Upload.id) == upload_id
    no_chunks = ~exists().where(col(Chunk.upload_id) == upload_id)
    moved = move_uploads(session, "resume_intake", of_this, no_chunks, col(Upload.total) == 0)
    moved = moved or move_uploads(session, "resume", of_this, code=None, message=None)
    if moved:
        want_stopped(session, upload_id, False)
    return bool(moved)


def cancel(session: Session, upload_id: int, now: datetime, *, stop_lists: bool = True) -> bool:
    """Cancel what has not been sent and ask for the lists to be stopped, where that can be; what is in flight is
    settled first."""
    moved = move_uploads(session, "cancel", col(Upload.id) == upload_id, blocked=None, token=None, lease_until=None)
    if moved:
        cancel_unsent(session, upload_id, now)
        if stop_lists:
            want_stopped(session, upload_id, True)
        change(session, CallList, col(CallList.upload_id) == upload_id, held=False)
    return bool(moved)


def cancel_unsent(session: Session, upload_id: int, now: datetime) -> int:
    """What is in question may have been sent: it is looked up first."""
    mine = (col(Chunk.upload_id) == upload_id, ~col(Chunk.in_question))
    return move_chunks(session, "cancel_unsent", *mine, settled_at=now)


def want_stopped(session: Session, upload_id: int, wanted: bool) -> int:
    """Say how the lists should be. One that may just be going on counts as running, so that it is stopped again; one
    that may just be stopped counts as stopped, so that it is told to go on."""
    of_this = col(CallList.upload_id) == upload_id
    if wanted:
        move_lists(session, "recovered", of_this, ~col(CallList.stop_wanted))
    else:
        made = (col(CallList.reference).is_not(None), ~col(CallList.held))
        move_lists(session, "stopped", of_this, *made, col(CallList.stop_wanted).is_(True))
    return change(
        session, CallList, of_this, col(CallList.state) != ListState.FINISHED, stop_wanted=wanted, steer_at=None
    )


def suppress(session: Session, upload_id: int, count: int) -> None:
    """So many contacts left their chunk before it was sent."""
    change(session, Upload, col(Upload.id) == upload_id, suppressed=col(Upload.suppressed) + count)


def change_options(session: Session, upload: Upload, changes: dict[str, Any]) -> Upload:
    """What was set for an upload while it runs; a list that is made later is made with it. Returns it as it is now."""
    options = {**upload.job["options"], **changes}
    change(session, Upload, col(Upload.id) == upload.id, job={**upload.job, "options": options})
    return lock(session, upload.id)


def unsettled(upload_id: Any, *states: ChunkState) -> Condition:
    """Of an upload: a chunk of it is in one of these states."""
    here = (col(Chunk.upload_id) == upload_id, col(Chunk.state).in_(states))
    return found_first(select(col(Chunk.id)).where(*here).order_by(col(Chunk.state), col(Chunk.not_after)))


def counts(session: Session, upload: Upload) -> dict[str, int]:
    """Contacts by what became of them; the values other than `total` add up to `total`."""
    found = dict.fromkeys(_COUNTED.values(), 0)
    missing = 0
    for state, in_question, rows, short in session.connection().execute(*_rows_by_state(upload.id)):
        counted = _COUNTED[ChunkState(state)]
        found["unknown" if in_question and counted == "waiting" else counted] += int(rows)
        missing += int(short) if counted == "accepted" else 0
    found["accepted"] -= missing
    found["refused"] += missing
    found["suppressed"] += upload.suppressed
    return {"total": upload.total, "rejected": upload.rejected, "duplicate": upload.duplicate, **found}


@once
def _rows_by_state(upload_id: int) -> Select[str, bool, int, int]:
    sums = (func.sum(col(Chunk.rows)), func.sum(col(Chunk.missing)))
    query = select(col(Chunk.state), col(Chunk.in_question), *sums).where(col(Chunk.upload_id) == upload_id)
    return query.group_by(col(Chunk.state), col(Chunk.in_question))


_COUNTED = {
    ChunkState.ACCEPTED: "accepted",
    ChunkState.FINISHED: "accepted",
    ChunkState.SKIPPED: "suppressed",
    ChunkState.REFUSED: "refused",
    ChunkState.CANCELLED: "cancelled",
    ChunkState.STAGED: "waiting",
    ChunkState.READY: "waiting",
    ChunkState.CLAIMED: "unknown",
    ChunkState.UNKNOWN: "unknown",
    ChunkState.REVIEW: "unknown",
}
