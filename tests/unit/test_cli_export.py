"""Rejects and outcomes, row by row, as CSV and as JSON lines; and the statuses that people and programs read."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import House
from tests.unit.cli_runs import Cli

PEOPLE = (
    b"name,phone,__task_uuid\r\n"
    b"Ann,+12022000001,\r\n"
    b"Bob,NOT AVAILABLE,\r\n"
    b"C\xe4t,+12022000002,\r\n"
    b"Dan,+12022000001,\r\n"
    b"E\x00e,12,\r\n"
    b'"Fay, the second",+12022000003,fay-1\r\n'
    b"Gus\r\n"
    b"Hal,+12022000004,\r\n"
)


@pytest.fixture
def cli(small_house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli.at(tmp_path / "home", capsys, monkeypatch).inside(small_house)


def uploaded(house: House, content: bytes = PEOPLE) -> str:
    file = house.folder / "people.csv"
    file.write_bytes(content)
    house.ctx.settings.reject_threshold = 1
    ulid = house.upload(source=str(file), encoding="utf-8")
    house.finish(ulid)
    return ulid


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_rejects_name_line_row_kind_code_and_text(small_house: House, cli: Cli) -> None:
    ran = cli("rejects", uploaded(small_house))
    assert ran.code == 0
    rows = table(ran.out)
    assert list(rows[0]) == ["line", "row", "kind", "code", "sentence", "text"]
    assert [(r["line"], r["row"], r["kind"], r["code"]) for r in rows] == [
        ("3", "2", "rejected", "not_a_number"),
        ("4", "3", "rejected", "unreadable"),
        ("5", "4", "duplicate", "duplicate"),
        ("6", "5", "rejected", "unknown_country"),
        ("8", "7", "rejected", "wrong_column_count"),
    ]
    assert rows[0]["text"] == "Bob,NOT AVAILABLE,"
    assert rows[1]["text"] == r"C\xe4t,+12022000002,"
    assert rows[3]["text"] == r"E\x00e,12,"
    assert all(row["sentence"].endswith(".") for row in rows)
    assert "\x00" not in ran.out


def test_rejects_as_json_lines_hold_the_same(small_house: House, cli: Cli) -> None:
    ulid = uploaded(small_house)
    rows = [json.loads(line) for line in cli("rejects", ulid, "--json").out.splitlines()]
    assert [row["line"] for row in rows] == [3, 4, 5, 6, 8]
    assert rows[3]["text"] == "E\x00e,12,"


def test_outcomes_carry_the_uuid_that_the_provider_knows(small_house: House, cli: Cli) -> None:
    ulid = uploaded(small_house)
    rows = table(cli("outcomes", ulid).out)
    assert [(r["row"], r["task_uuid"]) for r in rows] == [("1", f"{ulid}:1"), ("6", "fay-1"), ("8", f"{ulid}:8")]
    assert {row["task_uuid"] for row in rows} == {one["uuid"] for one in small_house.provider.contacts}
    assert all(row["disposition"] and row["status"] and row["updated_at"].endswith("Z") for row in rows)
    lines = [json.loads(line) for line in cli("outcomes", ulid, "--json").out.splitlines()]
    assert [line["disposition"] for line in lines] == [row["disposition"] for row in rows]


def test_a_file_is_written_whole_or_not_at_all(small_house: House, cli: Cli, tmp_path: Path) -> None:
    ulid = uploaded(small_house)
    ran = cli("outcomes", ulid, "-o", str(tmp_path / "out.csv"))
    assert (ran.out, ran.error) == ("", f"3 rows written to {tmp_path / 'out.csv'}")
    assert len(table((tmp_path / "out.csv").read_text())) == 3
    for nowhere in (tmp_path / "none" / "out.csv", tmp_path):
        ran = cli("rejects", ulid, "-o", str(nowhere))
        assert (ran.code, ran.error.split(": ")[1]) == (2, "cannot_write")
    assert not list(tmp_path.glob(".*part"))


def test_before_the_file_was_read_there_is_a_header_and_a_note(small_house: House, cli: Cli) -> None:
    ulid = small_house.upload(3)
    rejects, outcomes = cli("rejects", ulid), cli("outcomes", ulid)
    assert rejects.out == "line,row,kind,code,sentence,text\n"
    assert "has not been read" in rejects.err
    assert table(outcomes.out) == []
    assert "still received" in outcomes.err


def test_status_and_list_agree_with_the_object_of_the_library(small_house: House, cli: Cli) -> None:
    ulid = uploaded(small_house)
    assert cli("status", ulid, "--json").last == small_house.status(ulid)
    assert cli("status", ulid.lower(), "--json").last["id"] == ulid
    shown = cli("status", ulid).out
    assert f"Upload {ulid} is finished" in shown
    assert "adds up" in shown
    listed = cli("list", "--json").last
    assert [(one["id"], one["state"], one["total"], one["accepted"]) for one in listed] == [(ulid, "finished", 8, 3)]
    assert ulid in cli("list").out


def test_watch_ends_with_the_upload(small_house: House, cli: Cli) -> None:
    ulid = uploaded(small_house)
    ran = cli("watch", ulid, "--json")
    assert ran.code == 0
    assert [json.loads(line)["state"] for line in ran.out.splitlines()] == ["finished"]


def test_a_reader_that_goes_away_is_no_traceback(small_house: House, cli: Cli) -> None:
    ulid = uploaded(small_house, b"name,phone\n" + b"Bob,NOT AVAILABLE\n" * 20_000 + b"Ann,+12022000001\n")
    command = f"{sys.executable} -m worker.cli rejects {ulid} | head -n 1"
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert ran.stdout == "line,row,kind,code,sentence,text\n"
    assert ran.stderr == ""


def test_rejects_in_a_file_are_cells_to_be_corrected_and_continued_with(
    small_house: House, cli: Cli, tmp_path: Path
) -> None:
    ulid = uploaded(small_house, PEOPLE.replace(b",", b";"))
    file = tmp_path / "rejects.csv"
    ran = cli("rejects", ulid, "-o", str(file))
    assert ran.code == 0
    assert f"4 rows written to {file}" in ran.err
    assert "duplicate and suppressed rows (1) are not among them" in ran.err
    text = file.read_bytes().decode("utf-8-sig")
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))
    assert rows[0] == ["__row", "__line", "__code", "__why", "name", "phone", "__task_uuid"]
    assert [(row[0], row[2], *row[4:]) for row in rows[1:]] == [
        ("2", "not_a_number", "Bob", "NOT AVAILABLE", ""),
        ("3", "unreadable", "", "", "", r"C\xe4t;+12022000002;"),
        ("5", "unknown_country", r"E\x00e", "12", ""),
        ("7", "wrong_column_count", "Gus"),
    ]
    file.write_text(text.replace("NOT AVAILABLE", "+12022000009"))
    again = cli("upload", str(file), "--continues", ulid.lower(), "--json").last["id"]
    assert small_house.finish(again)["rows"]["accepted"] == 1
    assert [(row["row"], row["corrects"]) for row in table(cli("outcomes", again).out)] == [("9", "2")]
    assert "corrects" not in cli("outcomes", ulid).out
    assert f"It continues upload {ulid}; its rows number on from 9." in cli("status", again).out
    assert again in cli("status", ulid).out
    assert cli("status", ulid, "--json").last["continuations"][0]["rows"]["accepted"] == 1


def test_what_was_not_read_has_no_rows_to_correct(small_house: House, cli: Cli, tmp_path: Path) -> None:
    ran = cli("rejects", small_house.upload(3), "-o", str(tmp_path / "rejects.csv"))
    assert (ran.code, ran.error.split(": ")[1]) == (2, "cannot_correct")
    assert not (tmp_path / "rejects.csv").exists()
