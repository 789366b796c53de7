"""The load run itself, with few people and a small crew: that it still runs, counts right, and draws."""

from pathlib import Path

import psutil

from tests.load.crew import Crew
from tests.load.plots import draw
from tests.load.report import lines, peaks, used
from tests.load.run import load

ROWS = 1000
PNG = b"\x89PNG\r\n\x1a\n"


def test_a_small_load_is_carried_through_and_drawn(postgres_server: str, tmp_path: Path) -> None:
    done = load(tmp_path, postgres_server, Crew(1, 1, 1), ROWS, 1)
    assert [one.rows for one in done.uploads] == [ROWS, ROWS]
    assert [one.fresh for one in done.uploads] == [True, False]
    for one in done.uploads:
        assert 0.9 * ROWS < one.accepted <= ROWS
        assert one.given < one.read < one.sent < one.taken < done.called < done.ended
    last = done.watch.samples[-1]
    assert last.contacts == sum(one.accepted for one in done.uploads)
    assert last.chunks == {"finished": len(done.uploads)}
    everybody = {"sandbox", "broker", "intake-1", "submit-1", "collect-1", "beat", "PostgreSQL"}
    assert set(used(done)) == set(peaks(done)) == everybody
    assert all(0 < size < psutil.virtual_memory().total for size in peaks(done).values())
    report = "\n".join(lines(done))
    assert "upload 1 alone, a fresh intake worker" in report
    assert "PostgreSQL took" in report
    for path in draw(done, tmp_path):
        assert path.read_bytes().startswith(PNG)
