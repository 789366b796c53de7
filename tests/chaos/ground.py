"""A fleet for a test: real processes, a real broker, a provider, and an app that pushes to it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.chaos.rabbit import Rabbit
from tests.chaos.valkey import Valkey
from tests.databases import databases
from tests.e2e.fleet import Fleet, fleet
from tests.house import adds_up, some_numbers
from tests.patience import until
from worker import producer, view
from worker.context import Context
from worker.settings import load

ROWS = 2000
UPLOADING = ["CreateCallList", "AppendToCallList"]
READING = ["GetCallLists", "GetCallListDetails", "GetAccountInfo"]
AMBIGUOUS = ("accept_then_hang_up", "store_late", "accept_then_500", "no_answer", "throttle", "cut_body", "not_json")
MORE = {"store_late": {"seconds": 0.5}, "throttle": {"retry_after": 0.2}}
SLOWLY = {"fault": "slow", "share": 1, "methods": UPLOADING, "seconds": 0.2}  # time to strike in the middle
# Everything is waited for as it is in earnest, only shorter: what a dead worker held is given up after three seconds.
TIMING = {"LEASE": 3, "SWEEP_INTERVAL": 0.2, "RUNG": 0.5, "SLICE": 2, "BALANCE_EVERY": 5, "PROBE_EVERY": 1}
IMPATIENT = {
    "http_deadline": 1.0,
    "read_deadline": 5.0,
    "settle": 2.0,
    "poll_fast": 0.5,
    "poll_slow": 2.0,
    "chunk_rows": 100,
}


class Ground:
    """The fleet, its provider, and an app that pushes to it."""

    def __init__(self, running: Fleet, ctx: Context, provider: httpx.Client, broker: Valkey | Rabbit) -> None:
        self.fleet = running
        self.ctx = ctx
        self.provider = provider
        self.broker = broker
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


@contextmanager
def set_up(
    folder: Path,
    server: str | None,
    *,
    account: Mapping[str, float] = IMPATIENT,
    simultaneous: int = 2000,
    timing: Mapping[str, float] = TIMING,
    speed: float = 600,
    broker: str = "valkey",
    provider: str = "sandbox",
) -> Iterator[Ground]:
    """A provider and a broker are running, and nobody works yet: `fleet.start_workers()` is left to the test.

    `account`: its settings in rollcall.toml; `simultaneous`: calls of a list at a time; `speed` in provider seconds a
    second; `broker` is valkey, redis or rabbitmq; `provider` is the module that stands in for one.
    """
    with databases(folder, server) as url, fleet(folder) as running, pytest.MonkeyPatch.context() as patch:
        told_speed = ["--speed", f"{speed:g}"] if provider == "sandbox" else []
        address, home = running.start_provider(provider, *told_speed), folder / "home"
        carries = _broker(broker, folder, running)
        told = folder / "rollcall.toml"
        told.write_text(_config(address, account, simultaneous))
        running.env = {
            "ROLLCALL_HOME": str(home),
            "ROLLCALL_CONFIG": str(told),
            "ROLLCALL_DATABASE_URL": url,
            "ROLLCALL_BROKER_URL": carries.url,
            "ROLLCALL_SANDBOX_KEY": "sandbox",
            **{f"ROLLCALL_TIMING__{name}": str(value) for name, value in timing.items()},
        }
        for name, value in running.env.items():
            patch.setenv(name, value)
        carries.start()
        with producer.connect(load()) as ctx, httpx.Client(base_url=address, timeout=60) as asked:
            yield Ground(running, ctx, asked, carries)


def _broker(named: str, folder: Path, running: Fleet) -> Valkey | Rabbit:
    if named == "rabbitmq":
        return Rabbit(folder / "rabbit", running)
    return Valkey.behind_a_port(running) if named == "redis" else Valkey.embedded(folder / "home", running)


def _config(url: str, account: Mapping[str, float], simultaneous: int) -> str:
    lines = [
        "[accounts.sandbox]",
        f'url = "{url}"',
        'account_id = "1"',
        'api_key_env = "ROLLCALL_SANDBOX_KEY"',
        f"options = {{ rule_id = 1, priority = 1, max_simultaneous = {simultaneous}, num_attempts = 1 }}",
        *(f"{name} = {value}" for name, value in account.items()),
    ]
    return "\n".join(lines) + "\n"
