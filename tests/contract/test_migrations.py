"""The migrations make what the models say, on both databases, however often and from however many machines."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel
from ulid import ULID

from worker import migrate, models
from worker.db import Database
from worker.errors import ConfigError, Unavailable
from worker.settings import Settings

TABLES = sorted(models.Upload.metadata.tables)


@contextmanager
def empty(folder: Path, server: str | None) -> Iterator[str]:
    """An empty database, not migrated, in `folder` or in the server."""
    name = f"e{ULID()}".lower()
    if server is None:
        yield f"sqlite:///{folder}/{name}.db"
        return
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.replace("/postgres?", f"/{name}?")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("postgres_server") if request.param == "postgresql" else None


@pytest.fixture
def url(tmp_path: Path, server: str | None) -> Iterator[str]:
    with empty(tmp_path, server) as made:
        yield made


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    database = Database(url)
    with database.engine.connect() as connection:
        yield connection
    database.dispose()


def settings(url: str) -> Settings:
    return Settings(database_url=url)


def tables(url: str) -> set[str]:
    with connected(url) as connection:
        return set(inspect(connection).get_table_names())


def schema(connection: Connection) -> dict[str, Any]:
    """All that a database knows of its tables, but for the order in which it lists it."""
    seen = inspect(connection)

    def listed(things: list[Any]) -> list[str]:
        return sorted(repr(sorted(thing.items(), key=str)) for thing in things)

    def index(one: Any) -> dict[str, Any]:
        return {**one, "dialect_options": {name: str(said) for name, said in one.get("dialect_options", {}).items()}}

    return {
        table: {
            "columns": listed([{**column, "type": str(column["type"])} for column in seen.get_columns(table)]),
            "key": seen.get_pk_constraint(table),
            "foreign keys": listed(seen.get_foreign_keys(table)),
            "uniques": listed(seen.get_unique_constraints(table)),
            "checks": listed(seen.get_check_constraints(table)),
            "indexes": listed([index(one) for one in seen.get_indexes(table)]),
        }
        for table in TABLES
    }


def test_nothing_would_be_generated(url: str) -> None:
    migrate.upgrade(settings(url))
    with connected(url) as connection:
        options = {"compare_type": True, "compare_server_default": True, "render_as_batch": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, SQLModel.metadata) == []


def test_even_checks_and_conditions_of_indexes_are_those_of_the_models(
    url: str, tmp_path: Path, server: str | None
) -> None:
    """Autogenerate compares neither; the database itself tells both."""
    migrate.upgrade(settings(url))
    with empty(tmp_path, server) as other:
        direct = Database(other)
        with direct.engine.begin() as connection:
            SQLModel.metadata.create_all(connection)
        direct.dispose()
        with connected(url) as migrated, connected(other) as made:
            ours, theirs = schema(migrated), schema(made)
    for table in TABLES:
        assert ours[table] == theirs[table]
    assert ours["chunk"]["checks"]
    assert "unknown" in str(ours["chunk"]["indexes"])


def test_down_and_up_again(url: str) -> None:
    migrate.upgrade(settings(url))
    database = Database(url)
    with database.write() as session:
        command.downgrade(migrate.config(session.connection()), "base")
    database.dispose()
    assert tables(url) == {"alembic_version"}
    assert not migrate.current(settings(url))
    migrate.upgrade(settings(url))
    assert tables(url) == {*TABLES, "alembic_version"}


def test_an_upgrade_is_harmless_the_second_time(url: str) -> None:
    migrate.upgrade(settings(url))
    with connected(url) as connection:
        connection.execute(text("INSERT INTO gate (account) VALUES ('acme')"))
        connection.commit()
    migrate.upgrade(settings(url))
    with connected(url) as connection:
        assert connection.execute(text("SELECT account FROM gate")).all() == [("acme",)]
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


@pytest.mark.parametrize("attempt", range(3))
def test_upgrades_at_once_are_harmless(url: str, attempt: int) -> None:
    together, troubles = threading.Barrier(4), []

    def one() -> None:
        together.wait(5)
        try:
            migrate.upgrade(settings(url))
        except Exception as error:
            troubles.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert troubles == []
    assert migrate.current(settings(url))
    with connected(url) as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


def test_an_upgrade_that_fails_leaves_nothing_behind(url: str) -> None:
    with connected(url) as connection:
        connection.execute(text("CREATE TABLE chunk (id INTEGER)"))
        connection.commit()
    with pytest.raises(Exception, match="already exists"):
        migrate.upgrade(settings(url))
    assert tables(url) == {"chunk"}


class TestCurrent:
    def test_an_empty_database_is_not(self, url: str) -> None:
        assert not migrate.current(settings(url))
        assert "alembic_version" not in tables(url)

    def test_a_migrated_one_is(self, url: str) -> None:
        migrate.upgrade(settings(url))
        assert migrate.current(settings(url))

    def test_one_of_another_version_is_not_and_is_left_alone(self, url: str) -> None:
        migrate.upgrade(settings(url))
        with connected(url) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = 'future'"))
            connection.commit()
        assert not migrate.current(settings(url))
        with pytest.raises(ConfigError) as raised:
            migrate.upgrade(settings(url))
        assert raised.value.code == "newer_database"
        with connected(url) as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "future"

    @pytest.mark.parametrize("verb", [migrate.upgrade, migrate.current])
    def test_one_that_does_not_answer(self, verb: Any) -> None:
        with pytest.raises(Unavailable):
            verb(settings("postgresql://nobody@127.0.0.1:1/none"))


def test_there_is_one_head_and_every_step_can_be_undone() -> None:
    scripts = ScriptDirectory.from_config(migrate.config())
    assert len(scripts.get_heads()) == 1
    assert migrate.revisions() == [step.revision for step in reversed(list(scripts.walk_revisions()))]
    assert all(callable(getattr(step.module, "downgrade", None)) for step in scripts.walk_revisions())


def filled(url: str) -> None:
    """One upload with a list and a chunk, as the first schema has them."""
    with connected(url) as connection:
        seen = inspect(connection)
        for table in ("upload", "call_list", "chunk"):
            columns = [one for one in seen.get_columns(table) if not one["nullable"]]
            values = {one["name"]: ROW.get(one["name"], _blank(one["type"])) for one in columns}
            values |= {"state": {"upload": "submitting", "call_list": "open", "chunk": "ready"}[table]}
            names = ", ".join(values)
            marks = ", ".join(f":{name}" for name in values)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)
        connection.commit()


ROW = {"id": 1, "upload_id": 1, "list_id": 1, "rows": 1, "job": "{}", "reasons": "{}", "evidence": "{}"}


def _blank(kind: Any) -> Any:
    word = str(kind).upper()
    if "CHAR" in word or "TEXT" in word:
        return "x"
    if "BOOL" in word:
        return False
    return "2030-01-07 09:00:00+00:00" if "TIME" in word else 0


def counted(url: str) -> dict[str, int]:
    with connected(url) as connection:
        return {
            table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in ("upload", "call_list", "chunk")
        }


def test_what_waits_for_a_pilot_waits_for_an_older_versions_question(url: str) -> None:
    """Its rest is not lost, and not sent by itself."""
    migrate.upgrade(settings(url))
    filled(url)
    with connected(url) as connection:
        connection.execute(text("UPDATE upload SET state = 'blocked', blocked = 'pilot'"))
        connection.commit()
        with pytest.raises(IntegrityError):
            connection.execute(text("UPDATE upload SET blocked = 'nonsense'"))
    database = Database(url)
    with database.write() as session:
        command.downgrade(migrate.config(session.connection()), "0004")
    with database.read() as session:
        assert session.connection().execute(text("SELECT state, blocked FROM upload")).one() == ("blocked", "rejects")
        if database.is_sqlite:
            assert session.connection().execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
    database.dispose()


def test_a_database_in_use_goes_up_and_down(url: str) -> None:
    """Rows point at rows: no step may make one of their tables anew."""
    database = Database(url)
    with database.write() as session:
        command.upgrade(migrate.config(session.connection()), "0001")
    filled(url)
    migrate.upgrade(settings(url))
    assert counted(url) == {"upload": 1, "call_list": 1, "chunk": 1}
    with database.write() as session:
        command.downgrade(migrate.config(session.connection()), "0001")
    assert counted(url) == {"upload": 1, "call_list": 1, "chunk": 1}
    database.dispose()
