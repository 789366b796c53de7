"""Accounts: what holds one back, and trying again on everybody's behalf.

A low balance, a refused credential and a provider that is down concern every upload of an account. One row says so;
one worker at a time tries again, and when the provider answers, all the uploads go on.

A provider is down when nobody listens there, or when it fails `max_strikes` requests in a row, whoever sent them. Then
no flow of any worker asks it for anything. It is probed, each time after twice as long; once a probe is answered one
worker is on trial: its request is the first, and the others follow when that was answered too.
"""

import logging
import math
import threading
import time
from datetime import datetime, timedelta

from sqlmodel import Session

from worker import retry, telemetry
from worker.context import Context
from worker.errors import AccountRefused, ConfigError, LowBalance, NotSent, ProviderError, Throttled, Unknown
from worker.models import Gate
from worker.providers.base import Account, Provider
from worker.states import Blocked
from worker.store import gates, uploads

_log = logging.getLogger("rollcall.accounts")
TOKEN = 26  # characters of a token's column
FRESH = 0.1  # seconds for which what a claim saw of an account holds
LONGEST = 20  # doublings after which the wait does not grow any more
_HOLDS: dict[type[ProviderError], Blocked] = {
    AccountRefused: Blocked.CREDENTIAL,
    LowBalance: Blocked.BALANCE,
}
_ENDS = {
    Blocked.CREDENTIAL: "Mend the account's credential; the upload then goes on by itself.",
    Blocked.BALANCE: "Top the account up; the upload then goes on by itself.",
    Blocked.PROVIDER_DOWN: "It is tried again until it answers.",
}
_PERSON = (
    "The provider offers nothing to try a credential with but the campaign itself: mend the account's credential, then "
    "`rollcall resume` sends it again."
)


def provider(ctx: Context, account: str) -> Provider:
    """The account's adapter; one that cannot be opened for want of a credential is an account that is refused."""
    try:
        return ctx.provider(account)
    except ConfigError as error:
        raise AccountRefused(error.code, error.message) from error


def in_reach(ctx: Context, account: str, seen: float = -math.inf) -> Provider:
    """The adapter, for work that goes on by itself. Raises NotSent `left_alone` while nobody is to ask the provider.

    `seen`: the moment, by `time.monotonic()`, of a claim that found no failure; so short a time ago it needs no look.
    """
    if time.monotonic() - seen < FRESH:
        return provider(ctx, account)
    with ctx.db.glance() as connection:
        gate = gates.reach(connection, account)
    if gate is not None and gates.is_left_alone(gate):
        raise NotSent("left_alone", f"The provider of the account {account} is left alone: {gate.message}", ours=True)
    if gate is not None and gate.strikes >= ctx.settings.max_strikes and not _on_trial(ctx, account):
        text = f"Another worker is finding out whether the provider of the account {account} has recovered."
        raise NotSent("left_alone", text, ours=True)
    return provider(ctx, account)


def _on_trial(ctx: Context, account: str) -> bool:
    """Whether this thread is the one that finds out; it may ask as often as it needs to."""
    token = f"{ctx.token}-{threading.get_native_id():x}"[-TOKEN:]
    with ctx.db.write() as session:
        return gates.claim_trial(session, account, token, ctx.db.now(session), ctx.settings.timing.lease)


def judge(ctx: Context, account: str, answer: object) -> bool:
    """What an answer, or an error in its place, says of the whole account; True where that is now held back.

    A transaction of its own: it changes every upload of the account, and must not do so while holding one of them.
    """
    match answer:
        case Throttled():
            wait = timedelta(seconds=answer.retry_after or ctx.settings.timing.rung)
            with ctx.db.write() as session:
                gates.throttle(session, account, ctx.db.now(session) + wait)
            return False
        case NotSent(ours=True):
            return False
        case NotSent():
            return _failed(ctx, account, answer, at_once=True)
        case Unknown():
            return _failed(ctx, account, answer)
    _answered(ctx, account)
    reason = next((held for kind, held in _HOLDS.items() if isinstance(answer, kind)), None)
    if reason is None or not isinstance(answer, ProviderError):
        return False
    by_itself = reason is not Blocked.CREDENTIAL or _can_be_tried(ctx, account, answer)
    end = _ENDS[reason] if by_itself else _PERSON
    close(ctx, account, reason, f"{answer.message.rstrip('.')}. {end}", by_itself=by_itself)
    return True


def _answered(ctx: Context, account: str) -> None:
    with ctx.db.glance() as connection:
        gate = gates.reach(connection, account)
    if gate is not None and gate.strikes:
        with ctx.db.write() as session:
            gates.answered(session, account)


def _failed(ctx: Context, account: str, error: ProviderError, *, at_once: bool = False) -> bool:
    """The provider failed a request. Held back at once where it proved to be away, else when that happens in a row."""
    most = ctx.settings.max_strikes
    with ctx.db.write() as session:
        strikes = gates.strike(session, account, most if at_once else 1)
    if strikes is None or strikes < most:
        return strikes is None
    text = error.message if at_once else f"The provider fails one request after another. The last one: {error.message}"
    close(ctx, account, Blocked.PROVIDER_DOWN, f"{text.rstrip('.')}. {_ENDS[Blocked.PROVIDER_DOWN]}", strikes=strikes)
    return True


