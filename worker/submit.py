"""Submit: hand each chunk to the provider exactly once.

A chunk is claimed and the journal says "sending" in one transaction; then the request goes out with no transaction
open; then one `match` on the answer settles the claim. Whoever lost the claim meanwhile settles nothing, and a claim
whose worker never came back becomes unknown, never ready: only reconciliation may say that it did not arrive.
Where a provider wants several requests, each is a step with a line of its own, and what a step made is kept before the
next one goes out.

One task drains a call list, chunk after chunk, until none is due, its time is over, or something is in doubt. A chunk
that was accepted is settled and the next one claimed in one transaction: both are proved by the same commit.
"""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from sqlmodel import Session

from worker import accounts, lanes, retime, retry, telemetry
from worker.context import Context, list_name, place_of
from worker.errors import (
    AccountRefused,
    LowBalance,
    NotSent,
    ProviderError,
    Refused,
    StagingError,
    Throttled,
    Unavailable,
    Unknown,
)
from worker.models import CallList, Chunk, Upload
from worker.payloads import Payloads
from worker.providers.base import Accepted, Made, Step, Submission
from worker.states import ListState, UploadState
from worker.store import chunks, claims, journal, lists, progress, uploads
from worker.windows import is_asked

COMPLETION_AGE = 10.0  # seconds after which a list may have completed at the provider without our noticing
Answer = Accepted | ProviderError


class Next(Enum):
    MORE = auto()
    STOP = auto()


@dataclass(frozen=True)
class Claimed:
    """A chunk that is ours to send since `at`, with the line in the journal that says so. `deadline` is monotonic.

    `run` is the list as we became its runner, `call_list` as it is now. `steps` are those still to be taken, the first
    one being the line's. `seen`: when the account was seen to have failed nothing, by `time.monotonic()`.
    """

    upload: Upload
    run: CallList
    call_list: CallList
    chunk: Chunk
    attempt_id: int
    deadline: float
    steps: tuple[Step, ...]
    at: datetime
    seen: float


def run_list(ctx: Context, list_id: int) -> None:
    """Drain a call list for one time slice. Does nothing where another worker does."""
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        call_list = lists.claim_run(session, list_id, now, ctx.settings.timing.lease)
        upload = uploads.get(session, call_list.upload_id) if call_list else None
        is_open = upload is not None and accounts.is_open(ctx, session, upload.account, now)
    if call_list is None or upload is None:
        return
    telemetry.emit("submit.running", upload=upload.ulid, list=call_list.number)
    with Payloads(ctx) as payloads:  # what is still being read is waited for last
        try:
            last = _drain(ctx, upload, call_list, payloads, now, is_open)
        finally:
            with ctx.db.write() as session:
                lists.release_run(session, call_list)
        if last is Next.MORE:
            ctx.ring("submit", list_id)


def _drain(ctx: Context, upload: Upload, call_list: CallList, payloads: Payloads, now: datetime, is_open: bool) -> Next:
    if upload.state != UploadState.SUBMITTING:
        return Next.STOP
    if not is_open:
        if not accounts.may_submit(ctx, upload.account):
            return Next.STOP
        with ctx.db.read() as session:  # the provider may have taken its time
            now = ctx.db.now(session)
    if _may_have_completed(call_list, now) and not _is_due(ctx, upload, call_list):
        return Next.STOP  # a bell that came twice: nobody is to be asked, and no other list is needed
    if _completed(ctx, upload, call_list, now) or retime.needs_list(ctx, upload, call_list):
        _rotate(ctx, upload, call_list)
        return Next.STOP
    until = time.monotonic() + ctx.settings.timing.slice

    def goes_on() -> bool:
        return time.monotonic() < until and not ctx.stopping.is_set()

    while goes_on():
        retime.renew(ctx, upload, call_list.id)
        following: Claimed | Next = _claim(ctx, upload, call_list) or Next.STOP
        while isinstance(following, Claimed):
            following = submit(ctx, following, payloads, goes_on)
        if following is Next.STOP:
            return Next.STOP
    return Next.MORE


