"""Rollcall in one process: the flows as they are, a recorded ring instead of a broker, a clock turned by hand."""

import heapq
import itertools
import socket
import threading
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Dialect, text

from sandbox.server import running
from schedules.sweep import sweep
from worker import (
    accounts,
    collect,
    heard,
    ingest,
    producer,
    reconcile,
    steer,
    submit,
    suppress,
    verify,
    view,
    withdraw,
)
from worker.context import Context
from worker.db import Database
from worker.rates import ProcessRates
from worker.settings import AccountSettings, Settings, Timing, sandbox_account
from worker.states import UPLOAD_ENDED
from worker.web.server import server_for

SAMPLES = Path(__file__).parents[1] / "samples"
START = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
A_MOMENT = 0.01  # seconds of real time, so that another thread may go on
PATIENT, HURRIED = 10.0, 1.0  # seconds of real time for a request: plenty on a busy machine, and few where none answers

FLOWS: dict[str, Callable[[Context, Any], None]] = {
    "ingest": ingest.ingest,
    "submit": submit.run_list,
    "reconcile": reconcile.reconcile,
    "collect": collect.collect,
    "steer": steer.steer,
    "verify": verify.verify,
    "probe": accounts.probe,
    "apply": heard.apply,
    "suppress": suppress.compare,
    "withdraw": withdraw.withdraw,
}


class TurnedRates(ProcessRates):
    """By the clock that is turned: nobody waits, a turn is there or it is not."""

    def wait(self, account: str, per_second: float | None, _deadline: float, _stopping: threading.Event) -> bool:
        return self.take(account, None) == 0


