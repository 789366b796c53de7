"""Call lists: who runs them, what they are called at the provider, when they are asked again."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, Update, and_, case, func, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import Session, col

from worker.models import CallList, Chunk, Upload
from worker.states import CHUNK_SENT, CHUNK_WAITING, ListState
from worker.store.arrows import Condition, Moment, change, changed, list_arrow, move_lists, new_token, run
from worker.store.once import once


def get(session: Session, list_id: int) -> CallList | None:
    return session.scalars(*_by_id(list_id)).first()


@once
def _by_id(list_id: int) -> Select[CallList]:
    return select(CallList).where(col(CallList.id) == list_id)


def holder(session: Session, account: str, reference: str) -> Upload | None:
    """The upload whose list this is."""
    query = select(Upload).join(CallList, col(CallList.upload_id) == col(Upload.id))
    return session.scalars(query.where(col(Upload.account) == account, col(CallList.reference) == reference)).first()


def holders(session: Session, account: str) -> dict[str, str]:
    """Reference to upload, of every list of an account."""
    query = select(col(CallList.reference), col(Upload.ulid)).join(Upload, col(CallList.upload_id) == col(Upload.id))
    found = session.execute(query.where(col(Upload.account) == account, col(CallList.reference).is_not(None)))
    return {str(reference): str(ulid) for reference, ulid in found}


def of_upload(session: Session, upload_id: int) -> list[CallList]:
    return list(session.scalars(*_of_upload(upload_id)))


@once
def _of_upload(upload_id: int) -> Select[CallList]:
    return select(CallList).where(col(CallList.upload_id) == upload_id).order_by(col(CallList.number))


def claim_run(session: Session, list_id: int, now: datetime, lease: float) -> CallList | None:
    """Become the runner of a list: one worker at a time drains it."""
    until = now + timedelta(seconds=lease)
    return changed(session, *_claim_run(list_id, now), token=new_token(), lease_until=until)


@once
def _claim_run(list_id: int, now: datetime) -> ReturningUpdate[CallList]:
    free = or_(col(CallList.token).is_(None), col(CallList.lease_until) < now)
    return update(CallList).where(col(CallList.id) == list_id, free).values(rung_until=None).returning(CallList)


def extend_run(session: Session, call_list: CallList, now: datetime, lease: float) -> bool:
    return bool(run(session, *_run(call_list.id, call_list.token), lease_until=now + timedelta(seconds=lease)))


def release_run(session: Session, call_list: CallList) -> None:
    run(session, *_run(call_list.id, call_list.token), token=None, lease_until=None)


@once
def _run(list_id: int, token: str | None) -> Update:
    return update(CallList).where(*_mine(list_id, token))


def extend_open_run(session: Session, call_list: CallList, now: datetime, lease: float) -> CallList | None:
    """Stay the runner of a list that takes contacts; returns it as it is, locked. None where it takes none, or where
    another worker runs it."""
    until = now + timedelta(seconds=lease)
    return changed(session, *_open_run(call_list.id, call_list.token), lease_until=until)


@once
def _open_run(list_id: int, token: str | None) -> ReturningUpdate[CallList]:
    open_ = (col(CallList.state) == ListState.OPEN, ~col(CallList.stop_wanted))
    return update(CallList).where(*_mine(list_id, token), *open_).returning(CallList)


def _mine(list_id: int, token: str | None) -> tuple[Any, ...]:
    return col(CallList.id) == list_id, col(CallList.token) == token


def is_unmade(session: Session, list_id: int) -> bool:
    """Whether we know of no list at the provider."""
    return session.scalars(select(col(CallList.reference)).where(col(CallList.id) == list_id)).one() is None


def may_adopt(session: Session, list_id: int, reference: str) -> bool:
    """Whether the list has no reference yet, or this very one. Locks the list's row."""
    return session.connection().execute(*_reference(list_id)).scalar_one() in (None, reference)


@once
def _reference(list_id: int) -> Select[str | None]:
    return select(col(CallList.reference)).where(col(CallList.id) == list_id).with_for_update()


def adopt(session: Session, list_id: int, reference: str) -> bool:
    """Keep the provider's reference; False where the list has another one already."""
    return bool(run(session, *_adopt(list_id, reference), reference=reference))


@once
def _adopt(list_id: int, reference: str) -> Update:
    unset = or_(col(CallList.reference).is_(None), col(CallList.reference) == reference)
    return update(CallList).where(col(CallList.id) == list_id, unset)


