"""100,000 chunks that start within an hour, two beats, four workers of which one is killed every minute: how late?

The judge is the provider's ledger, by the real clock. `make bench` measures the first minutes of the hour, as many as
LATENESS_MINUTES says; the others wait in the tables meanwhile, as they would.
"""

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import psutil
import pytest
from sqlalchemy import insert, text
from sqlmodel import Session
from ulid import ULID

from tests.chaos.test_fleet_faults import start_broker
from tests.e2e.fleet import CELERY, QUIET, Fleet, fleet
from tests.house import databases, some_numbers
from worker import invariants, producer
from worker.broker_socket import prepare
from worker.context import Context
from worker.ingest import ingest
from worker.models import CallList, Chunk, Upload
from worker.settings import load
from worker.states import ChunkState
from worker.store import chunks, lists, uploads

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
MINUTES = float(os.environ.get("LATENESS_MINUTES", "3"))
UPLOADS, STARTS, HOUR = 100, 1000, 3600
SEEDING = 240  # seconds that taking the files in may last
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
    """One file is taken in, of people each of whom starts at a moment of his own, and its rows are copied for others.

    The copies share its staged payloads: no number stands twice in an upload, which is what the ledger counts by.
    """
    file = folder / "people.csv"
    own = begin + np.arange(STARTS) * HOUR // STARTS
    pl.DataFrame({"phone": some_numbers(STARTS), "__start_at": own}).write_csv(file)
    ulid = producer.enqueue({"source": str(file), "account": "sandbox"}, context=ctx).id
    ingest(ctx, ulid)
    with ctx.db.read() as session:
        upload = uploads.by_ulid(session, ulid)
        assert upload is not None
        call_list, every = lists.of_upload(session, upload.id)[0], chunks.of_upload(session, upload.id, *ChunkState)
    with ctx.db.write() as session:
        for number in range(1, UPLOADS):
            fresh = str(ULID())
            own_upload = add(session, upload, ulid=fresh, idempotency_key=fresh)
            own_list = add(session, call_list, upload_id=own_upload, name=f"rollcall [{fresh}-1]")
            later = timedelta(seconds=number * HOUR / STARTS / UPLOADS)
            places = {"upload_id": own_upload, "list_id": own_list}
            rows = [{**one.model_dump(exclude={"id"}), **places, "not_before": one.not_before + later} for one in every]
            session.connection().execute(insert(Chunk), rows)


def add(session: Session, row: Upload | CallList, **changes: Any) -> int:
    """A copy of a row, with changes; returns its id."""
    fresh = type(row)(**{**row.model_dump(exclude={"id"}), **changes})
    session.add(fresh)
    session.flush()
    return fresh.id


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
    late = lateness(ctx, sandbox, end - 5)
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


def lateness(ctx: Context, sandbox: str, end: float) -> Floats:
    """Seconds from each start before `end` to the moment the provider accepted it, by its ledger; inf: it did not."""
    query = "SELECT l.reference, c.seq, c.not_before FROM chunk c JOIN call_list l ON l.id = c.list_id"
    with ctx.db.engine.connect() as connection:
        due = pl.DataFrame(connection.execute(text(query)).all(), schema=["reference", "seq", "start"], orient="row")
    sheet = pl.read_csv(httpx.get(f"{sandbox}/ledger/contacts", timeout=60).content, infer_schema_length=0)
    row = sheet["uuid"].str.split(":").list.get(1).cast(pl.Int64)
    seen = pl.DataFrame({"reference": sheet["list_reference"], "seq": row, "at": sheet["accepted_at_real"].cast(float)})
    due = due.with_columns(pl.col("start").dt.epoch("us") / 1e6).filter(pl.col("start") < end)
    both = due.join(seen, on=["reference", "seq"], how="left")
    return both.select((pl.col("at") - pl.col("start")).fill_null(np.inf)).to_series().to_numpy()
