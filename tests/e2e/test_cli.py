"""The command line against a whole machine: workers, broker, sandbox, all of them real processes."""

import csv
import io
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.machine import ROLLCALL, Machine, environment, free_ports, left_behind, machine
from tests.patience import until

DOWN = """
[accounts.away]
url = "http://127.0.0.1:1"
account_id = "1"
api_key_env = "HOME"
options = { rule_id = 1 }
"""
GOOD = [f"+1202{2000000 + n}" for n in range(40)]


@pytest.fixture(scope="module")
def rollcall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine"), DOWN) as running:
        yield running


def file(folder: Path, *lines: bytes, numbers: list[str] = GOOD) -> str:
    path = folder / "people.csv"
    good = [f"Person {folder.name} {n},{number}".encode() for n, number in enumerate(numbers)]
    path.write_bytes(b"\n".join([b"name,phone", *lines, *good]) + b"\n")
    return str(path)


def test_good_rows_stay_good_beside_ragged_and_undecodable_ones(rollcall: Machine, tmp_path: Path) -> None:
    source = file(tmp_path, b"Ann,+12022999991,too,many", b"Bob", b"C\xe4t,+12022999992", b"Dan,none")
    ran = rollcall("upload", source, "--encoding", "utf-8", "--account", "sandbox", "--wait", "--json")
    assert ran.code == 0, ran.err
    assert ran.last["state"] == "finished"
    assert ran.last["rows"] == {**dict.fromkeys(ran.last["rows"], 0), "total": 44, "accepted": 40, "rejected": 4}
    assert sum(ran.last["outcomes"].values()) == 40
    assert [one["rows"] for one in ran.last["lists"]] == [40]
    rejects = csv.DictReader(io.StringIO(rollcall("rejects", ran.last["id"]).out))
    codes = ["wrong_column_count", "wrong_column_count", "unreadable", "not_a_number"]
    assert [(row["line"], row["code"]) for row in rejects] == list(zip(["2", "3", "4", "5"], codes, strict=True))
    assert rollcall.ledger["called_twice"] == 0


def test_without_json_the_id_comes_first_and_a_table_last(rollcall: Machine, tmp_path: Path) -> None:
    ran = rollcall("upload", file(tmp_path), "--account", "sandbox", "--wait")
    assert ran.code == 0
    assert len(ran.out.splitlines()[0]) == 26
    assert "adds up" in ran.out
    assert "finished: 40 of 40 contacts accepted, 40 outcomes" in ran.err


def test_everything_answers(rollcall: Machine) -> None:
    ran = rollcall("check", "--account", "sandbox", "--json")
    assert ran.code == 0, ran.out
    assert ran.last["ok"]
    assert not [one for one in ran.last["checks"] if "warning" in one]


def test_a_wrong_key_needs_a_person_and_goes_on_when_it_is_mended(rollcall: Machine, tmp_path: Path) -> None:
    rollcall.put("/accounts/1", {"api_key": "another"})
    ran = rollcall("upload", file(tmp_path), "--account", "sandbox", "--wait", "--json")
    assert ran.code == 3
    assert (ran.last["state"], ran.last["blocked"]) == ("blocked", "credential")
    error = json.loads(ran.err.splitlines()[-1])["error"]
    assert error == {"code": "credential", "message": ran.last["needs_person"]}
    assert ran.last["rows"]["waiting"] == 40
    rollcall.put("/accounts/1", {"api_key": "sandbox"})
    resumed = rollcall("resume", ran.last["id"])  # unless it went on by itself before that
    assert resumed.code == 0 or "cannot_resume" in resumed.err
    ended = rollcall("watch", ran.last["id"], "--json")
    assert (ended.code, ended.last["rows"]["accepted"]) == (0, 40)


def test_a_provider_that_does_not_answer_ends_the_wait_and_not_the_upload(rollcall: Machine, tmp_path: Path) -> None:
    ran = rollcall("upload", file(tmp_path), "--account", "away", "--wait", "--patience", "1", "--json")
    assert ran.code == 4
    assert (ran.last["state"], ran.last["blocked"]) == ("blocked", "provider_down")
    assert "goes on by itself" in ran.err
    assert rollcall("cancel", ran.last["id"], "--json").last["state"] == "cancelled"


