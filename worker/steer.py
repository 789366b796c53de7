"""Steer: stop a list at the provider, let it dial, or change it, until it is as the upload wants it.

Dialling may take several requests, each a step with a line of its own in the journal; what a step made is kept before
the next one goes out. Before each it is asked anew whether the list is still ours to steer, still wanted so, and in
time. A step that dials and was not answered is not repeated before `settle` has passed: by then the provider shows
whether it arrived, and the step looks before it acts. Nor is a list taken for stopped before: what comes late would
let it dial again.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlmodel import Session

from worker import accounts, lanes, retime, retry, telemetry
from worker.context import Context, place_of
from worker.errors import ConfigError, NotSent, ProviderError, Refused, StagingError, Unavailable
from worker.models import CallList, Upload
from worker.providers.base import Place, Provider
from worker.states import UPLOAD_GOES_ON, ListState
from worker.store import chunks, gates, journal, lists, uploads, withdrawals

_log = logging.getLogger("rollcall.steer")
LATE = "A filled list has missed its time to start; `rollcall resume` starts it now, `rollcall cancel` drops it."
OUTSIDE = (
    "{} contacts in a list that was stopped would from now on be called outside their calling hours; `rollcall resume` "
    "looks again, `rollcall cancel` ends the upload."
)
STEP = 60.0  # seconds that a step takes at most, its look included; where that is a whole read, `read_deadline`


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
    steps = ("stop",) if stopping else ctx.kind(upload.account).starts(call_list.campaign)
    for step in steps:
        if not stopping and (_too_late(ctx, upload, call_list) or _outside_hours(ctx, call_list)):
            return
        begun = _begin(ctx, upload, call_list, step)
        if begun is None:
            return
        answer = _request(ctx, upload, call_list, begun)
        if isinstance(answer, Refused):
            if not stopping and _told(ctx, upload):
                _cannot_start(ctx, upload, answer)
                return
            break
        if isinstance(answer, ProviderError) or answer not in (None, call_list.campaign):
            return
    _arrived(ctx, upload, call_list)


def _tell_changes(ctx: Context, upload: Upload, call_list: CallList) -> None:
    """Tell the provider the options that were set while the list dials. What it refuses is kept with its words."""
    begun = _begin(ctx, upload, call_list, "edit")
    answer = None if begun is None else _request(ctx, upload, call_list, begun)
    if begun is None or (isinstance(answer, ProviderError) and not isinstance(answer, Refused)):
        return
    with ctx.db.write() as session:
        current = uploads.lock(session, upload.id)
        if not isinstance(answer, Refused):
            current = uploads.change_options(session, current, call_list.changes or {})
            ctx.expect_longer(session, current, call_list.id)
        lists.told_changes(session, call_list, answer.message if isinstance(answer, Refused) else None)


def _told(ctx: Context, upload: Upload) -> bool:
    """Whether lists dial only when they are told to, and telling them twice may dial everybody twice."""
    return ctx.kind(upload.account).capabilities.starts == "when_told"


def _dials(ctx: Context, upload: Upload) -> str:
    """The step that lets a list dial; those before it only make what is dialled with."""
    return ctx.kind(upload.account).starts(None)[-1]


def _too_late(ctx: Context, upload: Upload, call_list: CallList) -> bool:
    """Whether a list that never dialled has missed its time: nobody is to be called at night because of an outage.

    Where nobody knows what became of an earlier step it may dial all the same: it is looked at, and not told again.
    """
    if call_list.started_at is not None:
        return False
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        if chunks.in_time(session, call_list.id, now):
            return False
        clear = _clear(ctx, session, upload, call_list, _dials(ctx, upload))
        if clear is not None and now < clear:
            lists.steer_later(session, call_list.id, clear)
            return True
    if clear is None or not _may_dial(ctx, upload, call_list):
        with ctx.db.write() as session:
            uploads.block_late(session, upload.id, LATE)
    return True


def _outside_hours(ctx: Context, call_list: CallList) -> bool:
    """Whether contacts in a list that dials from now on would be called outside their windows: a person is asked.

    It is stopped once more, since an earlier request to let it dial may still arrive. What cannot be read now is
    asked again: until then nobody is let go.
    """
    with ctx.db.read() as session:
        upload = uploads.get(session, call_list.upload_id)
    try:
        count = retime.outside(ctx, upload, [call_list.id])
    except (StagingError, Unavailable, ConfigError) as error:
        _log.error("a list of upload %s cannot be held against its windows: %s", upload.ulid, error.message)
        _again_soon(ctx, call_list)
        return True
    if count:
        with ctx.db.write() as session:
            uploads.lock(session, upload.id)
            uploads.pause_unstarted(session, upload.id, code="outside_hours", message=OUTSIDE.format(count))
            lists.stop_again(session, call_list.id)
    return bool(count)


def _may_dial(ctx: Context, upload: Upload, call_list: CallList) -> bool:
    """Whether the provider shows that the list was started, or does not show it now: then it is asked again."""
    place = place_of(upload, call_list)
    found = retry.as_value(
        lambda: retry.reading(lambda: accounts.in_reach(ctx, upload.account).status(place), ctx.stopping)
    )
    accounts.judge(ctx, upload.account, found)
    if isinstance(found, ProviderError):
        _again_soon(ctx, call_list)
        return True
    if found is None or not (found.dials or found.complete):
        return False
    _arrived(ctx, upload, call_list)
    return True


def _again_soon(ctx: Context, call_list: CallList) -> None:
    with ctx.db.write() as session:
        soon = ctx.db.now(session) + timedelta(seconds=ctx.settings.timing.probe_every)
        lists.steer_later(session, call_list.id, soon)


def _cannot_start(ctx: Context, upload: Upload, said: Refused) -> None:
    text = f"The provider refuses to start the list: {said.message.rstrip('.')}. `rollcall resume` tries it again."
    with ctx.db.write() as session:
        uploads.pause_unstarted(session, upload.id, said.code, text)


def _clear(ctx: Context, session: Session, upload: Upload, call_list: CallList, step: str) -> datetime | None:
    """When a request of this step, of which nobody knows what became, cannot arrive any more; None where none is."""
    line = journal.in_doubt(session, call_list.id, step)
    if line is None:
        return None
    account = ctx.settings.account(upload.account)
    ended = line.ended_at or line.sent_at + timedelta(seconds=_longest(ctx, upload, step))
    return ended + timedelta(seconds=account.settle + account.http_deadline)


def _longest(ctx: Context, upload: Upload, step: str) -> float:
    """Seconds in which a step is over: its last try begins within a lease."""
    short = step in ("stop", "edit", _dials(ctx, upload))
    takes = STEP if short else max(STEP, ctx.settings.account(upload.account).read_deadline)
    return ctx.settings.timing.lease + takes


class _Begun(NamedTuple):
    """A step that is ours to take: its line in the journal, and the moment (monotonic) after which no try begins."""

    step: str
    line: int
    deadline: float


def _begin(ctx: Context, upload: Upload, call_list: CallList, step: str) -> _Begun | None:
    """Say that a step goes out; None where it may not, or not now.

    It may not where another worker steers the list by now, or somebody decided otherwise since we began. Nobody is let
    go while the campaigns of the account are being compared with the do-not-call list.
    """
    deadline = time.monotonic() + ctx.settings.timing.lease  # before the commit: who was frozen finds his time over
    with ctx.db.write() as session:
        state, current = uploads.lock(session, upload.id).state, lists.get(session, call_list.id)
        now = ctx.db.now(session)
        ours = lists.extend_run(session, call_list, now, _longest(ctx, upload, step))
        if not ours or current is None or current.state == ListState.FINISHED:
            return None
        if step not in ("stop", "edit"):
            if current.stop_wanted or state not in UPLOAD_GOES_ON or gates.comparing(session, upload.account):
                return None
            clear = _clear(ctx, session, upload, call_list, step) if _told(ctx, upload) else None
            if clear is not None and now < clear:
                lists.steer_later(session, call_list.id, clear)
                return None
            withdrawals.reopen(session, upload.id, call_list.id, now)  # it may dial, and revive whom it had let go
        elif step == "stop" and not current.stop_wanted:
            return None
        line = journal.sending(session, now, step, upload_id=upload.id, list_id=call_list.id)
    return _Begun(step, line, deadline)


def _request(ctx: Context, upload: Upload, call_list: CallList, begun: _Begun) -> str | ProviderError | None:
    """One step; the reference of what it made, if it made something. `call_list` is told which one is kept."""
    step = begun.step
    telemetry.emit("steer.sending", upload=upload.ulid, list=call_list.number, step=step)
    answer = _say(ctx, upload, call_list, begun)
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        if isinstance(answer, str):
            call_list.campaign = lists.dials(session, call_list.id, answer)
        elif answer is not None and not isinstance(answer, Refused):
            lists.steer_later(session, call_list.id, now + timedelta(seconds=ctx.settings.timing.probe_every))
        journal.closed(session, begun.line, now, answer, reference=answer)
    accounts.judge(ctx, upload.account, answer)
    if step not in ("stop", "edit"):
        ctx.ring("withdraw", upload.ulid)
    result = type(answer).__name__ if isinstance(answer, ProviderError) else "done"
    telemetry.emit("steer.answered", upload=upload.ulid, list=call_list.number, step=step, result=result)
    return answer


def _say(ctx: Context, upload: Upload, call_list: CallList, begun: _Begun) -> str | ProviderError | None:
    """What only stops or sets may be said twice. A step that may dial is repeated only where it was not sent, and one
    that dials when told not even then: it waits for its next turn."""
    step, place = begun.step, place_of(upload, call_list)

    def once() -> str | None:
        if time.monotonic() >= begun.deadline:
            raise NotSent("deadline_passed", "The time for this step was over before it went out.", ours=True)
        provider = accounts.in_reach(ctx, upload.account)
        if step == "edit":
            _edit(provider, place, lanes.options_of(call_list, call_list.changes or {}))
            return None
        if step != "stop":
            return provider.start(step, place)
        provider.stop(place)
        return None

    if step in ("stop", "edit"):
        return retry.as_value(lambda: retry.reading(once, ctx.stopping))
    if _told(ctx, upload):
        return retry.as_value(once)
    return retry.as_value(lambda: retry.sending(once, ctx.stopping, begun.deadline))


def _edit(provider: Provider, place: Place, changes: dict[str, Any]) -> None:
    if provider.hands is None:
        raise Refused("cannot_edit", "The provider cannot change a campaign that exists.")
    provider.hands.edit(place, changes)


def _arrived(ctx: Context, upload: Upload, call_list: CallList) -> None:
    """The list is as it was wanted. It is stopped once more where a step that dials may still arrive."""
    with ctx.db.write() as session:
        upload = uploads.lock(session, upload.id)  # its options as they are now
        now = ctx.db.now(session)
        if not lists.extend_run(session, call_list, now, ctx.settings.timing.lease):
            return
        clear = _clear(ctx, session, upload, call_list, _dials(ctx, upload)) if call_list.stop_wanted else None
        if clear is not None and now < clear:
            lists.steer_later(session, call_list.id, clear)
            return
        if call_list.stop_wanted:
            lists.stopped(session, call_list.id)
        elif lists.recovered(session, call_list.id):
            ctx.expect_outcomes(session, upload, call_list.id, anew=True)
            withdrawals.reopen(session, upload.id, call_list.id, now)
    telemetry.emit("steer.arrived", upload=upload.ulid, list=call_list.number, stopped=call_list.stop_wanted)


def _wrong(call_list: CallList) -> bool:
    """A list that is held was made stopped, and is let go by whoever compares it."""
    live = call_list.state != ListState.FINISHED and not call_list.held
    return live and call_list.stop_wanted != (call_list.state == ListState.STOPPED)
