"""Bring the database's schema up to date. Run once per deployment, never from each worker.

The workers of the version before go on meanwhile: a step only adds, and what they write stays good (see
docs/adr/0015-migrations-only-add.md). A worker that is newer than the schema waits for it.

Every command and every worker asks how the schema is, so that is told without Alembic, which takes long to import.
"""

import logging
import time
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError

from worker.db import Database
from worker.errors import ConfigError, Unavailable
from worker.settings import Settings

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7243811  # any number, the same for everyone: two machines that migrate at once take turns
_TRY = (
    400  # milliseconds in which all tables are to be had; below PostgreSQL's own, after which it ends a worker's task
)
_CANCELLED = "57014"  # what PostgreSQL says then
_PATIENCE = 120.0  # seconds for which that is tried again
_PAUSE = 0.2  # seconds in which workers go on
_LOOK_EVERY = 2.0
_log = logging.getLogger("rollcall.migrate")


class Schema(Enum):
    """How the database's schema is to this version."""

    CURRENT = auto()
    OLDER = auto()
    NEWER = auto()


def upgrade(settings: Settings) -> None:
    """Create or upgrade the schema; safe to repeat, on several machines at once, and while workers work.

    Raises Unavailable `database_down` or `database_busy`, ConfigError `newer_database`.
    """
    database = Database(settings.database)
    try:
        database.ping()
        with database.engine.connect().execution_options(rollcall_write=True) as connection, connection.begin():
            _take_turns(connection)
            if _schema(connection) is not Schema.CURRENT:
                _take_tables(connection)
                _take_steps(connection)
    finally:
        database.dispose()


def _take_steps(connection: Connection) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(config(connection), "head")
    except CommandError as error:
        said = f"The database's schema is not known to this version ({error}); install the version that made it."
        raise ConfigError("newer_database", said) from error


def current(settings: Settings) -> bool:
    """Whether the schema is the one this version works with."""
    return schema(settings) is Schema.CURRENT


def schema(settings: Settings) -> Schema:
    """How the schema is to this version. Raises Unavailable `database_down`."""
    database = Database(settings.database)
    try:
        database.ping()
        with database.engine.connect() as connection:
            return _schema(connection)
    finally:
        database.dispose()


def wait_for(settings: Settings, pause: Callable[[float], object] = time.sleep) -> None:
    """Return when the schema has all that this version works with: a worker that came before it waits, and says so.

    A schema that is newer has it too. Nor is anything to be done while the database is away.
    """
    said = ""
    while (sentence := _missing(settings)) is not None:
        if sentence != said:
            _log.error(sentence)
            said = sentence
        pause(_LOOK_EVERY)
    if said:
        _log.warning("The database is ready; this worker begins.")


def _missing(settings: Settings) -> str | None:
    try:
        if schema(settings) is not Schema.OLDER:
            return None
    except Unavailable as error:
        return f"{error.message} This worker waits for it."
    return "The database's schema is older than this version: run `rollcall migrate`. This worker waits for it."


def _schema(connection: Connection) -> Schema:
    there, known = _revision(connection), revisions()
    if there == known[-1]:
        return Schema.CURRENT
    return Schema.OLDER if there is None or there in known else Schema.NEWER


def _revision(connection: Connection) -> str | None:
    """The last step that was taken; None before the first."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalars().first()


def revisions() -> list[str]:
    """All steps in their order, by the names of their files: `0001_first_tables.py` is step 0001."""
    return sorted(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def config(connection: Connection | None = None) -> "Config":
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def _take_tables(connection: Connection) -> None:
    """Have every table at once, or none and try again: who waits for one while he holds another may wait for a worker
    that waits for him, and PostgreSQL would end the one or the other. SQLite's writers take turns as it is.
    """
    names = [name for name in inspect(connection).get_table_names() if name != "alembic_version"]
    if connection.dialect.name != "postgresql" or not names:
        return
    until = time.monotonic() + _PATIENCE
    while not _had(connection, ", ".join(sorted(names))):
        if time.monotonic() >= until:
            said = "The database's tables were in use for two minutes; stop the workers, or migrate at a calmer time."
            raise Unavailable("database_busy", said)
        time.sleep(_PAUSE)


def _had(connection: Connection, names: str) -> bool:
    try:
        with connection.begin_nested():
            connection.execute(text(f"SET LOCAL statement_timeout = {_TRY}"))
            connection.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
            connection.execute(text("SET LOCAL statement_timeout TO DEFAULT"))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _CANCELLED:
            raise
        return False
    return True


def _take_turns(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))  # the other one takes as long as it takes
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
