"""What a person decides about an upload: pause, resume, cancel, edit.

Every verb is safe to repeat and is written into the journal with who decided, before what comes of it: so it is told in
this order.
"""

from datetime import timedelta
from typing import Any

from sqlmodel import Session

from worker import retime
from worker.context import Context
from worker.errors import InputError
from worker.lanes import SHARED
from worker.models import CallList, Upload
from worker.states import AT_PROVIDER, CHUNK_WAITING, Blocked, ListState, UploadState
from worker.store import chunks, gates, journal, lists, pilots, progress, uploads
from worker.view import find
from worker.windows import is_asked

UNREAD = (UploadState.RECEIVED, UploadState.INGESTING)


def pause(ctx: Context, ulid: str, who: str) -> None:
    """Hold what was not sent and stop the lists, where that can be. Raises InputError `cannot_pause`."""
    with ctx.db.write() as session:
        upload = _held(session, ulid)
        _refuse_endless_pause(ctx, session, upload)
        _decided(ctx, session, upload, "pause", who)
        if not uploads.pause(session, upload.id, stop_lists=_stops(ctx, upload)) and upload.state != UploadState.PAUSED:
            raise InputError("cannot_pause", f"Upload {ulid} is {upload.state}; only one that goes on can be paused.")
    _try_now(ctx, upload)


def _try_now(ctx: Context, upload: Upload) -> None:
    """Somebody wants calls to end: a provider that is left alone is asked at once whether it is back.

    A transaction of its own: who closes a gate locks it before its uploads.
    """
    with ctx.db.write() as session:
        gates.try_now(session, upload.account, ctx.db.now(session))


def _stops(ctx: Context, upload: Upload) -> bool:
    """Whether lists can be stopped; of an account that is no longer known we cannot even ask."""
    return upload.account in ctx.settings.accounts and ctx.kind(upload.account).capabilities.stops


def _refuse_endless_pause(ctx: Context, session: Session, upload: Upload) -> None:
    """A list that the provider can only begin anew must not be stopped by somebody who wants it to go on."""
    if upload.account not in ctx.settings.accounts:
        return
    can = ctx.kind(upload.account).capabilities
    dialling = [one for one in lists.of_upload(session, upload.id) if one.started_at and one.state == ListState.OPEN]
    if can.stops and not can.resumes and dialling:
        raise InputError(
            "cannot_pause",
            f"Upload {upload.ulid} dials already, and its provider would call everybody again after a stop; "
            "`rollcall cancel` stops it for good.",
        )


def resume(ctx: Context, ulid: str, who: str, *, accept_rejects: bool = False, accept_pilot: bool = False) -> None:
    """Go on with a paused or blocked upload. What is late gets a new window.

    Rejects and the end of a pilot are questions of their own: nothing but its own answer settles one, so that a resume
    which is said twice does not answer what nobody has read. Raises InputError, StagingError.
    """
    _refuse_old_windows(ctx, ulid)
    with ctx.db.write() as session:
        upload = _held(session, ulid)
        _refuse_early(session, upload, accept_rejects, accept_pilot)
        _decided(ctx, session, upload, "resume", who)
        if upload.state == UploadState.PAUSED:
            uploads.resume(session, upload.id)
            _give_time(ctx, session, upload)
        elif upload.state == UploadState.BLOCKED:
            _unblock(ctx, session, upload, accept_rejects, accept_pilot)
        elif upload.ended_at is not None:
            then = "upload the file anew"
            if upload.state == UploadState.FINISHED:
                then = f"rejected rows go, once corrected, by `rollcall rejects {ulid} -o FILE` and --continues {ulid}"
            raise InputError("cannot_resume", f"Upload {ulid} is {upload.state}; {then}.")
        progress.advance(session, upload.id, ctx.db.now(session))


def _refuse_early(session: Session, upload: Upload, accept_rejects: bool, accept_pilot: bool) -> None:
    """Nobody accepts what nobody can have seen yet."""
    if (accept_rejects or accept_pilot) and upload.state in UNREAD:
        text = f"The file of upload {upload.ulid} is still to be read; there is nothing to accept yet."
        raise InputError("cannot_resume", text)
    if accept_pilot and upload.blocked != Blocked.PILOT and pilots.of_upload(session, upload) is not None:
        text = f"The pilot of upload {upload.ulid} has not ended, or nobody was told how, so nothing is accepted"
        raise InputError("pilot_not_ended", f"{text}; `rollcall status {upload.ulid}` says when it is asked for.")


def _refuse_old_windows(ctx: Context, ulid: str) -> None:
    """A list that goes on at the provider keeps the windows that it was given, and another season may have come."""
    with ctx.db.read() as session:
        upload = find(session, ulid)
        stopped = {one.id for one in lists.of_upload(session, upload.id) if _is_let_go(one)}
    if upload.ended_at is not None:
        return
    if outside := retime.outside(ctx, upload, stopped):
        text = f"{outside} contacts who lie at the provider would from now on be called outside their calling hours"
        raise InputError("cannot_resume", f"{text}; `rollcall cancel {ulid}` ends the upload.")


def _is_let_go(call_list: CallList) -> bool:
    """Whether a list that does not dial now does so once its upload goes on."""
    return call_list.stop_wanted or call_list.started_at is None or call_list.state == ListState.STOPPED


