"""A day of one worker process, ten minutes of it in a second of ours: does its memory stay as it is?"""

import os
import statistics
import time
from pathlib import Path

import psutil
import pytest

from tests.chaos.ground import ROWS, set_up

HOURS = int(os.environ.get("DAY_HOURS", "24"))
HOUR = 6.0  # seconds of ours
WARM = 4  # hours until everything has been loaded


@pytest.mark.timeout(1200)
def test_a_day_of_one_worker(postgres_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with set_up(tmp_path, postgres_server, speed=3600 / HOUR) as ground:
        ground.fleet.start_workers()
        worker = psutil.Process(ground.fleet.members["calls"].pid)
        begin, held, given = time.monotonic(), [], []
        for hour in range(HOURS):
            given.append(ground.upload())
            time.sleep(max(0.0, begin + (hour + 1) * HOUR - time.monotonic()))
            held.append(worker.memory_info().rss / 1e6)
        for ulid in given:
            ground.ends_well(ulid)
        held.append(worker.memory_info().rss / 1e6)
    early, late = statistics.median(held[WARM : 2 * WARM]), statistics.median(held[-WARM:])
    with capsys.disabled():
        print(f"\na day, {len(given)} uploads of {ROWS} contacts, sent and called:")
        print(f"  {held[0]:.0f} MB at first, {early:.0f} MB warm, {late:.0f} MB at the end, {max(held):.0f} MB at most")
    assert late < 1.15 * early
