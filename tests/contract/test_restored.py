"""A backup of a campaign that runs is restored on another machine: nobody is called twice, and nobody is lost."""

from pathlib import Path
from typing import Any

import pytest

from tests.contract.backups import restored, take
from tests.house import START, House, adds_up, some_numbers
from worker import control, ingest, submit, withdraw
from worker.payloads import Payloads
from worker.restored import restored_now
from worker.store import families, lists, uploads

ROWS = 450  # five chunks


def sent(house: House, ulid: str, chunks: int) -> None:
    """The first chunks go out, and no more."""
    ((list_id,),) = house.sql("SELECT l.id FROM call_list l JOIN upload u ON u.id = upload_id WHERE ulid = :u", u=ulid)
    with house.ctx.db.read() as session:
        call_list = lists.get(session, list_id)
        upload = uploads.by_ulid(session, ulid)
    assert call_list is not None
    assert upload is not None
    with house.ctx.db.write() as session:
        run = lists.claim_run(session, list_id, house.now, 60)
    assert run is not None
    with Payloads(house.ctx) as payloads:
        for _ in range(chunks):
            claimed = submit._claim(house.ctx, upload, run)
            assert claimed is not None
            submit.submit(house.ctx, claimed, payloads, lambda: False)
    with house.ctx.db.write() as session:
        lists.release_run(session, run)


def go_on(house: House, *ulids: str) -> list[dict[str, Any]]:
    """What the operator does: say that it was restored, let what is known be looked up, and resume."""
    restored_now(house.ctx, "anna")
    for ulid in ulids:
        assert "A backup was restored" in house.status(ulid)["needs_person"]
        assert adds_up(house.status(ulid))
        control.resume(house.ctx, ulid, "anna")
    return [house.finish(ulid, step=5, limit=3600) for ulid in ulids]


def called_once(house: House, *statuses: dict[str, Any], rows: int) -> None:
    assert all(adds_up(status) for status in statuses)
    assert sum(status["rows"]["accepted"] for status in statuses) == rows
    assert house.provider.ledger["called_twice"] == 0
    numbers = [one["number"] for one in house.provider.contacts]
    assert len(numbers) == len(set(numbers)) == rows


@pytest.mark.parametrize("before", [0, 2], ids=["before anything was sent", "with two of five chunks sent"])
@pytest.mark.parametrize("since", [0, 1, 3], ids=["nothing since", "one chunk since", "the rest, or nearly, since"])
def test_what_was_sent_after_the_backup_is_found_and_not_sent_again(
    house: House, tmp_path: Path, before: int, since: int
) -> None:
    ulid = house.upload(ROWS)
    ingest.ingest(house.ctx, ulid)
    sent(house, ulid, before)
    take(house, tmp_path / "backup")
    sent(house, ulid, since)
    with restored(house, tmp_path / "backup") as other:
        called_once(other, *go_on(other, ulid), rows=ROWS)


def test_a_campaign_that_had_ended_since_is_found_whole(house: House, tmp_path: Path) -> None:
    ulid = house.upload(ROWS)
    ingest.ingest(house.ctx, ulid)
    take(house, tmp_path / "backup")
    house.finish(ulid)
    with restored(house, tmp_path / "backup") as other:
        (status,) = go_on(other, ulid)
        called_once(other, status, rows=ROWS)
        assert sum(status["outcomes"].values()) == ROWS


def test_a_file_that_had_not_been_read_is_read_again_and_looked_up(house: House, tmp_path: Path) -> None:
    """And one that was being read: its reader is gone with the machine."""
    first, second = house.upload(ROWS), house.upload(some_numbers(150, first=ROWS))
    with house.ctx.db.write() as session:
        families.claim_intake(session, second, house.now, 60)
    take(house, tmp_path / "backup")
    house.finish(first)
    with restored(house, tmp_path / "backup") as other:
        called_once(other, *go_on(other, first, second), rows=ROWS + 150)


def test_all_that_was_not_sent_takes_one_wait_and_not_one_for_each_chunk(house: House, tmp_path: Path) -> None:
    ulid = house.upload(ROWS, starts_at=START.timestamp() + 30)
    ingest.ingest(house.ctx, ulid)
    take(house, tmp_path / "backup")
    with restored(house, tmp_path / "backup") as other:
        restored_now(other.ctx, "anna")
        assert other.status(ulid)["rows"]["unknown"] == ROWS
        began = other.now
        other.run(ulid, until=lambda s: s["rows"]["waiting"] == ROWS, step=1)
        assert (other.now - began).total_seconds() < 2 * other.account.settle + other.account.http_deadline
        assert other.status(ulid)["state"] == "paused"
        assert other.provider.ledger["contacts"] == 0
        control.resume(other.ctx, ulid, "anna")
        called_once(other, other.finish(ulid), rows=ROWS)


