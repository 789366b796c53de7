"""Withdraw, edit, next, lists and adopt, from the command line."""

import json
from pathlib import Path

import pytest

from tests.house import House
from tests.unit.cli_runs import Cli

WHO = {"account_id": "1", "api_key": "sandbox"}


@pytest.fixture
def cli(small_house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("LOGNAME", "dana")
    return Cli.at(tmp_path / "home", capsys, monkeypatch).inside(small_house)


def dialling(house: House, **options: object) -> str:
    ulid = house.upload(30, options={"max_simultaneous": 1, **options})
    house.run(ulid, until=lambda s: s["state"] == "dialing", step=0.01)
    return ulid


def test_rows_are_withdrawn_and_what_came_of_it_is_shown(small_house: House, cli: Cli) -> None:
    ulid = dialling(small_house)
    assert cli("withdraw", ulid).error == f"Nobody was withdrawn from upload {ulid}."
    rows = cli.home / "rows.txt"
    cli.home.mkdir(exist_ok=True)
    rows.write_text("29\n30\n")
    ran = cli("withdraw", ulid, "28", "--rows-from", str(rows), "--why", "asked by mail")
    assert (ran.code, ran.error) == (
        0,
        f"3 contacts are being withdrawn, 0 had asked before. Upload {ulid} is dialing.",
    )
    small_house.work()
    shown = cli("withdraw", ulid, "--json").last["withdrawals"]
    assert [(one["row"], one["state"], one["who"]) for one in shown] == [
        (row, "taken_back", "dana") for row in (28, 29, 30)
    ]
    assert "asked by mail" in cli("withdraw", ulid).out


def test_a_withdrawal_that_comes_too_late_says_so(small_house: House, cli: Cli) -> None:
    ulid = small_house.upload(3)
    small_house.finish(ulid)
    ran = cli("withdraw", ulid, "1", "2", "--why", "asked by mail")
    assert f"Of these 2 had come to an end, so it is too late: `rollcall outcomes {ulid}`." in ran.error


@pytest.mark.parametrize(
    ("words", "code"),
    [("1", "no_reason"), ("99 --why x", "no_such_contact"), ("--rows-from nowhere --why x", "bad_rows")],
)
def test_a_withdrawal_must_be_whole(small_house: House, cli: Cli, words: str, code: str) -> None:
    ulid = dialling(small_house)
    ran = cli("withdraw", ulid, *words.split())
    assert (ran.code, ran.error.split(": ")[1]) == (2, code)


def test_a_file_that_holds_no_rows_is_refused_without_its_words(small_house: House, cli: Cli) -> None:
    cli.home.mkdir(exist_ok=True)
    rows = cli.home / "rows.txt"
    rows.write_text("3\n+12025550123\n")
    ran = cli("withdraw", dialling(small_house), "--rows-from", str(rows), "--why", "x")
    assert (ran.code, ran.error.split(": ")[1]) == (2, "bad_rows")
    assert "Word 2" in ran.error
    assert "12025550123" not in ran.error


def test_a_running_campaign_is_edited(small_house: House, cli: Cli) -> None:
    ulid = dialling(small_house)
    assert cli("edit", ulid, "--set", "max_simultaneous=5").code == 0
    small_house.work()
    (shown,) = cli("lists", "--json").last["lists"]
    assert (shown["max_simultaneous"], shown["upload"]) == (5, ulid)
    for words, code in (
        ("", "nothing_to_change"),
        ("--set name=x", "cannot_edit"),
        ("--set priority=-1", "bad_option"),
    ):
        ran = cli("edit", ulid, *words.split())
        assert (ran.code, ran.error.split(": ")[1]) == (2, code)


def test_the_next_contact_is_dialled(small_house: House, cli: Cli) -> None:
    ulid = small_house.upload(2, options={"call_list_type": "manual"})
    small_house.run(ulid, until=lambda s: s["state"] == "dialing", step=0.01)
    ran = cli("next", ulid, "--params", "agent 7")
    assert (ran.code, ran.error) == (0, f"The next contact is being dialled. Upload {ulid} is dialing.")
    assert sum(small_house.provider.calls.values()) == 1
    other = dialling(small_house)
    ran = cli("next", other)
    assert (ran.code, ran.error.split(": ")[1]) == (2, "not_by_hand")


def test_a_list_that_was_made_elsewhere_is_found_and_adopted(small_house: House, cli: Cli) -> None:
    body = {**WHO, "rule_id": 1, "priority": 1, "max_simultaneous": 1, "num_attempts": 1, "name": "by hand"}
    sheet = "__task_uuid;phone\na;+12022000000\nb;+12022000001\n"
    made = small_house.provider.client.post("/platform_api/CreateCallList", data={**body, "file_content": sheet})
    reference = str(made.json()["list_id"])
    (shown,) = cli("lists", "--set", "name=by hand", "--json").last["lists"]
    assert (shown["reference"], shown["name"], shown["upload"]) == (reference, "by hand", None)
    assert cli("lists", "--set", "name=another", "--json").last["lists"] == []
    ran = cli("adopt", reference, "--json")
    assert (ran.code, ran.last["rows"]["accepted"]) == (0, 2)
    assert reference in cli("lists").out
    ran = cli("adopt", reference, "--json")
    assert (ran.code, json.loads(ran.err)["error"]["code"]) == (2, "already_ours")


def test_lists_that_share_their_calls_are_shown_with_their_part(small_house: House, cli: Cli) -> None:
    small_house.account.list_rows = 10
    small_house.account.chunk_rows = 10
    ulid = small_house.upload(30, options={"max_simultaneous": 25})
    assert "max_simultaneous" not in cli("status", ulid).out
    small_house.work()
    *_, parts = cli("status", ulid).out.split("max_simultaneous")
    assert [line.split()[1:] for line in parts.splitlines() if line.strip()[:1].isdigit()] == [
        ["20", "13"],
        ["10", "12"],
    ]


@pytest.mark.parametrize(("words", "code"), [("lists --set colour=red", "bad_filter"), ("adopt 7", "no_such_list")])
def test_what_cannot_be_shown_or_adopted_is_refused(cli: Cli, words: str, code: str) -> None:
    ran = cli(*words.split())
    assert (ran.code, ran.error.split(": ")[1]) == (2, code)
