"""Who calls: a service account's JWT, or the older account_id (or account_name) with api_key.

A token is RS256 with `kid` in its header and `iss` (a number or a string of digits), `iat`, `exp` in its claims; it may
live an hour. Its times are compared with real time, because clients live in it. The signature is verified once a
key of the account has been put.
"""

import time
from dataclasses import dataclass

import jwt

from sandbox.voximplant.accounts import Account, Accounts
from sandbox.voximplant.errors import ApiError
from sandbox.voximplant.params import MAX_INT, whole
from sandbox.voximplant.transport import Call

MAX_TTL = 3600
SKEW = 30


@dataclass(frozen=True)
class Login:
    account: Account
    by_api_key: bool


def authenticate(call: Call, accounts: Accounts) -> Login:
    """Raises ApiError 100, 115, 131, 433, 447, 454, 455 or 456."""
    if call.token is not None:
        login = Login(by_token(call.token, accounts, time.time()), by_api_key=False)
    else:
        login = Login(by_key(call.params, accounts), by_api_key=True)
    if not login.account.active:
        raise ApiError(131)
    if not login.account.may(call.method):
        raise ApiError(100)
    return login


def by_token(token: str, accounts: Accounts, now: float) -> Account:
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise ApiError(447) from error
    if header.get("alg") != "RS256":
        raise ApiError(447)
    account = accounts.get(issuer(claims.get("iss")))
    check_key(token, header.get("kid"), account)
    check_times(claims.get("iat"), claims.get("exp"), now)
    return account


def issuer(iss: object) -> int:
    account_id = whole(str(iss), 1, MAX_INT) if isinstance(iss, int | str) and not isinstance(iss, bool) else None
    if account_id is None:
        raise ApiError(115, field="account_id")
    return account_id


def check_key(token: str, kid: object, account: Account) -> None:
    if not isinstance(kid, str) or not kid or (account.keys and kid not in account.keys):
        raise ApiError(433)
    if account.keys:
        try:
            # the claims are checked by hand afterwards: each has an error code of its own
            jwt.PyJWS().decode(token, account.keys[kid], algorithms=["RS256"])
        except jwt.InvalidTokenError as error:
            raise ApiError(100) from error


def check_times(iat: object, exp: object, now: float) -> None:
    if not isinstance(iat, int | float) or not isinstance(exp, int | float):
        raise ApiError(447)
    if exp - iat > MAX_TTL:
        raise ApiError(454)
    if iat > now + SKEW:
        raise ApiError(455)
    if exp <= now:
        raise ApiError(456)


def by_key(params: dict[str, str], accounts: Accounts) -> Account:
    api_key, account_id, name = (params.get(key, "").strip() for key in ("api_key", "account_id", "account_name"))
    if not api_key or not (account_id or name):
        raise ApiError(100)
    account = accounts.get(issuer(account_id)) if account_id else accounts.named(name)
    if account.api_key is not None and account.api_key != api_key:
        raise ApiError(100)
    return account
