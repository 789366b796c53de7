"""A provider that takes 300 ms for each request: how many requests are under way at a time, and what more workers add.

The judge is the provider, which notes when each request came: it was under way for 300 ms at least.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from tests.chaos.ground import UPLOADING, Ground, set_up
from tests.e2e.fleet import CELERY, QUIET
from tests.house import some_numbers
from worker import producer
from worker.ingest import ingest

LATENCY = 0.3  # seconds
PATIENCE = 300
CHUNK_ROWS = 10
WARM = 2.0  # seconds at either end that are not looked at: the first bells, and lists that are done
# One line of 1,000 contacts is called for hours: no list comes to its end meanwhile.
ACCOUNT = {"chunk_rows": 10, "requests_per_second": 10_000}


@contextmanager
def submitting(folder: Path, server: str, *, workers: int, threads: int, uploads: int, chunks: int) -> Iterator[Ground]:
    """So many uploads are taken in, and submit workers of so many threads each begin to send them."""
    with set_up(folder, server, account=ACCOUNT, simultaneous=1, timing={}, speed=1) as ground:
        for number in range(uploads):
            file = folder / f"people-{number}.csv"
            numbers = some_numbers(chunks * CHUNK_ROWS, first=number * chunks * CHUNK_ROWS)
            pl.DataFrame({"phone": numbers}).write_csv(file)
            ingest(ground.ctx, producer.enqueue({"source": str(file), "account": "sandbox"}, context=ground.ctx).id)
        ground.faults({"fault": "slow", "share": 1, "methods": UPLOADING, "seconds": LATENCY})
        running = []
        for number in range(workers):
            command = [*CELERY, "worker", "--pool", "threads", "-c", str(threads), "-Q", "submit,sweep"]
            running.append(ground.fleet.start(f"submit-{number}", [*command, "-n", f"submit-{number}@%h", *QUIET]))
        for member in running:
            member.wait_until_it_works()
        schedule = folder / "beat-schedule"
        ground.fleet.start("beat", [*CELERY, "beat", "-s", str(schedule), "-l", "INFO"])
        yield ground


def sent(ground: Ground, requests: int) -> list[float]:
    """When each request that carried contacts came, by the provider's clock, once so many have come."""

    def times() -> list[float]:
        arrivals = ground.provider.get("/ledger/requests").json()
        return [one["at"] for one in arrivals if one["method"] in UPLOADING]

    give_up = time.monotonic() + PATIENCE
    while len(times()) < requests:
        assert time.monotonic() < give_up, f"not all of {requests} chunks were sent in {PATIENCE} s"
        time.sleep(1)  # whoever asks more often is work for the provider
    assert ground.provider.get("/ledger").json()["called_twice"] == 0
    return times()


def in_flight(times: list[float]) -> float:
    """Requests that are under way at a time, on average, while every list has something to send."""
    first, last = min(times) + WARM, max(times) - WARM
    return sum(first <= at < last for at in times) * LATENCY / (last - first)


@pytest.mark.timeout(600)
def test_requests_under_way(postgres_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lists, chunks = 8, 40  # of a list one chunk is under way at a time, so eight are allowed
    with submitting(tmp_path, postgres_server, workers=1, threads=16, uploads=lists, chunks=chunks) as ground:
        under_way = in_flight(sent(ground, lists * chunks))
    with capsys.disabled():
        print(f"\n{lists} lists, a worker of 16 threads, {LATENCY:g} s a request:")
        print(f"  {under_way:.2f} of {lists} requests under way, {under_way / lists:.0%} (aim 90 %)")
    assert 0.5 < under_way / lists <= 1


@pytest.mark.timeout(900)
def test_four_workers_beside_one(postgres_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uploads, chunks, rates = 16, 30, {}
    threads = 5  # one of them sweeps, of one worker
    for workers in (1, 4):
        folder = tmp_path / str(workers)
        folder.mkdir()
        with submitting(
            folder, postgres_server, workers=workers, threads=threads, uploads=uploads, chunks=chunks
        ) as ground:
            rates[workers] = in_flight(sent(ground, uploads * chunks)) / LATENCY
    with capsys.disabled():
        print(f"\n{uploads} uploads, {threads} threads a worker, {LATENCY:g} s a request:")
        told = ", ".join(f"{rate:.1f} requests a second by {workers}" for workers, rate in rates.items())
        print(f"  {told}: {rates[4] / rates[1]:.2f} × (aim 3.6 ×)")
    assert rates[4] / rates[1] > 2
