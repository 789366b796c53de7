"""Gates: what holds a whole account back, and when somebody tries again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Update, and_, exists, func, not_, or_, select, update
from sqlmodel import Session, col

from worker.models import Gate, Upload
from worker.states import Blocked
from worker.store.arrows import Condition, change, insert, new_token, run
from worker.store.once import once

LEFT_ALONE = (Blocked.PROVIDER_DOWN, Blocked.CREDENTIAL)


def get(session: Session, account: str) -> Gate:
    """The account's gate, held until the transaction ends; made open where there was none."""
    held: Gate | None = session.scalars(*_locked(account)).first()
    if held is not None:
        return held
    session.connection().execute(insert(session, Gate).values(account=account))
    return get(session, account)


@once
def _locked(account: str) -> Select[Gate]:
    query = select(Gate).where(col(Gate.account) == account).with_for_update()
    return query.execution_options(populate_existing=True)


def look(session: Session, account: str) -> Gate | None:
    """The account's gate as it is, held by nobody; None where there was none yet."""
    return session.scalars(*_of_account(account)).first()


@once
def _of_account(account: str) -> Select[Gate]:
    return select(Gate).where(col(Gate.account) == account)


class Reach(NamedTuple):
    """What says whether the provider may be asked, of the account's gate."""

    blocked: str | None
    message: str | None
    probe_at: datetime | None
    strikes: int


def reach(connection: Connection, account: str) -> Reach | None:
    """None where there is no gate yet."""
    found = connection.execute(*_reach(account)).first()
    return None if found is None else Reach(*found)


@once
def _reach(account: str) -> Select[str | None, str | None, datetime | None, int]:
    columns = (col(Gate.blocked), col(Gate.message), col(Gate.probe_at), col(Gate.strikes))
    return select(*columns).where(col(Gate.account) == account)


def list_changed(session: Session, accounts: Sequence[str], now: datetime, compare_at: datetime) -> None:
    """Numbers are to be called by these accounts no more: nothing is sent before their campaigns were compared."""
    since = func.coalesce(col(Gate.listed_since), now)
    values = {"listed_since": since, "listed_token": new_token(), "compare_at": compare_at}
    change(session, Gate, col(Gate.account).in_(accounts), **values)


def claim_compare(session: Session, account: str, now: datetime, lease: float) -> Gate | None:
    """One worker compares an account's campaigns; the others leave it alone for `lease` seconds."""
    due = (col(Gate.account) == account, col(Gate.compare_at) <= now)
    return get(session, account) if change(session, Gate, *due, compare_at=now + timedelta(seconds=lease)) else None


def compare_later(session: Session, gate: Gate, at: datetime, message: str | None = None) -> bool:
    """Go on comparing, or put it off and say why; False where more was listed since `gate` was read."""
    return bool(change(session, Gate, *_as_listed(gate), compare_at=at, compare_message=message))


def compared(session: Session, gate: Gate, again_at: datetime | None) -> bool:
    """Every campaign was compared with what was listed as `gate` was read; False where more was listed since.

    `again_at`: when to try the chunks once more that could not be read; None where there are none.
    """
    values = {"listed_since": None, "listed_token": None, "compare_message": None, "compare_at": again_at}
    return bool(change(session, Gate, *_as_listed(gate), **values))


def _as_listed(gate: Gate) -> tuple[Condition, Condition]:
    return col(Gate.account) == gate.account, col(Gate.listed_token) == gate.listed_token


def being_compared(account: str) -> Condition:
    """The account's running campaigns are being compared with new numbers of the do-not-call list."""
    return exists().where(col(Gate.account) == account, col(Gate.listed_since).is_not(None))


def comparing(session: Session, account: str) -> bool:
    return bool(session.scalar(*_comparing(account)))


@once
def _comparing(account: str) -> Select[bool]:
    return select(being_compared(account))


def failed_lately(account: str) -> Condition:
    """The provider has failed a request since it answered one."""
    return exists().where(col(Gate.account) == account, col(Gate.strikes) > 0)


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
    """Its strikes stay: whoever asks first is on trial, and the others wait for what becomes of that."""
    values = {"blocked": None, "message": None, "blocked_at": None, "probe_at": None}
    change(session, Gate, col(Gate.account) == account, **values)


