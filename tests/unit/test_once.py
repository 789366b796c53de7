"""Statements that are made once are given their values each time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Select, Update, case, func, select, update
from sqlmodel import col

from worker.db import Database
from worker.models import Gate
from worker.store import gates
from worker.store.arrows import run
from worker.store.once import once

NOW = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
made: list[str] = []


@once
def throttled(until: datetime, accounts: list[str]) -> Select[str]:
    made.append("throttled")
    held = (col(Gate.throttled_until) >= until, col(Gate.account).in_(accounts))
    return select(col(Gate.account)).where(*held).order_by(col(Gate.account))


@once
def of_message(account: str, message: str | None) -> Update:
    return update(Gate).where(col(Gate.account) == account, col(Gate.message) == message).values(strikes=3)


@pytest.fixture
def db(sqlite_url: str) -> Database:
    return Database(sqlite_url, lambda: NOW)


def test_every_call_gives_its_own_values_to_one_statement(db: Database) -> None:
    with db, db.write() as session:
        for days, account in enumerate(("a", "b", "c")):
            gates.throttle(session, account, NOW + timedelta(days=days))
        assert session.scalars(*throttled(NOW, ["a", "b"])).all() == ["a", "b"]
        assert session.scalars(*throttled(NOW + timedelta(days=1), ["a", "b", "c"])).all() == ["b", "c"]
        assert session.scalars(*throttled(until=NOW, accounts=[])).all() == []
    assert made == ["throttled"]


def test_columns_are_set_by_their_names_beside_what_the_statement_sets(db: Database) -> None:
    with db, db.write() as session:
        gates.throttle(session, "a", NOW)
        gates.note_balance(session, "a", 5.0, NOW)
        assert run(session, *gates._while_open("a"), message="b") == 1
        assert run(session, *of_message("a", "b"), message="c", balance=None) == 1
        assert run(session, *of_message("a", "b"), message="d") == 0
    with db.read() as session:
        gate = gates.look(session, "a")
        assert gate is not None
        assert (gate.strikes, gate.message, gate.balance) == (3, "c", None)


def test_none_equals_nothing(db: Database) -> None:
    with db, db.write() as session:
        gates.throttle(session, "a", NOW)
        assert run(session, *of_message("a", None)) == 0


@once
def kept_or(latest: datetime) -> Update:
    return update(Gate).values(hear_at=func.coalesce(col(Gate.hear_at), case((col(Gate.strikes) < 9, latest))))


def test_a_time_that_stands_beside_no_column_is_written_as_any_other(db: Database) -> None:
    east = NOW.astimezone(timezone(timedelta(hours=3)))
    with db, db.write() as session:
        gates.throttle(session, "a", NOW)
        run(session, *kept_or(east))
    with db.read() as session:
        written = select(col(Gate.throttled_until), col(Gate.hear_at), col(Gate.throttled_until) == col(Gate.hear_at))
        assert session.execute(written).one() == (NOW, NOW, True)


def test_what_is_no_column_is_refused(db: Database) -> None:
    with db, db.write() as session, pytest.raises(TypeError, match="no column referense"):
        run(session, *of_message("a", "b"), referense="c")


def test_none_is_refused_where_nobody_reckoned_with_it() -> None:
    with pytest.raises(TypeError, match="of_message compares with None"):
        of_message(None, "b")  # type: ignore[arg-type]