class Impatient(threading.Event):
    """Never told to stop, and never waited for: a retry that waits in real time would see the same turned clock."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(None if timeout is None else min(timeout, A_MOMENT))


@contextmanager
def door(house: "House", line: socket.socket) -> Iterator[None]:
    """`rollcall web` on a socket that listens. Its clock is the real one, which callbacks carry; the sweep rings."""
    outside = Context(house.ctx.settings, lambda *bell: None)
    compiled_before(outside.db)
    server = server_for(outside)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [line]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        outside.close()


_compiled: dict[str, tuple[Dialect, dict[Any, Any]]] = {}


def compiled_before(database: Database) -> None:
    """Use what was compiled for the databases of the tests before: each engine would compile every statement anew."""
    engine = database.engine
    if engine.name not in _compiled:
        with engine.connect():  # the first connection tells the dialect what the server can do
            _compiled[engine.name] = (engine.dialect, {})
    engine.dialect, statements = _compiled[engine.name]
    engine.update_execution_options(compiled_cache=statements)


_ending: list[threading.Thread] = []


@dataclass
class Provider:
    """The sandbox, seen from outside."""

    url: str
    client: httpx.Client

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["Provider"]:
        """It ends by itself beside what comes next: a server takes a sixth of a second to end in order."""
        server = running(speed=0)
        url = server.__enter__()
        try:
            with httpx.Client(base_url=url, timeout=60, verify=False) as client:
                yield cls(url, client)
        finally:
            while _ending:
                before = _ending.pop()
                before.join(10)
                assert not before.is_alive(), "a sandbox does not end"
            _ending.append(threading.Thread(target=server.__exit__, args=(None, None, None), name="ending"))
            _ending[0].start()

    def put(self, path: str, body: Any) -> Any:
        response = self.client.put(path, json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def faults(self, *faults: dict[str, Any], seed: int = 1) -> None:
        self.put(f"/faults?seed={seed}", list(faults))

    @property
    def ledger(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get("/ledger").json()
        return found

    @property
    def contacts(self) -> list[dict[str, str]]:
        return self._sheet("/ledger/contacts")

    @property
    def calls(self) -> dict[str, int]:
        """By uuid, how many calls were begun, where the provider counts them."""
        return {one["uuid"]: int(one["calls"]) for one in self._sheet("/ledger/calls")}

    def _sheet(self, path: str) -> list[dict[str, str]]:
        lines = self.client.get(path).text.splitlines()
        names = lines[0].split(",")
        return [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]


@dataclass
class House:
    ctx: Context
    provider: Provider
    folder: Path
    now: datetime = START
    bells: list[tuple[datetime, int, str, Any]] = field(default_factory=list)
    order: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    @contextmanager
    def at(
        cls, folder: Path, database_url: str, provider: Provider, public_url: str | None = None, **timing: float
    ) -> Iterator["House"]:
        account = sandbox_account(provider.url).model_copy(update={"http_deadline": PATIENT, "chunk_rows": 100})
        settings = Settings(
            home=folder / "home",
            database_url=database_url,
            public_url=public_url,
            accounts={"sandbox": account, **sample_accounts(provider.url)},
            timing=Timing(**timing),
        )
        house: House
        ctx = Context(settings, lambda *bell: house.ring(*bell), clock=lambda: house.now)
        ctx.rates = TurnedRates(lambda: house.now.timestamp())
        ctx.stopping = Impatient()
        house = cls(ctx, provider, folder)
        try:
            yield house
        finally:
            ctx.close()

    @property
    def account(self) -> AccountSettings:
        return self.ctx.settings.accounts["sandbox"]

    def hurry(self) -> None:
        """Give requests little time, for a provider that is about to leave one unanswered."""
        for account in self.ctx.settings.accounts.values():
            account.http_deadline = account.read_deadline = HURRIED

    def ring(self, bell: str, key: str | int, delay: float = 0) -> None:
        heapq.heappush(self.bells, (self.now + timedelta(seconds=delay), next(self.order), bell, key))

    def lose_bells(self) -> None:
        """What FLUSHALL does to a broker."""
        self.bells.clear()

    def file(self, numbers: Iterable[str], name: str = "people.csv") -> Path:
        path = self.folder / name
        path.write_text("name,phone\n" + "".join(f"Person {i},{n}\n" for i, n in enumerate(numbers, 1)))
        return path

    def upload(self, numbers: Iterable[str] | int = 250, **job: Any) -> str:
        """Enqueue a file with these numbers (or so many different ones) and return the upload's id."""
        if isinstance(numbers, int):
            numbers = some_numbers(numbers)
        source = str(job.pop("source", None) or self.file(numbers))
        job = {"source": source, "account": "sandbox", **job}
        return producer.enqueue(job, context=self.ctx).id

    def work(self) -> int:
        """Sweep, and answer every bell that is due, until it is quiet; returns how many bells were answered."""
        answered = 0
        sweep(self.ctx)
        while self.bells and self.bells[0][0] <= self.now:
            _, _, bell, key = heapq.heappop(self.bells)
            FLOWS[bell](self.ctx, key)
            answered += 1
        return answered

    def turn(self, seconds: float) -> None:
        """Turn our clock and the provider's."""
        self.now += timedelta(seconds=seconds)
        self.provider.put("/clock", {"advance": seconds})

    def run(self, ulid: str, *, until: Callable[[dict[str, Any]], bool], step: float = 1, limit: float = 600) -> Any:
        """Work and turn the clock until the status is as wished; fails after `limit` turned seconds."""
        self._work_until(lambda: until(self.status(ulid)), ulid, step, limit)
        return self.status(ulid)

    def finish(self, ulid: str, step: float = 20, limit: float = 600) -> Any:
        """Work and turn the clock until it has finished, failed or been cancelled; returns the status."""
        self._work_until(lambda: self._state(ulid) in UPLOAD_ENDED, ulid, step, limit)
        return self.status(ulid)

    def _work_until(self, done: Callable[[], bool], ulid: str, step: float, limit: float) -> None:
        end = self.now + timedelta(seconds=limit)
        while not done():
            assert self.now < end, f"still {self.status(ulid)}"
            self.work()
            self.turn(step)

    def _state(self, ulid: str) -> str:
        return str(self.sql("SELECT state FROM upload WHERE ulid = :ulid", ulid=ulid)[0][0])

    def status(self, ulid: str) -> dict[str, Any]:
        with self.ctx.db.read() as session:
            return view.status(session, view.find(session, ulid))

    def sql(self, statement: str, **values: Any) -> list[Any]:
        with self.ctx.db.engine.connect() as connection:
            return list(connection.execute(text(statement), values))


def sample_accounts(url: str) -> dict[str, AccountSettings]:
    """The accounts of the sample configuration, one at each provider, at this sandbox."""
    told = tomllib.loads((SAMPLES / "providers.toml").read_text())["accounts"]
    made = {}
    for name, one in told.items():
        files = {key: SAMPLES / one[key] for key in ("api_key_file", "callback_secret_file") if key in one}
        here = {"url": url, "http_deadline": PATIENT, "chunk_rows": 100, "requests_per_second": 1000}
        made[name] = AccountSettings(**{**one, **files, **here})
    return made


def some_numbers(count: int, first: int = 0) -> list[str]:
    """Different valid numbers of the United States."""
    return [f"+1202{2000000 + first + i}" for i in range(count)]


def adds_up(status: dict[str, Any]) -> bool:
    rows = dict(status["rows"])
    return bool(rows.pop("total") == sum(rows.values()))
