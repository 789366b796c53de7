"""Uploads that ended long ago lose everything but their counts, and nothing else loses anything."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.dying_worker import dies
from tests.house import House, adds_up, some_numbers
from worker import explain, producer, prune, suppress, view, withdraw
from worker.errors import InputError
from worker.models import Upload
from worker.store import outcomes

DAY = 86_400
NUMBERS = [*some_numbers(150), "nobody", *some_numbers(3)]  # one is rejected, three stand twice


def ended(house: House, numbers: list[str] = NUMBERS, **job: Any) -> str:
    ulid = house.upload(numbers, **job)
    assert house.finish(ulid)["rows"]["accepted"] > 0
    return ulid


def objects(house: House) -> set[str]:
    return {one.name for one in Path(house.ctx.settings.staging).iterdir()}


def later(house: House, days: float) -> None:
    """Files keep real time, and the house's clock is turned: as if they had been written by it."""
    for one in Path(house.ctx.settings.staging).iterdir():
        os.utime(one, (house.now.timestamp(),) * 2)
    house.turn(days * DAY)


def everywhere(house: House) -> str:
    """All that the database holds, as text."""
    return repr([house.sql(f"SELECT * FROM {table}") for table in sorted(Upload.metadata.tables)])


def test_only_the_counts_are_left(house: House) -> None:
    ulid = ended(house)
    withdraw.ask(house.ctx, ulid, [7], "anna", "wrote to +12022000006")
    house.work()
    before = house.status(ulid)
    later(house, 10)
    assert prune.prune(house.ctx, 11) == prune.Pruned(0, 0, 0, 0)
    assert prune.prune(house.ctx, 9, dry_run=True) == prune.Pruned(1, 154, 0, 0)
    assert house.status(ulid) == before
    told = prune.prune(house.ctx, 9)
    assert (told.uploads, told.objects, objects(house)) == (1, 6, set())
    after = house.status(ulid)
    assert after.pop("pruned_at") == house.now.isoformat()
    assert after == before
    assert adds_up(after)
    assert house.sql("SELECT * FROM outcome") == []
    assert house.sql("SELECT row, why, message FROM withdrawal") == [(7, "", None)]
    assert "2022000" not in everywhere(house)
    assert prune.prune(house.ctx, 9) == prune.Pruned(0, 0, 0, 0)


def test_what_needs_the_rows_says_that_they_are_gone(small_house: House) -> None:
    house = small_house
    ulid = ended(house)
    later(house, 10)
    prune.prune(house.ctx, 9)
    with pytest.raises(InputError) as raised:
        house.upload(["+12025550123"], continues=ulid)
    assert raised.value.code == "cannot_continue"
    with pytest.raises(InputError) as raised:
        withdraw.ask(house.ctx, ulid, [1], "anna", "asked")
    assert raised.value.code == "pruned"
    with house.ctx.db.read() as session:
        upload = view.find(session, ulid)
        with pytest.raises(InputError, match=ulid) as raised:
            explain.contact(session, house.ctx.staging, upload, 1, "US")
        life = explain.life(session, upload)
    assert life.events[-1].step == "prune"
    assert life.now.startswith("It is finished: 154 rows, of these 150 accepted")
    assert raised.value.code == "pruned"


def test_who_withdrew_from_the_very_file_is_not_called_once_it_is_pruned(small_house: House) -> None:
    house = small_house
    job = {"source": str(house.file(NUMBERS)), "account": "sandbox"}
    later_on = (house.now + timedelta(hours=1)).isoformat()
    ulid = producer.enqueue({**job, "starts_at": later_on}, context=house.ctx).id
    house.work()
    house.work()
    withdraw.ask(house.ctx, ulid, [7, 9], "anna", "wrote to +12022000006")
    suppress.add(house.ctx, "sandbox", [12022000019], "asked by mail", "anna")
    house.turn(3600)
    house.finish(ulid)
    later(house, 10)
    prune.prune(house.ctx, 9)
    with pytest.raises(InputError, match=f"2 contacts of this very file .* upload {ulid}, .*: rows 7, 9. Take them"):
        producer.enqueue(job, context=house.ctx)
    left = [number for row, number in enumerate(NUMBERS, 1) if row not in (7, 9)]
    assert house.finish(house.upload(left))["rows"]["accepted"] == 147


