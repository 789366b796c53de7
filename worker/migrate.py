"""Bring the database's schema up to date. Run once per deployment, never from each worker."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from worker.db import Database
from worker.errors import ConfigError
from worker.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7243811  # any number, the same for everyone: two machines that migrate at once take turns


def upgrade(settings: Settings) -> None:
    """Create or upgrade the schema; safe to repeat, and on several machines at once.

    Raises Unavailable `database_down`, ConfigError `newer_database`.
    """
    database = Database(settings.database)
    try:
        database.ping()
        with database.engine.connect().execution_options(rollcall_write=True) as connection, connection.begin():
            _take_turns(connection)
            command.upgrade(config(connection), "head")
    except CommandError as error:
        said = f"The database's schema is not known to this version ({error}); install the version that made it."
        raise ConfigError("newer_database", said) from error
    finally:
        database.dispose()


def current(settings: Settings) -> bool:
    """Whether the schema is the one this version works with."""
    database = Database(settings.database)
    try:
        database.ping()
        with database.engine.connect() as connection:
            there = MigrationContext.configure(connection).get_current_revision()
        return there == ScriptDirectory.from_config(config()).get_current_head()
    finally:
        database.dispose()


def config(connection: Connection | None = None) -> Config:
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def _take_turns(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
