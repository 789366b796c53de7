"""Outcomes: every accepted contact ends in one, or in an explicit `no_outcome` at the deadline."""

import threading
from datetime import timedelta

import polars as pl
import pytest

from tests.house import A_MOMENT, PATIENT, START, House, some_numbers
from worker import collect
from worker.providers import few
from worker.store import outcomes


def rows(house: House) -> list[tuple[int, str]]:
    return [(row[0], row[1]) for row in house.sql('SELECT "row", disposition FROM outcome ORDER BY "row"')]


def test_the_accounts_own_words_become_dispositions(house: House) -> None:
    house.provider.put("/outcomes", {"voicemail": 1.0})
    status = house.finish(house.upload(30))
    assert status["outcomes"] == {"voicemail": 30}
    status_word, word = house.sql("SELECT status, result FROM outcome LIMIT 1")[0]
    assert (status_word, word) == ("Processed", "voicemail")


def test_processed_does_not_mean_answered(house: House) -> None:
    house.account.dispositions = {}
    house.provider.put("/outcomes", {"answered": 1.0})
    assert house.finish(house.upload(30))["outcomes"] == {"processed": 30}


def test_who_is_still_open_at_the_deadline_gets_no_outcome(house: House) -> None:
    house.provider.faults({"fault": "partial_details", "share": 1, "part": 0.5})
    ulid = house.upload(40)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 40, step=1)
    house.turn(3600)
    house.work()
    assert house.status(ulid)["state"] == "dialing"
    house.turn(timedelta(hours=60).total_seconds())
    status = house.finish(ulid)
    assert status["outcomes"]["no_outcome"] > 0
    assert sum(status["outcomes"].values()) == 40
    assert len({row for row, _ in rows(house)}) == 40


def test_a_large_list_is_read_when_one_of_the_others_has_been(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ulid = house.upload(80)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 80, step=0.1)
    house.turn(3600)
    ((list_id,),) = house.sql("SELECT id FROM call_list")
    monkeypatch.setattr(few, "LARGE", 0)
    reader = threading.Thread(target=lambda: collect.collect(house.ctx, list_id), daemon=True)
    with few.one_of_few(1), few.one_of_few(1):
        reader.start()
        reader.join(A_MOMENT)
        assert (reader.is_alive(), rows(house)) == (True, [])
    reader.join(PATIENT)
    assert len(rows(house)) == 80
    assert house.status(ulid)["state"] == "finished"


def test_polling_slows_down_while_nothing_moves(house: House) -> None:
    house.provider.put("/outcomes", {"answered": 1.0})
    house.provider.put("/clock", {"speed": 0})
    ulid = house.upload(10)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 10, step=1)
    before = house.provider.ledger["requests"]
    for _ in range(120):
        house.now += timedelta(seconds=1)  # our clock only: at the provider nothing happens
        house.work()
    assert house.provider.ledger["requests"] - before < 40
    assert house.finish(ulid)["state"] == "finished"


def test_a_list_that_is_fed_more_often_than_it_is_asked_is_asked_all_the_same(house: House) -> None:
    house.provider.put("/outcomes", {"answered": 1.0})
    house.account.poll_fast = 20
    people = house.folder / "people.csv"
    starts = [START + timedelta(seconds=8 * number) for number in range(12)]
    lines = zip(some_numbers(len(starts)), starts, strict=True)
    people.write_text("phone,__start_at\n" + "".join(f"{number},{start.timestamp():.0f}\n" for number, start in lines))
    ulid = house.upload(source=people)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 8, step=1)
    assert house.status(ulid)["outcomes"]["answered"] >= 4
    assert house.finish(ulid)["outcomes"] == {"answered": 12}


def test_a_users_own_uuid_is_sent_and_comes_back_to_its_row(house: House) -> None:
    path = house.folder / "own.csv"
    numbers = some_numbers(3)
    path.write_text(f"phone,__task_uuid\n{numbers[0]},crm-1\n{numbers[1]},\n{numbers[2]},crm:3\n")
    status = house.finish(house.upload(source=path))
    assert sum(status["outcomes"].values()) == 3
    assert [row for row, _ in rows(house)] == [1, 2, 3]
    assert {"crm-1", "crm:3"} <= {contact["uuid"] for contact in house.provider.contacts}


def test_the_other_spelling_of_attempts_left_is_read_too(house: House) -> None:
    house.provider.put("/switches", {"attempts_left_key": "attempts_left"})
    status = house.finish(house.upload(30))
    assert sum(status["outcomes"].values()) == 30


def test_a_finished_list_is_not_asked_again(house: House) -> None:
    ulid = house.upload(10)
    house.finish(ulid)
    before = house.provider.ledger["requests"]
    for _ in range(50):
        house.turn(60)
        house.work()
    assert house.provider.ledger["requests"] == before


def test_who_has_come_to_an_end_is_counted_one_by_one(house: House) -> None:
    house.provider.put("/outcomes", {"answered": 1.0})
    ulid = house.upload(5)
    house.finish(ulid)
    asked = [[1, 2, 3, 4, 5], [4, 5, 6], [5, 3, 4], [2, 4], [1, 3, 99], [], [6]]
    with house.ctx.db.read() as session:
        found = [outcomes.count_ended(session, 1, pl.Series(rows, dtype=pl.Int64)) for rows in asked]
    assert found == [5, 2, 3, 2, 2, 0, 0]
