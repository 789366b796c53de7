"""The HTTP door on a real socket: what is answered, stored, counted and logged."""

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import SQLAlchemyError

from tests.house import START
from tests.letters import Letters, letter, signed
from worker.context import Context
from worker.db import Database
from worker.errors import InputError
from worker.providers.base import Event, Inbound
from worker.settings import AccountSettings, Settings
from worker.store.callbacks import Arrival
from worker.web import app
from worker.web.bell import InboxBell
from worker.web.server import listen, server_for
from worker.web.writer import Writer

NOW = START.timestamp()
PATH = "/callbacks/plaza/letters"


@dataclass
class Rung:
    """Bells as they were rung."""

    bells: list[tuple[str, str | int]] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, bell: str, key: str | int, delay: float = 0) -> None:
        with self.news:
            self.bells.append((bell, key))
            self.news.notify_all()

    def heard(self, bell: str, key: str) -> bool:
        with self.news:
            return self.news.wait_for(lambda: (bell, key) in self.bells, timeout=5)


@dataclass
class Door:
    """The door seen from outside, and what lies behind it."""

    ctx: Context
    http: httpx.Client
    rung: Rung

    def post(self, body: bytes, path: str = PATH, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.http.post(path, content=body, headers=signed(body) if headers is None else headers)

    def rows(self) -> list[Any]:
        with self.ctx.db.engine.connect() as connection:
            found = connection.execute(text("SELECT external_id, upload_ulid, state, body FROM callback ORDER BY id"))
            return [tuple(row) for row in found]

    def measured(self) -> dict[tuple[str, ...], float]:
        """Samples of /metrics by name and values of labels."""
        families = text_string_to_metric_families(self.http.get("/metrics").text)
        return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}

    def counted(self, result: str, account: str = "plaza") -> float:
        return self.measured().get(("rollcall_callbacks_total", account, result), 0)


def settings(database_url: str) -> Settings:
    account = AccountSettings(account_id="1", api_key_env="PATH")
    return Settings(database_url=database_url, accounts={"plaza": account, "deaf": account})


@contextmanager
def door(database_url: str, inbox: Any = None) -> Iterator[Door]:
    rung = Rung()
    ctx = Context(settings(database_url), rung, clock=lambda: START)
    ctx.provider("plaza").inbox = inbox or Letters()
    server, line = server_for(ctx), listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [line]}, daemon=True)
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{line.getsockname()[1]}", timeout=30, verify=False) as http:
            yield Door(ctx, http, rung)
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        ctx.close()
    assert not thread.is_alive()


@pytest.fixture
def plaza(sqlite_url: str) -> Iterator[Door]:
    with door(sqlite_url) as opened:
        yield opened


def test_a_callback_is_stored_before_it_is_answered_and_then_rung_for(plaza: Door) -> None:
    body = letter("one", "a uuid", at=NOW, upload="01J0000000000000000000000A")
    assert plaza.post(body).status_code == 200
    ((external_id, upload, state, kept),) = plaza.rows()
    assert (external_id, upload, state) == ("one", "01J0000000000000000000000A", "new")
    assert '"a uuid"' in kept
    assert plaza.rung.heard("apply", "plaza")
    assert plaza.counted("stored") == 1


def test_a_callback_that_comes_again_is_answered_and_not_stored(plaza: Door) -> None:
    body = letter("one", at=NOW)
    assert [plaza.post(body).status_code for _ in range(3)] == [200, 200, 200]
    assert len(plaza.rows()) == 1
    assert (plaza.counted("stored"), plaza.counted("repeated")) == (1, 2)


