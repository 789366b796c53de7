"""Who calls: a token in the header `auth`, the application in the path, the account in a header or the query.

The token is HS256 with exactly `sub` and `appId`, without times. Its signature is verified once a secret of its
application has been put.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import jwt

from sandbox.kore.errors import KoreError
from sandbox.refusals import ControlError, known_keys

CLAIMS = {"sub", "appId"}


@dataclass(frozen=True)
class App:
    """A client application. Without an account or an iid it may speak for any."""

    secret: str
    account_id: str | None
    iid: str | None


class Apps:
    def __init__(self) -> None:
        self._apps: dict[str, App] = {}

    def put(self, client_id: str, document: Mapping[str, object]) -> None:
        """`{"secret", "account_id", "iid"}`. Raises ControlError."""
        known_keys(document, {"secret", "account_id", "iid"}, "PUT /kore/apps")
        told = {key: document.get(key) for key in ("secret", "account_id", "iid")}
        for key, value in told.items():
            if not isinstance(value, str) and (value is not None or key == "secret"):
                raise ControlError("bad_value", f"'{key}' must be a text.")
        as_text = {key: None if value is None else str(value) for key, value in told.items()}
        self._apps[client_id] = App(as_text["secret"] or "", as_text["account_id"], as_text["iid"])

    def check(self, token: str, account_id: str, iid: str) -> None:
        """Raises KoreError 401."""
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.InvalidTokenError as error:
            raise KoreError("Invalid JWT token", 401) from error
        if header.get("alg") != "HS256" or not set(claims) >= CLAIMS or not isinstance(claims["appId"], str):
            raise KoreError("Invalid JWT token", 401)
        app = self._apps.get(claims["appId"])
        if app is None:
            if any(one.account_id in (None, account_id) for one in self._apps.values()):
                raise KoreError("Unknown appId", 401)
            return
        if account_id != (app.account_id or account_id) or iid != (app.iid or iid):
            raise KoreError("Not authorized for this account", 401)
        verify(token, app.secret)


def verify(token: str, secret: str) -> None:
    try:
        # the claims carry no times and `sub` may be anything: the signature alone is looked at
        jwt.PyJWS().decode(token, secret, algorithms=["HS256"])
    except jwt.PyJWTError as error:
        raise KoreError("Invalid JWT token", 401) from error


@dataclass(frozen=True)
class Caller:
    account_id: str
    iid: str
    token: str


def read_caller(headers: Mapping[str, str], query: Mapping[str, str], iid: str) -> Caller:
    """Raises KoreError 401 or 400. The headers iid and accountId may be missing where the query names the account."""
    token, account_id = headers.get("auth", ""), headers.get("accountid", "")
    if not token:
        raise KoreError("auth header is required", 401)
    in_query = query.get("accountId", "")
    if not in_query and not (account_id and headers.get("iid")):
        raise KoreError("iid and accountId headers are required")
    if headers.get("iid", iid) != iid or (account_id and in_query and account_id != in_query):
        raise KoreError("Not authorized for this account", 401)
    return Caller(account_id or in_query, iid, token)
