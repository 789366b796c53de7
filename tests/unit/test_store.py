"""What the store promises of single statements, on SQLite and without a provider."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from worker.db import Database
from worker.store import gates, outcomes

NOW = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    database = Database(sqlite_url, lambda: NOW)
    yield database
    database.dispose()


def tell(db: Database, rows: pl.Series) -> int:
    with db.write() as session:
        return outcomes.no_outcome(session, 1, 1, rows, NOW)


def test_outcomes_of_rows_that_lie_far_apart_are_asked_for_one_by_one(db: Database) -> None:
    assert tell(db, pl.Series(range(20_000))) == 20_000
    far = pl.Series([19_000, 3, 50_000, 3])
    with db.read() as session:
        assert outcomes.known(session, 1, far)["row"].to_list() == [3, 19_000]
        assert outcomes.known(session, 1, pl.Series([5, 8, 6]))["row"].to_list() == [5, 6, 7, 8]
        assert outcomes.known(session, 1, pl.Series([], dtype=pl.Int64)).is_empty()
        many = pl.Series(range(0, 200_000, 9))
        assert outcomes.known(session, 1, many).height == len(range(0, 20_000, 9))
    assert tell(db, far.unique()) == 1


@pytest.mark.parametrize("second", [1, 1200])
def test_of_two_waits_that_a_provider_asks_for_the_longer_one_holds(db: Database, second: float) -> None:
    with db.write() as session:
        for wait in (600.0, second):
            gates.throttle(session, "acme", NOW + timedelta(seconds=wait))
        gate = gates.look(session, "acme")
        assert gate is not None
        assert gate.throttled_until == NOW + timedelta(seconds=max(600, second))
