"""`rollcall web` as a process, with a real account: what it acknowledged is stored, and it says no secret."""

import hmac
import json
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests.e2e.fleet import LOOPBACK, Member, fleet, free_port
from tests.patience import until

SECRET, KEY, PHONE = "quiet-harbour", "sharp-lantern", "+12025550123"
CONFIG = """
[accounts.plaza]
provider = "formant"
api_key_env = "PLAZA_KEY"
callback_secret_env = "PLAZA_SECRET"
"""
WEB = [sys.executable, "-m", "worker.cli", "web"]


class Door:
    """The process, and what lies in its database."""

    def __init__(self, member: Member, home: Path, url: str) -> None:
        self.member, self.home, self.url = member, home, url

    def stored(self) -> set[str]:
        with sqlite3.connect(self.home / "rollcall.db") as connection:
            return {row[0] for row in connection.execute("SELECT external_id FROM callback")}

    def answers(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/healthz").status_code == 200
        assert self.member.alive(), self.member.said()
        return False


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    (tmp_path / "rollcall.toml").write_text(CONFIG)
    home, port = tmp_path / "home", free_port()
    told = {"ROLLCALL_HOME": str(home), "ROLLCALL_CONFIG": str(tmp_path / "rollcall.toml")}
    with fleet(tmp_path) as running:
        member = running.start("web", [*WEB, "--port", str(port)], **told, PLAZA_KEY=KEY, PLAZA_SECRET=SECRET)
        opened = Door(member, home, f"http://{LOOPBACK}:{port}")
        until(opened.answers, 30, "the door is open")
        yield opened


def post(client: httpx.Client, event_id: str, secret: str = SECRET) -> int:
    """A webhook as the provider signs it."""
    body = json.dumps({"event_id": event_id, "event_type": "call.completed", "data": {"phone": PHONE}}).encode()
    signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
    headers = {"X-FormantAI-Signature": f"sha256={signature}", "X-FormantAI-Timestamp": str(int(time.time()))}
    return client.post("/callbacks/plaza/formant", content=body, headers=headers).status_code


def test_what_was_acknowledged_outlives_a_kill(door: Door) -> None:
    acknowledged: list[str] = []

    def send(name: int) -> None:
        with httpx.Client(base_url=door.url) as client, suppress(httpx.TransportError):
            for number in count():
                assert post(client, f"{name}/{number}") == 200
                acknowledged.append(f"{name}/{number}")

    senders = [threading.Thread(target=send, args=(name,), daemon=True) for name in range(6)]
    for sender in senders:
        sender.start()
    until(lambda: len(acknowledged) > 100, 30, "many were acknowledged")
    door.member.process.send_signal(signal.SIGKILL)
    for sender in senders:
        sender.join(20)
    assert set(acknowledged) <= door.stored()
    door.member.start()
    until(door.answers, 30, "the door is open again")
    with httpx.Client(base_url=door.url) as client:
        assert post(client, acknowledged[-1]) == 200  # the provider never learned of it
    assert set(acknowledged) <= door.stored()


def test_it_ends_in_order_and_has_said_nothing_that_it_was_told(door: Door) -> None:
    with httpx.Client(base_url=door.url) as client:
        assert post(client, "one") == 200
        assert post(client, "two", secret="guessed") == 401
    assert door.stored() == {"one"}
    assert door.member.stop() == 0
    said = door.member.said()
    assert "plaza: forged" in said
    assert not [word for word in (SECRET, KEY, PHONE[1:], "Traceback") if word in said]


def test_a_port_that_is_taken_is_said_in_a_sentence(door: Door, tmp_path: Path) -> None:
    with fleet(tmp_path / "second") as running:
        port = door.url.rpartition(":")[2]
        second = running.start("web", [*WEB, "--port", port], ROLLCALL_HOME=str(tmp_path / "second" / "home"))
        assert second.process.wait(30) == 2
        assert "port_busy" in second.said()
        assert "Traceback" not in second.said()
