"""Invariants: each is broken by hand, in SQL, and then named. What only waits its turn is not."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from schedules.sweep import sweep_for_a_while
from tests.house import House, some_numbers
from worker import invariants
from worker.db import Database
from worker.store.invariants import QUERIES, Broken
from worker.web.metrics import Metrics

LONG_AGO, SOON = timedelta(minutes=6), timedelta(minutes=1)


def change(house: House, statement: str, **values: Any) -> None:
    with house.ctx.db.engine.connect() as connection, connection.begin():
        connection.execute(text(statement), values)


def names(house: House) -> set[str]:
    return {one.name for one in invariants.look(house.ctx)}


def dialling(house: House) -> str:
    """An upload of three chunks that were accepted and are being dialled."""
    ulid = house.upload(250)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 250)
    return ulid


BREAKS = {
    "accounting": "UPDATE chunk SET rows = rows - 1 WHERE seq = 1",
    "claim_unattended": "UPDATE chunk SET state = 'claimed', token = 'T', lease_until = :then WHERE seq = 1",
    "unknown_unattended": "UPDATE chunk SET state = 'unknown', check_at = :then, deadline_at = :then WHERE seq = 1",
    "overdue": "UPDATE chunk SET state = 'ready', not_before = :then, not_after = :later WHERE seq = 1",
    "reading_unattended": "UPDATE upload SET state = 'ingesting', lease_until = :then",
    "unread": "UPDATE upload SET state = 'received', created_at = :then",
    "unpolled": "UPDATE call_list SET next_poll_at = :then",
    "beyond_deadline": "UPDATE call_list SET deadline_at = :then, next_poll_at = :then",
    "callback_unapplied": "INSERT INTO callback (account, external_id, state, body, received_at) "
    "VALUES ('sandbox', '1', 'new', '{}', :then)",
    "withdrawal_unattended": "INSERT INTO withdrawal (upload_id, row, chunk_id, state, who, why, asked_at, since, "
    "again_at) SELECT upload_id, 1, id, 'wanted', 'ana', 'asked', :then, :then, :then FROM chunk WHERE seq = 1",
    "uncompared": "UPDATE gate SET listed_since = :then, listed_token = 'T', compare_at = :then",
    "unprobed": "UPDATE gate SET blocked = 'provider_down', probe_at = :then",
}
ALSO = {"beyond_deadline": {"unpolled"}}


def test_every_invariant_is_broken_here_and_has_its_sentence() -> None:
    assert set(BREAKS) == set(QUERIES) == set(invariants.SAID)


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_by_hand_is_named(house: House, name: str) -> None:
    ulid = dialling(house)
    assert names(house) == set()
    if name == "overdue":
        change(house, "UPDATE upload SET state = 'submitting'")
    values = {"then": house.now - LONG_AGO, "later": house.now + SOON}
    change(house, BREAKS[name], **{key: value for key, value in values.items() if f":{key}" in BREAKS[name]})
    found = {one.name: one for one in invariants.look(house.ctx)}
    assert set(found) == {name} | ALSO.get(name, set())
    assert found[name].number == 1
    assert found[name].example in (ulid, "sandbox")
    assert found[name].example in invariants.said(found[name])


def test_what_only_waits_its_turn_is_not_stuck(house: House) -> None:
    """Another list of the account is being sent, read or looked at; the account is left alone; a person is asked."""
    dialling(house)
    values = {"then": house.now - LONG_AGO, "later": house.now + SOON}
    change(house, "UPDATE upload SET state = 'submitting'")
    change(house, BREAKS["overdue"], **values)
    change(house, "UPDATE call_list SET next_poll_at = :then", then=house.now - LONG_AGO)
    assert names(house) == {"overdue", "unpolled"}
    busy = "UPDATE call_list SET token = 'T', lease_until = :later, poll_token = 'T', poll_lease_until = :later"
    change(house, busy, later=values["later"])
    assert names(house) == set()
    change(house, "UPDATE call_list SET token = NULL, lease_until = NULL, poll_token = NULL, poll_lease_until = NULL")
    change(house, "UPDATE gate SET blocked = 'provider_down', probe_at = :later", later=values["later"])
    assert names(house) == {"overdue"}, "the uploads of such an account are blocked, and this one is not"
    change(house, "UPDATE upload SET state = 'blocked', blocked = 'provider_down'")
    assert names(house) == set()


def test_nothing_is_broken_by_a_campaign_and_an_hours_sleep(house: House) -> None:
    """Who sleeps through everything that came due does not find it stuck, but takes it up."""
    ulid = house.upload(some_numbers(250), options={"num_attempts": 2, "interval_seconds": 1800})
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 250)
    house.turn(3600)
    assert names(house) == {"unpolled"}
    house.work()
    assert names(house) == set()
    house.finish(ulid, step=60, limit=7200)
    assert names(house) == set()


def test_one_worker_a_minute_looks_and_it_is_loud(house: House, caplog: pytest.LogCaptureFixture) -> None:
    dialling(house)
    change(house, BREAKS["accounting"])
    other = Database(house.ctx.settings.database, lambda: house.now)
    with caplog.at_level(logging.ERROR, "rollcall.invariants"):
        invariants.watch(house.ctx)
        invariants.watch(house.ctx)
        assert len(caplog.messages) == 1
        assert "invariant accounting is broken: The rows of 1 uploads do not add up" in caplog.messages[0]
        house.turn(invariants.EVERY)
        invariants.watch(house.ctx)
        assert len(caplog.messages) == 2
    house.turn(5)
    told = Metrics(other, house.ctx.settings).text().decode()
    assert 'rollcall_invariant_broken{invariant="accounting"} 1.0' in told
    assert 'rollcall_invariant_broken{invariant="overdue"} 0.0' in told
    assert "rollcall_invariants_checked_seconds 5.0" in told
    other.dispose()


def test_the_sweep_looks(small_house: House) -> None:
    small_house.ctx.settings.timing.sweep_slice = 0.01
    other = Database(small_house.ctx.settings.database, lambda: small_house.now)
    assert "rollcall_invariants_checked_seconds" not in Metrics(other, small_house.ctx.settings).text().decode()
    sweep_for_a_while(small_house.ctx)
    assert "rollcall_invariants_checked_seconds 0.0" in Metrics(other, small_house.ctx.settings).text().decode()
    other.dispose()


def test_looking_goes_through_no_table_of_what_is_over(small_house: House) -> None:
    """However many chunks, lists and callbacks there ever were."""
    dialling(small_house)
    plans: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            lines = connection.connection.cursor().execute("EXPLAIN QUERY PLAN " + statement, parameters)
            plans.extend(line[3] for line in lines)

    event.listen(small_house.ctx.db.engine, "before_cursor_execute", explain)
    invariants.look(small_house.ctx)
    event.remove(small_house.ctx.db.engine, "before_cursor_execute", explain)
    assert len(plans) > len(QUERIES)
    whole = [plan for plan in plans if plan.startswith("SCAN") and "USING" not in plan and "gate" not in plan]
    assert whole == []


def test_a_sentence_names_what_to_do() -> None:
    said = invariants.said(Broken("overdue", 3, "01X"))
    assert said.startswith("3 chunks should have been sent")
    assert said.endswith("look at their logs.")
