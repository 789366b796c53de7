"""Steer: stop a list at the provider, let it dial, or change it, until it is as the upload wants it.

Dialling may take several requests, each a step with a line of its own in the journal; what a step made is kept before
the next one goes out. A step that dials and was not answered is not repeated before `settle` has passed: by then the
provider shows whether it arrived, and the step looks before it acts.
"""

from datetime import timedelta
from typing import Any

from sqlmodel import Session

from worker import accounts, retry, telemetry
from worker.context import Context, place_of
from worker.errors import ProviderError, Refused
from worker.models import CallList, Upload
from worker.providers.base import Place, Provider
from worker.states import ListState
from worker.store import chunks, journal, lists, uploads, withdrawals

LATE = "A filled list has missed its time to start; `rollcall resume` starts it now, `rollcall cancel` drops it."


def steer(ctx: Context, list_id: int) -> None:
    """Make the provider's list stopped or running, as its row wants.

    Whoever steers is the list's runner, so that a stop and a recovery never overtake each other. A provider that
    refuses has nothing to stop or to recover: a list that ended, or one that went on by itself after a top-up.
    """
    with ctx.db.write() as session:
        call_list = lists.claim_run(session, list_id, ctx.db.now(session), 2 * ctx.settings.timing.lease)
        upload = uploads.get(session, call_list.upload_id) if call_list else None
    if call_list is None or upload is None:
        return
    try:
        if call_list.reference is not None and call_list.changes:
            _tell_changes(ctx, upload, call_list)
        if call_list.reference is not None and _wrong(call_list):
            _take_steps(ctx, upload, call_list)
    finally:
        with ctx.db.write() as session:
            lists.release_run(session, call_list)


def _take_steps(ctx: Context, upload: Upload, call_list: CallList) -> None:
    stopping = call_list.stop_wanted
    if not stopping and _too_late(ctx, upload, call_list):
        return
    steps = ("stop",) if stopping else ctx.kind(upload.account).starts(call_list.campaign)
    for step in steps:
        if _changed(ctx, call_list) or (not stopping and _in_doubt(ctx, upload, call_list, step)):
            return
        answer = _request(ctx, upload, call_list, step)
        if isinstance(answer, Refused):
            if not stopping and _told(ctx, upload):
                _cannot_start(ctx, upload, answer)
                return
            break
        if isinstance(answer, ProviderError):
            return
        call_list.campaign = call_list.campaign or answer
    with ctx.db.write() as session:
        _arrived(ctx, session, upload, call_list)
    telemetry.emit("steer.arrived", upload=upload.ulid, list=call_list.number, stopped=stopping)


def _tell_changes(ctx: Context, upload: Upload, call_list: CallList) -> None:
    """Tell the provider the options that were set while the list dials. What it refuses is kept with its words."""
    answer = _request(ctx, upload, call_list, "edit")
    if isinstance(answer, ProviderError) and not isinstance(answer, Refused):
        return
    with ctx.db.write() as session:
        current = uploads.lock(session, upload.id)
        lists.told_changes(session, call_list, answer.message if isinstance(answer, Refused) else None)
        if call_list.deadline_at is not None:
            ctx.expect_outcomes(session, current, call_list.id)  # more attempts take longer


def _changed(ctx: Context, call_list: CallList) -> bool:
    """Whether somebody has decided otherwise since we began."""
    with ctx.db.read() as session:
        current = lists.get(session, call_list.id)
    return current is None or current.stop_wanted != call_list.stop_wanted


def _told(ctx: Context, upload: Upload) -> bool:
    """Whether lists dial only when they are told to, and telling them twice may dial everybody twice."""
    return ctx.kind(upload.account).capabilities.starts == "when_told"


def _too_late(ctx: Context, upload: Upload, call_list: CallList) -> bool:
    """Whether a list that never dialled has missed its time: nobody is to be called at night because of an outage."""
    if call_list.started_at is not None:
        return False
    with ctx.db.write() as session:
        if chunks.in_time(session, call_list.id, ctx.db.now(session)):
            return False
        uploads.block_late(session, upload.id, LATE)
    return True