def test_an_object_that_another_upload_needs_stays(small_house: House) -> None:
    """The very same file, twice: its source is one object."""
    house = small_house
    first = ended(house)
    later(house, 10)
    second = house.upload(NUMBERS, starts_at=house.now.timestamp() + 3600)
    prune.prune(house.ctx, 9)
    assert house.finish(second, step=60, limit=3 * 3600)["rows"]["accepted"] == 150
    assert "pruned_at" in house.status(first)


def test_nobody_is_called_again_because_of_it(small_house: House) -> None:
    """What `call_again_after` still asks about stays; where it is raised afterwards, nothing is called."""
    house = small_house
    house.account.call_again_after = 30
    ulid = ended(house)
    with house.ctx.db.write() as session:  # it was given long before it called
        view.find(session, ulid).created_at -= timedelta(days=20)
    later(house, 20)
    assert prune.prune(house.ctx, 9) == prune.Pruned(0, 0, 1, 0)
    assert house.finish(house.upload(some_numbers(150, first=100)))["rows"]["duplicate"] == 50
    house.account.call_again_after = 0
    assert prune.prune(house.ctx, 9).uploads == 1
    house.account.call_again_after = 30
    status = house.finish(house.upload(some_numbers(5)))
    assert (status["state"], status["code"]) == ("failed", "calls_unknown")


def test_a_family_goes_together(small_house: House) -> None:
    house = small_house
    first = ended(house)
    later(house, 10)
    second = ended(house, ["+12025550123"], continues=first)
    assert prune.prune(house.ctx, 9).uploads == 0
    later(house, 10)
    assert prune.prune(house.ctx, 9).uploads == 2
    assert all("pruned_at" in house.status(ulid) for ulid in (first, second))


def test_what_nobody_refers_to_goes_after_a_day(small_house: House) -> None:
    """As an intake leaves it that failed, or a writer that died. What is young may be about to be named."""
    house = small_house
    ulid = house.upload(5)
    staging = Path(house.ctx.settings.staging)
    (staging / ".incoming-x").write_bytes(b"half")
    digest = house.ctx.staging.put(b"of nobody")
    (staging / "notes.txt").write_text("not ours")
    later(house, 0.5)
    assert prune.sweep_up(house.ctx) == 0
    house.turn(DAY)
    house.ctx.staging.put(b"of nobody")
    os.utime(staging / digest, (house.now.timestamp(),) * 2)
    assert prune.sweep_up(house.ctx) == 1
    assert {digest, "notes.txt"} < objects(house)
    house.turn(2 * DAY)
    assert prune.sweep_up(house.ctx) == 1
    assert house.finish(ulid)["rows"]["accepted"] == 5


@pytest.mark.parametrize("event", ["prune.marked", "prune.emptied", "prune.removed"])
def test_whoever_dies_in_between_leaves_it_right(small_house: House, event: str) -> None:
    house = small_house
    ulid = ended(house)
    before = house.status(ulid)
    later(house, 10)
    dies(house, "prune", 9, event)
    after = house.status(ulid)
    assert after.pop("pruned_at")
    assert after == before
    prune.tidy(house.ctx)
    assert objects(house) == set()
    assert house.sql("SELECT * FROM outcome") == []


def test_outcomes_go_in_parts(small_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house = small_house
    ulid = ended(house)
    monkeypatch.setattr("worker.store.pruning.BATCH", 40)
    later(house, 10)
    house.ctx.settings.keep_days = 9
    prune.tidy(house.ctx)
    with house.ctx.db.read() as session:
        assert not list(outcomes.stream(session, 1))
    assert sum(house.status(ulid)["outcomes"].values()) == 150
