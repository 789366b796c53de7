"""100,000 chunks that start within an hour, two beats, four workers of which one is killed every minute: how late?

The judge is the provider's ledger, by the real clock. `make bench` measures the first minutes of the hour, as many as
LATENESS_MINUTES says; the others wait in the tables meanwhile, as they would.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import psutil
import pytest

from tests.chaos.test_fleet_faults import start_broker
from tests.e2e.fleet import CELERY, QUIET, Fleet, fleet
from tests.house import databases, some_numbers
from worker import invariants, producer
from worker.broker_socket import prepare
from worker.context import Context
from worker.ingest import ingest
from worker.intake.scan import Ints
from worker.settings import load

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
MINUTES = float(os.environ.get("LATENESS_MINUTES", "3"))
UPLOADS, STARTS, HOUR = 100, 1000, 3600
SEEDING = 420  # seconds that taking the files in may last
WORKERS = [f"calls-{number}" for number in range(4)]
CONFIG = """
[accounts.sandbox]
url = "{url}"
account_id = "1"
api_key_env = "ROLLCALL_SANDBOX_KEY"
options = {{ rule_id = 1, priority = 1, max_simultaneous = 100, num_attempts = 1 }}
settle = 12
poll_fast = 60
"""


@pytest.fixture
def ground(postgres_server: str, tmp_path: Path) -> Iterator[tuple[Fleet, Context, str]]:
    with databases(tmp_path, postgres_server) as url, fleet(tmp_path) as running, pytest.MonkeyPatch.context() as patch:
        sandbox = running.start_sandbox("--speed", "1")
        config = tmp_path / "rollcall.toml"
        config.write_text(CONFIG.format(url=sandbox))
        running.env = {
            "ROLLCALL_HOME": str(tmp_path / "home"),
            "ROLLCALL_CONFIG": str(config),
            "ROLLCALL_DATABASE_URL": url,
            "ROLLCALL_BROKER_URL": prepare(tmp_path / "home"),
        }
        for name, value in running.env.items():
            patch.setenv(name, value)
        start_broker(running)
        with producer.connect(load()) as ctx:
            yield running, ctx, sandbox


def schedule(ctx: Context, folder: Path, begin: int) -> None:
    """Files of people each of whom starts at a moment of his own, spread evenly over the hour."""
    people = some_numbers(UPLOADS * STARTS)
    for upload in range(UPLOADS):
        own = begin + starts(np.array(upload), np.arange(STARTS))
        mine = people[upload * STARTS : (upload + 1) * STARTS]
        file = folder / f"{upload}.csv"
        pl.DataFrame({"phone": mine, "__start_at": own}).write_csv(file)
        ingest(ctx, producer.enqueue({"source": str(file), "account": "sandbox"}, context=ctx).id)


def memory(running: Fleet) -> dict[str, float]:
    """Resident megabytes by worker."""
    return {name: psutil.Process(running.members[name].pid).memory_info().rss / 1e6 for name in WORKERS}


def begin_work(running: Fleet, name: str) -> None:
    command = [*CELERY, "worker", "--pool", "threads", "-c", "8", "-Q", "submit,collect,sweep", "-n", f"{name}@%h"]
    running.start(name, [*command, *QUIET])


@pytest.mark.timeout(7200)
def test_how_late_a_start_is(
    ground: tuple[Fleet, Context, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running, ctx, sandbox = ground
    begin = int(time.time()) + SEEDING
    schedule(ctx, tmp_path, begin)
    assert time.time() < begin - 30, "taking the files in lasted too long; raise SEEDING"
    began = time.perf_counter()
    assert invariants.look(ctx) == []
    looked = time.perf_counter() - began
    for name in WORKERS:
        begin_work(running, name)
    for number in range(2):
        running.start(f"beat-{number}", [*CELERY, "beat", "-s", str(tmp_path / f"beat-{number}.db"), "-l", "INFO"])
    for member in running.members.values():
        if member.name not in ("sandbox", "broker"):
            member.wait_until_it_works()
    while time.time() < begin + 5:
        time.sleep(0.1)
    first, minute = memory(running), 1
    killed: set[str] = set()
    while (now := time.time()) < begin + MINUTES * 60:
        if now > begin + 60 * minute:
            victim = WORKERS[minute % len(WORKERS)]
            running.members[victim].kill()
            running.members[victim].start()
            killed.add(victim)
            minute += 1
        time.sleep(0.1)
    end, last = time.time(), memory(running)
    time.sleep(5)
    late = lateness(sandbox, begin, end - 5)
    growth = max([last[name] / first[name] for name in WORKERS if name not in killed], default=1.0)
    with capsys.disabled():
        p50, p99 = np.quantile(late, [0.5, 0.99])
        print(f"\n{len(late)} starts in {MINUTES:g} min of {UPLOADS * STARTS}, {minute - 1} workers killed:")
        print(f"  earliest {late.min():.3f} s, p50 {p50:.3f} s, p99 {p99:.3f} s, latest {late.max():.1f} s")
        print(f"  within a second {np.mean(late < 1):.2%}; not sent yet {np.sum(np.isinf(late))}")
        print(f"  worker memory {max(first.values()):.0f} MB, at the end {growth:.2f} times as much")
        print(f"  all invariants looked at in {looked * 1000:.0f} ms")
    assert late.min() >= 0
    assert httpx.get(f"{sandbox}/ledger", timeout=60).json()["called_twice"] == 0
    assert growth < 1.3


def lateness(sandbox: str, begin: int, end: float) -> Floats:
    """Seconds from each start before `end` to the moment the provider accepted it, by its ledger; inf: it did not."""
    sheet = pl.read_csv(httpx.get(f"{sandbox}/ledger/contacts", timeout=60).content, schema_overrides={"uuid": pl.Utf8})
    parts = sheet["uuid"].str.split(":")
    uploads = parts.list.get(0)
    order = {token: number for number, token in enumerate(sorted(uploads.unique().to_list()))}
    number = uploads.replace_strict(order, return_dtype=pl.Int64).to_numpy()
    started = begin + starts(number, parts.list.get(1).cast(pl.Int64).to_numpy() - 1)
    late = sheet["accepted_at_real"].cast(pl.Float64).to_numpy() - started
    every = np.array([starts(np.array(upload), np.arange(STARTS)) for upload in range(UPLOADS)]) + begin
    return np.concatenate([late[started < end], np.full(int(np.sum(every < end) - np.sum(started < end)), np.inf)])


def starts(upload: Ints, row: Ints) -> Ints:
    """Seconds after the hour's beginning: rows of an upload 3.6 s apart, and those of two uploads at other moments."""
    return row * HOUR // STARTS + upload * HOUR // (UPLOADS * STARTS)