def throttle(session: Session, account: str, until: datetime) -> None:
    """Nothing is sent before `until`, or before what was said earlier, where that is later."""
    get(session, account)
    longer = or_(col(Gate.throttled_until).is_(None), col(Gate.throttled_until) < until)
    change(session, Gate, col(Gate.account) == account, longer, throttled_until=until)


def hear_later(session: Session, account: str, at: datetime) -> None:
    """Its callbacks cannot be applied now."""
    get(session, account)
    change(session, Gate, col(Gate.account) == account, hear_at=at)


def note_balance(session: Session, account: str, balance: float | None, now: datetime) -> None:
    change(session, Gate, col(Gate.account) == account, balance=balance, balance_at=now)


def probe_soon(session: Session, account: str, now: datetime) -> None:
    """Somebody says that the trouble is over: try at once."""
    change(session, Gate, col(Gate.account) == account, col(Gate.blocked).is_not(None), probe_at=now)


def try_now(session: Session, account: str, now: datetime) -> None:
    """Something is wanted of a provider that is down: do not wait until it is its turn."""
    change(session, Gate, col(Gate.account) == account, col(Gate.blocked) == Blocked.PROVIDER_DOWN, probe_at=now)


def claim_probe(session: Session, account: str, now: datetime, lease: float) -> Gate | None:
    """One worker tries a closed account; the others leave it alone until `lease` seconds have passed."""
    due = (col(Gate.account) == account, col(Gate.blocked).is_not(None), col(Gate.probe_at) <= now)
    return get(session, account) if change(session, Gate, *due, probe_at=now + timedelta(seconds=lease)) else None


def probed_in_vain(session: Session, gate: Gate, strikes: int, probe_at: datetime) -> None:
    """It is as it was when it was claimed, and tried again at `probe_at`."""
    same = (col(Gate.account) == gate.account, col(Gate.blocked_at) == gate.blocked_at)
    change(session, Gate, *same, strikes=strikes, probe_at=probe_at)


def strike(session: Session, account: str, at_least: int) -> int | None:
    """The provider failed a request: how often in a row it has done so, and `at_least` so often.

    None where it is known to be down: those that were under way when it went down count once.
    """
    gate = get(session, account)
    if gate.blocked == Blocked.PROVIDER_DOWN:
        return None
    strikes = max(gate.strikes + 1, at_least)
    change(session, Gate, col(Gate.account) == account, strikes=strikes, trial_token=None, trial_until=None)
    return strikes


def answered(session: Session, account: str) -> None:
    """The provider has answered a request of an account that is open."""
    run(session, *_while_open(account), strikes=0, trial_token=None, trial_until=None)


@once
def _while_open(account: str) -> Update:
    return update(Gate).where(col(Gate.account) == account, col(Gate.blocked).is_(None))


def claim_trial(session: Session, account: str, token: str, now: datetime, lease: float) -> bool:
    """Whether we are the one worker that sends to a provider of which nobody knows yet whether it has recovered."""
    free = or_(col(Gate.trial_token).is_(None), col(Gate.trial_token) == token, col(Gate.trial_until) < now)
    values = {"trial_token": token, "trial_until": now + timedelta(seconds=lease)}
    return bool(change(session, Gate, col(Gate.account) == account, col(Gate.blocked).is_(None), free, **values))


def is_left_alone(gate: Gate | Reach) -> bool:
    """Whether no request of the account can come to anything before a probe does; never where a person must probe."""
    return gate.blocked in LEFT_ALONE and gate.probe_at is not None


def in_reach(upload_id: Any) -> Condition:
    """Of an upload, by its id: its account is not left alone."""
    alone = (col(Gate.blocked).in_(LEFT_ALONE), col(Gate.probe_at).is_not(None))
    return ~exists().where(col(Upload.id) == upload_id, col(Gate.account) == col(Upload.account), *alone)
