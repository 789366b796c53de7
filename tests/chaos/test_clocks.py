"""A worker whose own clock is wrong: in a fleet the database's clock decides who may be called."""

import time
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest

from schedules.sweep import sweep
from tests.databases import databases
from tests.house import FLOWS, House, Provider, some_numbers
from worker import producer
from worker.context import Context


def turned_by(patch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Whoever asks this machine for the time is told another one."""
    right = time.time

    class Turned(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(right() + by.total_seconds(), tz)

    patch.setattr("worker.db.datetime", Turned)
    patch.setattr(time, "time", lambda: right() + by.total_seconds())


@pytest.mark.parametrize("minutes", [5, -5], ids=["ahead", "behind"])
def test_a_wrong_clock_sends_nobody_early_and_keeps_nobody_waiting(
    minutes: int, postgres_server: str, tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[tuple[str, str | int, float]] = []
    now = datetime.now(UTC)
    with databases(tmp_path, postgres_server) as url, House.at(tmp_path, url, provider) as house:
        ctx = Context(house.ctx.settings, lambda bell, key, delay=0: rung.append((bell, key, delay)))
        turned_by(monkeypatch, timedelta(minutes=minutes))
        with ctx:
            ulids = []
            for which, starts in enumerate((now - timedelta(seconds=30), now + timedelta(seconds=90))):
                source = house.file(some_numbers(20, first=100 * which), f"{which}.csv")
                job = {"source": str(source), "account": "sandbox", "starts_at": starts.isoformat()}
                ulids.append(producer.enqueue(job, context=ctx).id)
                FLOWS["ingest"](ctx, ulids[-1])
            sweep(ctx)
            for list_id in (1, 2):
                FLOWS["submit"](ctx, list_id)
    assert {line["uuid"].partition(":")[0] for line in provider.contacts} == {ulids[0]}
    delays = {key: delay for bell, key, delay in rung if bell == "submit" and delay}
    assert delays == {2: pytest.approx(46, abs=45)}
