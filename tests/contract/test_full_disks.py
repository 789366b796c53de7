"""Disks that are full: nothing is lost that was acknowledged, and everything goes on once there is room."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from tests.chaos.machine import fill, small_disk
from tests.house import FLOWS, House, compiled_before
from worker.errors import Unavailable
from worker.models import Upload
from worker.settings import Timing

ROWS = 250
NO_DISK = "This user may not mount a file system of a test's own."


@pytest.fixture
def staging(house: House) -> Iterator[Path]:
    """A small disk of its own under staging."""
    folder = house.ctx.settings.home / "staging"
    with small_disk(folder) as mounted:
        if not mounted:
            pytest.skip(NO_DISK)
        yield folder


def everybody_was_accepted_once(house: House, ulid: str, rows: int = ROWS) -> None:
    status = house.finish(ulid)
    assert (status["state"], status["rows"]["accepted"]) == ("finished", rows)
    assert house.provider.ledger["called_twice"] == 0


def test_a_push_is_not_acknowledged_while_staging_is_full(house: House, staging: Path) -> None:
    people = house.file([f"+1202{3000000 + row}" for row in range(ROWS)])
    balloon = fill(staging)
    with pytest.raises(Unavailable) as refused:
        house.upload(source=people)
    assert refused.value.code == "staging_unavailable"
    assert house.sql("SELECT 1 FROM upload") == []
    assert list(staging.iterdir()) == [balloon]
    balloon.unlink()
    everybody_was_accepted_once(house, house.upload(source=people))


def test_a_file_waits_for_room_in_staging_however_long_that_takes(house: House, staging: Path) -> None:
    ulid = house.upload(ROWS)
    balloon = fill(staging)
    for _ in range(2 * house.ctx.settings.max_deaths):
        house.work()
        house.turn(Timing().lease + 1)
    status = house.status(ulid)
    assert (status["state"], status["rows"]["total"]) == ("received", 0)
    balloon.unlink()
    everybody_was_accepted_once(house, ulid)


def test_a_file_waits_for_room_in_the_database_however_long_that_takes(small_house: House) -> None:
    """It is read each time, and what was read does not fit: that is no death of its reader."""
    house = small_house
    house.account.chunk_rows = 2  # more rows of ours than the last pages have room for
    ulid = house.upload(40)
    house.lose_bells()
    with no_more_pages(house):
        for _ in range(2 * house.ctx.settings.max_deaths):
            house.work()
            house.turn(Timing().lease + 1)
    assert house.sql("SELECT deaths FROM upload") == [(0,)]
    status = house.status(ulid)
    assert (status["state"], status["code"], status["rows"]["total"]) == ("received", "database_down", 0)
    everybody_was_accepted_once(house, ulid, rows=40)


@contextmanager
def no_more_pages(house: House) -> Iterator[None]:
    """The file grows no more: it is full at this size, whatever is said."""

    def taken(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    engine = house.ctx.db.engine
    engine.dispose()
    with sqlite3.connect(str(engine.url.database)) as apart:
        apart.execute("VACUUM")  # what lies free in the file would be used
    apart.close()
    event.listen(engine, "checkout", taken)
    yield
    event.remove(engine, "checkout", taken)
    engine.dispose()


def test_nothing_is_sent_that_a_full_database_cannot_write_down(tmp_path: Path, small_house: House) -> None:
    """The disk is full in earnest, under the file and its journal, at each step of the way."""
    house = small_house
    with small_disk(tmp_path / "disk") as mounted:
        if not mounted:
            pytest.skip(NO_DISK)
        with House.at(tmp_path, database_on(tmp_path / "disk", house), house.provider) as full:
            compiled_before(full.ctx.db)
            ulid = full.upload(ROWS)
            goes_on_when_there_is_room(full, tmp_path / "disk", "ingest", ulid)
            list_id = full.sql("SELECT id FROM call_list")[0][0]
            goes_on_when_there_is_room(full, tmp_path / "disk", "submit", list_id)
            everybody_was_accepted_once(full, ulid)


def database_on(disk: Path, house: House) -> str:
    """A copy of the house's database that lies there."""
    with sqlite3.connect(str(house.ctx.db.engine.url.database)) as empty:
        empty.execute(f"VACUUM INTO '{disk}/rollcall.db'")
    empty.close()
    return f"sqlite:///{disk}/rollcall.db"


def goes_on_when_there_is_room(house: House, disk: Path, flow: str, key: object) -> None:
    before = [tuple(row) for row in house.sql(f"SELECT * FROM {Upload.__tablename__}")]
    sent = house.provider.ledger["contacts"]
    balloon = fill(disk)
    with pytest.raises(OperationalError, match="full"):
        FLOWS[flow](house.ctx, key)
    assert house.provider.ledger["contacts"] == sent
    assert [tuple(row) for row in house.sql(f"SELECT * FROM {Upload.__tablename__}")] == before
    balloon.unlink()
    FLOWS[flow](house.ctx, key)
