"""Who we are to Voximplant: a service account's signed token, or the older account id and API key.

A token may live an hour at most, counted from `iat`. It is dated a minute back, so that a clock that is ahead of the
provider's does not matter, and renewed two minutes early, so that one that is behind does not either.
"""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from worker.errors import ConfigError

LIFETIME = 3600
BACKDATED = 60
RENEW_EARLY = 120


class ApiKey:
    """Form fields `account_id` and `api_key`. They go into the body: a query string ends up in logs."""

    def __init__(self, account_id: str, api_key: str) -> None:
        self.account_id = account_id
        self._fields = {"account_id": account_id, "api_key": api_key}

    def headers(self) -> dict[str, str]:
        return {}

    def fields(self) -> dict[str, str]:
        return self._fields

    def correct_clock(self, _theirs: float) -> None:
        """A key does not depend on time."""


class ServiceAccount:
    """Tokens signed with the key of a `credentials.json` (account_id, key_id, private_key)."""

    def __init__(self, credentials: str, wall: Callable[[], float] = time.time) -> None:
        self._read(credentials)
        self._wall = wall
        self._skew = 0.0
        self._lock = threading.Lock()
        self._token = ""
        self._good_until = 0.0

    def headers(self) -> dict[str, str]:
        with self._lock:
            now = self._wall() + self._skew
            if now >= self._good_until:
                self._mint(now)
            return {"Authorization": f"Bearer {self._token}"}

    def fields(self) -> dict[str, str]:
        return {}

    def correct_clock(self, theirs: float) -> None:
        """The provider rejected the token's times; from now on count by its clock (Unix seconds)."""
        with self._lock:
            self._skew = theirs - self._wall()
            self._good_until = 0.0

    def _mint(self, now: float) -> None:
        issued = int(now) - BACKDATED
        claims = {"iss": self.account_id, "iat": issued, "exp": issued + LIFETIME}
        self._token = jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})
        self._good_until = issued + LIFETIME - RENEW_EARLY

    def _read(self, credentials: str) -> None:
        try:
            parsed: dict[str, Any] = json.loads(credentials)
            self.account_id = _word(parsed["account_id"])
            self._key_id = _word(parsed["key_id"])
            self._key = _rsa_key(str(parsed["private_key"]))
        except (ValueError, KeyError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigError(
                "bad_credentials",
                "The credentials file is not a service account's: it needs account_id, key_id and a PEM private_key "
                f"({type(error).__name__}); download it again from the control panel.",
            ) from None


def _word(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise ValueError("neither text nor a number")
    return str(value)


def _rsa_key(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")
    return key


Auth = ApiKey | ServiceAccount
