"""A whole fleet, with real workers on a real broker, while the provider, a worker and the broker fail under it."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.chaos.ground import AMBIGUOUS, MORE, READING, ROWS, SLOWLY, UPLOADING, Ground, set_up
from tests.patience import until
from worker.bells import SOCKET_TIMEOUT
from worker.embedded import answers
from worker.redis_client import connect


@pytest.fixture(scope="module")
def ground(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with set_up(tmp_path_factory.mktemp("ground"), postgres_server) as ready:
        ready.fleet.start_workers()
        yield ready


@pytest.fixture(autouse=True)
def _fair_weather(ground: Ground) -> Iterator[None]:
    yield
    ground.faults()


def test_every_fault_at_once(ground: Ground) -> None:
    """Every second request that sends people goes wrong in one of seven ways, and one read in eight."""
    often = [{"fault": name, "share": 0.1, "methods": UPLOADING, **MORE.get(name, {})} for name in AMBIGUOUS]
    seldom = [{"fault": name, "share": 0.02, "methods": READING, **MORE.get(name, {})} for name in AMBIGUOUS]
    ground.faults(*often, *seldom)
    with ground.same_processes():
        ulid = ground.upload()
        ground.ends_well(ulid)
    results = ground.journal(ulid)
    assert results["Unknown"] >= 4
    assert results["Throttled"] >= 1
    assert results["found"] >= 2


def test_a_count_that_is_short_waits_for_a_person_and_holds_only_itself(ground: Ground) -> None:
    ground.faults({"fault": "short_count", "share": 1, "methods": ["AppendToCallList"], "times": 1})
    with ground.same_processes():
        ulid = ground.upload()
        ground.wait_until("a person is asked", ulid, lambda status: "needs_person" in status)
    assert ground.status(ulid)["rows"]["unknown"] == 100
    assert ground.status(ulid)["rows"]["accepted"] == ROWS - 100
    assert ground.provider.get("/ledger").json()["called_twice"] == 0


def test_the_worker_that_calls_is_killed_twice(ground: Ground) -> None:
    ground.faults(SLOWLY)
    calls = ground.fleet.members["calls"]
    with ground.same_processes("calls"):
        ulid = ground.upload()
        for rows in (300, 900):
            ground.wait_until_accepted(ulid, rows)
            until(lambda: "claimed" in ground.chunk_states(ulid), 30, "a request is under way")
            calls.kill()
            calls.start()
            calls.wait_until_it_works()
        ground.ends_well(ulid)
    assert ground.journal(ulid)[None] == 2  # what came of the two requests is not in the journal, but was looked up


def test_the_broker_is_killed_and_comes_back_under_busy_workers(ground: Ground) -> None:
    ground.faults(SLOWLY)
    url = ground.fleet.env["ROLLCALL_BROKER_URL"]
    with ground.same_processes("broker"):
        ulid = ground.upload()
        ground.wait_until_accepted(ulid, 300)
        with connect(url) as client:
            until(lambda: bool(client.hlen("unacked")), 30, "a worker holds a message")
        ground.fleet.members["broker"].kill()
        assert not answers(url)
        until(lambda: "Connection to broker lost" in ground.fleet.members["calls"].said(), 30, "the workers notice")
        ground.broker.start()
        ground.ends_well(ulid)


def test_the_broker_forgets_everything(ground: Ground) -> None:
    ground.faults(SLOWLY)
    with ground.same_processes():
        ulid = ground.upload()
        for rows in (1, 500, 1000):
            ground.wait_until_accepted(ulid, rows)
            with connect(ground.fleet.env["ROLLCALL_BROKER_URL"]) as client:
                client.flushall()
        ground.ends_well(ulid)


def test_the_broker_freezes_for_longer_than_a_socket_waits(ground: Ground) -> None:
    """As in a failover that closes no connection: nobody is refused, nobody is answered, and nobody may die of it."""
    ground.faults(SLOWLY)
    broker = ground.fleet.members["broker"]
    with ground.same_processes():
        ulid = ground.upload()
        ground.wait_until_accepted(ulid, 300)
        os.kill(broker.pid, signal.SIGSTOP)
        frozen_at = time.monotonic()
        try:
            until(lambda: time.monotonic() > frozen_at + SOCKET_TIMEOUT + 1, 30, "sockets give up")
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        ground.ends_well(ulid)


def test_connections_are_cut_and_the_broker_has_no_memory_left(ground: Ground) -> None:
    """A task whose connection is cut is run a second time at once, while the first one still works."""
    ground.faults(SLOWLY)
    broker = ground.broker
    with ground.same_processes():
        ulid = ground.upload()
        for rows, blow in ((1, broker.cut), (400, broker.fill), (800, broker.cut)):
            ground.wait_until_accepted(ulid, rows)
            blow()
        ground.ends_well(ulid)
