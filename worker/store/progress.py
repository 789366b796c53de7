"""Progress: an upload moves on as far as its chunks and lists have come, and whoever changed one of them says so."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, Update, and_, exists, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import Session, col

from worker.models import CallList, Chunk, Upload
from worker.states import CHUNK_BUSY, CHUNK_WAITING, UPLOAD_GOES_ON, Blocked, ChunkState, ListState, UploadState
from worker.store import lists, pilots, uploads
from worker.store.arrows import Condition, found_first, run, run_uploads, upload_arrow
from worker.store.once import once
from worker.store.restored import IN_QUESTION


def advance(session: Session, upload_id: int, now: datetime) -> None:
    """Move an upload on as far as its chunks and lists have come. Takes its lock."""
    upload = uploads.lock(session, upload_id)
    if upload.state == UploadState.CANCELLED:
        uploads.cancel_unsent(session, upload_id, now)
    is_busy = bool(session.scalar(*_is_busy(upload_id)))
    if not is_busy and upload.state == UploadState.SUBMITTING:
        run_uploads(session, "all_submitted", *_all_submitted(upload_id))
    elif is_busy and upload.state == UploadState.DIALING:
        run_uploads(session, "more_to_submit", *_more_to_submit(upload_id))
    run(session, *_close_empty_lists(upload_id))
    if upload.state in UPLOAD_GOES_ON and upload.job.get("pilot") and pilots.is_over(session, upload_id):
        uploads.block(session, Blocked.PILOT, pilots.told(session, upload), col(Upload.id) == upload_id)
    if is_busy:
        return
    if upload.state in UPLOAD_GOES_ON:
        run_uploads(session, "finish", *_finish(upload_id), ended_at=now)
    elif upload.state == UploadState.CANCELLED:
        run(session, *_end_cancelled(upload_id), ended_at=now)


@once
def _is_busy(upload_id: int) -> Select[bool]:
    return select(uploads.unsettled(upload_id, *CHUNK_BUSY))


@once
def _all_submitted(upload_id: int) -> ReturningUpdate[int]:
    return upload_arrow("all_submitted", col(Upload.id) == upload_id, ~uploads.unsettled(upload_id, *CHUNK_BUSY))


@once
def _more_to_submit(upload_id: int) -> ReturningUpdate[int]:
    return upload_arrow("more_to_submit", col(Upload.id) == upload_id, uploads.unsettled(upload_id, *CHUNK_BUSY))


@once
def _close_empty_lists(upload_id: int) -> Update:
    """A list in which nothing lies and nothing will lie has nothing to wait for."""
    return lists.finish_list_arrow(col(CallList.upload_id) == upload_id, ~_holding(), ~_may_hold())


@once
def _finish(upload_id: int) -> ReturningUpdate[int]:
    return upload_arrow("finish", col(Upload.id) == upload_id, _done(upload_id))


@once
def _end_cancelled(upload_id: int) -> Update:
    cancelled = (col(Upload.state) == UploadState.CANCELLED, uploads.LIVE)
    return update(Upload).where(col(Upload.id) == upload_id, *cancelled, _done(upload_id))


def _done(upload_id: int) -> Condition:
    unsettled_ones = uploads.unsettled(upload_id, *CHUNK_BUSY, ChunkState.REVIEW, ChunkState.ACCEPTED)
    return and_(~unsettled_ones, ~_open_list(upload_id))


def _open_list(upload_id: int) -> Any:
    return exists().where(col(CallList.upload_id) == upload_id, col(CallList.state) != ListState.FINISHED)


def _empty_list(upload_id: Any) -> Any:
    return exists().where(col(CallList.upload_id) == upload_id, col(CallList.state) != ListState.FINISHED, ~_holding())


def _holding() -> Any:
    """Of a list: something lies in it, or may come to."""
    may_hold = (*CHUNK_BUSY, ChunkState.REVIEW, ChunkState.ACCEPTED)
    here = (col(Chunk.list_id) == col(CallList.id), col(Chunk.state).in_(may_hold))
    return found_first(select(col(Chunk.id)).where(*here).order_by(col(Chunk.state), col(Chunk.seq)))


def _may_hold() -> Any:
    """Of a list of an upload whose backup was restored: whose contacts lie in it, no chunk of ours has to say. It is
    asked like any other, and open while one is being looked for."""
    asked = and_(col(CallList.reference).is_not(None), col(CallList.next_poll_at).is_not(None))
    sought = exists().where(col(Chunk.upload_id) == col(CallList.upload_id), IN_QUESTION)
    restored = (col(Upload.id) == col(CallList.upload_id), col(Upload.restored_at).is_not(None))
    return exists().where(*restored, or_(asked, sought))


def standing(session: Session) -> list[int]:
    """Uploads that could move on and for which nobody rang: the task that should have moved them died."""
    return list(session.scalars(STANDING))


def _standing() -> Select[int]:
    live = col(Upload.ended_at).is_(None)
    on_way = col(Upload.state).in_([UploadState.SUBMITTING, UploadState.DIALING])
    idle = ~uploads.unsettled(col(Upload.id), *CHUNK_BUSY)
    done = ~uploads.unsettled(col(Upload.id), *CHUNK_BUSY, ChunkState.REVIEW, ChunkState.ACCEPTED)
    could = or_(
        and_(on_way, done),
        and_(col(Upload.state) == UploadState.SUBMITTING, idle),
        and_(on_way, pilots.over(col(Upload.id))),
    )
    unsent, empty = uploads.unsettled(col(Upload.id), *CHUNK_WAITING), _empty_list(col(Upload.id))
    cancelled = and_(col(Upload.state) == UploadState.CANCELLED, or_(done, unsent, empty))
    return select(col(Upload.id)).where(live, or_(could, cancelled))


STANDING = _standing()