def submit(ctx: Context, claimed: Claimed, payloads: Payloads, goes_on: Callable[[], bool]) -> Claimed | Next:
    """Send a chunk and settle it. The next one of its list, where it was claimed at once: only while `goes_on`."""
    late = (claimed.at - claimed.chunk.not_before).total_seconds()
    rows, facts = claimed.chunk.rows, {"upload": claimed.upload.ulid, "chunk": claimed.chunk.seq}
    telemetry.emit("submit.sending", **facts, rows=rows, late=late)
    answer = _send(ctx, claimed, payloads)
    while isinstance(answer, Made):
        onwards = _next_step(ctx, claimed, answer)
        if onwards is None:
            return Next.STOP
        claimed = onwards
        telemetry.emit("submit.step", **facts, step=claimed.steps[0].name)
        answer = _send(ctx, claimed, payloads)
    telemetry.emit("submit.answered", **facts, answer=type(answer).__name__)
    following, is_news = _settle(ctx, claimed, answer, goes_on)
    if is_news:
        accounts.judge(ctx, claimed.upload.account, answer)
    telemetry.emit("submit.settled", **facts, account=claimed.upload.account, answer=type(answer).__name__)
    return following


def _settle(ctx: Context, claimed: Claimed, answer: Answer, goes_on: Callable[[], bool]) -> tuple[Claimed | Next, bool]:
    """What comes next, and whether the answer is news of the account: it failed, or did before."""
    if isinstance(answer, Accepted) and not is_asked(claimed.upload.job.get("window")) and goes_on():
        with suppress(claims.InFlight):  # what was settled with it is undone, and settled again alone
            return _settled(ctx, claimed, answer, and_claim=True)
    return _settled(ctx, claimed, answer, and_claim=False)


def _settled(ctx: Context, claimed: Claimed, answer: Answer, *, and_claim: bool) -> tuple[Claimed | Next, bool]:
    upload = claimed.upload
    begun = time.monotonic()
    with ctx.db.write() as session:
        locked = uploads.hold(session, upload.id)
        now = ctx.db.now(session)
        following = _move(ctx, session, claimed, answer, now)
        if isinstance(answer, ProviderError):
            progress.advance(session, upload.id, now)
            return following, True
        if and_claim and following is Next.MORE:
            onwards = _take(ctx, session, locked, upload, claimed.run, now, begun, untroubled=True)
            if onwards is not None:
                return onwards, False
        return _go_on(session, claimed, following, now)


def _go_on(session: Session, claimed: Claimed, following: Next, now: datetime) -> tuple[Next, bool]:
    """After a chunk was taken: whether another one is due, and whether the answer is news of a provider that failed.

    Where nothing is left to be sent the upload moves on.
    """
    is_due, is_busy, has_failed = claims.next_in(session, claimed.call_list, now, claimed.upload.account)
    if not is_busy:
        progress.advance(session, claimed.upload.id, now)
    return following if is_due else Next.STOP, has_failed


def _claim(ctx: Context, upload: Upload, call_list: CallList) -> Claimed | None:
    """Claim the next chunk, and say so in the journal; None where there is none to be sent now."""
    try:
        return _claim_next(ctx, upload, call_list)
    except claims.InFlight:
        return None


def _claim_next(ctx: Context, upload: Upload, call_list: CallList) -> Claimed | None:
    begun = time.monotonic()
    with ctx.db.write() as session:
        locked = uploads.hold(session, upload.id)
        now = ctx.db.now(session)
        claimed = _take(ctx, session, locked, upload, call_list, now, begun)
        if claimed is None:
            progress.advance(session, upload.id, now)
    return claimed


