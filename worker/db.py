"""The database: engine, transactions, and the one clock that decides.

SQLite runs in WAL with `synchronous=FULL`: with NORMAL a power cut may forget the "sending" line after the post went
out. Writing transactions begin IMMEDIATE, since a read that turns into a write would fail where another writer came
between.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from worker.errors import ConfigError, Unavailable

Clock = Callable[[], datetime]

PATIENCE = 30  # seconds a writer waits for another one
ABANDONED = 60  # seconds after which PostgreSQL ends a transaction in which nothing is said any more
IDLE = 0.2  # seconds after which a connection is tried before it is used
LIMITS = """
    SELECT set_config(name, value, false)
    FROM (VALUES ('lock_timeout', %s), ('idle_in_transaction_session_timeout', %s)) AS wanted (name, value)
    WHERE current_setting(name) = '0'
"""
PRAGMAS = (f"busy_timeout={PATIENCE * 1000}", "synchronous=FULL", "foreign_keys=ON")


class Database:
    """Transactions over one engine. `clock` replaces the database's clock, for tests that turn time by hand."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self.url = url
        self.engine = _engine(url)
        self._clock = clock

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write; commits at the end of the block."""
        with self._connect(rollcall_write=True) as connection, connection.begin():
            yield from self._session(connection)

    @contextmanager
    def read(self, *, at_leisure: bool = False) -> Iterator[Session]:
        """A transaction that only reads, all of it at one moment: counts that were read apart would not add up.

        `at_leisure`: somebody listens who may stop for as long as he likes, or files are read in between.
        """
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        # ended by COMMIT: a ROLLBACK makes psycopg forget every statement that it has prepared on this connection
        with self._connect(**snapshot) as connection, connection.begin():
            if at_leisure and not self.is_sqlite:
                connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            yield from self._session(connection)

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """For one question, whose answer is of one moment without a transaction. A third of what `read` costs."""
        alone = {} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        with self._connect(**alone) as connection:
            yield connection

    def now(self, session: Session) -> datetime:
        """The time by the database's clock, with zone."""
        if self._clock is not None:
            return self._clock()
        if self.is_sqlite:
            return datetime.now(UTC)
        moment: datetime = session.connection().exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return moment.astimezone(UTC)

    def ping(self) -> None:
        """Raises Unavailable `database_down`."""
        with self._connect() as connection:
            connection.execute(text("SELECT 1"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dispose()

    def dispose(self) -> None:
        self.engine.dispose()

    def _connect(self, **options: Any) -> Connection:
        try:
            return self.engine.connect().execution_options(**options)
        except DatabaseError as error:
            where = make_url(self.url).render_as_string(hide_password=True)
            if (broken := _broken(error.orig)) is not None:
                raise Unavailable("database_unusable", f"The file of {where} is {broken}.") from error
            said = f"The database {where} does not answer; start it, or correct database_url."
            raise Unavailable("database_down", said) from error

    def _session(self, connection: Connection) -> Iterator[Session]:
        info = {"clock": self.now}
        with Session(bind=connection, expire_on_commit=False, autoflush=False, info=info) as session:
            yield session
            session.flush()


def _broken(error: BaseException | None) -> str | None:
    """What is the matter with a file that SQLite reads and cannot use; None where it was not that."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # which errors of Python's own do not have
    if code == sqlite3.SQLITE_NOTADB:
        return "no SQLite database, or its beginning is damaged; correct database_url, or restore a backup"
    return "damaged; restore a backup (docs/operations.md)" if code == sqlite3.SQLITE_CORRUPT else None


def _engine(url: str) -> Engine:
    try:
        if url.startswith("sqlite"):
            return _sqlite(url)
        return _server(url)
    except (ArgumentError, ImportError, ValueError) as error:
        said = f"The database_url cannot be used ({type(error).__name__}); give postgresql://… or sqlite:///… instead."
        raise ConfigError("bad_database_url", said) from None
    except OSError as error:
        said = f"The folder of the database cannot be made ({error.strerror}); check home and database_url."
        raise Unavailable("database_down", said) from error


def _server(url: str) -> Engine:
    """A connection that lay idle is tried before it is used: the server may have been restarted meanwhile.

    Nobody waits for ever for a lock, and whoever holds one and is frozen, or cut off, loses it; limits that the server,
    the role or the URL set stay as they are.
    """
    engine = create_engine(url, pool_size=10, max_overflow=30, pool_use_lifo=True, hide_parameters=True)

    def limit(connection: Any, _record: ConnectionPoolEntry) -> None:
        connection.execute(LIMITS, (f"{PATIENCE}s", f"{ABANDONED}s"))
        connection.commit()

    def given_back(connection: Any, record: ConnectionPoolEntry) -> None:
        if connection is not None:
            connection.read_only = None  # not False: who makes a whole database read-only must be obeyed
        record.info["idle_since"] = time.monotonic()

    def taken(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        if time.monotonic() - record.info.get("idle_since", time.monotonic()) < IDLE:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError() from error

    event.listen(engine, "connect", limit)
    event.listen(engine, "checkin", given_back)
    event.listen(engine, "checkout", taken)
    return engine


def _sqlite(url: str) -> Engine:
    file = make_url(url).database
    if not file or file == ":memory:":
        raise ValueError("a database in memory is another one for each connection")
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    arguments = {"check_same_thread": False, "timeout": PATIENCE}
    engine = create_engine(url, pool_size=10, max_overflow=30, hide_parameters=True, connect_args=arguments)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # sqlite3 must not begin on its own
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    _write_ahead(connection)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL. SQLite waits for nobody here: where two open a new file at once, one is told "locked"."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _on_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("rollcall_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
