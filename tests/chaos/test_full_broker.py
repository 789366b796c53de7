"""A broker that has no memory left while workers acknowledge what they have done and take what waits.

The controls run without the guard and die, which proves that the others could.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.bell_worker import BellWorker
from tests.embedded_broker import EmbeddedBroker
from tests.patience import until
from worker.redis_client import connect

POOLS = ("threads", "prefork")
SLOTS = 2


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    started = EmbeddedBroker(tmp_path / "home")
    started.start()
    yield started
    started.stop()


@pytest.fixture(params=POOLS)
def worker(request: pytest.FixtureRequest, broker: EmbeddedBroker, tmp_path: Path) -> Iterator[BellWorker]:
    guarded = request.function.__name__ != test_a_worker_without_the_guard_dies_of_it.__name__
    started = BellWorker(tmp_path, broker.url, request.param, "busy", guarded=guarded)
    yield started
    started.kill()


def fill_under(worker: BellWorker, broker: EmbeddedBroker, end: str) -> None:
    """All slots are busy and two messages wait; the memory comes back once the log says `end`."""
    for _ in range(2 * SLOTS):
        worker.give_message()
    worker.wait_until_it_holds()
    with connect(broker.url) as client:
        until(lambda: client.hlen("unacked") >= SLOTS, 30, "its slots are busy")
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        worker.let_go()
        until(lambda: worker.said(end), 30, end)
        client.config_set("maxmemory", 0)


def test_a_guarded_worker_lives_and_does_the_next_task(worker: BellWorker, broker: EmbeddedBroker) -> None:
    fill_under(worker, broker, "the broker has no memory left")
    assert worker.runs_the_next_task(), worker.log.read_text()
    assert worker.alive()


def test_a_worker_without_the_guard_dies_of_it(worker: BellWorker, broker: EmbeddedBroker) -> None:
    fill_under(worker, broker, "Unrecoverable error")
    until(lambda: not worker.alive(), 15, "the control dies")