def _take(
    ctx: Context,
    session: Session,
    locked: uploads.Locked,
    upload: Upload,
    run: CallList,
    now: datetime,
    begun: float,
    *,
    untroubled: bool = False,
) -> Claimed | None:
    """`begun`: before the transaction, by `time.monotonic()`, so that a worker frozen in it finds its time over."""
    seconds, steps = ctx.settings.account(upload.account).http_deadline, ctx.kind(upload.account).steps
    taken = claims.claim(
        session,
        locked,
        run,
        now,
        lease=ctx.settings.timing.lease,
        deadline=seconds,
        carries=lambda current: steps(current.reference)[0].carries,
        since=retime.in_time(ctx, upload, now),
        untroubled=untroubled,
    )
    if taken is None:
        return None
    chunk, current = taken
    to_take = steps(current.reference)
    line = _begin(session, now, to_take[0], chunk)
    seen = begun if untroubled else -math.inf
    return Claimed(upload, run, current, chunk, line, begun + seconds, to_take, now, seen)


def _begin(session: Session, now: datetime, step: Step, chunk: Chunk) -> int:
    return journal.sending(session, now, step.name, upload_id=chunk.upload_id, list_id=chunk.list_id, chunk_id=chunk.id)


def _next_step(ctx: Context, claimed: Claimed, made: Made) -> Claimed | None:
    """Keep what a step made and begin the next one; None where the claim was lost, or the list has become another."""
    with ctx.db.write() as session:
        uploads.lock(session, claimed.upload.id)
        now, list_id = ctx.db.now(session), claimed.call_list.id
        journal.came_back(session, claimed.attempt_id, now, "Made", http_status=200, reference=made.reference)
        if not chunks.held(session, claimed.chunk, now):
            return None
        if not lists.may_adopt(session, list_id, made.reference):
            _other_list(session, claimed, made.reference)
            return None
        lists.adopt(session, list_id, made.reference)
        line = _begin(session, now, claimed.steps[1], claimed.chunk)
        current = lists.get(session, list_id)
    assert current is not None
    return replace(claimed, call_list=current, attempt_id=line, steps=claimed.steps[1:])


def _send(ctx: Context, claimed: Claimed, payloads: Payloads) -> Answer | Made:
    """The request, with no transaction open. Never raises a ProviderError: the answer is a value."""
    try:
        payload = payloads.read(claimed.chunk, claimed.at)
    except StagingError as error:
        return NotSent(error.code, error.message, fault=True)
    except Unavailable as error:
        return NotSent(error.code, error.message, ours=True)
    step = claimed.steps[0]
    submission = Submission(
        step=step.name,
        upload=claimed.upload.ulid,
        list_name=claimed.call_list.name,
        reference=claimed.call_list.reference,
        payload=payload,
        rows=claimed.chunk.rows,
        options=lanes.options_of(claimed.call_list, claimed.upload.job["options"]),
        stopped=claimed.call_list.held,
    )

    def call() -> Accepted | Made:
        return accounts.in_reach(ctx, claimed.upload.account, claimed.seen).submit(submission, claimed.deadline)

    return retry.as_value(lambda: retry.sending(call, ctx.stopping, claimed.deadline))


def _move(ctx: Context, session: Session, claimed: Claimed, answer: Answer, now: datetime) -> Next:
    """Complete the journal's line, then move the chunk along the arrow that the answer proves. We hold the upload."""
    chunk = claimed.chunk
    _note(session, claimed, answer, now)
    match answer:
        case Accepted():
            return _accept(ctx, session, claimed, answer, now)
        case NotSent(fault=True):
            _ask(session, claimed, answer.code, answer.message, {})
            return Next.STOP
        case NotSent() | Throttled() | AccountRefused() | LowBalance():
            chunks.give_back(session, chunk, now + _pause(ctx, answer), answer.code, answer.message)
            return Next.STOP
        case Refused():
            chunks.refuse(session, chunk, now, answer.code, answer.message)
            return Next.MORE
        case Unknown() | ProviderError() if not claimed.steps[0].carries:
            # nobody was on the way: the step finds what it made, once that must be visible
            settle = timedelta(seconds=ctx.settings.account(claimed.upload.account).settle)
            chunks.give_back(session, chunk, now + settle, answer.code, answer.message)
            return Next.STOP
        case Unknown() | ProviderError():
            check_at = max(now, chunk.deadline_at or now)
            chunks.doubt(session, chunk, check_at, answer.code, answer.message)
            return Next.STOP


