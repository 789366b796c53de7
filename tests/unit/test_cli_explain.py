"""`rollcall explain`, from the command line."""

from pathlib import Path

import pytest

from tests.house import House
from tests.unit.cli_runs import Cli


@pytest.fixture
def cli(small_house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("LOGNAME", "dana")
    return Cli.at(tmp_path / "home", capsys, monkeypatch).inside(small_house)


def test_sentences_with_their_time_and_what_is_now(small_house: House, cli: Cli) -> None:
    file = small_house.file(["+12022000001", "+12022000002", "+12022000003", "0123 +12022000004"])
    ulid = cli("upload", str(file), "--account", "sandbox").out.strip()
    small_house.finish(ulid)
    lines = cli("explain", ulid).out.splitlines()
    assert lines[0] == f"Upload {ulid}, account sandbox. Times are UTC."
    assert f"dana handed the upload in: {file}, for account sandbox" in lines[1]
    assert lines[1][19:22] == "Z  "
    assert lines[-1].startswith("Now: It is finished: 4 rows, of these 3 accepted, 1 rejected; outcomes: ")
    row = cli("explain", ulid, "4")
    assert row.out.startswith(f"Row 4 of upload {ulid}, ")
    assert "2022000004" not in row.out
    assert "0123 +12022000004" in cli("explain", ulid, "4", "--show-number").out


def test_the_same_as_data(small_house: House, cli: Cli) -> None:
    ulid = small_house.upload(3)
    small_house.finish(ulid)
    told = cli("explain", ulid.lower(), "2", "--json").last
    assert (told["id"], told["row"]) == (ulid, 2)
    assert told["events"][0] == {
        "at": "2030-01-07T09:00:00.000Z",
        "step": "receive",
        "result": "stored",
        "sentence": told["events"][0]["sentence"],
        "chunk": None,
        "list": None,
        "who": "a program",
        "code": None,
        "seconds": None,
    }
    assert told["now"].endswith(".")
    assert "row" not in cli("explain", ulid, "--json").last


def test_a_row_that_is_not_there_is_one_sentence(small_house: House, cli: Cli) -> None:
    ulid = small_house.upload(3)
    small_house.finish(ulid)
    ran = cli("explain", ulid, "4", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert '"no_such_row"' in ran.error
    assert "its rows are 1 to 3." in ran.error