def sent(session: Session, list_id: int, now: datetime, deadline: datetime, poll_at: datetime) -> None:
    """Contacts were accepted: the list is to be asked at `poll_at`, or before where it is its turn; at the latest until
    its new deadline. One that is compared before it starts is left alone while it is being filled."""
    run(session, *_sent(list_id, now, poll_at), deadline_at=deadline)


@once
def _sent(list_id: int, now: datetime, poll_at: datetime) -> Update:
    turn = and_(~col(CallList.held), col(CallList.next_poll_at) < poll_at)
    began = case((col(CallList.held), col(CallList.started_at)), else_=func.coalesce(col(CallList.started_at), now))
    polled_at = case((turn, col(CallList.next_poll_at)), else_=poll_at)
    sent = update(CallList).where(col(CallList.id) == list_id)
    return sent.values(started_at=began, sent_at=now, next_poll_at=polled_at, quiet_polls=0)


def dials(session: Session, list_id: int, campaign: str) -> str:
    """Keep what dials the list; one that is known stays. Returns the one that is kept."""
    unset = col(CallList.campaign).is_(None)
    if change(session, CallList, col(CallList.id) == list_id, unset, campaign=campaign):
        return campaign
    return session.scalars(select(col(CallList.campaign)).where(col(CallList.id) == list_id)).one() or campaign


def prolong(session: Session, list_id: int, deadline: datetime) -> None:
    """It is asked for longer."""
    change(session, CallList, col(CallList.id) == list_id, deadline_at=deadline)


def told(session: Session, list_id: int, tallies: dict[str, int]) -> None:
    """Keep the provider's own numbers about a list."""
    change(session, CallList, col(CallList.id) == list_id, tallies=tallies)


def heard(session: Session, list_id: int, at: datetime) -> None:
    """A callback told something of this list: it is looked at again at `at`, or before."""
    later = or_(col(CallList.next_poll_at).is_(None), col(CallList.next_poll_at) > at)
    change(session, CallList, col(CallList.id) == list_id, later, next_poll_at=at, quiet_polls=0)


def next_number(session: Session, upload_id: int) -> int:
    query = select(func.max(col(CallList.number))).where(col(CallList.upload_id) == upload_id)
    return 1 + int(session.scalars(query).one() or 0)


def add(session: Session, upload_id: int, number: int, name: str, held: bool) -> CallList:
    fresh = CallList(upload_id=upload_id, number=number, name=name, held=held)
    session.add(fresh)
    session.flush()
    return fresh


def rotate(session: Session, call_list: CallList, number: int, name: str, held: bool) -> CallList:
    """The list has completed at the provider: what is still to be sent goes into a new one.

    Not what may lie in the list already. The new one has the same part of the calls, and is told what the other was
    still to be told.
    """
    fresh = add(session, call_list.upload_id, number, name, held)
    same = {"lane": call_list.lane, "lanes": call_list.lanes, "changes": call_list.changes}
    change(session, CallList, col(CallList.id) == fresh.id, **same)
    waiting = (col(Chunk.list_id) == call_list.id, col(Chunk.state).in_(CHUNK_WAITING), ~col(Chunk.in_question))
    change(session, Chunk, *waiting, list_id=fresh.id)
    return fresh


def unpolled(now: Moment) -> Condition:
    """Of a list: nobody is asking the provider about it."""
    return or_(col(CallList.poll_token).is_(None), col(CallList.poll_lease_until) < now)


def claim_poll(session: Session, list_id: int, now: datetime, lease: float) -> CallList | None:
    until = now + timedelta(seconds=lease)
    return changed(session, *_claim_poll(list_id, now), poll_token=new_token(), poll_lease_until=until)


@once
def _claim_poll(list_id: int, now: datetime) -> ReturningUpdate[CallList]:
    live = (col(CallList.state) != ListState.FINISHED, col(CallList.reference).is_not(None), ~col(CallList.held))
    return update(CallList).where(col(CallList.id) == list_id, *live, unpolled(now)).returning(CallList)


def claim_verify(session: Session, list_id: int, now: datetime, lease: float) -> CallList | None:
    """Like `claim_poll`, for a list that waits to be compared and started."""
    token = new_token()
    wanted = (col(CallList.held).is_(True), ~col(CallList.stop_wanted), col(CallList.state) == ListState.OPEN)
    until = now + timedelta(seconds=lease)
    taken = change(
        session, CallList, col(CallList.id) == list_id, unpolled(now), *wanted, poll_token=token, poll_lease_until=until
    )
    return get(session, list_id) if taken else None