def _accept(ctx: Context, session: Session, claimed: Claimed, answer: Accepted, now: datetime) -> Next:
    """Accepted only where the provider stored every contact, in the list that we mean."""
    chunk, list_id = claimed.chunk, claimed.call_list.id
    if not lists.may_adopt(session, list_id, answer.reference):
        _other_list(session, claimed, answer.reference)
        return Next.STOP
    if answer.count in (chunk.rows, None):
        moved = chunks.accept(session, chunk, now)
    else:
        text = f"The provider stored {answer.count} of {chunk.rows} contacts; compare the list and decide."
        moved = _ask(session, claimed, "short_count", text, {"count": answer.count})
    if not moved:  # the claim was lost meanwhile; the journal keeps the answer, reconciliation finds the list
        telemetry.emit("submit.late_answer", upload=claimed.upload.ulid, chunk=chunk.seq)
        return Next.STOP
    if claimed.call_list.reference is None:
        lists.adopt(session, list_id, answer.reference)
    ctx.expect_outcomes(session, claimed.upload, list_id, now=now)
    return Next.MORE


def _other_list(session: Session, claimed: Claimed, reference: str) -> None:
    text = f"The provider answered with list {reference}, and this list has another reference."
    _ask(session, claimed, "other_list", text, {"reference": reference})


def _ask(session: Session, claimed: Claimed, code: str, text: str, evidence: dict[str, Any]) -> bool:
    moved = chunks.ask_claimed(session, claimed.chunk, code, text, evidence)
    if moved:
        telemetry.emit("chunk.review", upload=claimed.upload.ulid, chunk=claimed.chunk.seq, code=code)
    return moved


def _pause(ctx: Context, answer: ProviderError) -> timedelta:
    wait = answer.retry_after if isinstance(answer, Throttled) else None
    return timedelta(seconds=ctx.settings.timing.rung if wait is None else wait)


def _note(session: Session, claimed: Claimed, answer: Answer, now: datetime) -> None:
    if isinstance(answer, Accepted):
        values = {"http_status": 200, "reference": answer.reference, "count": answer.count}
        journal.came_back(session, claimed.attempt_id, now, "Accepted", **values)
        return
    journal.closed(session, claimed.attempt_id, now, answer)


def _is_due(ctx: Context, upload: Upload, call_list: CallList) -> bool:
    """Whether a chunk of the list may be sent now. Where none may, the upload moves on as far as it has come."""
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        is_due, *_ = claims.next_in(session, call_list, now, upload.account)
        if not is_due:
            progress.advance(session, upload.id, now)
    return is_due


def _may_have_completed(call_list: CallList, now: datetime) -> bool:
    """Whether a list was sent its contacts so long ago that none of them may be left to be called."""
    if call_list.reference is None or call_list.sent_at is None or call_list.held:
        return False
    return call_list.state == ListState.FINISHED or (now - call_list.sent_at).total_seconds() >= COMPLETION_AGE


def _completed(ctx: Context, upload: Upload, call_list: CallList, now: datetime) -> bool:
    """Whether the list will not dial any more. What an append to such a list does is not documented."""
    if not _may_have_completed(call_list, now):
        return False
    if call_list.state == ListState.FINISHED:
        return True
    place = place_of(upload, call_list)
    found = retry.as_value(
        lambda: retry.reading(lambda: accounts.in_reach(ctx, upload.account).status(place), ctx.stopping)
    )
    accounts.judge(ctx, upload.account, found)
    return not isinstance(found, ProviderError) and found is not None and found.complete


def _rotate(ctx: Context, upload: Upload, call_list: CallList) -> None:
    """Go on in a new list with what is still to be sent."""
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        if not lists.extend_run(session, call_list, ctx.db.now(session), ctx.settings.timing.lease):
            return
        number = lists.next_number(session, upload.id)
        fresh = lists.rotate(session, call_list, number, list_name(ctx, upload, number), ctx.holds(upload))
        journal.note(session, ctx.db.now(session), "list", "rotated", upload_id=upload.id, list_id=fresh.id)
    telemetry.emit("submit.rotated", upload=upload.ulid, list=number)
    ctx.ring("submit", fresh.id)
