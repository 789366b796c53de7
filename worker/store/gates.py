"""Gates: what holds a whole account back, and when somebody tries again."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from worker.models import Gate
from worker.states import Blocked
from worker.store.arrows import change


def get(session: Session, account: str) -> Gate:
    """The account's gate, held until the transaction ends; made open where there was none."""
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert
    session.connection().execute(insert(Gate).values(account=account).on_conflict_do_nothing())
    query = select(Gate).where(col(Gate.account) == account).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def close(session: Session, account: str, reason: Blocked, message: str, now: datetime, probe_in: float | None) -> None:
    """`probe_in` is in seconds; None: nobody tries it again before `probe_soon`."""
    probe_at = None if probe_in is None else now + timedelta(seconds=probe_in)
    values = {"blocked": reason, "message": message, "blocked_at": now, "probe_at": probe_at}
    change(session, Gate, col(Gate.account) == account, **values)


def open_again(session: Session, account: str) -> None:
    values = {"blocked": None, "message": None, "blocked_at": None, "probe_at": None}
    change(session, Gate, col(Gate.account) == account, **values)


def throttle(session: Session, account: str, until: datetime) -> None:
    get(session, account)
    change(session, Gate, col(Gate.account) == account, throttled_until=until)


def note_balance(session: Session, account: str, balance: float | None, now: datetime) -> None:
    change(session, Gate, col(Gate.account) == account, balance=balance, balance_at=now)


def probe_soon(session: Session, account: str, now: datetime) -> None:
    """Somebody says that the trouble is over: try at once."""
    change(session, Gate, col(Gate.account) == account, col(Gate.blocked).is_not(None), probe_at=now)


def claim_probe(session: Session, account: str, now: datetime, probe_in: float) -> Gate | None:
    """One worker tries a closed account; the others leave it alone until `probe_in` seconds have passed."""
    due = (col(Gate.account) == account, col(Gate.blocked).is_not(None), col(Gate.probe_at) <= now)
    return get(session, account) if change(session, Gate, *due, probe_at=now + timedelta(seconds=probe_in)) else None
