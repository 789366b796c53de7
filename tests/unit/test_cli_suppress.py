"""The do-not-call list from the command line."""

import json
from pathlib import Path

import pytest

from tests.unit.cli_runs import Cli


@pytest.fixture
def cli(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli.at(home, capsys, monkeypatch)


def kept(cli: Cli) -> list[str]:
    return [json.loads(line)["number"] for line in cli("suppress", "list", "--json").out.splitlines()]


def test_numbers_come_and_go_and_are_counted(cli: Cli) -> None:
    assert cli("suppress", "add", "+12025550123", "202-555-0124", "--region", "US", "--reason", "mail").code == 0
    again = cli("suppress", "add", "+12025550123", "+12025550125", "--reason", "mail", "--json")
    assert (again.code, again.last) == (0, {"added": 1, "known": 1})
    assert kept(cli) == ["+12025550123", "+12025550124", "+12025550125"]
    gone = cli("suppress", "remove", "+12025550123", "+12025550199", "--json")
    assert (gone.code, gone.last) == (0, {"removed": 1})
    assert kept(cli) == ["+12025550124", "+12025550125"]


def test_a_file_is_read_as_an_upload_reads_it(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "asked.csv"
    file.write_bytes("Имя;Телефон\r\nАнна;+12025550123\r\nБорис;\r\nВера;+12025550124\r\n".encode("cp1251"))
    ran = cli("suppress", "import", str(file), "--reason", "mail", "--phone-column", "Телефон", "--json")
    assert (ran.code, ran.last) == (0, {"added": 2, "known": 0})
    assert kept(cli) == ["+12025550123", "+12025550124"]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (None, "no_file", "check its path"),
        ("name,phone\nAnn,+12025550123\nBob,nobody\n", "bad_number", "line 3"),
        ("name,phone\nAnn,+12025550123\nBob,+12025550124,more\n", "bad_number", "Line 3"),
        ("name,phone\nAnn,+12025550123\nBob,99\n", "bad_number", "line 3"),
        ("name,age\nAnn,7\n", "no_phone_column", "name, age"),
        ('name,phone\n"Ann,+12025550123\nBob",+12025550124\n', "bad_number", "Line 2"),
        ('phone,"name\n+12025550123,"Ann"\n+12025550124,Bob\n', "unbalanced_quote", "line 2"),
    ],
)
def test_a_file_of_which_a_number_would_be_lost_is_refused(
    cli: Cli, tmp_path: Path, text: str | None, code: str, words: str
) -> None:
    file = tmp_path / "asked.csv"
    if text is not None:
        file.write_text(text)
    ran = cli("suppress", "import", str(file), "--reason", "mail")
    assert (ran.code, ran.error.split(": ")[1]) == (2, code)
    assert words in ran.error
    assert "12025550123" not in ran.error
    assert kept(cli) == []
