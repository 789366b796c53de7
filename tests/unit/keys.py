"""Keys of service accounts, made once: making one takes a while."""

import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """One key for each name."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: Any) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    text: bytes = key.private_bytes(*form)
    return text.decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*form).decode()


def credentials(key: str = "first", **said: Any) -> str:
    """A credentials.json; a value of `...` leaves its name out."""
    told = {"account_id": 12345, "key_id": "k1", "private_key": pem(rsa_key(key)), **said}
    return json.dumps({name: value for name, value in told.items() if value is not ...})
