"""Bells on brokers: what goes over the wire, and what happens when there is no broker to carry it."""

import base64
import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from celery import Celery
from fakeredis import TcpFakeServer

from tests.e2e.fleet import LOOPBACK, free_port
from tests.embedded_broker import EmbeddedBroker
from tests.house import House, some_numbers
from worker import bells, producer, view
from worker.bells import NOBODY, QUEUES, CeleryRing, broker_of, celery_app, task_name
from worker.context import Context
from worker.embedded import connect
from worker.settings import Settings, Timing

QUICK = 2.0  # seconds in which a push must be over although nobody carries its bell
SECRET = "not-to-be-seen-anywhere"


@contextmanager
def fake(folder: Path) -> Iterator[str]:
    server = TcpFakeServer((LOOPBACK, free_port()))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"redis://{LOOPBACK}:{server.server_address[1]}/0"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    with EmbeddedBroker.running(folder / "home") as broker:
        yield broker.url


@pytest.fixture(scope="module", params=[fake, valkey], ids=["fakeredis", "valkey"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    started: Callable[[Path], Any] = request.param
    with started(tmp_path_factory.mktemp("broker")) as url:
        yield url


@pytest.fixture
def broker_url(server: str) -> str:
    """An empty broker."""
    with connect(server) as client:
        client.flushall()
    return server


@contextmanager
def application(url: str, **settings: Any) -> Iterator[Celery]:
    app = celery_app(Settings(**settings), url)
    try:
        yield app
    finally:
        app.close()


def messages(url: str, queue: str) -> list[dict[str, Any]]:
    """Raw messages, oldest first, as a stranger would read them from the server."""
    with connect(url) as client:
        return [json.loads(raw) for raw in reversed(client.lrange(queue, 0, -1))]


def body(message: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(message["body"]))


@pytest.mark.parametrize("bell", QUEUES)
def test_a_bell_arrives_in_its_queue_as_json_with_one_id(broker_url: str, bell: str) -> None:
    with application(broker_url) as app:
        with app.connection_for_write() as connection:
            for queue in app.amqp.queues.values():
                queue(connection.default_channel).declare()  # as workers do
        CeleryRing(lambda: app)(bell, 48213)
    (message,) = messages(broker_url, QUEUES[bell])
    assert not [other for other in set(QUEUES.values()) - {QUEUES[bell]} if messages(broker_url, other)]
    arguments, keywords, embed = body(message)
    assert message["content-type"] == "application/json"
    assert message["headers"]["task"] == task_name(bell)
    assert (arguments, keywords) == ([48213], {})
    assert not any(embed.values())
    assert message["headers"]["eta"] is None


def test_a_bell_with_a_delay_carries_its_time(broker_url: str) -> None:
    with application(broker_url) as app:
        CeleryRing(lambda: app)("submit", 1, delay=90)
    (message,) = messages(broker_url, QUEUES["submit"])
    assert message["headers"]["eta"] is not None


def test_the_settings_are_those_that_make_bells_safe() -> None:
    with application(NOBODY, timing=Timing(visibility_timeout=1800)) as app:
        conf = app.conf
        assert conf.accept_content == ["json"]
        assert conf.task_serializer == "json"
        assert conf.task_acks_late
        assert conf.task_ignore_result
        assert conf.result_backend is None
        assert not conf.task_create_missing_queues
        assert conf.worker_prefetch_multiplier == 1
        assert conf.broker_connection_max_retries is None
        assert conf.broker_transport_options["visibility_timeout"] == 1800
        assert conf.broker_transport_options["socket_timeout"] == bells.SOCKET_TIMEOUT
        assert {queue.name for queue in conf.task_queues} == set(QUEUES.values())
        assert {name: route["queue"] for name, route in conf.task_routes.items()} == {
            task_name(bell): queue for bell, queue in QUEUES.items()
        }


def test_a_broker_that_is_configured_wins_over_the_embedded_one(tmp_path: Path) -> None:
    assert broker_of(Settings(home=tmp_path / ("far" * 40))) == NOBODY  # no place for a socket, and none was looked for
    with valkey(tmp_path) as embedded:
        assert broker_of(Settings(home=tmp_path / "home")) == embedded
        assert broker_of(Settings(home=tmp_path / "home", broker_url="redis://elsewhere/3")) == "redis://elsewhere/3"
    assert broker_of(Settings(home=tmp_path / "home")) == embedded  # its place, although nobody answers there now


@contextmanager
def app_of_a_customer(house: House, url: str) -> Iterator[Context]:
    """A process that pushes through a real broker into the house's database."""
    chosen = house.ctx.settings.model_copy(update={"broker_url": url})
    with application(url) as app:
        ctx = Context(chosen, CeleryRing(lambda: app), clock=lambda: house.now)
        yield ctx
        ctx.close()


AWAY = [NOBODY, f"redis://{LOOPBACK}:1/0"]


@pytest.mark.parametrize("url", AWAY, ids=["none was ever started", "connection refused"])
def test_a_broker_that_is_away_costs_a_warning_and_little_time(url: str, caplog: pytest.LogCaptureFixture) -> None:
    began = time.monotonic()
    with application(url) as app, caplog.at_level(logging.WARNING, "rollcall.bells"):
        CeleryRing(lambda: app)("submit", 7)
    assert time.monotonic() - began < QUICK
    (said,) = [record.getMessage() for record in caplog.records if record.name == "rollcall.bells"]
    assert "the broker is away" in said
    assert "submit 7" in said


@pytest.mark.parametrize("before", [0, 1], ids=["before the first bell", "after it"])
def test_a_broker_that_is_frozen_holds_nobody_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, before: int
) -> None:
    """A machine that stops without closing its connections: nothing refuses, and nothing answers."""
    monkeypatch.setattr(bells, "SOCKET_TIMEOUT", 0.2)
    with valkey(tmp_path) as url, application(url) as app:
        ring = CeleryRing(lambda: app)
        for _ in range(before):
            ring("submit", 1)
        with connect(url) as client:
            pid = client.info("server")["process_id"]
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            ring("submit", 2)
            assert time.monotonic() - began < 3 * QUICK
        finally:
            os.kill(pid, signal.SIGCONT)
        ring("submit", 3)
        heard = [body(message)[0] for message in messages(url, "submit")]
    assert heard[-1] == [3]
    assert "the broker is away" in caplog.text


@pytest.mark.parametrize("url", AWAY, ids=["none was ever started", "connection refused"])
def test_a_push_is_acknowledged_although_the_broker_is_away(small_house: House, url: str) -> None:
    house = small_house
    with app_of_a_customer(house, url) as ctx:
        began = time.monotonic()
        receipt = producer.enqueue({"source": str(house.file(some_numbers(50))), "account": "sandbox"}, context=ctx)
        assert time.monotonic() - began < QUICK
    assert receipt.created
    assert not house.bells
    status = house.finish(receipt.id)  # the sweep finds the row whose bell never rang
    assert (status["state"], status["rows"]["accepted"]) == ("finished", 50)


def test_what_a_push_rings_holds_no_person_and_no_secret(
    small_house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = small_house
    monkeypatch.setenv("ROLLCALL_SANDBOX_KEY", SECRET)
    numbers = some_numbers(120)
    with valkey(tmp_path) as url, app_of_a_customer(house, url) as ctx:
        ulid = producer.enqueue({"source": str(house.file(numbers)), "account": "sandbox"}, context=ctx).id
        house.ctx.ring = ctx.ring  # what the flows ring goes over the wire too
        for _ in range(20):
            house.work()
            house.turn(5)
        with connect(url) as client:
            wire = "".join(str(client.lrange(queue, 0, -1)) for queue in set(QUEUES.values()))
        told = [message for queue in set(QUEUES.values()) for message in messages(url, queue)]
    assert [ulid] in [body(message)[0] for message in told]
    seen = wire + json.dumps([[body(message), message["headers"]] for message in told])
    assert SECRET not in seen
    assert "Person" not in seen
    assert not [number for number in numbers if number.removeprefix("+") in seen]


def test_a_doubled_bell_does_nothing(small_house: House) -> None:
    house = small_house
    ulid = house.upload(250)
    for bell, key in [("ingest", ulid)] * 3:
        house.ring(bell, key)
    house.work()
    list_id = house.sql("SELECT id FROM call_list")[0][0]
    before = house.provider.ledger
    for bell in ("ingest", "submit", "reconcile", "steer"):
        for _ in range(3):
            house.ring(bell, ulid if bell == "ingest" else list_id)
    house.work()
    assert house.provider.ledger["contacts"] == before["contacts"] == 250
    assert house.provider.ledger["called_twice"] == 0
    assert house.finish(ulid)["state"] == "finished"
    with house.ctx.db.read() as session:
        assert view.status(session, view.find(session, ulid))["rows"]["accepted"] == 250