def _cannot_start(ctx: Context, upload: Upload, said: Refused) -> None:
    text = f"The provider refuses to start the list: {said.message.rstrip('.')}. `rollcall resume` tries it again."
    with ctx.db.write() as session:
        uploads.pause_unstarted(session, upload.id, said.code, text)


def _in_doubt(ctx: Context, upload: Upload, call_list: CallList, step: str) -> bool:
    """Whether an earlier request of this step may still arrive; the list is steered again when it cannot any more."""
    if not _told(ctx, upload):
        return False
    with ctx.db.write() as session:
        since = journal.in_doubt(session, call_list.id, step)
        clear = None if since is None else since + _settle(ctx, upload)
        if clear is None or ctx.db.now(session) >= clear:
            return False
        lists.steer_later(session, call_list.id, clear)
    return True


def _settle(ctx: Context, upload: Upload) -> timedelta:
    account = ctx.settings.account(upload.account)
    return timedelta(seconds=account.settle + account.http_deadline)


def _request(ctx: Context, upload: Upload, call_list: CallList, step: str) -> str | ProviderError | None:
    """One step; the reference of what it made, if it made something."""
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        line = journal.sending(session, now, step, upload_id=upload.id, list_id=call_list.id)
        if step not in ("stop", "edit"):  # from now on it may dial, and revive whom it had let go
            withdrawals.reopen(session, upload.id, call_list.id, now)
    telemetry.emit("steer.sending", upload=upload.ulid, list=call_list.number, step=step)
    answer = _say(ctx, upload, call_list, step)
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        if isinstance(answer, ProviderError):
            if not isinstance(answer, Refused):
                lists.steer_later(session, call_list.id, now + timedelta(seconds=ctx.settings.timing.probe_every))
            words = {"code": answer.code, "message": answer.message}
            journal.came_back(session, line, now, type(answer).__name__, **words)
        else:
            if answer is not None:
                lists.dials(session, call_list.id, answer)
            journal.came_back(session, line, now, "done", reference=answer)
    if isinstance(answer, ProviderError):
        accounts.hold(ctx, upload.account, answer)
    if step not in ("stop", "edit"):
        ctx.ring("withdraw", upload.ulid)
    result = type(answer).__name__ if isinstance(answer, ProviderError) else "done"
    telemetry.emit("steer.answered", upload=upload.ulid, list=call_list.number, step=step, result=result)
    return answer


def _say(ctx: Context, upload: Upload, call_list: CallList, step: str) -> str | ProviderError | None:
    """A stop, and the recovery of a list that dialled before, may be said twice; a step that dials may not."""
    place = place_of(upload, call_list)

    def once() -> str | None:
        provider = accounts.provider(ctx, upload.account)
        if step == "edit":
            _edit(provider, place, call_list.changes or {})
            return None
        if step != "stop":
            return provider.start(step, place)
        provider.stop(place)
        return None

    if step in ("stop", "edit") or not _told(ctx, upload):
        return retry.as_value(lambda: retry.reading(once, ctx.stopping))
    return retry.as_value(once)


def _edit(provider: Provider, place: Place, changes: dict[str, Any]) -> None:
    if provider.hands is None:
        raise Refused("cannot_edit", "The provider cannot change a campaign that exists.")
    provider.hands.edit(place, changes)


def _arrived(ctx: Context, session: Session, upload: Upload, call_list: CallList) -> None:
    if call_list.stop_wanted:
        lists.stopped(session, call_list.id)
    elif lists.recovered(session, call_list.id):
        ctx.expect_outcomes(session, upload, call_list.id)
        withdrawals.reopen(session, upload.id, call_list.id, ctx.db.now(session))


def _wrong(call_list: CallList) -> bool:
    """A list that is held was made stopped, and is let go by whoever compares it."""
    live = call_list.state != ListState.FINISHED and not call_list.held
    return live and call_list.stop_wanted != (call_list.state == ListState.STOPPED)
