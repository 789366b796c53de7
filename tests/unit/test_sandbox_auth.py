"""Tokens: form, claims, times, signature. Keys: account by id or name. Roles."""

import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.unit.sandbox_fixtures import KEY, Vox, sandboxed


@pytest.fixture(scope="module")
def vox() -> Iterator[Vox]:
    with sandboxed() as vox:
        yield vox


def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


PRIVATE, OTHER = key(), key()


def pem(private: rsa.RSAPrivateKey) -> str:
    return (
        private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def token(private: rsa.RSAPrivateKey = PRIVATE, kid: str | None = "k1", alg: str = "RS256", **claims: Any) -> str:
    now = int(time.time())
    payload = {"iss": "12345", "iat": now - 5, "exp": now + 24} | claims
    signer: Any = private if alg == "RS256" else "x" * 32
    said = {name: value for name, value in payload.items() if value is not None}
    # not jwt.encode: it refuses a number as issuer, which other clients send
    return jwt.PyJWS().encode(json.dumps(said).encode(), signer, alg, {"kid": kid} if kid else None)


def code(vox: Vox, bearer: str) -> int:
    """The error code, 0 for none."""
    answer = vox.http.get("/platform_api/GetCallLists", headers={"authorization": f"Bearer {bearer}"}).json()
    found: int = answer.get("error", {}).get("code", 0)
    return found


@pytest.mark.parametrize("iss", ["12345", 12345])
def test_a_token_is_welcome_with_its_issuer_as_text_or_number(vox: Vox, iss: Any) -> None:
    assert code(vox, token(iss=iss)) == 0


def test_a_token_may_live_an_hour_and_not_longer(vox: Vox) -> None:
    now = int(time.time())
    assert code(vox, token(iat=now, exp=now + 3600)) == 0
    assert code(vox, token(iat=now, exp=now + 3601)) == 454


def test_token_times_are_checked_against_real_time(vox: Vox) -> None:
    vox.advance(86_400)
    now = int(time.time())
    assert code(vox, token()) == 0
    assert code(vox, token(iat=now + 300, exp=now + 360)) == 455
    assert code(vox, token(iat=now + 10, exp=now + 60)) == 0
    assert code(vox, token(iat=now - 90, exp=now - 30)) == 456


@pytest.mark.parametrize(
    ("bearer", "expected"),
    [
        ("not.a.token", 447),
        (token(alg="HS256"), 447),
        (token(kid=None), 433),
        (token(iat=None), 447),
        (token(exp=None), 447),
        (token(iss=None), 115),
        (token(iss="acme"), 115),
    ],
)
def test_a_malformed_token_has_its_code(vox: Vox, bearer: str, expected: int) -> None:
    assert code(vox, bearer) == expected


def test_a_registered_key_makes_the_signature_count(vox: Vox) -> None:
    assert code(vox, token(OTHER, iss="777")) == 0
    registered = vox.put("/keys/777", {"key_id": "k1", "public_key": pem(PRIVATE)})
    assert registered == {"account_id": 777, "key_ids": ["k1"]}
    assert code(vox, token(PRIVATE, iss="777")) == 0
    assert code(vox, token(PRIVATE, iss=777)) == 0
    assert code(vox, token(OTHER, iss="777")) == 100
    assert code(vox, token(PRIVATE, kid="k2", iss="777")) == 433
    assert code(vox, token(OTHER, iss="778")) == 0


def test_a_key_must_be_a_public_key(vox: Vox) -> None:
    refused = vox.http.put("/keys/5", json={"key_id": "k", "public_key": "nonsense"})
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "bad_key"


def test_an_api_key_counts_once_one_is_put(vox: Vox) -> None:
    def ask(**params: str) -> Any:
        return vox.http.get("/platform_api/GetAccountInfo", params=params).json()

    assert ask(account_id="900", api_key="anything")["result"]["account_id"] == 900
    vox.put("/accounts/900", {"api_key": "right", "account_name": "acme-inc"})
    assert ask(account_id="900", api_key="wrong")["error"]["code"] == 100
    assert ask(account_id="900", api_key="right")["result"]["api_key"] == "right"
    assert ask(account_name="acme-inc", api_key="right")["result"]["account_id"] == 900
    assert ask(account_id="900")["error"]["code"] == 100
    assert ask(api_key="right")["error"]["code"] == 100
    assert ask(account_id="x", api_key="right")["error"]["code"] == 115


def test_a_new_name_opens_an_account_of_its_own(vox: Vox) -> None:
    ids = [
        vox.http.get("/platform_api/GetAccountInfo", params={"account_name": name, "api_key": "k"}).json()["result"]
        for name in ("first-one", "other-one", "first-one")
    ]
    assert ids[0]["account_id"] == ids[2]["account_id"] != ids[1]["account_id"]


def test_a_role_may_keep_an_account_from_its_own_info(vox: Vox) -> None:
    told = vox.put("/accounts/901", {"roles": {"no_account_info": True}})
    assert told["roles"] == {"no_account_info": True}
    params = {"account_id": "901", "api_key": "k"}
    assert vox.http.get("/platform_api/GetAccountInfo", params=params).json()["error"]["code"] == 100
    assert vox.http.get("/platform_api/GetCallLists", params=params).json()["count"] == 0


def test_an_inactive_account_is_131(vox: Vox) -> None:
    vox.put("/accounts/902", {"active": False})
    asked = vox.http.get("/platform_api/GetCallLists", params={"account_id": "902", "api_key": "k"})
    assert asked.json()["error"] == {"msg": "The account is not activated", "code": 131}


@pytest.mark.parametrize("document", [{"rolls": {}}, {"roles": {"nobody": True}}, {"roles": 1}, {"active": "yes"}])
def test_a_mistake_in_an_account_is_said(vox: Vox, document: Any) -> None:
    refused = vox.http.put("/accounts/903", json=document)
    assert refused.status_code == 400
    assert refused.json()["error"]["message"].endswith(".")


def test_info_shows_the_key_only_to_its_bearer_unless_switched(vox: Vox) -> None:
    by_token = {"authorization": f"Bearer {token()}"}
    shown = vox.http.get("/platform_api/GetAccountInfo", headers=by_token).json()
    assert "api_key" not in shown["result"]
    assert shown["result"]["callback_salt"]
    assert shown["api_address"] in vox.url
    assert vox.http.get("/platform_api/GetAccountInfo", params=KEY).json()["result"]["api_key"]
    vox.put("/switches", {"account_info_api_key": "always"})
    assert vox.http.get("/platform_api/GetAccountInfo", headers=by_token).json()["result"]["api_key"]
    vox.put("/switches", {"account_info_api_key": "never"})
    assert "api_key" not in vox.http.get("/platform_api/GetAccountInfo", params=KEY).json()["result"]
