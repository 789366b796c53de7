"""`make demo`: it accounts for every row, and leaves nothing running."""

import csv
import signal
import subprocess
from pathlib import Path

from tests.e2e.machine import ROLLCALL, ROOT, all_ready, environment, left_behind
from tests.patience import until

ROWS = 7596  # of the sample


def test_the_demo_accounts_for_every_row(tmp_path: Path) -> None:
    command = [*ROLLCALL, "demo"]
    ran = subprocess.run(command, env=environment(tmp_path), cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert f"The rows add up: {ROWS:,} = " in ran.stdout
    assert " adds up" in ran.stdout
    assert ", 0 called twice." in ran.stdout
    assert "not_a_number" in ran.stdout
    assert "answered" in ran.stdout
    assert "Flower shows the tasks meanwhile: http://127.0.0.1:" in ran.stderr
    outcomes, rejects = (rows(tmp_path / "demo" / f"{name}.csv") for name in ("outcomes", "rejects"))
    assert len(outcomes) + len(rejects) == ROWS
    assert {row["row"] for row in outcomes}.isdisjoint({row["row"] for row in rejects})
    assert left_behind(tmp_path / "demo") == []


def test_a_demo_that_is_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    process = subprocess.Popen(
        [*ROLLCALL, "demo"], env=environment(tmp_path), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until(lambda: all_ready(home), 90)
    again = subprocess.run([*ROLLCALL, "demo"], env=environment(tmp_path), cwd=ROOT, capture_output=True, text=True)
    assert (again.returncode, again.stderr.split(": ")[1]) == (2, "already_running")
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 130
    assert left_behind(home) == []


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))
