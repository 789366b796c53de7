"""What starts often, or only waits, imports no more than it uses: a process pays for every import when it starts."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.machine import environment
from tests.house import House

SLOW = {"polars", "pyarrow", "alembic", "celery", "httpx", "phonenumbers"}


def imported(code: str, home: Path, **env: str) -> set[str]:
    """The modules that a new process has imported when it has run `code`."""
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    ran = subprocess.run(command, env=environment(home, **env), capture_output=True, text=True, check=True)
    return set(ran.stdout.splitlines()[-1].split())


def test_beat_and_flower_need_no_database(home: Path) -> None:
    found = imported("import worker.app", home)
    assert "celery" in found
    assert not found & {"sqlalchemy", *SLOW - {"celery"}}


def test_what_every_process_needs_reads_no_files(home: Path) -> None:
    found = imported("import worker.context", home)
    assert {one for one in found if one.startswith("worker.intake.")} == {
        "worker.intake.objects",
        "worker.intake.stage",
    }


@pytest.mark.parametrize("words", [("status", "{ulid}"), ("list",)], ids=lambda words: words[0])
def test_a_look_needs_no_more_than_the_database(small_house: House, words: tuple[str, ...]) -> None:
    ulid = small_house.upload(3)
    words = tuple(word.format(ulid=ulid) for word in words)
    code = f"from worker.cli.door import run\nassert run({list(words)!r}) == 0"
    found = imported(code, small_house.folder / "home", ROLLCALL_DATABASE_URL=small_house.ctx.settings.database)
    assert "sqlalchemy" in found
    assert found & SLOW == set()
