"""The schema changes under a campaign: the workers of the version before go on, and the new ones wait for it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text

from tests.contract.old_worker import OldWorker
from tests.contract.test_migrations import connected, empty, settings
from tests.house import A_MOMENT, FLOWS, House, adds_up
from tests.patience import until
from worker import migrate
from worker.db import Database
from worker.errors import Unavailable

ROWS, A_CHUNK = 24, 2


def head_and_before() -> tuple[str, str]:
    scripts = ScriptDirectory.from_config(migrate.config())
    head = scripts.get_current_head()
    assert head is not None
    before = scripts.get_revision(head).down_revision
    assert isinstance(before, str)
    return head, before


def move_back(house: House) -> None:
    """The database as the version before has it, with all that is in it."""
    with house.ctx.db.write() as session:
        command.downgrade(migrate.config(session.connection()), head_and_before()[1])
    house.ctx.db.engine.dispose()


class NewWorker(threading.Thread):
    """Waits for the schema and then works. `waits` is set while it waits."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self._house = house
        self.waits, self.stopping = threading.Event(), threading.Event()
        self.troubles: list[Exception] = []

    def run(self) -> None:
        try:
            migrate.wait_for(self._house.ctx.settings, self._pause)
            while not self.stopping.is_set():
                self._house.work()
                self._house.turn(1)
        except Exception as error:
            self.troubles.append(error)

    def _pause(self, _seconds: float) -> None:
        self.waits.set()
        self.stopping.wait(A_MOMENT)


@pytest.fixture
def campaign(house: House) -> Iterator[tuple[House, OldWorker, NewWorker, str]]:
    """A campaign that was read and is being sent by an old worker, on an old schema, while a new worker waits."""
    house.account.chunk_rows = A_CHUNK
    ulid = house.upload(ROWS)
    FLOWS["ingest"](house.ctx, ulid)
    house.lose_bells()
    move_back(house)
    old, new = OldWorker(house, ulid), NewWorker(house)
    for worker in (old, new):
        worker.start()
    try:
        until(lambda: new.waits.is_set() or new.troubles)  # what it says between two phases of a test nobody keeps
        yield house, old, new, ulid
    finally:
        for worker in (old, new):
            worker.stopping.set()
            worker.join(60)


def test_a_deployment_in_the_middle_of_a_campaign(
    campaign: tuple[House, OldWorker, NewWorker, str], caplog: pytest.LogCaptureFixture
) -> None:
    house, old, new, ulid = campaign
    until(lambda: (old.sent >= 2 and new.waits.is_set()) or old.troubles or new.troubles)
    migrate.upgrade(house.ctx.settings)
    behind = old.rounds
    until(lambda: old.rounds > behind + 1 or old.troubles)
    old.upgraded.set()
    later = old.enqueue()
    both = (ulid, later)
    until(lambda: all_sent(house) or old.troubles or new.troubles, 60)
    for worker in (old, new):
        worker.stopping.set()
        worker.join(60)
    assert (old.troubles, new.troubles) == ([], [])
    for one in both:
        status = house.finish(one, step=20)
        assert (status["rows"]["accepted"], adds_up(status)) == (ROWS, True)
        assert sum(status["outcomes"].values()) == ROWS
    assert house.provider.ledger["called_twice"] == 0
    assert house.provider.ledger["contacts"] == 2 * ROWS
    records = [*caplog.get_records("setup"), *caplog.records]
    assert [one.message for one in records if one.name == "rollcall.migrate"] == [
        "The database's schema is older than this version: run `rollcall migrate`. This worker waits for it.",
        "The database is ready; this worker begins.",
    ]


def all_sent(house: House) -> bool:
    """Both uploads were read, and nothing of them is on its way."""
    settled = house.sql("SELECT coalesce(sum(rows), 0) FROM chunk WHERE state IN ('accepted', 'finished')")
    return bool(settled[0][0] == 2 * ROWS)


def test_a_schema_that_is_newer_holds_no_worker_up(house: House) -> None:
    """The one that a worker of the version before meets when it is started anew."""
    with house.ctx.db.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert migrate.schema(house.ctx.settings) is migrate.Schema.NEWER
    migrate.wait_for(house.ctx.settings, lambda _: pytest.fail("nothing is to be waited for"))


def test_a_database_that_is_away_is_waited_for(tmp_path: Path, postgres_server: str) -> None:
    with empty(tmp_path, postgres_server) as url:
        migrate.upgrade(settings(url))
        away, waited = settings(url.replace("postgres@", "nobody_of_this_name@").replace("/e0", "/none0")), []

        def come_back(_seconds: float) -> None:
            waited.append(1)
            away.database_url = url

        assert away.database_url != url
        migrate.wait_for(away, come_back)
        assert waited == [1]


def test_whoever_holds_one_table_and_wants_the_next_is_not_ended(tmp_path: Path, postgres_server: str) -> None:
    """A worker holds an upload and goes on to its list, while all tables are being changed."""
    with empty(tmp_path, postgres_server) as url:
        database, failures = Database(url), list[Exception]()
        with database.write() as session:
            command.upgrade(migrate.config(session.connection()), "0001")

        def upgrade() -> None:
            try:
                migrate.upgrade(settings(url))
            except Exception as error:
                failures.append(error)

        deployer = threading.Thread(target=upgrade)
        with database.write() as session:
            session.connection().execute(text("SELECT id FROM upload FOR UPDATE"))
            deployer.start()
            until(lambda: waiting(url) or failures, what="the migration waits")
            for table in ("call_list", "chunk", "attempt"):
                session.connection().execute(text(f"DELETE FROM {table}"))
        deployer.join(60)
        database.dispose()
        assert failures == []
        assert migrate.current(settings(url))


def waiting(url: str) -> int:
    with connected(url) as connection:
        return int(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one())


def test_tables_that_are_never_free_are_said_so(
    tmp_path: Path, postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_PATIENCE", 0)
    with empty(tmp_path, postgres_server) as url:
        database = Database(url)
        with database.write() as session:
            command.upgrade(migrate.config(session.connection()), "0001")
        with database.write() as session:
            session.connection().execute(text("SELECT id FROM upload FOR UPDATE"))
            with pytest.raises(Unavailable) as error:
                migrate.upgrade(settings(url))
        database.dispose()
        assert error.value.code == "database_busy"
        assert not migrate.current(settings(url))
