"""A deployment in the middle of a campaign: all workers stop, and new ones come. The ledger shows nothing of it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from tests.chaos.ground import IMPATIENT, ROWS, TIMING, Ground, set_up
from tests.patience import until
from worker.redis_client import connect

SENDING, READING = 1.5, 600.0  # seconds that the provider takes to answer
PATIENT = {**IMPATIENT, "http_deadline": 10, "read_deadline": READING}
SLOWLY = {"fault": "slow", "share": 1, "methods": ["CreateCallList", "AppendToCallList"], "seconds": SENDING}
WORKERS = ("calls", "intake", "beat")


@pytest.fixture(scope="module")
def ground(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("deployment")
    with set_up(folder, postgres_server, account=PATIENT, timing={**TIMING, "LEASE": 12}) as ready:
        ready.fleet.start_workers()
        yield ready


def rows(ground: Ground, query: str) -> list[tuple[object, ...]]:
    with ground.ctx.db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def stop_workers(ground: Ground) -> None:
    """As a deployment does it: SIGTERM to all of them, and nobody is killed."""
    for name in WORKERS:
        member = ground.fleet.members[name]
        assert member.stop() == 0, member.said()[-3000:]


def start_workers(ground: Ground) -> None:
    for name in WORKERS:
        ground.fleet.members[name].start()
        ground.fleet.members[name].wait_until_it_works()


def test_a_deployment_is_invisible_to_the_ledger(ground: Ground) -> None:
    ground.faults(SLOWLY)
    ulid = ground.upload()
    for accepted in (1, 300):
        ground.wait_until_accepted(ulid, accepted)
        until(lambda: "claimed" in ground.chunk_states(ulid), 30, "a request is under way")
        stop_workers(ground)
        assert ground.status(ulid)["rows"]["accepted"] == ground.provider.get("/ledger").json()["contacts"] < ROWS
        assert ground.chunk_states(ulid) == {"accepted", "ready"}
        assert rows(ground, "SELECT id FROM call_list WHERE token IS NOT NULL OR poll_token IS NOT NULL") == []
        with connect(ground.fleet.env["ROLLCALL_BROKER_URL"]) as client:
            assert client.hlen("unacked") == 0, "what was not begun went back"
        start_workers(ground)
    ground.faults()
    ground.ends_well(ulid)
    sent = "SELECT result FROM attempt WHERE step IN ('create', 'append')"
    assert rows(ground, sent) == [("Accepted",)] * (ROWS // 100)


def test_a_long_reading_is_given_up_and_taken_up_by_the_next_worker(ground: Ground) -> None:
    ulid = ground.upload()
    ground.faults({"fault": "slow", "share": 1, "methods": ["GetCallListDetails"], "seconds": READING})
    ground.wait_until_accepted(ulid, ROWS)
    asked = "SELECT id FROM call_list WHERE poll_token IS NOT NULL"
    until(lambda: rows(ground, asked), 30, "the list is being read")
    stop_workers(ground)
    assert rows(ground, asked) == []
    assert rows(ground, "SELECT account FROM gate WHERE strikes > 0") == [], "that says nothing of the provider"
    ground.faults()
    start_workers(ground)
    ground.ends_well(ulid)
