"""A provider's callbacks as a test needs them: signed letters, and the inbox that proves and reads them."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

import polars as pl

from worker.errors import CallbackRefused
from worker.providers.base import TASKS, Event, Inbound

SECRET = b"between the two of us"
OLDEST = 300


def letter(letter_id: str, uuid: str | None = None, at: float = 0, upload: str | None = None, **told: Any) -> bytes:
    """`told` are values of TASKS; by default the contact answered."""
    task = {"uuid": uuid, "phase": "done", "disposition": "answered", "status": "Processed", **told}
    return json.dumps({"id": letter_id, "at": at, "upload": upload, "task": task}).encode()


def signed(body: bytes, secret: bytes = SECRET) -> dict[str, str]:
    return {"X-Proof": hmac.new(secret, body, hashlib.sha256).hexdigest()}


class Letters:
    """The inbox. A GET of `here` finds somebody."""

    def greet(self, path: tuple[str, ...]) -> bool:
        return path == ("here",)

    def receive(self, inbound: Inbound) -> Event:
        if inbound.path != ("letters",):
            raise CallbackRefused("unknown_callback", "There is no such letterbox.")
        proof = hmac.new(SECRET, inbound.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof, inbound.headers.get("x-proof", "")):
            raise CallbackRefused("forged_callback", "The letter is not signed by its sender.")
        try:
            told = json.loads(inbound.body)
            event = Event(told["id"], json.dumps(told["task"]), told["upload"])
        except (ValueError, KeyError):
            raise CallbackRefused("unreadable_callback", "The letter is none.") from None
        if abs(inbound.at - told["at"]) > OLDEST:
            raise CallbackRefused("stale_callback", "The letter is old.")
        return event

    def read(self, bodies: Sequence[str]) -> pl.DataFrame:
        told = [json.loads(body) for body in bodies]
        return pl.DataFrame([[task.get(name) for name in TASKS] for task in told], schema=TASKS, orient="row")
