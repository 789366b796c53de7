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
    """Make the provider's list stopped or running, as its row wants. Both requests may be repeated.

    A list that goes on by itself (after a top-up) refuses to be recovered: then it runs, and that is what was wanted.
    """
    with ctx.db.write() as session:
        call_list = lists.get(session, list_id)
        if call_list is None or call_list.reference is None or not _wrong(call_list.state, call_list.stop_wanted):
            return
        upload = uploads.get(session, call_list.upload_id)
        step = "stop" if call_list.stop_wanted else "recover"
        line = journal.sending(session, ctx.db.now(session), step, upload_id=upload.id, list_id=list_id)
    provider, reference = ctx.provider(upload.account), call_list.reference
    request = provider.stop if call_list.stop_wanted else provider.resume
    error = retry.as_value(lambda: retry.reading(lambda: request(reference), ctx.stopping))
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        if isinstance(error, ProviderError) and not (step == "recover" and isinstance(error, Refused)):
            result = type(error).__name__
            journal.came_back(session, line, now, result, code=error.code, message=error.message)
            failed = error
        else:
            failed = None
            journal.came_back(session, line, now, "done" if error is None else "nothing to do")
            _arrived(ctx, session, upload, call_list)
    if failed is not None:
        accounts.hold(ctx, upload.account, failed)
        return
    telemetry.emit(f"steer.{step}", upload=upload.ulid, list=call_list.number)


def _arrived(ctx: Context, session: Session, upload: Upload, call_list: CallList) -> None:
    if call_list.stop_wanted:
        lists.stopped(session, call_list.id)
        return
    soon = timedelta(seconds=ctx.settings.account(upload.account).poll_fast)
    lists.recovered(session, call_list.id, ctx.db.now(session) + soon)


def _wrong(state: str, stop_wanted: bool) -> bool:
    return state != ListState.FINISHED and stop_wanted != (state == ListState.STOPPED)
