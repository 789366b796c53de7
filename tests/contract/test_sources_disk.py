"""Files of this machine: what is refused at once, and a file that somebody is still writing."""

import os
from pathlib import Path

import pytest

from tests.house import House
from tests.unit.packing import PACKINGS
from tests.unit.test_intake_workbook import workbook
from worker import sources
from worker.errors import InputError
from worker.job import Job
from worker.sources import disk

LIST = b"phone,name\n+12022000001,Ada\n+12022000002,Bob\n"


def stage(house: House, path: Path) -> str:
    return sources.stage(house.ctx, Job(source=str(path), account="sandbox"), trusted=True)


def refusal(house: House, path: Path) -> str:
    with pytest.raises(InputError) as caught:
        stage(house, path)
    return caught.value.code


def test_a_file_that_is_being_written_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(LIST * 100_000)
    parts = disk.read(path, 1 << 30)
    next(parts)
    with path.open("ab") as file:
        file.write(LIST)
    with pytest.raises(InputError) as caught:
        list(parts)
    assert caught.value.code == "source_changed"


def test_what_is_no_file_is_refused_and_never_waited_for(small_house: House, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), Path("/dev/null")):
        assert refusal(small_house, path) == "no_file"
    (tmp_path / "empty.csv").touch()
    assert refusal(small_house, tmp_path / "empty.csv") == "empty_file"


def test_the_limit_holds_for_the_file_and_for_what_is_in_it(small_house: House, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    small_house.ctx.settings.source_limit = 100
    for data in (LIST * 10, PACKINGS["gz"](LIST * 10), PACKINGS["zip"](LIST * 10)):
        path.write_bytes(data)
        assert refusal(small_house, path) == "source_too_large"


@pytest.mark.parametrize("kind", ["csv", "gz", "zst", "zip", "xlsx"])
def test_every_kind_of_file_reaches_the_provider(small_house: House, tmp_path: Path, kind: str) -> None:
    rows = [["phone", "name"], *([f"+1202200000{n}", "Ada"] for n in range(4)), ["none", "Cid"]]
    text = "".join(",".join(row) + "\n" for row in rows).encode()
    path = tmp_path / "people.bin"
    path.write_bytes(workbook(*rows) if kind == "xlsx" else PACKINGS[kind](text) if kind in PACKINGS else text)
    ulid = small_house.upload(source=path, phone_column="phone")
    counts = small_house.finish(ulid)["rows"]
    assert (counts["total"], counts["accepted"], counts["rejected"]) == (5, 4, 1)
