"""A whole fleet, with real workers on a real broker, while the provider, a worker and the broker fail under it."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.chaos.valkey import Valkey
from tests.databases import databases
from tests.e2e.fleet import Fleet, Member, fleet
from tests.house import adds_up, some_numbers
from tests.patience import until
from worker import producer, view
from worker.bells import SOCKET_TIMEOUT
from worker.broker_socket import prepare
from worker.context import Context
from worker.embedded import answers, broker_command
from worker.redis_client import connect
from worker.settings import load

ROWS = 2000
UPLOADING = ["CreateCallList", "AppendToCallList"]
READING = ["GetCallLists", "GetCallListDetails", "GetAccountInfo"]
AMBIGUOUS = ("accept_then_hang_up", "store_late", "accept_then_500", "no_answer", "throttle", "cut_body", "not_json")
MORE = {"store_late": {"seconds": 0.5}, "throttle": {"retry_after": 0.2}}
SLOWLY = {"fault": "slow", "share": 1, "methods": UPLOADING, "seconds": 0.2}  # time to strike in the middle
# Everything is waited for as it is in earnest, only shorter: what a dead worker held is given up after three seconds.
TIMING = {"LEASE": 3, "SWEEP_INTERVAL": 0.2, "RUNG": 0.5, "SLICE": 2, "BALANCE_EVERY": 5, "PROBE_EVERY": 1}
CONFIG = """
[accounts.sandbox]
url = "{url}"
account_id = "1"
api_key_env = "ROLLCALL_SANDBOX_KEY"
options = {{ rule_id = 1, priority = 1, max_simultaneous = 2000, num_attempts = 1 }}
http_deadline = 1.0
read_deadline = 5.0
settle = 2.0
poll_fast = 0.5
poll_slow = 2.0
chunk_rows = 100
"""


class Ground:
    """The fleet, its provider, and an app that pushes to it."""

    def __init__(self, running: Fleet, ctx: Context, sandbox: str) -> None:
        self.fleet = running
        self.ctx = ctx
        self.provider = httpx.Client(base_url=sandbox, timeout=30)
        self._given = 0

    def faults(self, *faults: dict[str, Any]) -> None:
        assert self.provider.put("/faults", json=list(faults)).status_code == 200

    def upload(self) -> str:
        """People that nobody was before."""
        people = self.fleet.folder / f"people-{self._given}.csv"
        people.write_text("phone\n" + "\n".join(some_numbers(ROWS, first=self._given)) + "\n")
        self._given += ROWS
        return producer.enqueue({"source": str(people), "account": "sandbox"}, context=self.ctx).id

    def status(self, ulid: str) -> dict[str, Any]:
        with self.ctx.db.read() as session:
            shown = view.status(session, view.find(session, ulid))
        assert adds_up(shown)
        return shown

    def journal(self, ulid: str) -> Counter[str | None]:
        """How often each result stands in the journal of an upload; None for what nothing is known of."""
        return Counter(self._column("SELECT a.result FROM attempt a JOIN upload u ON u.id = a.upload_id", ulid))

    def chunk_states(self, ulid: str) -> set[str]:
        return set(self._column("SELECT c.state FROM chunk c JOIN upload u ON u.id = c.upload_id", ulid))

    def _column(self, query: str, ulid: str) -> list[Any]:
        with self.ctx.db.engine.connect() as connection:
            return list(connection.execute(text(f"{query} WHERE u.ulid = :ulid"), {"ulid": ulid}).scalars())

    def wait_until(self, what: str, ulid: str, met: Callable[[dict[str, Any]], bool], within: float = 90) -> None:
        def looked() -> bool:
            assert all(member.alive() for member in self.fleet.members.values())
            return met(self.status(ulid))

        try:
            until(looked, within, what)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.status(ulid)}") from None

    def wait_until_accepted(self, ulid: str, rows: int) -> None:
        self.wait_until(f"{rows} are accepted", ulid, lambda status: bool(status["rows"]["accepted"] >= rows))

    def ends_well(self, ulid: str) -> None:
        self.wait_until("the upload is finished", ulid, lambda status: bool(status["state"] == "finished"))
        status = self.status(ulid)
        assert status["rows"] == {**dict.fromkeys(status["rows"], 0), "total": ROWS, "accepted": ROWS}
        assert sum(status["outcomes"].values()) == ROWS
        assert not {"pending", "no_outcome"} & set(status["outcomes"])
        ledger = self.provider.get("/ledger").json()
        assert sum(one["contacts"] for one in ledger["lists"] if ulid in one["name"]) == ROWS
        assert ledger["called_twice"] == 0

    @contextmanager
    def same_processes(self, *but: str) -> Iterator[None]:
        """Nobody else dies or is started again."""
        before = self._pids(but)
        yield
        assert all(member.alive() for member in self.fleet.members.values())
        assert self._pids(but) == before

    def _pids(self, but: tuple[str, ...]) -> dict[str, int]:
        return {name: member.pid for name, member in self.fleet.members.items() if name not in but}


@pytest.fixture(scope="module")
def ground(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("ground")
    with databases(folder, postgres_server) as url, fleet(folder) as running, pytest.MonkeyPatch.context() as patch:
        sandbox = running.start_sandbox("--speed", "600")
        config = folder / "rollcall.toml"
        config.write_text(CONFIG.format(url=sandbox))
        running.env = {
            "ROLLCALL_HOME": str(folder / "home"),
            "ROLLCALL_CONFIG": str(config),
            "ROLLCALL_DATABASE_URL": url,
            "ROLLCALL_BROKER_URL": prepare(folder / "home"),
            **{f"ROLLCALL_TIMING__{name}": str(value) for name, value in TIMING.items()},
        }
        for name, value in running.env.items():
            patch.setenv(name, value)
        start_broker(running)
        running.start_workers()
        ctx = producer.connect(load())
        yield Ground(running, ctx, sandbox)
        ctx.close()


@pytest.fixture(autouse=True)
def _fair_weather(ground: Ground) -> Iterator[None]:
    yield
    ground.faults()


def start_broker(running: Fleet) -> Member:
    home = Path(running.env["ROLLCALL_HOME"])
    broker = running.start("broker", broker_command(home))
    until(lambda: answers(running.env["ROLLCALL_BROKER_URL"]), 30, "the broker answers")
    return broker


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
        start_broker(ground.fleet)
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
    broker = Valkey(Path(ground.fleet.env["ROLLCALL_HOME"]), ground.fleet)
    with ground.same_processes():
        ulid = ground.upload()
        for rows, blow in ((1, broker.cut), (400, broker.fill), (800, broker.cut)):
            ground.wait_until_accepted(ulid, rows)
            blow()
        ground.ends_well(ulid)