def test_where_most_rows_are_bad_a_person_is_asked_first(rollcall: Machine, tmp_path: Path) -> None:
    source = file(tmp_path, numbers=["none", "neither", "nor this"])
    ran = rollcall("upload", source, "--account", "sandbox", "--wait", "--json")
    assert (ran.code, ran.last["blocked"]) == (3, "rejects")
    ulid = ran.last["id"]
    assert f"rollcall resume {ulid} --accept-rejects" in ran.err
    assert rollcall("resume", ulid, "--accept-rejects").code == 0
    ended = rollcall("watch", ulid)
    assert ended.code == 5
    assert "nothing_accepted" in ended.err


def test_a_dry_run_sends_nothing_and_a_pilot_asks_before_the_rest(rollcall: Machine, tmp_path: Path) -> None:
    before = rollcall.ledger["contacts"]
    job = ["upload", file(tmp_path), "--account", "sandbox", "--pilot", "3", "--json"]
    shown = rollcall(*job, "--dry-run")
    assert (shown.code, shown.last["rows"]["to_call"], shown.last["pilot"]) == (0, 40, 3)
    assert rollcall.ledger["contacts"] == before
    ran = rollcall(*job, "--wait")
    assert (ran.code, ran.last["blocked"], ran.last["rows"]["waiting"]) == (3, "pilot", 37)
    error = json.loads(ran.err.splitlines()[-1])["error"]
    assert error == {"code": "pilot", "message": ran.last["needs_person"]}
    assert rollcall.ledger["contacts"] == before + 3
    assert rollcall("resume", ran.last["id"], "--accept-pilot").code == 0
    ended = rollcall("watch", ran.last["id"], "--json")
    assert (ended.code, ended.last["rows"]["accepted"]) == (0, 40)
    assert rollcall.ledger["called_twice"] == 0


def test_what_can_only_be_seen_while_reading_fails_the_upload(rollcall: Machine, tmp_path: Path) -> None:
    path = tmp_path / "open.csv"
    lines = [b'Ann,"an address that is never closed', *(b"Bob,+12022000001" for _ in range(120_000))]
    path.write_bytes(b"name,phone\nAnn,+12022000002\n" + b"Bob,+12022000001\n" * 30_000 + b"\n".join(lines))
    ran = rollcall("upload", str(path), "--account", "sandbox", "--wait", "--json")
    assert ran.code == 5, ran.out
    assert (ran.last["state"], ran.last["code"]) == ("failed", "unbalanced_quote")
    assert json.loads(ran.err.splitlines()[-1])["error"]["code"] == "unbalanced_quote"


def test_a_paused_upload_sends_nothing_until_it_is_resumed(rollcall: Machine, tmp_path: Path) -> None:
    before = rollcall.ledger["contacts"]
    start = ["--start-at", "2099-01-01T09:00:00Z"]
    ulid = rollcall("upload", file(tmp_path), "--account", "sandbox", *start).out.strip()
    until(lambda: rollcall("status", ulid, "--json").last["rows"]["waiting"] == 40, 20)
    assert rollcall("pause", ulid, "--json").last["state"] == "paused"
    assert rollcall("resume", ulid, "--json").last["state"] == "submitting"
    cancelled = rollcall("cancel", ulid, "--json").last
    assert (cancelled["state"], cancelled["rows"]["cancelled"]) == ("cancelled", 40)
    assert rollcall.ledger["contacts"] == before


def test_there_is_only_one_up_for_a_home(rollcall: Machine) -> None:
    ran = rollcall("up")
    assert ran.code == 2
    assert ran.err.startswith("error: already_running: ")


def test_where_no_worker_runs_the_wait_says_so_and_goes_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [*ROLLCALL, "upload", file(tmp_path), "--wait", "--json"]
    with (tmp_path / "err").open("wb") as err:
        process = subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, stderr=err, text=True)
    assert process.stdout is not None
    ulid = json.loads(process.stdout.readline())["id"]
    until(lambda: "has not been read" in (tmp_path / "err").read_text(), 20)
    assert "No worker is running" in (tmp_path / "err").read_text()
    assert "rollcall up" in (tmp_path / "err").read_text()
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert f"rollcall watch {ulid}" in (tmp_path / "err").read_text()
    process.stdout.close()


def test_the_sandbox_alone(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    command = [*ROLLCALL, "sandbox", "--port", str(port), "--seed", "7", "--json"]
    process = subprocess.Popen(command, env=environment(tmp_path), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    assert url == f"http://127.0.0.1:{port}"
    until(lambda: answers(f"{url}/ledger"), 20)
    taken = subprocess.run([*command[:-1]], env=environment(tmp_path), capture_output=True, text=True)
    assert (taken.returncode, taken.stderr.split(": ")[1]) == (2, "port_busy")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()
    assert left_behind(tmp_path) == []


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False
