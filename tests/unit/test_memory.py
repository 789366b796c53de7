"""Room for intakes: how much a file may need, and who is let in beside whom."""

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import xlsxwriter

from tests.unit.intake_case import order, phone
from worker.errors import InputError, Unavailable
from worker.intake.need import PER_LISTED, PER_NUMBER, PROCESS, memory_needed
from worker.memory import room

HOLDER = """
import sys, pathlib
from worker.memory import room
with room(pathlib.Path(sys.argv[1]), int(sys.argv[2]), 1000):
    print("in", flush=True)
    sys.stdin.read()
"""


def need(data: bytes, listed: int = 0) -> int:
    """Bytes for the file alone."""
    return memory_needed(io.BytesIO(data), order(), listed) - PROCESS - 4 * order().max_bytes


def people(count: int, header: str = "name,phone") -> bytes:
    return "\n".join([header, *(f"Ada,{phone(i)}" for i in range(count))]).encode()


def test_who_comes_is_let_in_while_there_is_room(tmp_path: Path) -> None:
    with room(tmp_path, 400, 1000), room(tmp_path, 600, 1000):
        with pytest.raises(Unavailable, match="intake_memory") as refused, room(tmp_path, 1, 1000):
            pass
        assert refused.value.code == "waits_for_memory"
    with room(tmp_path, 1000, 1000):
        pass
    assert len(list(tmp_path.glob("place-*"))) == 2, "places are used again"


def test_one_alone_is_let_in_whatever_it_needs(tmp_path: Path) -> None:
    with room(tmp_path, 5000, 1000), pytest.raises(Unavailable), room(tmp_path, 1, 1000):
        pass


def test_who_dies_leaves_his_room_to_others(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), "700"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"in\n"
        with pytest.raises(Unavailable), room(tmp_path, 400, 1000):
            pass
        with room(tmp_path, 300, 1000):
            pass
        holder.kill()
        holder.wait()
        with room(tmp_path, 1000, 1000):
            pass


def test_what_a_file_needs_grows_with_its_rows() -> None:
    assert need(people(10_000)) == PER_NUMBER * 10_001
    assert 0.9 < need(people(400_000)) / (PER_NUMBER * 400_000) < 1.1, "told from its beginning"
    assert need(people(10_000, "__task_uuid,phone")) == 2 * PER_NUMBER * 10_001
    assert need(people(10), listed=1000) == PER_NUMBER * 11 + PER_LISTED * 1000


def test_a_packed_file_is_as_large_as_what_is_in_it() -> None:
    assert need(gzip.compress(people(10_000))) == PER_NUMBER * 10_001
    assert 0.7 < need(gzip.compress(people(400_000))) / (PER_NUMBER * 400_000) < 1.5


def test_a_workbook_is_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for i in range(10_000):
            sheet.write_row(i, 0, ["Ada", phone(i)])
    assert need(path.read_bytes()) > 10 * path.stat().st_size


def test_a_damaged_archive_is_refused_as_it_would_be_read() -> None:
    with pytest.raises(InputError) as refused:
        need(gzip.compress(people(10_000))[:5000])
    assert refused.value.code == "bad_archive"
