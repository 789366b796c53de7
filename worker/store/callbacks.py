"""The inbox: what providers told us by themselves, each callback once."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, delete, select, update
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import Session, col

from worker.models import Callback
from worker.states import CallbackState
from worker.store.arrows import insert
from worker.store.once import once


class Arrival(NamedTuple):
    """A callback that has proved itself and is not stored yet."""

    account: str
    external_id: str
    upload_ulid: str | None
    body: str

    @property
    def key(self) -> tuple[str, str]:
        return self.account, self.external_id


def keep(session: Session, arrivals: Iterable[Arrival], now: datetime) -> set[tuple[str, str]]:
    """Store each callback once; returns the keys of those that are new.

    In the order of their keys: two writers that are given the same ones would else wait for each other.
    """
    rows = [{**one._asdict(), "state": CallbackState.NEW, "received_at": now} for one in sorted(arrivals, key=_key)]
    statement = insert(session, Callback).returning(col(Callback.account), col(Callback.external_id))
    return {(row.account, row.external_id) for row in session.connection().execute(statement, rows)}


def _key(arrival: Arrival) -> tuple[str, str]:
    return arrival.key


def waiting(session: Session, account: str, after: int, limit: int) -> list[Callback]:
    """New callbacks of an account that came after the one with the id `after`, oldest first."""
    return list(session.scalars(*_waiting(account, after, limit)))


@once
def _waiting(account: str, after: int, limit: int) -> Select[Callback]:
    new = (col(Callback.state) == CallbackState.NEW, col(Callback.account) == account, col(Callback.id) > after)
    return select(Callback).where(*new).order_by(col(Callback.id)).limit(limit)


def apply(session: Session, ids: Sequence[int], now: datetime) -> set[int]:
    """Mark as applied those that are still new; returns them."""
    return _settle(session, ids, CallbackState.APPLIED, now)


def ignore(session: Session, ids: Sequence[int], now: datetime) -> set[int]:
    """Mark as ignored those that are still new; returns them."""
    return _settle(session, ids, CallbackState.IGNORED, now)


def old(session: Session, before: datetime, limit: int) -> list[int]:
    """Ids of those that were applied or ignored before `before`.

    Only the oldest `limit` that are settled are looked at, in the order of the key, so a pass costs little.
    """
    oldest = session.connection().execute(*_oldest(limit))
    return [one.id for one in oldest if one.applied_at is not None and one.applied_at < before]


@once
def _oldest(limit: int) -> Select[int, datetime | None]:
    settled = col(Callback.state) != CallbackState.NEW
    return select(col(Callback.id), col(Callback.applied_at)).where(settled).order_by(col(Callback.id)).limit(limit)


def forget(session: Session, ids: Sequence[int]) -> None:
    """Delete those that are settled."""
    settled = col(Callback.state) != CallbackState.NEW
    session.connection().execute(delete(Callback).where(col(Callback.id).in_(ids), settled))


def _settle(session: Session, ids: Sequence[int], state: CallbackState, now: datetime) -> set[int]:
    if not ids:
        return set()
    statement, given = _settled(list(ids))
    found = session.connection().execute(statement, {**given, "state": state, "applied_at": now})
    return {row.id for row in found}


@once
def _settled(ids: list[int]) -> ReturningUpdate[int]:
    new = (col(Callback.id).in_(ids), col(Callback.state) == CallbackState.NEW)
    return update(Callback).where(*new).returning(col(Callback.id))
