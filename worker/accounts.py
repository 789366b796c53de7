"""Accounts: what holds one back, and trying again on everybody's behalf.

A low balance, a refused credential and a provider that is down concern every upload of an account. One row says so;
one worker at a time tries again, and when the provider answers, all the uploads go on.
"""

import logging
from datetime import timedelta

from worker import retry, telemetry
from worker.context import Context
from worker.errors import AccountRefused, ConfigError, LowBalance, NotSent, ProviderError, Throttled
from worker.providers.base import Account, Provider
from worker.states import Blocked
from worker.store import gates, uploads

_log = logging.getLogger("rollcall.accounts")
_HOLDS: dict[type[ProviderError], Blocked] = {
    AccountRefused: Blocked.CREDENTIAL,
    LowBalance: Blocked.BALANCE,
    NotSent: Blocked.PROVIDER_DOWN,
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


def hold(ctx: Context, account: str, error: ProviderError) -> bool:
    """Hold the account back if `error` concerns all of it; True where it does.

    A transaction of its own: it changes every upload of the account, and must not do so while holding one of them.
    """
    if isinstance(error, Throttled):
        wait = timedelta(seconds=error.retry_after or ctx.settings.timing.rung)
        with ctx.db.write() as session:
            gates.throttle(session, account, ctx.db.now(session) + wait)
        return False
    reason = next((held for kind, held in _HOLDS.items() if isinstance(error, kind)), None)
    if reason is None or (isinstance(error, NotSent) and error.ours):
        return False
    by_itself = reason is not Blocked.CREDENTIAL or _can_be_tried(ctx, account, error)
    end = _ENDS[reason] if by_itself else _PERSON
    close(ctx, account, reason, f"{error.message.rstrip('.')}. {end}", by_itself=by_itself)
    return True


def _can_be_tried(ctx: Context, account: str, error: ProviderError) -> bool:
    """Whether a probe can tell that a credential is taken again: by a question, or where it was missing on our side.

    Else each probe would send a whole campaign to find out.
    """
    can = ctx.kind(account).capabilities
    return can.tells_balance or can.finds_by_reference or isinstance(error.__cause__, ConfigError)


def close(ctx: Context, account: str, reason: Blocked, message: str, *, by_itself: bool = True) -> None:
    """Hold back every upload of the account, those that come later included, until a probe succeeds.

    Not `by_itself`: the account is probed only when a person says so.
    """
    with ctx.db.write() as session:
        gates.get(session, account)
        probe_in = ctx.settings.timing.probe_every if by_itself else None
        gates.close(session, account, reason, message, ctx.db.now(session), probe_in)
        uploads.block_account(session, account, reason, message)
    telemetry.emit("account.held", account=account, reason=reason.value, message=message)


def may_submit(ctx: Context, account: str) -> bool:
    """Whether the account is open and has money. Asks for the balance where what we know of it is old."""
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        gate = gates.get(session, account)
        if gate.blocked is not None:
            uploads.block_account(session, account, Blocked(gate.blocked), gate.message or "")
            return False
        if not ctx.kind(account).capabilities.tells_balance:
            return True
        fresh = gate.balance_at is not None and (now - gate.balance_at).total_seconds() < _age(ctx)
    return fresh or check_balance(ctx, account)


def _age(ctx: Context) -> float:
    return ctx.settings.timing.balance_every


def check_balance(ctx: Context, account: str) -> bool:
    """Ask the provider whether the account can dial; where it cannot, its uploads are held back."""
    if not ctx.kind(account).capabilities.tells_balance:
        return True
    try:
        _check(ctx, account)
    except ProviderError as error:
        if not hold(ctx, account, error) and not isinstance(error, Throttled):
            close(ctx, account, Blocked.PROVIDER_DOWN, error.message)
        return False
    return True


def _check(ctx: Context, account: str) -> None:
    """Ask the provider for the account; raises LowBalance below the account's limit, or what the provider said."""
    info = retry.reading(provider(ctx, account).account, ctx.stopping)
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
    """Try a held account again; when it answers as it should, all its uploads go on."""
    with ctx.db.write() as session:
        gate = gates.claim_probe(session, account, ctx.db.now(session), ctx.settings.timing.probe_every)
    if gate is None:
        return
    try:
        _check(ctx, account)
    except ProviderError as error:
        _log.info("account %s is still held: %s", account, error.message)
        return
    with ctx.db.write() as session:
        gates.open_again(session, account)
        for reason in (Blocked.BALANCE, Blocked.CREDENTIAL, Blocked.PROVIDER_DOWN):
            uploads.unblock_account(session, account, reason)
    telemetry.emit("account.released", account=account)
