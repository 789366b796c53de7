"""Who we are to Kore.ai: a token with exactly `sub` and `appId`, without times, signed with the client's secret."""

import uuid

import jwt

from worker.providers.kore.settings import Own


class Credential:
    def __init__(self, account_id: str, secret: str, own: Own) -> None:
        self._secret = secret
        self._claims = {"sub": own.subject, "appId": own.client_id}
        self._jti = own.enforce_jti
        self._fixed = {"iid": own.iid, "accountId": account_id}

    def headers(self) -> dict[str, str]:
        """The token stands bare, without "Bearer"."""
        claims = {**self._claims, "jti": uuid.uuid4().hex} if self._jti else self._claims
        return {"auth": jwt.encode(claims, self._secret, algorithm="HS256"), **self._fixed}
