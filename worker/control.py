"""What a person decides about an upload: pause, resume, cancel.

Every verb is safe to repeat and is written into the journal with who decided.
"""

from datetime import timedelta

from sqlmodel import Session

from worker.context import Context
from worker.errors import InputError
from worker.models import Upload
from worker.states import Blocked, UploadState
from worker.store import chunks, gates, journal, uploads
from worker.view import find


def pause(ctx: Context, ulid: str, who: str) -> None:
    """Hold what was not sent and stop the lists. Raises InputError `cannot_pause`."""
    with ctx.db.write() as session:
        upload = _held(session, ulid)
        if not uploads.pause(session, upload.id) and upload.state != UploadState.PAUSED:
            raise InputError("cannot_pause", f"Upload {ulid} is {upload.state}; only one that goes on can be paused.")
        _decided(ctx, session, upload, "pause", who)


def resume(ctx: Context, ulid: str, who: str, *, accept_rejects: bool = False) -> None:
    """Go on with a paused or blocked upload. What is late gets a new window. Raises InputError."""
    with ctx.db.write() as session:
        upload = _held(session, ulid)
        if upload.state == UploadState.PAUSED:
            uploads.resume(session, upload.id)
            _give_time(ctx, session, upload)
        elif upload.state == UploadState.BLOCKED:
            _unblock(ctx, session, upload, accept_rejects)
        elif upload.ended_at is not None:
            raise InputError("cannot_resume", f"Upload {ulid} is {upload.state}; upload the file again.")
        _decided(ctx, session, upload, "resume", who)
        uploads.advance(session, upload.id, ctx.db.now(session))


def _unblock(ctx: Context, session: Session, upload: Upload, accept_rejects: bool) -> None:
    now = ctx.db.now(session)
    if upload.blocked == Blocked.REJECTS:
        if not accept_rejects:
            raise InputError("rejects_not_accepted", f"{upload.message}")
        chunks.release(session, upload.id)
        _give_time(ctx, session, upload)
        uploads.unblock(session, upload.id)
    elif upload.blocked == Blocked.LATE:
        _give_time(ctx, session, upload)
        uploads.unblock(session, upload.id)
    else:
        gates.probe_soon(session, upload.account, now)


def cancel(ctx: Context, ulid: str, who: str) -> None:
    """Send nothing more and stop the lists; what was accepted keeps its outcomes. Raises InputError `cannot_cancel`."""
    with ctx.db.write() as session:
        upload = _held(session, ulid)
        now = ctx.db.now(session)
        if not uploads.cancel(session, upload.id, now) and upload.state != UploadState.CANCELLED:
            raise InputError("cannot_cancel", f"Upload {ulid} is {upload.state} already; there is nothing to cancel.")
        _decided(ctx, session, upload, "cancel", who)
        uploads.advance(session, upload.id, now)


def _held(session: Session, ulid: str) -> Upload:
    """The upload, locked: upload before chunk is the order everywhere."""
    return uploads.lock(session, find(session, ulid).id)


def _give_time(ctx: Context, session: Session, upload: Upload) -> None:
    """A person wants it sent now: what came too late gets a new window."""
    until = ctx.db.now(session) + timedelta(seconds=ctx.settings.timing.late_after)
    chunks.give_more_time(session, upload.id, until)


def _decided(ctx: Context, session: Session, upload: Upload, verb: str, who: str) -> None:
    journal.note(session, ctx.db.now(session), verb, "decided", upload_id=upload.id, who=who)
