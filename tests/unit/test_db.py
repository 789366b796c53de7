"""Transactions, pragmas and the one clock that decides, on SQLite and PostgreSQL."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError, InternalError, OperationalError
from sqlmodel import Session

from tests.databases import databases
from tests.house import START
from worker.db import Database
from worker.errors import ConfigError, Unavailable
from worker.models import Gate

OFTEN = 10  # times after which psycopg has prepared a statement


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    yield made
    made.dispose()


@pytest.fixture
def server_database(postgres_server: str, tmp_path: Path) -> Iterator[Database]:
    with databases(tmp_path, postgres_server) as url, Database(url) as made:
        yield made


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    made = Database(sqlite_url)
    yield made
    made.dispose()


def put(session: Session, account: str, balance: float = 0) -> None:
    session.add(Gate(account=account, balance=balance))


def accounts(database: Database) -> list[str]:
    with database.read() as session:
        return [row[0] for row in session.execute(text("SELECT account FROM gate ORDER BY account"))]


def failing(database: Database, work: Callable[[Session], object], kind: type[Exception]) -> None:
    """A writing block that ends in an error."""
    with pytest.raises(kind), database.write() as session:
        work(session)


class TestTransactions:
    def test_a_block_commits_at_its_end(self, database: Database) -> None:
        with database.write() as session:
            put(session, "acme")
            assert accounts(database) == []
        assert accounts(database) == ["acme"]

    def test_reading_leaves_nothing_behind(self, server_database: Database) -> None:
        with pytest.raises(InternalError, match="read-only"), server_database.read() as session:
            put(session, "acme")
        assert accounts(server_database) == []

    def test_what_was_prepared_outlives_a_reading(self, server_database: Database) -> None:
        for _ in range(OFTEN):
            accounts(server_database)
        with server_database.read() as session:
            prepared = session.execute(text("SELECT statement FROM pg_prepared_statements")).scalars()
            assert any("FROM gate ORDER BY account" in statement for statement in prepared)

    def test_who_makes_a_database_read_only_is_obeyed(self, server_database: Database) -> None:
        with server_database.write() as session:
            session.execute(text("SET default_transaction_read_only = on"))  # as a reload of the server's settings does
        assert accounts(server_database) == []
        with pytest.raises(InternalError, match="read-only"), server_database.write() as session:
            put(session, "acme")

    def test_a_glance_begins_no_transaction(self, server_database: Database) -> None:
        mine = "SELECT state FROM pg_stat_activity WHERE pid = (SELECT pid FROM pg_stat_activity WHERE query = :asked)"
        with server_database.glance() as connection, server_database.read() as session:
            connection.execute(text("SELECT 'a glance'"))
            assert session.execute(text(mine), {"asked": "SELECT 'a glance'"}).scalars().all() == ["idle"]

    def test_who_writes_after_a_glance_is_in_a_transaction(self, database: Database) -> None:
        def work(session: Session) -> None:
            put(session, "acme")
            session.flush()
            raise ZeroDivisionError

        with database.glance() as connection:
            assert connection.execute(text("SELECT count(*) FROM gate")).scalar() == 0
        failing(database, work, ZeroDivisionError)
        assert accounts(database) == []

    def test_an_error_takes_everything_back(self, database: Database) -> None:
        def work(session: Session) -> None:
            put(session, "acme")
            session.flush()
            raise ZeroDivisionError

        failing(database, work, ZeroDivisionError)
        assert accounts(database) == []

    def test_a_constraint_that_is_met_only_at_the_end_takes_everything_back(self, database: Database) -> None:
        def work(session: Session) -> None:
            put(session, "acme")
            session.add(Gate(account="bad", blocked="by nobody"))

        failing(database, work, IntegrityError)
        assert accounts(database) == []

    def test_an_error_of_the_database_does_not_show_what_was_written(self, database: Database) -> None:
        def work(session: Session) -> None:
            session.add(Gate(account="acme", message="+12025550123", blocked="by nobody"))

        with pytest.raises(IntegrityError) as raised, database.write() as session:
            work(session)
        # PostgreSQL's own words name the row, and SQLAlchemy's would name every parameter
        assert "[SQL parameters hidden" in str(raised.value)

    def test_a_savepoint_takes_back_only_itself(self, database: Database) -> None:
        with database.write() as session:
            put(session, "acme")
            session.flush()
            with pytest.raises(IntegrityError), session.begin_nested():
                session.connection().execute(text("INSERT INTO gate (account) VALUES ('acme')"))
            put(session, "zeta")
        assert accounts(database) == ["acme", "zeta"]

    def test_what_was_read_stays_usable_after_the_block(self, database: Database) -> None:
        with database.write() as session:
            gate = Gate(account="acme", balance=5)
            session.add(gate)
        assert (gate.account, gate.balance) == ("acme", 5)

    def test_schema_changes_are_taken_back_too(self, database: Database) -> None:
        create = text("CREATE TABLE half_done (id INTEGER)")
        failing(database, lambda session: (session.connection().execute(create), 1 / 0), ZeroDivisionError)
        with database.write() as session:
            session.connection().execute(create)


class TestSqlite:
    @pytest.mark.parametrize(
        ("pragma", "value"),
        [("journal_mode", "wal"), ("synchronous", 2), ("busy_timeout", 30_000), ("foreign_keys", 1)],
    )
    def test_every_connection_has_its_pragmas(self, sqlite: Database, pragma: str, value: object) -> None:
        with sqlite.read() as first, sqlite.read() as second, sqlite.write() as third:
            for session in (first, second, third):
                assert session.execute(text(f"PRAGMA {pragma}")).scalar_one() == value

    def test_foreign_keys_are_kept(self, sqlite: Database) -> None:
        chunk = "INSERT INTO attempt (upload_id, step, sent_at) VALUES (99, 'x', '2030-01-07 09:00:00.000000')"
        with pytest.raises(IntegrityError), sqlite.write() as session:
            session.connection().execute(text(chunk))

    def test_a_writing_block_holds_the_pen_from_its_beginning(self, sqlite: Database, sqlite_url: str) -> None:
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), timeout=0)
        with sqlite.write():
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
            assert other.execute("SELECT count(*) FROM gate").fetchone() == (0,)
        other.execute("BEGIN IMMEDIATE")
        other.close()

    def test_a_reading_block_holds_nobody_up(self, sqlite: Database) -> None:
        with sqlite.read() as reader:
            assert reader.execute(text("SELECT count(*) FROM gate")).scalar_one() == 0
            with sqlite.write() as writer:
                put(writer, "acme")
            assert reader.execute(text("SELECT count(*) FROM gate")).scalar_one() == 0
        assert accounts(sqlite) == ["acme"]

    def test_what_was_read_before_writing_is_still_true(self, sqlite: Database) -> None:
        """A read that turns into a write fails where another writer came between; IMMEDIATE lets nobody between."""
        with sqlite.engine.connect() as late:
            late.execute(text("SELECT count(*) FROM gate"))
            with sqlite.write() as session:
                put(session, "acme")
            with pytest.raises(OperationalError, match="locked"):
                late.execute(text("INSERT INTO gate (account) VALUES ('late')"))
        assert accounts(sqlite) == ["acme"]

    def test_many_may_open_a_new_file_at_once(self, tmp_path: Path) -> None:
        def opens(url: str) -> bool:
            database = Database(url)
            with database.write() as session:
                mode = str(session.execute(text("PRAGMA journal_mode")).scalar_one())
            database.dispose()
            return mode == "wal"

        with ThreadPoolExecutor(6) as pool:
            for file in range(15):
                assert all(pool.map(opens, [f"sqlite:///{tmp_path}/{file}.db"] * 6))

    def test_the_folder_is_made(self, tmp_path: Path) -> None:
        database = Database(f"sqlite:///{tmp_path}/not/yet/there/rollcall.db")
        database.ping()
        database.dispose()
        assert (tmp_path / "not/yet/there/rollcall.db").exists()


def test_many_writers_at_once_wait_for_each_other(database: Database) -> None:
    with database.write() as session:
        put(session, "acme", balance=0)
    lock = "" if database.is_sqlite else " FOR UPDATE"

    def add_one(_: int) -> None:
        with database.write() as session:
            held = session.execute(text(f"SELECT balance FROM gate WHERE account = 'acme'{lock}")).scalar_one()
            session.connection().execute(text("UPDATE gate SET balance = :b"), {"b": held + 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_one, range(80)))
    with database.read() as session:
        assert session.execute(text("SELECT balance FROM gate")).scalar_one() == 80


def test_a_writer_that_is_slow_is_waited_for(sqlite: Database) -> None:
    holding = threading.Event()

    def slow() -> None:
        with sqlite.write() as session:
            put(session, "slow")
            session.flush()
            holding.set()
            time.sleep(0.2)

    thread = threading.Thread(target=slow)
    thread.start()
    assert holding.wait(5)
    with sqlite.write() as session:
        put(session, "waited")
    thread.join()
    assert accounts(sqlite) == ["slow", "waited"]


class TestClock:
    def test_turned_by_hand(self, database_url: str) -> None:
        now = [START]
        database = Database(database_url, lambda: now[0])
        for _ in range(2):
            with database.read() as session:
                assert database.now(session) == now[0]
            now[0] += timedelta(days=400)
        database.dispose()

    def test_real(self, database: Database) -> None:
        before = datetime.now(UTC)
        with database.read() as session:
            first = database.now(session)
            time.sleep(0.002)
            second = database.now(session)
        assert first.tzinfo is UTC
        assert abs(first - before) < timedelta(seconds=5)
        assert second > first, "the clock goes on within a transaction"

    def test_a_moment_comes_back_as_it_went_in(self, database: Database) -> None:
        moment = datetime(2030, 1, 7, 9, 0, 0, 123456, tzinfo=UTC)
        with database.write() as session:
            session.add(Gate(account="acme", probe_at=moment))
        with database.read() as session:
            gate = session.get(Gate, "acme")
            assert gate is not None
            assert gate.probe_at == moment
            assert gate.probe_at.utcoffset() == timedelta(0)


class TestUnreachable:
    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://someone:secret@127.0.0.1:1/rollcall",
            "postgresql://someone:secret@does-not-resolve.invalid/rollcall",
            "sqlite:////",
            "sqlite:////proc/nowhere/rollcall.db",
            "sqlite:////dev/null/rollcall.db",
        ],
    )
    def test_it_is_said_in_one_sentence(self, url: str) -> None:
        with pytest.raises(Unavailable) as raised:
            Database(url).ping()
        assert raised.value.code == "database_down"
        assert "secret" not in raised.value.message
        assert raised.value.message.endswith(".")

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "rollcall.db").write_text("these are not the rows you are looking for" * 100)
        with pytest.raises(Unavailable):
            Database(f"sqlite:///{tmp_path}/rollcall.db").ping()

    @pytest.mark.parametrize("verb", ["read", "write"])
    def test_every_block_says_so(self, verb: str) -> None:
        database = Database("postgresql://someone:secret@127.0.0.1:1/rollcall")
        with pytest.raises(Unavailable), getattr(database, verb)():
            pytest.fail("there is no database")

    @pytest.mark.parametrize(
        "url",
        [
            "nonsense",
            "",
            "oracle-of-delphi://x",
            "mysql://u:secret@h/d",
            "postgresql://u:secret@h:port/d",
            "sqlite://",
            "sqlite:///:memory:",
        ],
    )
    def test_an_url_that_cannot_be_used(self, url: str) -> None:
        with pytest.raises(ConfigError) as raised:
            Database(url)
        assert raised.value.code == "bad_database_url"
        assert "secret" not in raised.value.message
        assert raised.value.message.endswith(".")


def test_a_connection_that_died_while_it_lay_idle_is_replaced(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.db.IDLE", 0)
    kill = text("SELECT pg_terminate_backend(:pid)")
    with Database(postgres_server) as database, Database(postgres_server) as other:
        with database.read() as session:
            pid = session.scalar(text("SELECT pg_backend_pid()"))
        with other.read() as session:
            assert session.scalar(kill, {"pid": pid})
        with database.read() as session:
            assert session.scalar(text("SELECT pg_backend_pid()")) != pid


def hold(session: Session) -> None:
    session.execute(text("SELECT 1 FROM gate WHERE account = 'acme' FOR UPDATE"))


@pytest.fixture
def busy(tmp_path: Path, postgres_server: str) -> Iterator[Database]:
    """A database with a row that two want."""
    with databases(tmp_path, postgres_server) as url, Database(url) as made:
        with made.write() as session:
            put(session, "acme")
        yield made


class TestOnPostgres:
    def test_nobody_waits_for_ever_for_a_lock(self, busy: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("worker.db.PATIENCE", 1)
        with Database(busy.url) as other, busy.write() as session:
            hold(session)
            with pytest.raises(OperationalError, match="lock timeout"), other.write() as waiting:
                hold(waiting)

    def test_who_stands_still_in_a_transaction_holds_up_nobody(
        self, busy: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("worker.db.ABANDONED", 1)

        def stand_still(session: Session) -> None:
            hold(session)
            with busy.write() as other:
                hold(other)
            hold(session)

        with Database(busy.url) as frozen, frozen.read(at_leisure=True) as reading:
            assert reading.scalar(text("SELECT 1")) == 1
            failing(frozen, stand_still, InternalError)
            assert reading.scalar(text("SELECT 1")) == 1

    def test_limits_of_the_users_own_stay(self, busy: Database) -> None:
        own = make_url(busy.url).update_query_dict({"options": "-c lock_timeout=5s"})
        with Database(own.render_as_string(hide_password=False)) as database, database.read() as session:
            assert session.scalar(text("SHOW lock_timeout")) == "5s"
            assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "1min"
