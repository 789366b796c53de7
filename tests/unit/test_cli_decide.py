"""Pause, resume, cancel and review, from the command line."""

import json
from pathlib import Path

import pytest

from tests.house import House
from tests.unit.cli_runs import Cli
from worker import control


@pytest.fixture
def cli(small_house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("LOGNAME", "dana")
    return Cli.at(tmp_path / "home", capsys, monkeypatch).inside(small_house)


def decisions(house: House) -> list[tuple[str, str, str | None]]:
    lines = house.sql("SELECT step, who, message FROM attempt WHERE who = 'dana' ORDER BY id")
    return [tuple(line) for line in lines]


def in_review(house: House) -> str:
    """An upload of 90 whose provider says that it stored fewer."""
    house.provider.faults({"fault": "short_count", "share": 1, "times": 1, "methods": ["CreateCallList"]})
    ulid = house.upload(90)
    house.run(ulid, until=lambda status: "needs_person" in status, step=5)
    return ulid


def test_pause_resume_and_cancel_say_the_state_and_leave_a_name(small_house: House, cli: Cli) -> None:
    ulid = small_house.upload(5)
    assert cli("pause", ulid).error == f"Upload {ulid} is paused."
    assert cli("resume", ulid, "--json").last["state"] == "received"
    assert cli("cancel", ulid, "--json").last["state"] == "cancelled"
    assert decisions(small_house) == [("pause", "dana", None), ("resume", "dana", None), ("cancel", "dana", None)]
    ran = cli("resume", ulid)
    assert (ran.code, ran.error.split(": ")[1]) == (2, "cannot_resume")


def test_a_cancel_says_what_was_accepted_and_what_its_lists_do(small_house: House, cli: Cli) -> None:
    ulid = small_house.upload(5)
    small_house.run(ulid, until=lambda status: status["state"] == "dialing", step=0.01)
    [(reference,)] = small_house.sql("SELECT reference FROM call_list")
    told = f"Upload {ulid} is cancelled. 5 contacts were accepted already; list {reference} is "
    assert cli("cancel", ulid).error == f"{told}being stopped."
    assert "being stopped" in cli("status", ulid).out
    small_house.work()
    assert cli("cancel", ulid).error == f"{told}stopped."
    assert [one["now"] for one in cli("status", ulid, "--json").last["lists"]] == ["stopped"]


def test_a_list_that_cannot_be_stopped_is_said_to_go_on(small_house: House, cli: Cli) -> None:
    ulid = small_house.upload(5, account="formant")
    small_house.run(ulid, until=lambda status: status["rows"]["accepted"] == 5)
    control.cancel(small_house.ctx, ulid, "anna")
    assert [one["now"] for one in small_house.status(ulid)["lists"]] == ["goes_on"]


def test_what_continues_a_cancelled_upload_is_named(small_house: House, cli: Cli) -> None:
    small_house.ctx.settings.reject_threshold = 1
    first = small_house.upload(["+12022000001", "nothing"], starts_at=small_house.now.timestamp() + 3600)
    small_house.run(first, until=lambda status: status["rows"]["waiting"] == 1)
    file = small_house.file(["+12022000002"], "corrected.csv")
    second = cli("upload", str(file), "--continues", first, "--json").last["id"]
    ran = cli("cancel", first)
    assert f"Upload {second} continues it and is received; decide about it by itself." in ran.err


def test_many_rejects_wait_until_they_are_accepted(small_house: House, cli: Cli) -> None:
    ulid = small_house.upload(["+12022000001", "nothing", "nothing either"])
    small_house.run(ulid, until=lambda status: status["state"] == "blocked")
    ran = cli("resume", ulid)
    assert (ran.code, ran.error.split(": ")[1]) == (2, "rejects_not_accepted")
    assert cli("resume", ulid, "--accept-rejects").code == 0
    assert small_house.finish(ulid)["rows"]["accepted"] == 1


def test_a_pilot_is_shown_and_its_end_asks(small_house: House, cli: Cli) -> None:
    source = str(small_house.file([f"+1202{2000000 + n}" for n in range(9)]))
    ulid = cli("upload", source, "--account", "sandbox", "--pilot", "2").out.strip()
    small_house.run(ulid, until=lambda status: status["rows"]["accepted"] == 2, step=0.1)
    assert cli("list", "--json").last[0]["state"] == "submitting (pilot)"
    assert "A pilot of 2 contacts goes first; 7 wait for it." in cli("status", ulid).out
    small_house.run(ulid, until=lambda status: status.get("blocked") == "pilot", step=5)
    assert cli("list", "--json").last[0]["state"] == "blocked (pilot)"
    shown = cli("status", ulid).out
    assert "The pilot of 2 contacts has ended: " in shown
    assert "goes first" not in shown
    ran = cli("resume", ulid)
    assert (ran.code, ran.error.split(": ")[1]) == (2, "pilot_not_accepted")
    assert cli("resume", ulid, "--accept-pilot", "--json").last["state"] == "submitting"
    assert small_house.finish(ulid)["rows"]["accepted"] == 9
    assert "pilot" not in cli("list", "--json").last[0]["state"]


def test_review_shows_the_doubt_with_its_journal(small_house: House, cli: Cli) -> None:
    ulid = in_review(small_house)
    (told,) = cli("review", ulid, "--json").last["chunks"]
    assert (told["chunk"], told["rows"], told["code"]) == (1, 90, "short_count")
    assert [line["step"] for line in told["journal"]]
    shown = cli("review", ulid).out
    assert "short_count" in shown
    assert "Chunk 1 was sent with the request that makes list 1, and answered after " in shown
    assert f"rollcall review {ulid} 1 --accept|--resend|--give-up" in shown


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("1 --accept", "no_reason"),
        ("1 --accept --resend --why x", "bad_decision"),
        ("--accept --why x", "bad_decision"),
        ("1 --why x", "bad_decision"),
        ("9 --give-up --why x", "not_in_review"),
        ("9", "not_in_review"),
    ],
)
def test_a_decision_must_be_whole(small_house: House, cli: Cli, words: str, code: str) -> None:
    ulid = in_review(small_house)
    ran = cli("review", ulid, *words.split())
    assert (ran.code, ran.error.split(": ")[1]) == (2, code)


def test_what_is_missing_must_be_missing_for_a_while(small_house: House, cli: Cli) -> None:
    ulid = in_review(small_house)
    ran = cli("review", ulid, "1", "--accept", "--why", "their support said so", "--json")
    assert (ran.code, json.loads(ran.err)["error"]["code"]) == (2, "too_early")
    assert small_house.status(ulid)["rows"]["unknown"] == 90


def test_a_decision_settles_the_chunk(small_house: House, cli: Cli) -> None:
    ulid = in_review(small_house)
    ran = cli("review", ulid, "1", "--give-up", "--why", "their support said so", "--json")
    assert ran.code == 0, ran.err
    rows = ran.last["rows"]
    assert (rows["unknown"], rows["refused"], rows["accepted"]) == (0, 90, 0)
    assert decisions(small_house)[-1] == ("decide", "dana", "their support said so")
    assert cli("review", ulid, "--json").last["chunks"] == []
