"""Steer: stop a list at the provider, or let it go on, until it is as the upload wants it."""

from datetime import timedelta

from sqlmodel import Session

from worker import accounts, retry, telemetry
from worker.context import Context
from worker.errors import ProviderError, Refused
from worker.models import CallList, Upload
from worker.states import ListState
from worker.store import journal, lists, uploads


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
        if call_list.reference is not None and _wrong(call_list.state, call_list.stop_wanted):
            _request(ctx, upload, call_list, call_list.reference)
    finally:
        with ctx.db.write() as session:
            lists.release_run(session, call_list)


def _request(ctx: Context, upload: Upload, call_list: CallList, reference: str) -> None:
    step = "stop" if call_list.stop_wanted else "recover"
    with ctx.db.write() as session:
        line = journal.sending(session, ctx.db.now(session), step, upload_id=upload.id, list_id=call_list.id)
    error = retry.as_value(lambda: retry.reading(lambda: _say(ctx, upload, call_list, reference), ctx.stopping))
    with ctx.db.write() as session:
        if isinstance(error, ProviderError) and not isinstance(error, Refused):
            lists.steer_later(session, call_list.id, ctx.db.now(session) + _patience(ctx))
        else:
            _arrived(ctx, session, upload, call_list)
        result = "done" if error is None else type(error).__name__
        words = {} if error is None else {"code": error.code, "message": error.message}
        journal.came_back(session, line, ctx.db.now(session), result, **words)
    if error is not None:
        accounts.hold(ctx, upload.account, error)
    telemetry.emit(f"steer.{step}", upload=upload.ulid, list=call_list.number, result=result)


def _say(ctx: Context, upload: Upload, call_list: CallList, reference: str) -> None:
    provider = accounts.provider(ctx, upload.account)
    if call_list.stop_wanted:
        provider.stop(reference)
    else:
        provider.resume(reference)


def _patience(ctx: Context) -> timedelta:
    return timedelta(seconds=ctx.settings.timing.probe_every)


def _arrived(ctx: Context, session: Session, upload: Upload, call_list: CallList) -> None:
    if call_list.stop_wanted:
        lists.stopped(session, call_list.id)
    elif lists.recovered(session, call_list.id):
        ctx.expect_outcomes(session, upload, call_list.id)


def _wrong(state: str, stop_wanted: bool) -> bool:
    return state != ListState.FINISHED and stop_wanted != (state == ListState.STOPPED)
