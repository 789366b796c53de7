"""Starts: at their time and not before, whatever the broker lost; late ones wait for a person."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import SQLModel

from schedules.sweep import sweep
from tests.house import FLOWS, START, House, adds_up, some_numbers


def iso(moment: datetime) -> str:
    return moment.isoformat()


def journal_times(house: House) -> list[datetime]:
    rows = house.sql("SELECT sent_at FROM attempt WHERE step IN ('create', 'append') ORDER BY id")
    return [row[0] if isinstance(row[0], datetime) else datetime.fromisoformat(row[0] + "+00:00") for row in rows]


@pytest.mark.parametrize("lost", [False, True], ids=["bells arrive", "bells are lost"])
def test_an_upload_is_sent_at_its_start_and_not_before(house: House, lost: bool) -> None:
    start = START + timedelta(minutes=2)
    ulid = house.upload(150, starts_at=iso(start))
    while house.now < start - timedelta(seconds=1):
        house.work()
        house.turn(min(7, (start - timedelta(seconds=1) - house.now).total_seconds()))
        if lost:
            house.lose_bells()
    assert house.provider.ledger["contacts"] == 0
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 150, step=0.25, limit=5)
    assert start <= journal_times(house)[0] <= start + timedelta(seconds=3)
    assert house.finish(ulid)["state"] == "finished"
    assert house.provider.ledger["called_twice"] == 0


def test_an_early_or_doubled_bell_does_nothing(house: House) -> None:
    ulid = house.upload(150, starts_at=iso(START + timedelta(minutes=30)))
    house.work()
    list_id = house.sql("SELECT id FROM call_list")[0][0]
    for _ in range(3):
        house.ring("submit", list_id)
    house.work()
    assert house.provider.ledger["requests"] == 1  # the balance was asked for
    assert house.status(ulid)["rows"]["waiting"] == 150


def test_two_beats_are_a_waste_and_not_a_fault(house: House) -> None:
    """Two sweeps at the same moment, and two workers for every bell that they ring."""
    start = START + timedelta(minutes=2)
    ulids = [house.upload(some_numbers(250, first=1000 * i), starts_at=iso(start)) for i in range(3)]
    house.work()

    def work() -> None:
        sweep(house.ctx)
        for _, _, bell, key in sorted(house.bells):
            FLOWS[bell](house.ctx, key)

    def twice() -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda _: work(), range(2)))
        house.lose_bells()

    while house.now < start - timedelta(seconds=1):
        twice()
        house.turn(min(30, (start - timedelta(seconds=1) - house.now).total_seconds()))
    assert house.provider.ledger["contacts"] == 0
    house.turn(1)
    twice()
    assert [house.status(ulid)["rows"]["accepted"] for ulid in ulids] == [250, 250, 250]
    assert house.sql("SELECT count(*) FROM attempt WHERE step IN ('create', 'append')") == [(9,)]
    assert (house.provider.ledger["contacts"], house.provider.ledger["called_twice"]) == (750, 0)


def test_what_could_not_be_sent_in_time_is_late_and_sends_nothing(house: House) -> None:
    ulid = house.upload(150, starts_at=iso(START + timedelta(minutes=2)))
    house.work()
    house.turn(3 * 3600)  # nobody worked meanwhile
    house.work()
    status = house.status(ulid)
    assert (status["state"], status["blocked"]) == ("blocked", "late")
    assert "needs_person" in status
    assert house.provider.ledger["contacts"] == 0
    assert adds_up(status)


def test_a_person_may_send_what_is_late(house: House) -> None:
    from worker import control

    ulid = house.upload(150, starts_at=iso(START + timedelta(minutes=2)))
    house.work()
    house.turn(3 * 3600)
    house.work()
    control.resume(house.ctx, ulid, "anna")
    assert house.finish(ulid)["rows"]["accepted"] == 150


def test_a_start_in_the_past_is_late(house: House) -> None:
    ulid = house.upload(50, starts_at=iso(START - timedelta(hours=2)))
    house.work()
    house.work()
    assert house.status(ulid)["blocked"] == "late"
    assert house.provider.ledger["contacts"] == 0


def people_with_starts(folder: Path, starts: list[str]) -> Path:
    path = folder / "starts.csv"
    lines = [f"{number},{start}" for number, start in zip(some_numbers(len(starts)), starts, strict=True)]
    path.write_text("phone,__start_at\n" + "\n".join(lines) + "\n")
    return path


def test_a_rows_own_start_wins(house: House) -> None:
    later, much_later = START + timedelta(minutes=5), START + timedelta(hours=3)
    starts = ["", "0", str(int(later.timestamp())), iso(much_later)]
    ulid = house.upload(source=people_with_starts(house.folder, starts))
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 2, step=1, limit=10)
    assert house.status(ulid)["rows"]["waiting"] == 2
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 3, step=20, limit=600)
    assert later <= house.now <= later + timedelta(seconds=30)
    status = house.finish(ulid, step=300, limit=5 * 3600)
    assert status["rows"]["accepted"] == 4
    assert house.now > much_later
    assert house.provider.ledger["called_twice"] == 0
    assert sum(status["outcomes"].values()) == 4


def test_a_list_that_completed_before_a_later_start_is_followed_by_a_new_one(house: House) -> None:
    house.provider.put("/switches", {"append_to_completed": "refused"})
    starts = ["", iso(START + timedelta(hours=3))]
    ulid = house.upload(source=people_with_starts(house.folder, starts))
    status = house.finish(ulid, step=300, limit=5 * 3600)
    assert status["rows"]["accepted"] == 2
    assert len(status["lists"]) == 2
    assert len({one["reference"] for one in status["lists"]}) == 2


def test_a_sweep_never_reads_all_chunks_or_lists(small_house: House) -> None:
    """Every query of the sweep runs on an index, whatever the planner knows of the tables' sizes."""
    small_house.upload(250, starts_at=iso(START + timedelta(hours=20)))
    small_house.work()
    plans: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE", "WITH")):
            lines = connection.connection.cursor().execute("EXPLAIN QUERY PLAN " + statement, parameters)
            plans.extend(line[3] for line in lines)

    event.listen(small_house.ctx.db.engine, "before_cursor_execute", explain)
    sweep(small_house.ctx)
    event.remove(small_house.ctx.db.engine, "before_cursor_execute", explain)
    assert len(plans) > 10
    scanned = {plan.split()[1] for plan in plans if plan.startswith("SCAN") and "USING INDEX" not in plan}
    # `gate` has a row for each account; the others may only be gone through by a partial index
    assert scanned & set(SQLModel.metadata.tables) <= {"gate"}
    assert {"CONSTANT"} <= scanned, "what SQLite says has changed"