def test_without_a_word_from_a_person_nothing_is_sent(house: House, tmp_path: Path) -> None:
    """What was cancelled since, or whoever said since that he is not to be called, is not known to the backup."""
    ulid = house.upload(ROWS)
    ingest.ingest(house.ctx, ulid)
    take(house, tmp_path / "backup")
    with restored(house, tmp_path / "backup") as other:
        assert restored_now(other.ctx, "anna").held == [ulid]
        assert restored_now(other.ctx, "anna").held == []
        for _ in range(4):
            other.work()
            other.turn(15)
        assert other.provider.ledger["contacts"] == 0
        control.cancel(other.ctx, ulid, "anna")
        status = other.finish(ulid)
        assert (status["state"], status["rows"]["cancelled"]) == ("cancelled", ROWS)


def test_what_had_been_sent_is_stopped_where_the_upload_is_cancelled(house: House, tmp_path: Path) -> None:
    ulid = house.upload(ROWS, options={"max_simultaneous": 1})
    ingest.ingest(house.ctx, ulid)
    take(house, tmp_path / "backup")
    sent(house, ulid, 5)
    with restored(house, tmp_path / "backup") as other:
        restored_now(other.ctx, "anna")
        control.cancel(other.ctx, ulid, "anna")
        ended = "SELECT 1 FROM upload WHERE ended_at IS NOT NULL"
        status = other.run(ulid, until=lambda _: bool(other.sql(ended)), step=20, limit=4 * 3600)
        assert (status["state"], status["rows"]["accepted"]) == ("cancelled", ROWS)
        assert status["outcomes"]["cancelled"] > ROWS - 100


def test_who_withdrew_is_taken_back_once_it_is_known_that_he_was_sent(house: House, tmp_path: Path) -> None:
    ulid = house.upload(ROWS, options={"max_simultaneous": 1})
    ingest.ingest(house.ctx, ulid)
    take(house, tmp_path / "backup")
    sent(house, ulid, 5)
    with restored(house, tmp_path / "backup") as other:
        restored_now(other.ctx, "anna")
        withdraw.ask(other.ctx, ulid, [ROWS], "anna", "asked again")
        control.resume(other.ctx, ulid, "anna")
        status = other.finish(ulid, step=60, limit=24 * 3600)
        called_once(other, status, rows=ROWS)
        assert other.provider.calls[f"{ulid}:{ROWS}"] == 0


def test_what_lies_in_a_list_that_was_made_since_is_found_there(house: House, tmp_path: Path) -> None:
    """The first list had completed, so the rest went into a second one, of which the backup knows nothing."""
    people = house.folder / "starts.csv"
    later = START.timestamp() + 3 * 3600
    people.write_text(f"phone,__start_at\n+12023000000,\n+12023000001,{later:.0f}\n")
    ulid = house.upload(source=people)
    house.run(ulid, until=lambda s: bool(house.sql("SELECT 1 FROM outcome WHERE terminal")), step=5)
    take(house, tmp_path / "backup")
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 2, step=300, limit=4 * 3600)
    known = house.status(ulid)["lists"]
    assert len(known) == 2
    with restored(house, tmp_path / "backup") as other:
        (status,) = go_on(other, ulid)
        called_once(other, status, rows=2)
        assert status["lists"] == known
        assert "no_outcome" not in status["outcomes"]


@pytest.mark.parametrize(("account", "rows"), [("plum", "unknown"), ("formant", "accepted")])
def test_at_other_providers(house: House, tmp_path: Path, account: str, rows: str) -> None:
    """One that can be asked tells; where none can be asked a person decides."""
    ulid = house.upload(250, account=account)
    ingest.ingest(house.ctx, ulid)
    take(house, tmp_path / "backup")
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 250)
    with restored(house, tmp_path / "backup") as other:
        restored_now(other.ctx, "anna")
        control.resume(other.ctx, ulid, "anna")
        other.run(ulid, until=lambda s: s["rows"][rows] == 250 and not other.sql(IN_QUESTION), step=60, limit=7200)
        assert other.provider.ledger["contacts"] == 250
        assert other.provider.ledger["called_twice"] == 0


IN_QUESTION = "SELECT 1 FROM chunk WHERE in_question"


def test_uploads_that_the_backup_does_not_know_are_named(small_house: House, tmp_path: Path) -> None:
    house = small_house
    take_before = tmp_path / "backup"
    house.upload(5)
    take(house, take_before)
    lost = house.upload(some_numbers(5, first=100))
    house.finish(lost)
    (reference,) = [one["reference"] for one in house.status(lost)["lists"]]
    with restored(house, take_before) as other:
        told = restored_now(other.ctx, "anna")
        assert told.unknown["sandbox"] == [reference]