def _unblock(ctx: Context, session: Session, upload: Upload, accept_rejects: bool, accept_pilot: bool) -> None:
    now = ctx.db.now(session)
    if upload.blocked == Blocked.REJECTS:
        if not accept_rejects:
            raise InputError("rejects_not_accepted", f"{upload.message}")
        chunks.release_first(session, upload)
        _give_time(ctx, session, upload)
        uploads.unblock(session, upload.id)
    elif upload.blocked == Blocked.PILOT:
        if not accept_pilot:
            raise InputError("pilot_not_accepted", f"{upload.message}")
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
        _decided(ctx, session, upload, "cancel", who)
        now, stops = ctx.db.now(session), _stops(ctx, upload)
        if not uploads.cancel(session, upload.id, now, stop_lists=stops) and upload.state != UploadState.CANCELLED:
            raise InputError("cannot_cancel", f"Upload {ulid} is {upload.state} already; there is nothing to cancel.")
        progress.advance(session, upload.id, now)
    _try_now(ctx, upload)


def edit(ctx: Context, ulid: str, changes: dict[str, Any], who: str) -> None:
    """Set options of a campaign that goes on: its lists are told one by one, and those made later carry what one took.

    What the provider refuses of a list that dials it would refuse of every new one: so where there is such a list, the
    job's options change when it has taken them.

    Raises InputError: `cannot_edit` where the upload has ended or the provider cannot change the option, `bad_option`.
    """
    seen = _refuse_longer(ctx, ulid, changes)
    with ctx.db.write() as session:
        upload = _held(session, ulid)
        _refuse_unread(upload, seen)
        kind, options = ctx.kind(upload.account), upload.job["options"]
        if upload.ended_at is not None or upload.state == UploadState.CANCELLED:
            raise InputError("cannot_edit", f"Upload {ulid} is {upload.state}; there is nothing to change.")
        _refuse_fixed(changes, kind.capabilities.edits)
        live = _live(session, upload)
        checked = kind.check_options({**options, **_untold(live), **changes})
        told = {name: checked[name] for name in changes if name in checked}
        _refuse_too_few(told, max((one.lanes for one in lists.of_upload(session, upload.id)), default=1))
        if all(one.reference is None for one in live):
            uploads.change_options(session, upload, told)
        for call_list in live:
            lists.tell_changes(session, call_list, told)
        shown = ", ".join(f"{name}={value}" for name, value in sorted(told.items()))
        _decided(ctx, session, upload, "edit", who, shown)


def _live(session: Session, upload: Upload) -> list[CallList]:
    return [one for one in lists.of_upload(session, upload.id) if one.state != ListState.FINISHED]


def _untold(live: list[CallList]) -> dict[str, Any]:
    """Options that were changed before, and that no list has taken yet."""
    return {name: value for one in live for name, value in (one.changes or {}).items()}


def _refuse_unread(upload: Upload, seen: UploadState) -> None:
    """Whoever reads the file works windows out for the options that he found; nothing was there to hold against."""
    read = UploadState.INGESTING in (seen, upload.state) or (seen in UNREAD and upload.state != seen)
    if read and is_asked(upload.job.get("window")) and upload.state != UploadState.CANCELLED:
        text = f"The file of upload {upload.ulid} is being read, and its calling windows worked out; try again"
        raise InputError("cannot_edit", f"{text} when that is done.")


def _refuse_longer(ctx: Context, ulid: str, changes: dict[str, Any]) -> UploadState:
    """More attempts take longer, and calling windows may not hold for so long. Returns the state it was seen in."""
    with ctx.db.read() as session:
        upload, now = find(session, ulid), ctx.db.now(session)
        unsettled = chunks.of_upload(session, upload.id, *CHUNK_WAITING, *AT_PROVIDER)
        options = {**upload.job["options"], **_untold(_live(session, upload)), **changes}
    seen = UploadState(upload.state)
    if upload.ended_at is not None or retime.in_time(ctx, upload, now) is None:
        return seen
    job = {**upload.job, "options": ctx.kind(upload.account).check_options(options)}
    if ctx.calling_time(upload.account, job) <= ctx.calling_time(upload.account, upload.job):
        return seen
    if outside := retime.outlived(ctx, upload, unsettled, now, job["options"]):
        text = f"The campaign would go on for longer than the calling windows of {outside} contacts hold"
        raise InputError("cannot_edit", f"{text}; leave its attempts and intervals as they are.")
    return seen


def _refuse_fixed(changes: dict[str, Any], may_change: frozenset[str]) -> None:
    for name in changes:
        if name not in may_change:
            can = f"these can be: {', '.join(sorted(may_change))}" if may_change else "nor can any other"
            text = f"The option {name} cannot be changed once a campaign is at this provider; {can}."
            raise InputError("cannot_edit", text)


def _refuse_too_few(told: dict[str, Any], lanes: int) -> None:
    """Each list of a divided campaign makes at least one call at a time."""
    if told.get(SHARED, lanes) < lanes:
        text = f"The campaign is divided into {lanes} lists, which share {SHARED}; give {lanes} or more, one for each."
        raise InputError("bad_option", text)


def _held(session: Session, ulid: str) -> Upload:
    """The upload, locked: upload before chunk is the order everywhere."""
    return uploads.lock(session, find(session, ulid).id)


def _give_time(ctx: Context, session: Session, upload: Upload) -> None:
    """A person wants it sent now: what came too late gets a new window."""
    until = ctx.db.now(session) + timedelta(seconds=ctx.settings.timing.late_after)
    chunks.give_more_time(session, upload.id, until)


def _decided(ctx: Context, session: Session, upload: Upload, verb: str, who: str, message: str | None = None) -> None:
    journal.note(session, ctx.db.now(session), verb, "decided", upload_id=upload.id, who=who, message=message)
