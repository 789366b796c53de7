"""100,000 chunks that start within an hour, two beats, four workers, one of them killed every minute: how late?

The judge is the provider's ledger, by the real clock. `make bench` measures the first minutes of the hour, as many as
LATENESS_MINUTES says; the others wait in the tables meanwhile, as they would.
"""

import hashlib
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

from tests.chaos.ground import Ground, set_up
from tests.e2e.fleet import CELERY, QUIET, Fleet
from tests.house import some_numbers
from tests.patience import until
from worker import invariants, producer
from worker.context import Context
from worker.ingest import ingest
from worker.models import CallList, Chunk, Upload
from worker.states import ChunkState
from worker.store import chunks, lists, uploads

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
MINUTES = float(os.environ.get("LATENESS_MINUTES", "3"))
UPLOADS, STARTS, HOUR = 100, 1000, 3600
DUE = {"reference": pl.String(), "seq": pl.Int64(), "start": pl.Datetime("us", "UTC")}
SEEDING = float(os.environ.get("LATENESS_SEEDING", "240"))  # seconds that taking the files in may last
EVERY, AFTERWARDS = 10, 300  # seconds between two looks at memory; seconds in which what is late is still sent
WORKERS = [f"calls-{number}" for number in range(4)]  # the last one is not killed: its memory is looked at
TIMING = {"LEASE": 15, "ETA_HORIZON": 15}
ACCOUNT = {"settle": 12, "poll_fast": 60}


@pytest.fixture
def ground(postgres_server: str, tmp_path: Path) -> Iterator[Ground]:
    with set_up(tmp_path, postgres_server, account=ACCOUNT, simultaneous=100, timing=TIMING, speed=1) as ready:
        yield ready


