"""Marks of numbers that were forgotten: a keyed hash tells such a number when it comes again, and nobody without the
key can tell which number a mark is of. There are few enough numbers to try them all, so the key is a secret."""

import os
import secrets
from collections.abc import Collection, Iterable
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from worker.errors import ConfigError
from worker.settings import Settings

MARK_BYTES, KEY_MARK_BYTES, KEY_BYTES = 16, 8, 32
FILE = "forget.key"
OTHERS = 0o077  # rights of group and others


class Marker:
    """Makes marks with one key, which `key_mark` tells from another."""

    def __init__(self, key: bytes) -> None:
        self._keyed = blake2b(key=blake2b(key).digest(), digest_size=MARK_BYTES)
        self.key_mark = blake2b(key, digest_size=KEY_MARK_BYTES).hexdigest()

    def of(self, number: int) -> str:
        """The mark of the digits of an E.164 number."""
        return self._digest(number).hex()

    def _digest(self, number: int) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(number.to_bytes(8, "big"))
        return keyed.digest()

    def holding(self, marks: Collection[str]) -> "Marked":
        return Marked(self, marks)


class Marked:
    """Numbers that are known by their marks alone."""

    def __init__(self, marker: Marker, marks: Iterable[str]) -> None:
        self._digest, self._marks = marker._digest, {bytes.fromhex(mark) for mark in marks}

    def holds(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which of these (digits of E.164) are among them. One hash for each."""
        digest, marks = self._digest, self._marks
        return np.fromiter((digest(number) in marks for number in numbers.tolist()), np.bool_, len(numbers))


def marker(settings: Settings, *, make: bool = False) -> Marker:
    """With the key of the settings; `make`: of a home of our own it is made where there is none yet.

    Raises ConfigError `no_forget_key`, `open_forget_key`.
    """
    if settings.forget_key_env is not None:
        key = os.environ.get(settings.forget_key_env, "").encode()
        return _with(key, f"the variable {settings.forget_key_env}")
    path = settings.forget_key_file or settings.home / FILE
    if make and settings.forget_key_file is None and settings.database.startswith("sqlite") and not path.exists():
        _make(path)
    return _with(_read(path), f"the file {path}")


def _with(key: bytes, where: str) -> Marker:
    if len(key.strip()) < KEY_BYTES:
        text = (
            f"The key for forgotten numbers is missing from {where}, or shorter than {KEY_BYTES} characters; bring the "
            "old one back, or make one (openssl rand -hex 32) where nobody was forgotten yet."
        )
        raise ConfigError("no_forget_key", text)
    return Marker(key.strip())


def _read(path: Path) -> bytes:
    try:
        rights = path.stat().st_mode
        key = path.read_bytes()
    except OSError:
        return b""
    if rights & OTHERS:
        text = f"The key for forgotten numbers in {path} can be read by others than its owner; `chmod 600` it."
        raise ConfigError("open_forget_key", text)
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{FILE}-{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_hex(KEY_BYTES).encode())
        file.flush()
        os.fsync(handle)
    try:
        os.link(fresh, path)  # of two that make it at once, one does
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
