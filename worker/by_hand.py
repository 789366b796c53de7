"""By hand: a list that dials its next contact when an agent is ready, and a person or a program says so."""

from datetime import timedelta

from worker import accounts, retry
from worker.context import Context, place_of
from worker.errors import InputError, ProviderError, Refused, Unknown
from worker.models import CallList, Upload
from worker.states import UPLOAD_GOES_ON, ListState
from worker.store import journal, lists, withdrawals
from worker.view import find


def call_next(ctx: Context, ulid: str, who: str, params: str | None = None) -> str:
    """Let the first list of an upload that has somebody left dial its next contact; returns the list's reference.

    Asked once: a request that was not answered may have dialled, and one more would dial somebody else. Raises
    InputError `not_by_hand` or `cannot_call_next`, ProviderError where the provider refuses or does not answer.
    """
    with ctx.db.read() as session:
        upload = find(session, ulid)
        open_lists = [one for one in lists.of_upload(session, upload.id) if _may_dial(one)]
        withdrawing = withdrawals.is_open(session, upload.id)
    if not ctx.kind(upload.account).by_hand(upload.job["options"]):
        text = (
            f"Upload {ulid} dials by itself; only one whose options say that it is dialled by hand has a next contact."
        )
        raise InputError("not_by_hand", text)
    if upload.state not in UPLOAD_GOES_ON or not open_lists:
        text = f"Upload {ulid} is {upload.state} and has no list that may dial now; `rollcall status {ulid}` says more."
        raise InputError("cannot_call_next", text)
    if withdrawing:
        text = f"Contacts of upload {ulid} asked not to be called and are being taken back; ask again in a moment."
        raise InputError("cannot_call_next", text)
    refused: list[Refused] = []
    for call_list in open_lists:
        answer = _tell(ctx, upload, call_list, who, params)
        if answer is None:
            return str(call_list.reference)
        if not isinstance(answer, Refused):
            raise _plainly(answer)
        refused.append(answer)
    raise refused[-1]


def _may_dial(call_list: CallList) -> bool:
    wanted = call_list.state == ListState.OPEN and not call_list.stop_wanted
    return call_list.reference is not None and wanted and not call_list.held


def _tell(ctx: Context, upload: Upload, call_list: CallList, who: str, params: str | None) -> ProviderError | None:
    place = place_of(upload, call_list)
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        line = journal.sending(session, now, "next", upload_id=upload.id, list_id=call_list.id, who=who)

    def once() -> None:
        hands = accounts.provider(ctx, upload.account).hands
        if hands is None:
            raise Refused("cannot_call_next", "The provider has no lists that are dialled by hand.")
        hands.next(place, params)

    answer = retry.as_value(once)
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        words = {"code": answer.code, "message": answer.message} if isinstance(answer, ProviderError) else {}
        result = type(answer).__name__ if isinstance(answer, ProviderError) else "done"
        journal.came_back(session, line, now, result, **words)
        if not isinstance(answer, Refused):
            soon = timedelta(seconds=ctx.settings.account(upload.account).poll_fast)
            lists.heard(session, call_list.id, now + soon)
    return answer


def _plainly(error: ProviderError) -> ProviderError:
    if isinstance(error, Unknown):
        more = "The next contact may have been dialled; look at `rollcall outcomes` before you ask for another."
        return Unknown(error.code, f"{error.message.rstrip('.')}. {more}", http_status=error.http_status)
    return error