def schedule(ctx: Context, folder: Path, begin: int) -> None:
    """One file is taken in, of people each of whom starts at a moment of his own, and copied for other uploads.

    The payloads of a copy are those that intake would have written for it, under its own uuids.
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
    payloads = [ctx.staging.read(one.digest) for one in every]
    with ctx.db.write() as session:
        for number in range(1, UPLOADS):
            fresh = str(ULID())
            own_upload = add(session, upload, ulid=fresh, idempotency_key=fresh)
            own_list = add(session, call_list, upload_id=own_upload, name=f"rollcall [{fresh}-1]")
            later = timedelta(seconds=number * HOUR / STARTS / UPLOADS)
            rows = []
            for one, payload in zip(every, payloads, strict=True):
                of_copy = payload.replace(ulid.encode(), fresh.encode())
                assert of_copy != payload
                places = {"upload_id": own_upload, "list_id": own_list, "digest": staged(ctx, of_copy)}
                rows.append({**one.model_dump(exclude={"id"}), **places, "not_before": one.not_before + later})
            session.connection().execute(insert(Chunk), rows)
    with ctx.db.engine.connect() as connection, connection.begin():
        connection.execute(text("ANALYZE"))  # as autovacuum does within the first minute


def staged(ctx: Context, data: bytes) -> str:
    """Put into staging without waiting for the disk; returns its digest."""
    digest = hashlib.sha256(data).hexdigest()
    (Path(ctx.settings.staging) / digest).write_bytes(data)
    return digest


def add(session: Session, row: Upload | CallList, **changes: Any) -> int:
    """A copy of a row, with changes; returns its id."""
    fresh = type(row)(**{**row.model_dump(exclude={"id"}), **changes})
    session.add(fresh)
    session.flush()
    return fresh.id


def memory(running: Fleet) -> dict[str, float]:
    """Resident megabytes by worker."""
    return {name: psutil.Process(running.members[name].pid).memory_info().rss / 1e6 for name in WORKERS}


def begin_work(running: Fleet, folder: Path) -> None:
    """Four workers and two beats; returns when all of them work."""
    for name in WORKERS:
        command = [*CELERY, "worker", "--pool", "threads", "-c", "4", "-Q", "submit,collect,sweep", "-n", f"{name}@%h"]
        running.start(name, [*command, *QUIET])
    for number in range(2):
        running.start(f"beat-{number}", [*CELERY, "beat", "-s", str(folder / f"beat-{number}.db"), "-l", "INFO"])
    for member in running.members.values():
        if member.name not in ("sandbox", "broker"):
            member.wait_until_it_works()


@pytest.mark.timeout(7200)
def test_how_late_a_start_is(ground: Ground, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ctx, members = ground.ctx, ground.fleet.members
    begin = int(time.time() + SEEDING)
    schedule(ctx, tmp_path, begin)
    assert time.time() < begin - 30, "taking the files in lasted too long; raise SEEDING"
    began = time.perf_counter()
    assert invariants.look(ctx) == []
    looked = time.perf_counter() - began
    begin_work(ground.fleet, tmp_path)
    end, kills = begin + MINUTES * 60, 0
    held: list[dict[str, float]] = []
    while (now := time.time()) < end:
        if now > begin + 60 * (kills + 1):
            victim = members[WORKERS[kills % (len(WORKERS) - 1)]]
            victim.kill()
            victim.start()
            kills += 1
        if now > begin + EVERY * len(held):
            held.append(memory(ground.fleet))
        time.sleep(0.1)
    late = lateness(ctx, ground.provider, end)
    unsent = int(np.isinf(late).sum())
    until(lambda: bool(np.isfinite(lateness(ctx, ground.provider, end)).all()), AFTERWARDS, "all have been sent")
    late, ledger = lateness(ctx, ground.provider, end), ground.provider.get("/ledger").json()
    stays = [sample[WORKERS[-1]] for sample in held]
    first, last = np.median(stays[len(stays) // 6 : len(stays) // 3 + 1]), np.median(stays[-len(stays) // 6 :])
    with capsys.disabled():
        p50, p90, p99 = np.quantile(late, [0.5, 0.9, 0.99], method="higher")
        print(f"\n{late.size} starts in {MINUTES:g} min of {UPLOADS * STARTS}, {kills} workers killed:")
        print(f"  earliest {late.min():.3f} s, latest {late.max():.1f} s")
        print(f"  p50 {p50:.3f} s, p90 {p90:.3f} s, p99 {p99:.3f} s")
        print(f"  within a second {np.mean(late < 1):.2%}; under way at the end {unsent}, lost 0")
        print(f"  the ledger: {ledger['contacts']} contacts, called twice {ledger['called_twice']}")
        print(
            f"  memory of the worker that stayed: {stays[0]:.0f} MB at first, {first:.0f} MB warm, {last:.0f} MB last"
        )
        print(f"  at most, of any: {max(max(sample.values()) for sample in held):.0f} MB")
        print(f"  all invariants looked at in {looked * 1000:.0f} ms; at the end broken: {invariants.look(ctx)}")
    assert late.min() >= 0
    assert ledger["called_twice"] == 0
    assert last < 1.3 * first


def lateness(ctx: Context, provider: httpx.Client, end: float) -> Floats:
    """Seconds from each start before `end` to the moment the provider accepted it, by its ledger; inf: it did not."""
    query = "SELECT l.reference, c.seq, c.not_before FROM chunk c JOIN call_list l ON l.id = c.list_id"
    with ctx.db.engine.connect() as connection:
        due = pl.DataFrame(connection.execute(text(query)).all(), schema=DUE, orient="row")
    sheet = pl.read_csv(provider.get("/ledger/contacts").content, infer_schema_length=0)
    row = sheet["uuid"].str.split(":").list.get(1).cast(pl.Int64)
    seen = pl.DataFrame({"reference": sheet["list_reference"], "seq": row, "at": sheet["accepted_at_real"].cast(float)})
    due = due.with_columns(pl.col("start").dt.epoch("us") / 1e6).filter(pl.col("start") < end)
    both = due.join(seen, on=["reference", "seq"], how="left")
    return both.select((pl.col("at") - pl.col("start")).fill_null(np.inf)).to_series().to_numpy()
