"""A service account's tokens on a clock turned by hand, and the older key; neither shows its secret."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.unit.keys import credentials, pem, public_pem, rsa_key
from worker.errors import ConfigError
from worker.providers.base import Opening
from worker.providers.registry import KINDS
from worker.providers.voximplant.auth import ApiKey, ServiceAccount

NOON = 1_900_000_000.0
HOUR = 3600


class Wall:
    """A wall clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def account(wall: Wall) -> ServiceAccount:
    return ServiceAccount(credentials(), wall)


def token(account: ServiceAccount) -> str:
    scheme, _, token = account.headers()["Authorization"].partition(" ")
    assert scheme == "Bearer"
    return token


def claims(account: ServiceAccount) -> dict[str, Any]:
    """Claims of a token whose signature was checked; its times are looked at by the tests."""
    checked: dict[str, Any] = jwt.decode(
        token(account), public_pem(rsa_key("first")), ["RS256"], options={"verify_exp": False, "verify_iat": False}
    )
    return checked


def test_a_token_says_who_we_are(account: ServiceAccount) -> None:
    header = jwt.get_unverified_header(token(account))
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert claims(account)["iss"] == "12345"
    assert set(claims(account)) == {"iss", "iat", "exp"}


def test_a_token_lives_an_hour_from_a_moment_ago(account: ServiceAccount) -> None:
    told = claims(account)
    assert told["exp"] - told["iat"] == HOUR
    assert isinstance(told["iat"], int)
    assert NOON - 90 < told["iat"] < NOON


def test_fields_hold_nothing(account: ServiceAccount) -> None:
    assert account.fields() == {}


def test_a_token_is_kept_until_shortly_before_it_expires(account: ServiceAccount, wall: Wall) -> None:
    first, expires = token(account), claims(account)["exp"]
    for passed in (1, 600, expires - NOON - 130):
        wall.now = NOON + passed
        assert token(account) == first
    wall.now = expires - 110
    fresh = token(account)
    assert fresh != first
    assert claims(account)["exp"] > expires


def test_a_token_is_never_given_out_expired(account: ServiceAccount, wall: Wall) -> None:
    for _ in range(200):
        told = claims(account)
        assert told["iat"] <= wall.now < told["exp"] - 60
        wall.now += 97


def test_the_providers_clock_counts_once_it_has_rejected_ours(account: ServiceAccount, wall: Wall) -> None:
    before = token(account)
    account.correct_clock(NOON - 2 * HOUR)
    assert token(account) != before
    assert claims(account)["iat"] == NOON - 2 * HOUR - 60
    wall.now += 100
    assert claims(account)["iat"] == NOON - 2 * HOUR - 60
    wall.now += HOUR
    assert claims(account)["iat"] == NOON - HOUR + 100 - 60
    account.correct_clock(wall.now + 500)
    assert claims(account)["iat"] == wall.now + 500 - 60


def test_threads_share_one_token(account: ServiceAccount) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: token(account), range(64)))) == 1


@pytest.mark.parametrize("account_id", [12345, "12345"])
def test_the_account_may_be_a_number_or_text(account_id: Any) -> None:
    assert claims(ServiceAccount(credentials(account_id=account_id)))["iss"] == "12345"


BAD = {
    "not JSON": "nonsense",
    "empty": "",
    "a list": "[]",
    "text": '"text"',
    "null": "null",
    "no account": credentials(account_id=...),
    "no key id": credentials(key_id=...),
    "no key": credentials(private_key=...),
    "account null": credentials(account_id=None),
    "account empty": credentials(account_id=""),
    "account list": credentials(account_id=[1]),
    "key null": credentials(private_key=None),
    "key no PEM": credentials(private_key="MIIE"),
    "key public": credentials(private_key=public_pem(rsa_key("first"))),
    "key elliptic": credentials(private_key=pem(ec.generate_private_key(ec.SECP256R1()))),
    "key edwards": credentials(private_key=pem(ed25519.Ed25519PrivateKey.generate())),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_bad_credentials_are_said_in_one_sentence(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        ServiceAccount(text)
    assert raised.value.code == "bad_credentials"
    message = raised.value.message
    assert "account_id, key_id and a PEM private_key" in message
    assert message.endswith("download it again from the control panel.")
    assert "MII" not in message
    assert "\n" not in message
    assert raised.value.__cause__ is None


def test_a_locked_key_is_bad_credentials() -> None:
    locked = rsa_key("first").private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    with pytest.raises(ConfigError):
        ServiceAccount(credentials(private_key=locked.decode()))


class TestApiKey:
    key = ApiKey("7", "secret-key")

    def test_it_goes_into_the_body(self) -> None:
        assert self.key.fields() == {"account_id": "7", "api_key": "secret-key"}
        assert self.key.headers() == {}

    def test_the_clock_does_not_matter(self) -> None:
        self.key.correct_clock(0)
        assert self.key.fields()["account_id"] == "7"


def shown(thing: object) -> Iterator[str]:
    yield repr(thing)
    yield str(thing)
    yield f"{thing}"


def test_nothing_shows_its_secret(account: ServiceAccount, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = json.loads(credentials())["private_key"].splitlines()[5]
    bearer = token(account)
    account.correct_clock(NOON - 9000)
    for thing in (account, ApiKey("7", "secret-key"), Opening(None, "7", credentials(), "secret-key", "secret-key")):
        for text in shown(thing):
            assert secret not in text
            assert bearer not in text
            assert "secret-key" not in text
    assert caplog.text == ""


class TestConnecting:
    connect = staticmethod(KINDS["voximplant"].connect)

    def open(self, *secrets: str | None) -> dict[str, str]:
        file, account_id, key = secrets
        provider: Any = self.connect(Opening("http://127.0.0.1:1", account_id, file, key))
        provider.close()
        fields: dict[str, str] = provider._auth.fields()
        return fields

    def test_credentials_go_before_a_key(self) -> None:
        assert self.open(credentials(), "7", "key") == {}
        assert self.open(None, "7", "key") == {"account_id": "7", "api_key": "key"}

    @pytest.mark.parametrize("secrets", [(None, None, None), (None, "7", None), (None, None, "k"), (None, "7", "")])
    def test_nothing_to_prove_itself_with(self, secrets: tuple[str | None, ...]) -> None:
        with pytest.raises(ConfigError) as raised:
            self.open(*secrets)
        assert raised.value.code == "no_credentials"
        assert "credentials_file" in raised.value.message