def approve(session: Session, call_list: CallList) -> bool:
    """Its content is what we sent: no longer held, and stopped only until it is recovered."""
    mine = (
        col(CallList.id) == call_list.id,
        col(CallList.poll_token) == call_list.poll_token,
        col(CallList.held).is_(True),
    )
    return bool(move_lists(session, "stopped", *mine, held=False, poll_token=None, poll_lease_until=None))


def extend_poll(session: Session, call_list: CallList, now: datetime, lease: float) -> bool:
    until = now + timedelta(seconds=lease)
    return bool(run(session, *_poll(call_list.id, call_list.poll_token), poll_lease_until=until))


@once
def _poll(list_id: int, token: str | None) -> Update:
    return update(CallList).where(col(CallList.id) == list_id, col(CallList.poll_token) == token)


def polled(session: Session, call_list: CallList, next_poll_at: datetime, quiet_polls: int) -> bool:
    """Give the poll back and say when to ask again; False where another worker took it meanwhile."""
    seen = call_list.quiet_polls
    polled = _polled(call_list.id, call_list.poll_token, seen, quiet_polls)
    return bool(run(session, *polled, poll_token=None, poll_lease_until=None, next_poll_at=next_poll_at))


@once
def _polled(list_id: int, token: str | None, seen: int, quiet_polls: int) -> Update:
    """What set it back to 0 meanwhile keeps its word."""
    quiet = case((col(CallList.quiet_polls) == seen, quiet_polls), else_=col(CallList.quiet_polls))
    mine = (col(CallList.id) == list_id, col(CallList.poll_token) == token)
    return update(CallList).where(*mine).values(quiet_polls=quiet)


def stopped(session: Session, list_id: int) -> int:
    """It does not dial any more. A list that is held never did: it is let go by whoever compares it, stopped or not."""
    return move_lists(session, "stopped", col(CallList.id) == list_id, ~col(CallList.held))


def stop_again(session: Session, list_id: int) -> None:
    """It is told to stop whether it dials or not; it counts as running until then."""
    of_this = col(CallList.id) == list_id
    move_lists(session, "recovered", of_this)
    change(session, CallList, of_this, stop_wanted=True, steer_at=None)


def recovered(session: Session, list_id: int) -> int:
    return move_lists(session, "recovered", col(CallList.id) == list_id, quiet_polls=0)


def not_there(session: Session, list_id: int) -> int:
    """Nothing that was found under its name is it, and was stopped for it: it is still to be made."""
    return move_lists(session, "recovered", col(CallList.id) == list_id, col(CallList.reference).is_(None))


def tell_changes(session: Session, call_list: CallList, changes: dict[str, Any]) -> None:
    """The provider is to be told these options of the list, beside those it was not told yet."""
    told = {**(call_list.changes or {}), **changes}
    mine = col(CallList.id) == call_list.id
    change(session, CallList, mine, changes=told, changes_refused=None, steer_at=None)


def told_changes(session: Session, call_list: CallList, refused: str | None) -> None:
    """It was told all that is in `call_list`; what was added since is still to be told. Under the upload's lock."""
    current = get(session, call_list.id)
    assert current is not None
    told = call_list.changes or {}
    left = {name: value for name, value in (current.changes or {}).items() if name not in told or told[name] != value}
    mine = col(CallList.id) == call_list.id
    change(session, CallList, mine, changes=left or None, changes_refused=refused)


def steer_later(session: Session, list_id: int, at: datetime) -> None:
    change(session, CallList, col(CallList.id) == list_id, steer_at=at)


def finish_list(session: Session, list_id: int) -> int:
    return run(session, *_finish_list(list_id))


@once
def _finish_list(list_id: int) -> Update:
    return finish_list_arrow(col(CallList.id) == list_id)


def finish_list_arrow(*where: Condition) -> Update:
    """What has ended needs not be stopped any more: what is still to be sent goes on in another list."""
    return list_arrow("finish_list", *where).values(stop_wanted=False)


def accepted_rows(session: Session, upload_id: int) -> dict[int, int]:
    """Contacts that the provider has confirmed, by list of the upload."""
    return {list_id: int(rows) for list_id, rows in session.connection().execute(*_accepted_rows(upload_id))}


@once
def _accepted_rows(upload_id: int) -> Select[int, int]:
    taken = func.sum(col(Chunk.rows) - col(Chunk.missing))
    sent = (col(Chunk.upload_id) == upload_id, col(Chunk.state).in_(CHUNK_SENT))
    return select(col(Chunk.list_id), taken).where(*sent).group_by(col(Chunk.list_id))
