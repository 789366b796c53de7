"""Gates: what holds a whole account back, and when somebody tries again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, func, not_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from worker.models import Gate
from worker.states import Blocked
from worker.store.arrows import change, new_token


def get(session: Session, account: str) -> Gate:
    """The account's gate, held until the transaction ends; made open where there was none."""
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert
    session.connection().execute(insert(Gate).values(account=account).on_conflict_do_nothing())
    query = select(Gate).where(col(Gate.account) == account).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def list_changed(session: Session, accounts: Sequence[str], now: datetime) -> None:
    """Numbers are to be called by these accounts no more: nothing is sent before their campaigns were compared."""
    since = func.coalesce(col(Gate.listed_since), now)
    change(session, Gate, col(Gate.account).in_(accounts), listed_since=since, listed_token=new_token())


def compared(session: Session, gate: Gate) -> bool:
    """Every campaign was compared with what was listed as `gate` was read; False where more was listed since."""
    same = col(Gate.listed_token) == gate.listed_token
    return bool(change(session, Gate, col(Gate.account) == gate.account, same, listed_since=None, listed_token=None))


def comparing(session: Session, account: str) -> bool:
    query = select(func.count()).where(col(Gate.account) == account, col(Gate.listed_since).is_not(None))
    return session.scalars(query).one() > 0


def every(session: Session) -> list[str]:
    return list(session.scalars(select(col(Gate.account)).order_by(col(Gate.account))))


def close(session: Session, account: str, reason: Blocked, message: str, now: datetime, probe_in: float | None) -> None:
    """`probe_in` is in seconds; None: nobody tries it again before `probe_soon`, and what ends
    by itself does not take its place."""
    probe_at = None if probe_in is None else now + timedelta(seconds=probe_in)
    values = {"blocked": reason, "message": message, "blocked_at": now, "probe_at": probe_at}
    waits_for_person = (col(Gate.blocked).is_not(None), col(Gate.probe_at).is_(None))
    mine = col(Gate.account) == account
    change(session, Gate, mine, *([] if probe_in is None else [not_(and_(*waits_for_person))]), **values)


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