@pytest.mark.parametrize(
    ("result", "status", "body", "secret"),
    [
        ("forged", 401, letter("one", "+12025550123", at=NOW), b"guessed"),
        ("stale", 400, letter("one", "+12025550123", at=NOW - 3600), None),
        ("unreadable", 400, b'{"phone": "+12025550123"', None),
    ],
)
def test_what_does_not_prove_itself_is_refused_counted_and_leaves_nothing(
    plaza: Door, caplog: pytest.LogCaptureFixture, result: str, status: int, body: bytes, secret: bytes | None
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = signed(body) if secret is None else signed(body, secret)
    assert plaza.post(body, headers=headers).status_code == status
    assert plaza.rows() == []
    assert plaza.counted(result) == 1
    assert f"plaza: {result}" in caplog.text
    assert "2025550123" not in caplog.text
    assert plaza.rung.bells == []


def test_the_same_trouble_is_logged_once_a_minute(plaza: Door, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(20):
        plaza.post(letter(str(number), at=NOW), headers={})
    assert plaza.counted("forged") == 20
    assert len([record for record in caplog.records if record.name == "rollcall.web"]) == 1


def test_nobody_learns_which_accounts_there_are(plaza: Door) -> None:
    body = letter("one", at=NOW)
    paths = ("/callbacks/nobody/letters", "/callbacks/deaf/letters", "/callbacks/plaza/other", "/callbacks/")
    answers = [ask(path) for path in paths for ask in (lambda path: plaza.post(body, path), plaza.http.get)]
    shown = {(one.status_code, one.text, tuple(sorted(one.headers))) for one in answers}
    assert shown == {(404, "Not Found", ("connection", "content-length", "content-type", "date"))}
    assert plaza.counted("unknown", "") == 2
    assert plaza.counted("unknown", "deaf") == plaza.counted("unknown", "plaza") == 1
    assert not any("nobody" in key for key in plaza.measured())


def test_a_look_whether_somebody_is_here(plaza: Door) -> None:
    assert plaza.http.get("/callbacks/plaza/here").status_code == 200
    assert plaza.http.get("/callbacks/plaza/here/not").status_code == 404


def test_a_body_that_is_too_large_is_not_read_to_its_end(plaza: Door) -> None:
    parts_read = 0

    def endless() -> Iterator[bytes]:
        nonlocal parts_read
        for _ in range(100_000):
            parts_read += 1
            yield b"x" * 1024

    with contextlib.suppress(httpx.TransportError):  # the door may close while we still write
        assert plaza.http.post(PATH, content=endless()).status_code == 413
    assert parts_read < 50_000
    assert plaza.counted("oversized") == 1
    assert plaza.rows() == []


def test_the_limit_is_what_it_says(plaza: Door) -> None:
    empty = len(letter("one", "", at=NOW))
    fits = letter("one", "u" * (app.LARGEST - empty), at=NOW)
    assert len(fits) == app.LARGEST
    assert plaza.post(fits).status_code == 200
    assert plaza.post(fits + b" ").status_code == 413


def test_a_body_that_does_not_arrive_is_not_waited_for_for_ever(plaza: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "READ_WITHIN", 0.1)
    where = (plaza.http.base_url.host, plaza.http.base_url.port or 0)
    with socket.create_connection(where, timeout=10) as line:
        line.sendall(f"POST {PATH} HTTP/1.1\r\nHost: door\r\nContent-Length: 10\r\n\r\n12".encode())
        assert b"408" in line.recv(200)
    assert plaza.counted("slow") == 1


@pytest.mark.parametrize("name", ["", "i" * 256, "zero \0 byte", "half \ud800 pair"])
def test_what_a_column_cannot_hold_is_refused_by_itself(plaza: Door, name: str) -> None:
    assert plaza.post(letter(name, at=NOW)).status_code == 400
    assert plaza.post(letter("another", at=NOW)).status_code == 200
    assert [row[0] for row in plaza.rows()] == ["another"]


class Clumsy(Letters):
    def receive(self, inbound: Inbound) -> Event:
        raise KeyError(inbound.body.decode())


def test_a_fault_of_ours_is_told_to_the_provider_and_its_text_to_nobody(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with door(sqlite_url, Clumsy()) as opened:
        assert opened.post(letter("one", "+12025550123", at=NOW)).status_code == 500
        assert opened.counted("failed") == 1
    assert "KeyError" in caplog.text
    assert "2025550123" not in caplog.text


def test_without_a_database_a_provider_is_told_to_come_again(tmp_path: Path) -> None:
    with door(f"sqlite:///{tmp_path}") as opened:  # a folder is no database
        assert opened.post(letter("one", at=NOW)).status_code == 503
        assert opened.http.get("/healthz").status_code == 503
        measured = opened.measured()
        assert measured["rollcall_database_up",] == 0
        assert measured["rollcall_callbacks_total", "plaza", "away"] == 1
        assert opened.rung.bells == []


def test_a_database_that_comes_back_is_used_again(plaza: Door) -> None:
    with plaza.ctx.db.write() as session:
        session.connection().execute(text("ALTER TABLE callback RENAME TO elsewhere"))
    assert plaza.post(letter("one", at=NOW)).status_code == 503
    with plaza.ctx.db.write() as session:
        session.connection().execute(text("ALTER TABLE elsewhere RENAME TO callback"))
    assert plaza.post(letter("one", at=NOW)).status_code == 200
    assert plaza.http.get("/healthz").json() == {"ok": True}


def test_an_account_that_cannot_be_opened_is_no_reason_to_lose_its_callbacks(sqlite_url: str) -> None:
    with door(sqlite_url) as opened:
        opened.ctx.settings.accounts["deaf"].api_key_env = "ROLLCALL_NOT_SET"
        assert opened.post(letter("one", at=NOW), "/callbacks/deaf/letters").status_code == 503


def test_many_at_once_are_each_stored_once(plaza: Door) -> None:
    bodies = [letter(str(number % 150), at=NOW) for number in range(300)]
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda body: plaza.post(body).status_code, bodies))
    assert set(statuses) == {200}
    assert len(plaza.rows()) == 150
    assert (plaza.counted("stored"), plaza.counted("repeated")) == (150, 150)


def arrival(name: str) -> Arrival:
    return Arrival("plaza", name, None, "{}")


def test_what_comes_while_a_commit_is_under_way_is_written_by_one(sqlite_url: str) -> None:
    db = Database(sqlite_url)
    commits: list[Connection] = []
    stored: list[str] = []
    with Writer(db, stored.append) as writer:
        with db.write():  # the one writer of the file has to wait
            first = writer.put(arrival("0"))
            others = [writer.put(arrival(str(number % 40))) for number in range(100)]
            event.listen(db.engine, "commit", commits.append)
            assert not any(one.done() for one in (first, *others))
        wait([first, *others], timeout=10)
    assert sum(one.result() for one in (first, *others)) == 40
    assert len(commits) <= 3  # ours, that of the first, and one for all the others
    assert set(stored) == {"plaza"}
    db.dispose()


def test_a_failed_commit_is_told_to_everybody_in_it_and_the_writer_goes_on(sqlite_url: str) -> None:
    db = Database(sqlite_url)
    with Writer(db, lambda _: None) as writer:
        bad = writer.put(Arrival("plaza", "one", None, None))  # type: ignore[arg-type]
        with pytest.raises(SQLAlchemyError):
            bad.result(timeout=10)
        assert writer.put(arrival("two")).result(timeout=10)
    db.dispose()


def test_a_thousand_callbacks_are_a_few_bells_and_the_last_is_never_forgotten() -> None:
    rung: list[str | int] = []
    gate, began = threading.Event(), threading.Event()

    def ring(bell: str, key: str | int, delay: float = 0) -> None:
        rung.append(key)
        began.set()
        gate.wait(10)

    with InboxBell(ring, pause=0) as bell:
        bell.wanted("plaza")
        assert began.wait(10)
        for _ in range(1000):
            bell.wanted("plaza")
        gate.set()
    assert rung == ["plaza", "plaza"]


def test_a_ring_that_fails_does_not_silence_the_bell(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[str | int] = []
    again = threading.Event()

    def ring(bell: str, key: str | int, delay: float = 0) -> None:
        tried.append(key)
        again.set()
        raise RuntimeError

    with InboxBell(ring, pause=0) as bell:
        bell.wanted("one")
        assert again.wait(10)
        bell.wanted("two")
    assert tried == ["one", "two"]
    assert "RuntimeError" in caplog.text


@pytest.mark.parametrize(
    ("raw", "account", "path"),
    [
        (b"/callbacks/plaza/a/b", "plaza", ("a", "b")),
        (b"/callbacks/la%20plaza%2F1/a%2Fb/", "la plaza/1", ("a/b",)),
        (b"/callbacks/", "", ()),
        (b"/callbacks%2Fplaza", "", ()),
        (b"/callbacks/%ff\xff", "\ufffd\u00ff", ()),
    ],
)
def test_an_encoded_slash_parts_nothing(raw: bytes, account: str, path: tuple[str, ...]) -> None:
    assert app.address({"raw_path": raw}) == (account, path)


def test_a_port_that_is_taken_is_said() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(InputError, match="choose another") as caught:
        listen("127.0.0.1", taken.getsockname()[1])
    assert caught.value.code == "port_busy"