def _can_be_tried(ctx: Context, account: str, error: ProviderError) -> bool:
    """Whether a probe can tell that a credential is taken again: by a question, or where it was missing on our side.

    Else each probe would send a whole campaign to find out.
    """
    can = ctx.kind(account).capabilities
    return can.tells_balance or can.finds_by_reference or isinstance(error.__cause__, ConfigError)


def close(
    ctx: Context, account: str, reason: Blocked, message: str, *, by_itself: bool = True, strikes: int = 0
) -> None:
    """Hold back every upload of the account, those that come later included, until a probe succeeds.

    Not `by_itself`: the account is probed only when a person says so. The more `strikes`, the later it is probed.
    """
    with ctx.db.write() as session:
        gates.get(session, account)
        probe_in = _rest(ctx, strikes) if by_itself else None
        gates.close(session, account, reason, message, ctx.db.now(session), probe_in)
        uploads.block_account(session, account, reason, message)
    telemetry.emit("account.held", account=account, reason=reason.value, message=message)


def _rest(ctx: Context, strikes: int) -> float:
    """Seconds until a probe: twice as many with every one that came to nothing."""
    timing = ctx.settings.timing
    doubled: float = timing.probe_every * 2 ** min(max(strikes - ctx.settings.max_strikes, 0), LONGEST)
    return min(doubled, timing.probe_slowest)


def is_open(ctx: Context, session: Session, account: str, now: datetime) -> bool:
    """Whether the account is known to be open and to have money: `may_submit` would change nothing and ask nobody."""
    gate = gates.look(session, account)
    return gate is not None and gate.blocked is None and _knows_balance(ctx, gate, now)


def may_submit(ctx: Context, account: str) -> bool:
    """Whether the account is open and has money. Asks for the balance where what we know of it is old."""
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        gate = gates.get(session, account)
        if gate.blocked is not None:
            uploads.block_account(session, account, Blocked(gate.blocked), gate.message or "")
            return False
        known_now = _knows_balance(ctx, gate, now)
    return known_now or check_balance(ctx, account)


def _knows_balance(ctx: Context, gate: Gate, now: datetime) -> bool:
    """Whether the balance was asked for lately, or cannot be."""
    if not ctx.kind(gate.account).capabilities.tells_balance:
        return True
    every = timedelta(seconds=ctx.settings.timing.balance_every)
    return gate.balance_at is not None and now - gate.balance_at < every


def check_balance(ctx: Context, account: str) -> bool:
    """Ask the provider whether the account can dial; where it cannot, its uploads are held back."""
    if not ctx.kind(account).capabilities.tells_balance:
        return True
    try:
        _check(ctx, account, retry.reading(lambda: in_reach(ctx, account).account(), ctx.stopping))
    except ProviderError as error:
        left_alone = isinstance(error, NotSent) and error.ours and not error.fault
        if not judge(ctx, account, error) and not left_alone and not isinstance(error, Throttled):
            _failed(ctx, account, error, at_once=True)  # nothing is sent to who cannot even say that
        return False
    return True


def _check(ctx: Context, account: str, info: Account | None) -> None:
    """Keep what the provider said about the account; raises LowBalance below the account's limit."""
    with ctx.db.write() as session:
        balance = None if info is None else info.balance
        gates.note_balance(session, account, balance, ctx.db.now(session))
    if info is None and ctx.kind(account).capabilities.tells_balance:
        _log.warning("account %s: its role may not read the balance, so the balance is not checked", account)
    elif info is not None and low(ctx, account, info):
        least = ctx.settings.account(account).min_balance
        raise LowBalance(
            "low_balance",
            f"The account {account} holds {info.balance:g} {info.currency or ''}".rstrip()
            + f", less than the {least:g} it needs to dial.",
        )


def lacks_money(ctx: Context, account: str) -> bool:
    """Whether the balance was seen to be too low, and not only could not be asked for."""
    with ctx.db.write() as session:
        return gates.get(session, account).blocked == Blocked.BALANCE


def low(ctx: Context, account: str, info: Account) -> bool:
    return info.balance is not None and info.balance < ctx.settings.account(account).min_balance


def probe(ctx: Context, account: str) -> None:
    """Try a held account again, with one question; when it answers as it should, all its uploads go on."""
    with ctx.db.write() as session:
        gate = gates.claim_probe(session, account, ctx.db.now(session), ctx.settings.timing.lease)
    if gate is None:
        return
    try:
        _check(ctx, account, provider(ctx, account).account())
    except ProviderError as error:
        if _still(gate, error):
            _probed_in_vain(ctx, gate, error)
            return
    with ctx.db.write() as session:
        gates.open_again(session, account)
        for reason in (Blocked.BALANCE, Blocked.CREDENTIAL, Blocked.PROVIDER_DOWN):
            uploads.unblock_account(session, account, reason)
    telemetry.emit("account.released", account=account)


def _still(gate: Gate, error: ProviderError) -> bool:
    """Whether what the probe came to is what the account is held for. A provider that says no is not down."""
    return gate.blocked != Blocked.PROVIDER_DOWN or isinstance(error, (NotSent, Unknown))


def _probed_in_vain(ctx: Context, gate: Gate, error: ProviderError) -> None:
    strikes = gate.strikes + (gate.blocked == Blocked.PROVIDER_DOWN)
    with ctx.db.write() as session:
        again_at = ctx.db.now(session) + timedelta(seconds=_rest(ctx, strikes))
        gates.probed_in_vain(session, gate, strikes, again_at)
    _log.info("account %s is still held: %s", gate.account, error.message)
