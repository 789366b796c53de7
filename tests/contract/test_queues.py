"""How many messages wait is told for every queue, and a broker that is away takes nothing else of /metrics with it."""

import os
import signal
import time
from collections.abc import Iterator

import pytest
from celery import Celery

from tests.embedded_broker import EmbeddedBroker
from tests.house import House
from worker import queues
from worker.bells import NOBODY, QUEUES, CeleryRing, celery_app, task_name
from worker.errors import Unavailable
from worker.redis_client import connect
from worker.settings import Settings
from worker.web.metrics import Metrics

SCRAPE = 10.0  # seconds after which Prometheus gives up, unless it is told otherwise
EMPTY = dict.fromkeys(QUEUES.values(), 0)


@pytest.fixture
def app(broker: EmbeddedBroker) -> Iterator[Celery]:
    with celery_app(Settings(), broker.url) as made:
        yield made


def told(house: House) -> str:
    return Metrics(house.ctx.db, house.ctx.settings).text().decode()


def test_what_waits_is_counted_by_queue_and_looking_changes_nothing(broker: EmbeddedBroker, app: Celery) -> None:
    assert queues.waiting(broker.url) == EMPTY
    ring = CeleryRing(lambda: app)
    for key in range(3):
        ring("ingest", key)
    ring("submit", 1)
    app.send_task(task_name("submit"), [2], priority=9)  # a list of its own at Redis
    with connect(broker.url) as client:
        before = {key: client.dump(key) for key in client.scan_iter()}
        assert queues.waiting(broker.url) == {**EMPTY, "ingest": 3, "submit": 2}
        assert {key: client.dump(key) for key in client.scan_iter()} == before


def test_what_a_worker_has_in_hand_waits_no_more(broker: EmbeddedBroker, app: Celery) -> None:
    for key in range(2):
        CeleryRing(lambda: app)("collect", key)
    with app.connection_for_read() as connection, connection.channel() as channel:
        assert app.amqp.queues["collect"](channel).get() is not None
        assert queues.waiting(broker.url)["collect"] == 1
    assert queues.waiting(broker.url)["collect"] == 2  # it went without doing it


@pytest.mark.parametrize(
    "url",
    [NOBODY, "redis://anna:secret@127.0.0.1:1/0", "amqp://anna:secret@127.0.0.1:1//", "redis://:secret@host:port", "?"],
)
def test_who_does_not_answer_is_named_without_its_password(url: str) -> None:
    with pytest.raises(Unavailable, match="The broker does not answer") as caught:
        queues.waiting(url)
    assert caught.value.code == "broker_down"
    assert "secret" not in caught.value.message


def test_metrics_tell_what_waits_and_do_without_a_broker(small_house: House, broker: EmbeddedBroker) -> None:
    """The embedded broker of the house's own home."""
    with celery_app(small_house.ctx.settings, broker.url) as app:
        CeleryRing(lambda: app)("ingest", "01J")
    shown = told(small_house)
    assert "rollcall_broker_up 1.0" in shown
    assert 'rollcall_queue_messages{queue="ingest"} 1.0' in shown
    assert 'rollcall_queue_messages{queue="sweep"} 0.0' in shown
    broker.stop()
    shown = told(small_house)
    assert "rollcall_broker_up 0.0" in shown
    assert "rollcall_queue_messages" not in shown
    assert "rollcall_database_up 1.0" in shown
    broker.start()
    assert 'rollcall_queue_messages{queue="ingest"} 1.0' in told(small_house)


def test_a_broker_that_is_frozen_does_not_hold_the_measures(
    small_house: House, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "PATIENCE", 0.2)
    with connect(broker.url) as client:
        pid = client.info("server")["process_id"]
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        shown = told(small_house)
        assert time.monotonic() - began < SCRAPE
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "rollcall_broker_up 0.0" in shown
    assert "rollcall_database_up 1.0" in shown
