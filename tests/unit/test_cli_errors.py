"""Bad input: one sentence, a stable code, an exit code that is not zero, and never a traceback."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli_runs import Cli
from worker.cli import look


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(tmp_path)
    return Cli.at(tmp_path / "home", capsys, monkeypatch)


FILES = {
    "good.csv": b"name,phone\nAnn,+12022000001\n",
    "empty.csv": b"",
    "header.csv": b"name,phone\n",
    "nophone.csv": b"name,city\nAnn,Rome\n",
    "two.csv": b"phone,mobile\n1,2\n",
    "latin.csv": b"n\xe4me,phone\nAnn,+12022000001\n",
}
CASES = [
    ("missing.csv", "no_file", "missing.csv"),
    (".", "is_a_directory", "directory"),
    ("n" * 300 + ".csv", "no_file", "too long"),
    ("empty.csv", "empty_file", "empty"),
    ("header.csv", "no_rows", "no row"),
    ("nophone.csv", "no_phone_column", "name, city"),
    ("two.csv", "no_phone_column", "phone, mobile"),
    ("latin.csv --encoding utf-8", "undecodable_header", "cp1252"),
    ("good.csv --phone-column Tel", "no_phone_column", "name, phone"),
    ("good.csv --window legal --zone-column tz", "no_such_column", "name, phone"),
    ("good.csv --encoding klingon", "unknown_encoding", "klingon"),
    ("good.csv --delimiter ab", "bad_job", "--delimiter"),
    ("good.csv --region USA", "bad_job", "--region"),
    ("good.csv --region U5", "bad_job", "such as US"),
    ("good.csv --region XX", "unknown_region", "such as US"),
    ("good.csv --country US,XX", "bad_job", "--country"),
    ("good.csv --only foo", "bad_job", "--only cannot"),
    ("good.csv --set quote=ab", "bad_job", "--set quote"),
    ("good.csv --start-at tomorrow", "bad_job", "--start-at cannot be used: it is neither ISO 8601"),
    ("good.csv --start-at 2030-01-01T09:00:00", "bad_job", "time zone"),
    ("good.csv --start-at 1893488400000", "bad_job", "milliseconds"),
    ("good.csv --account nobody", "unknown_account", "sandbox"),
    ("good.csv --set priority", "bad_set", "key=value"),
    ("good.csv --set priority=-1", "bad_option", "priority"),
    ("good.csv --set num_attempts=6", "bad_option", "num_attempts"),
    ("good.csv --set volume=11", "bad_option", "num_attempts"),
    ("good.csv --set name=a/b", "bad_option", "name"),
    (f"good.csv --set name={'n' * 300}", "bad_option", "255"),
    ("ftp://example.org/a.csv", "unsupported_source", "ftp"),
    ("http://127.0.0.1:1/a.csv", "source_down", "127.0.0.1"),
]


@pytest.mark.parametrize(("words", "code", "says"), CASES, ids=[f"{code}-{i}" for i, (_, code, _) in enumerate(CASES)])
def test_a_bad_upload_is_one_sentence(cli: Cli, tmp_path: Path, words: str, code: str, says: str) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    ran = cli("upload", *words.split())
    assert ran.code == (4 if code == "source_down" else 2)
    assert ran.error.startswith(f"error: {code}: ")
    assert says in ran.error
    assert ran.error.endswith(".")
    assert ran.out == ""
    assert cli("list", "--json").last == []


def test_with_json_an_error_is_a_json_line_on_stderr(cli: Cli) -> None:
    ran = cli("upload", "missing.csv", "--json")
    assert ran.out == ""
    told = json.loads(ran.error)
    assert told["error"]["code"] == "no_file"
    assert told["error"]["message"].endswith(".")


@pytest.mark.parametrize("words", ["upload", "nonsense", "status", "upload a.csv --volume 11", "list --limit none"])
def test_a_misspelt_command_is_usage(cli: Cli, words: str) -> None:
    ran = cli(*words.split())
    assert ran.code == 2
    assert ran.error.startswith("error: usage: ")
    assert "--help" in ran.error


@pytest.mark.parametrize("verb", ["status", "watch", "rejects", "outcomes", "pause", "resume", "cancel", "review"])
def test_an_upload_that_does_not_exist_is_said_so_by_every_verb(cli: Cli, verb: str) -> None:
    ran = cli(verb, "01NOPE")
    assert ran.code == 2
    assert ran.error.startswith("error: no_such_upload: ")


def test_the_same_key_with_another_job_and_the_same_file_again(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_bytes(FILES["good.csv"])
    first = cli("upload", "good.csv", "--key", "k", "--json").last
    same = cli("upload", "good.csv", "--key", "k", "--json")
    assert (same.code, same.last) == (0, {"id": first["id"], "created": False})
    assert "was given before" in same.err
    other = cli("upload", "good.csv", "--key", "k", "--set", "priority=2")
    assert (other.code, other.error.split(": ")[1]) == (2, "key_reused")
    again = cli("upload", "good.csv")
    assert (again.code, again.error.split(": ")[1]) == (2, "file_again")
    assert cli("upload", "good.csv", "--again").code == 0


def test_a_fresh_home_just_works_and_says_that_nobody_works(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_bytes(FILES["good.csv"])
    ran = cli("upload", "good.csv")
    assert ran.code == 0
    assert "rollcall up" in ran.err
    status = cli("status", ran.out.strip(), "--json").last
    assert status["state"] == "received"


def test_settings_that_contradict_each_other(cli: Cli) -> None:
    ran = cli.configured("[timing]\nlease = 1\n")("list")
    assert (ran.code, ran.error.split(": ")[1]) == (2, "bad_settings")
    assert "timing.lease" in ran.error


def test_a_home_that_cannot_be_made(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cli.monkeypatch.setenv("ROLLCALL_HOME", str(tmp_path / "file" / "home"))
    ran = cli("list")
    assert (ran.code, ran.error.split(": ")[1]) == (2, "bad_home")


def test_a_database_that_does_not_answer(cli: Cli) -> None:
    cli.monkeypatch.setenv("ROLLCALL_DATABASE_URL", "postgresql+psycopg://me:hush@127.0.0.1:1/none")
    ran = cli("list")
    assert (ran.code, ran.error.split(": ")[1]) == (4, "database_down")
    assert "hush" not in ran.err


def test_a_database_without_the_schema_is_mended_by_migrate(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE something (id INTEGER)")
    cli.monkeypatch.setenv("ROLLCALL_DATABASE_URL", f"sqlite:///{file}")
    ran = cli("list")
    assert (ran.code, ran.error.split(": ")[1]) == (4, "schema_outdated")
    assert "rollcall migrate" in ran.error
    assert cli("migrate").code == 0
    assert cli("list").code == 0


def test_a_file_that_is_no_database(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "no.db").write_bytes(b"this is no database at all" * 100)
    cli.monkeypatch.setenv("ROLLCALL_DATABASE_URL", f"sqlite:///{tmp_path}/no.db")
    ran = cli("list")
    assert (ran.code, ran.error.split(": ")[1]) == (4, "database_unusable")


def test_a_home_that_is_a_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cli.monkeypatch.setenv("ROLLCALL_HOME", str(tmp_path / "file"))
    for command in ("list", "check"):
        ran = cli(command)
        assert (ran.code, ran.error.split(": ")[1]) == (2, "bad_home")


def test_a_fault_of_our_own_is_one_sentence_and_a_log(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(look, "_listed", broken)
    ran = cli("list")
    assert ran.code == 1
    assert ran.error.startswith("error: unexpected: ")
    log = cli.home / "logs" / "cli.log"
    assert str(log) in ran.error
    assert "ZeroDivisionError: of all things" in log.read_text()


def test_ctrl_c_is_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(look, "_listed", interrupted)
    assert cli("list").code == 130


def test_help_comes_at_once_and_names_the_exit_codes() -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "worker.cli", "--help"], capture_output=True, text=True, check=True
    )
    for code in range(6):
        assert f"{code} " in ran.stdout.partition("Exit codes:")[2]
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert not imported & {"sqlalchemy", "celery", "polars", "pyarrow", "pydantic", "httpx", "sandbox"}
