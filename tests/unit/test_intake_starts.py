"""Starts of rows: read, refused, grouped, sorted on disk and rounded where there are too many."""

import random
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.unit.intake_case import NOW, phone, taking
from worker.intake.late import LateStarts
from worker.intake.rejects import Code
from worker.intake.starts import read_start
from worker.sizes import fixed

LATER = NOW + 3600


@pytest.mark.parametrize(
    ("cell", "start"),
    [
        ("", 0),
        ("  ", 0),
        ("0", 0),
        ("000", 0),
        (str(LATER), LATER),
        (f" {LATER} ", LATER),
        (f"0{LATER}", LATER),
        (datetime.fromtimestamp(LATER, UTC).isoformat(), LATER),
        ("2030-01-31T09:00:00Z", 1896080400),
        ("2030-01-31T09:00:00+02:00", 1896073200),
        ("2030-01-31 09:00+02:00", 1896073200),
        ("20300131T090000Z", 1896080400),
        ("2030-01-31T09:00:00.001Z", 1896080401),
        (str(NOW - 60), NOW - 60),
        ("2100-01-01T00:00:00Z", 4102444800),
        ("4102444800", 4102444800),
    ],
)
def test_starts_that_are_understood(cell: str, start: int) -> None:
    assert read_start(cell, NOW) == start


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("2030-01-31T09:00:00", Code.ZONELESS_START),
        ("2030-01-31", Code.ZONELESS_START),
        (str(LATER * 1000), Code.MILLISECOND_START),
        ("9" * 5000, Code.MILLISECOND_START),
        ("4102444801", Code.MILLISECOND_START),
        ("2100-01-01T00:00:01Z", Code.BAD_START),
        ("9999-12-31T23:59:59-12:00", Code.BAD_START),
        ("tomorrow", Code.BAD_START),
        ("-5", Code.BAD_START),
        (f"{LATER}.0", Code.BAD_START),
        ("2030-02-30T09:00:00Z", Code.BAD_START),
        ("٣", Code.BAD_START),
        (str(NOW - 61), Code.START_IN_PAST),
        ("1", Code.START_IN_PAST),
        ("1969-12-31T23:00:00Z", Code.START_IN_PAST),
        ("0001-01-01T00:00:00+14:00", Code.START_IN_PAST),
    ],
)
def test_starts_that_are_refused(cell: str, code: Code) -> None:
    assert read_start(cell, NOW) == -code


def test_chunks_hold_one_start_each_and_the_column_stays_here(tmp_path: Path) -> None:
    starts = ["", LATER + 60, "0", LATER, LATER + 60, NOW + 500]
    rows = "".join(f"{start},{phone(n)},n{n}\n" for n, start in enumerate(starts))
    taken = taking(tmp_path)("__start_at,phone,name\n" + rows, starts_at=NOW + 500)
    chunks = taken.intake.chunks
    assert [(c.seq, c.starts_at, c.rows, c.first_row, c.last_row) for c in chunks] == [
        (1, NOW + 500, 3, 1, 6),
        (2, LATER, 1, 4, 4),
        (3, LATER + 60, 2, 2, 5),
    ]
    assert list(taken.sent()[0]) == ["phone", "name", "__task_uuid"]
    assert [row["name"] for row in taken.sent()] == ["n0", "n2", "n5", "n3", "n1", "n4"]


def test_an_upload_without_a_start_is_at_once_and_its_rows_may_still_have_one(tmp_path: Path) -> None:
    taken = taking(tmp_path)(f"phone,__start_at\n{phone(1)},{LATER}\n{phone(2)},\n")
    assert [(c.starts_at, c.first_row) for c in taken.intake.chunks] == [(None, 2), (LATER, 1)]


def test_bad_starts_cost_their_row_and_not_their_number(tmp_path: Path) -> None:
    cells = ["2030-01-31T09:00:00", NOW * 1000, "soon", NOW - 100, ""]
    taken = taking(tmp_path)("phone,__start_at\n" + "".join(f"{phone(1)},{cell}\n" for cell in cells))
    assert taken.codes() == {1: "zoneless_start", 2: "millisecond_start", 3: "bad_start", 4: "start_in_past"}
    assert [entry["row"] for entry in taken.index()] == [5]


def test_too_many_starts_are_rounded_up_to_the_minute(tmp_path: Path) -> None:
    dice = random.Random(4)
    starts = [LATER + dice.randrange(600) for _ in range(300)]
    text = "phone,__start_at\n" + "".join(f"{phone(n)},{start}\n" for n, start in enumerate(starts))
    whole = taking(tmp_path)(text, max_starts=300, sizes=fixed(7), block_bytes=1000).intake
    assert {chunk.starts_at for chunk in whole.chunks} == set(starts)
    rounded = taking(tmp_path)(text, max_starts=20, sizes=fixed(7), block_bytes=1000)
    by_row: dict[int, int | None] = {}
    for chunk in rounded.intake.chunks:
        text_rows = rounded.payload(chunk).decode().splitlines()[1:]
        rows = [int(line.rpartition(":")[2]) for line in text_rows]
        assert rows == sorted(rows)
        by_row.update(dict.fromkeys(rows, chunk.starts_at))
    assert by_row == {row: -(-start // 60) * 60 for row, start in enumerate(starts, start=1)}


def frame(rows: list[tuple[int, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"row": pl.Int64, "start": pl.Int64}, orient="row")


def test_runs_on_disk_merge_in_order_and_leave_the_rows_of_a_start_as_they_came(tmp_path: Path) -> None:
    dice = random.Random(9)
    late = LateStarts(tmp_path, max_starts=10**6, run_bytes=2000)
    rows = [(n, dice.randrange(1, 80)) for n in range(2000)]
    for at in range(0, len(rows), 37):
        late.add(frame(rows[at : at + 37]))
    assert len(list(tmp_path.iterdir())) > 5
    merged = [(row, start) for key, part in late.in_order() for row, start in part.rows() if key == start]
    assert merged == sorted(rows, key=lambda entry: (entry[1], entry[0]))


def test_no_late_rows_no_files(tmp_path: Path) -> None:
    late = LateStarts(tmp_path, max_starts=1)
    late.add(frame([]))
    assert list(late.in_order()) == []
    assert list(tmp_path.iterdir()) == []
