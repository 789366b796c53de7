"""After a backup was restored: what may have been sent since it was taken, and its way out of that question."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, and_, exists, func, or_, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from worker.models import CallList, Chunk, Upload
from worker.states import CHUNK_BUSY, CHUNK_WAITING, ChunkState, UploadState
from worker.store import chunks, uploads
from worker.store.arrows import change, move_chunks, move_uploads
from worker.store.once import once

LIMIT = 500
IN_QUESTION = col(Chunk.in_question) == true()  # in the words of the index
LOOKED_UP = "It may have been sent before a backup was restored; whether it was is being looked up."


def unfinished(session: Session) -> list[Upload]:
    """Every upload that has not ended, locked."""
    return list(session.scalars(select(Upload).where(uploads.LIVE).order_by(col(Upload.id)).with_for_update()))


def put_in_question(session: Session, now: datetime, until: datetime) -> tuple[int, int]:
    """Whatever was not settled may have been sent since: nothing of it is sent before it was looked up, `until` at the
    earliest. Returns how many chunks that are, and contacts.

    One that waits counts as sent once, so that callbacks about it are heard. What was seen of one in doubt counts no
    more.
    """
    live = col(Chunk.upload_id).in_(select(col(Upload.id)).where(uploads.LIVE))
    fresh = (live, ~col(Chunk.in_question))
    waiting = col(Chunk.state).in_(CHUNK_WAITING)
    change(session, Chunk, *fresh, waiting, in_question=True, attempts=col(Chunk.attempts) + 1, deadline_at=until)
    blank = dict.fromkeys(("check_token", "check_lease_until", "absent_at", "partial_at"))
    change(session, Chunk, live, col(Chunk.state) == ChunkState.UNKNOWN, deadline_at=until, check_at=until, **blank)
    doubtful = col(Chunk.state).in_([ChunkState.CLAIMED, ChunkState.UNKNOWN])
    change(session, Chunk, *fresh, doubtful, in_question=True, deadline_at=until)
    for chunk in session.scalars(select(Chunk).where(live, col(Chunk.state) == ChunkState.REVIEW)).all():
        evidence = {name: told for name, told in chunk.evidence.items() if name != "looked_at"}
        change(session, Chunk, col(Chunk.id) == chunk.id, evidence=evidence, deadline_at=until)
    change(session, Upload, uploads.LIVE, restored_at=now)
    tally = select(func.count(), func.coalesce(func.sum(col(Chunk.rows)), 0)).where(live, IN_QUESTION)
    count, rows = session.execute(tally).one()
    return int(count), int(rows)


def hold(session: Session, upload: Upload, message: str) -> bool:
    """Nothing is sent of it before a person says so. Lists that dial go on, and so does a wait for an answer."""
    mine = col(Upload.id) == upload.id
    move_uploads(session, "give_back_intake", mine, token=None, lease_until=None)
    may_send = or_(
        col(Upload.state) == UploadState.RECEIVED,
        uploads.unsettled(upload.id, *CHUNK_BUSY, ChunkState.REVIEW),
        exists().where(col(CallList.upload_id) == upload.id, col(CallList.held)),
    )
    waits = and_(may_send, uploads.no_question())
    return bool(uploads.pause_unstarted(session, upload.id, code="restored", message=message, where=waits))


def question(session: Session, now: datetime) -> None:
    """Let the next chunk of each list that is in question be looked up, one at a time of a list."""
    first: dict[int, int] = {one.list_id: one.id for one in session.execute(QUESTIONS)}
    for chunk_id in list(first.values())[:LIMIT]:
        _question(session, chunk_id, now)


def _questions() -> Select[int, int]:
    """What is not to be sent before a person or a pilot says so waits, unless its upload was cancelled."""
    other = aliased(Chunk)
    in_doubt = [ChunkState.CLAIMED, ChunkState.UNKNOWN]
    busy = exists().where(col(other.list_id) == col(Chunk.list_id), col(other.state).in_(in_doubt))
    # Asked of each chunk and not joined: SQLite might begin with the uploads, and go through all their chunks.
    cancelled = exists().where(col(Upload.id) == col(Chunk.upload_id), col(Upload.state) == UploadState.CANCELLED)
    given_up = and_(col(Chunk.state) == ChunkState.STAGED, cancelled)
    return (
        select(col(Chunk.list_id), col(Chunk.id))
        .where(IN_QUESTION, or_(col(Chunk.state) == ChunkState.READY, given_up), ~busy)
        .order_by(col(Chunk.list_id).desc(), col(Chunk.seq).desc())
    )


QUESTIONS = _questions()


def _question(session: Session, chunk_id: int, now: datetime) -> bool:
    deadline = func.coalesce(col(Chunk.deadline_at), now)
    told = {"code": "restored", "message": LOOKED_UP, "check_at": deadline, "deadline_at": deadline}
    try:
        with session.begin_nested():
            mine = (col(Chunk.id) == chunk_id, IN_QUESTION)
            return bool(move_chunks(session, "question", *mine, **told))
    except IntegrityError:  # another chunk of this list was claimed meanwhile
        return False


def found(session: Session, chunk_id: int, now: datetime, list_id: int) -> bool:
    """A look at another one has shown it whole."""
    if not _question(session, chunk_id, now):
        return False
    chunk = session.scalars(select(Chunk).where(col(Chunk.id) == chunk_id)).one()
    return chunks.found(session, chunk, now, list_id)


def may_lie_in(session: Session, call_list: CallList) -> bool:
    """Whether a chunk that counts as unsent may lie in this list all the same: one of its own, or of another list of
    an upload whose backup was restored."""
    return session.connection().execute(*_in_question(call_list.upload_id)).first() is not None


@once
def _in_question(upload_id: int) -> Select[int]:
    theirs = select(col(CallList.id)).where(col(CallList.upload_id) == upload_id)
    return select(col(Chunk.id)).where(col(Chunk.list_id).in_(theirs), IN_QUESTION).limit(1)


def in_question(session: Session, list_id: int) -> list[Chunk]:
    """Chunks of a list that wait to be looked up, beside the one that is."""
    waiting = (IN_QUESTION, col(Chunk.state) == ChunkState.READY)
    return list(session.scalars(select(Chunk).where(col(Chunk.list_id) == list_id, *waiting)))


def not_seen(session: Session, chunk_ids: Sequence[int], since: datetime) -> None:
    """A complete read has not shown these either."""
    mine = (col(Chunk.id).in_(chunk_ids), IN_QUESTION, col(Chunk.absent_at).is_(None))
    change(session, Chunk, *mine, col(Chunk.state) == ChunkState.READY, absent_at=since)


def clear(session: Session, chunk_ids: Sequence[int], seen_before: datetime) -> int:
    """Two complete reads have not shown these, the first one at `seen_before` at the latest: they never arrived."""
    mine = (col(Chunk.id).in_(chunk_ids), IN_QUESTION, col(Chunk.absent_at) <= seen_before)
    return change(session, Chunk, *mine, col(Chunk.state) == ChunkState.READY, in_question=False, absent_at=None)
