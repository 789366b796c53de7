"""Families: an upload and those that continue it. One row number means one row of the whole family.

Only one of a family is read at a time. So its rows number on from the last one that was read, and nobody comes into the
family while another of it is compared with who is in it.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, and_, exists, false, or_, select
from sqlmodel import Session, col

from worker.models import Attempt, Chunk, Upload, Withdrawal
from worker.states import ChunkState, UploadState
from worker.store import uploads, withdrawals
from worker.store.arrows import Condition
from worker.store.once import once

OF_UPLOAD = col(Upload.id) == col(Withdrawal.upload_id)


def claim_intake(session: Session, ulid: str, now: datetime, lease: float) -> Upload | None:
    """As `uploads.claim_intake`; None also while another upload of the family is being read."""
    row = session.connection().execute(*_place(ulid)).first()
    if row is None or row.continues_id is None:
        return uploads.claim_intake(session, ulid, now, lease)
    uploads.lock(session, row.continues_id)
    columns = (col(Upload.state), col(Upload.first_row), col(Upload.total))
    others = session.execute(select(*columns).where(_in(row.continues_id), col(Upload.id) != row.id)).all()
    if any(one.state == UploadState.INGESTING for one in others):
        return None
    first = max((one.first_row or 1) + one.total for one in others)
    return uploads.claim_intake(session, ulid, now, lease, first_row=first)


@once
def _place(ulid: str) -> Select[int, int | None]:
    return select(col(Upload.id), col(Upload.continues_id)).where(col(Upload.ulid) == ulid)


def others(session: Session, upload: Upload) -> list[Upload]:
    """The other uploads of the family, oldest first."""
    return list(session.scalars(*_others(root(upload), upload.id)))


@once
def _others(root_id: int, upload_id: int | None) -> Select[Upload]:
    """A preview has no id: it differs from all."""
    return select(Upload).where(_in(root_id), col(Upload.id).is_distinct_from(upload_id)).order_by(col(Upload.id))


def chunks_taken(session: Session, upload: Upload) -> list[Chunk]:
    """The chunks of the others whose contacts are to be called or may have been."""
    return may_have_called(session, [one.id for one in others(session, upload)])


def may_have_called(session: Session, upload_ids: Sequence[int]) -> list[Chunk]:
    """Whose contacts are to be called or may have been: nobody knows whether what a person gave up had arrived."""
    return list(session.scalars(*_may_have_called(list(upload_ids)))) if upload_ids else []


@once
def _may_have_called(upload_ids: list[int]) -> Select[Chunk]:
    decided = (col(Attempt.chunk_id) == col(Chunk.id), col(Attempt.step) == "decide")
    given_up = exists().where(*decided, col(Attempt.result) == "give_up")
    unsent = col(Chunk.state).in_([ChunkState.CANCELLED, ChunkState.SKIPPED])
    gone = or_(unsent, and_(col(Chunk.state) == ChunkState.REFUSED, ~given_up))
    query = select(Chunk).where(col(Chunk.upload_id).in_(upload_ids), ~gone)
    return query.order_by(col(Chunk.upload_id), col(Chunk.seq))


def withdrawn(session: Session, upload: Upload) -> list[tuple[Chunk, list[int]]]:
    """The chunks, of others of the family and of the very file, with rows that somebody asked not to call."""
    query = select(Chunk, col(Withdrawal.row)).join(Withdrawal, col(Withdrawal.chunk_id) == col(Chunk.id))
    rows: dict[int, tuple[Chunk, list[int]]] = {}
    for chunk, row in session.execute(query.join(Upload, OF_UPLOAD).where(*_wished(upload))):
        rows.setdefault(chunk.id, (chunk, []))[1].append(row)
    return list(rows.values())


def with_withdrawals(session: Session, upload: Upload) -> list[str]:
    """The ids of the uploads that `withdrawn` speaks of, oldest first."""
    query = select(col(Upload.id), col(Upload.ulid)).join(Withdrawal, OF_UPLOAD).where(*_wished(upload))
    return [row.ulid for row in session.execute(query.distinct().order_by(col(Upload.id)))]


def _wished(upload: Upload) -> tuple[Condition, ...]:
    """Of a withdrawal with its upload. Whom a do-not-call list took out of the file is left to the list itself."""
    family = false() if upload.continues_id is None else _in(upload.continues_id)
    same = (col(Upload.account) == upload.account, col(Upload.source_digest) == upload.source_digest)
    theirs = (or_(family, and_(*same, col(Upload.pruned_at).is_(None))), col(Upload.id).is_distinct_from(upload.id))
    return *theirs, or_(and_(family, withdrawals.WISHED), withdrawals.BY_PERSON)


def continuing(session: Session, upload: Upload) -> list[Upload]:
    """The uploads that continue this one, themselves or by way of another, oldest first."""
    known, found = {upload.ulid}, []
    for one in others(session, upload):
        if one.job.get("continues") in known:
            known.add(one.ulid)
            found.append(one)
    return found


def root(upload: Upload) -> int:
    """Id of the upload with which the family began."""
    return upload.continues_id or upload.id


def _in(root_id: int) -> Condition:
    return or_(col(Upload.id) == root_id, col(Upload.continues_id) == root_id)
