"""Where rounds take place: a house and a provider made anew for each, on a database that is emptied in between.

The database's connections and compiled statements are kept, since making them takes longer than a round. A round begins
at a moment that its seed names, by our clock and by the provider's, so that it can be repeated.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlmodel import SQLModel

from tests.databases import databases
from tests.house import START, House, Provider
from worker.db import Database


class Arena:
    """`server` is a PostgreSQL's address; None takes SQLite."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._now = START
        self.house: House | None = None
        self.db = Database(url, lambda: self.house.now if self.house is not None else self._now)

    @classmethod
    @contextmanager
    def open(cls, server: str | None = None) -> Iterator["Arena"]:
        with tempfile.TemporaryDirectory(prefix="rollcall-rounds-") as folder, databases(Path(folder), server) as url:
            arena = cls(url)
            try:
                yield arena
            finally:
                arena.db.dispose()

    @contextmanager
    def round(self, now: datetime) -> Iterator[House]:
        self._empty()
        with (
            tempfile.TemporaryDirectory(prefix="rollcall-round-") as folder,
            Provider.running() as provider,
            House.at(Path(folder), self._url, provider) as house,
        ):
            house.ctx.db = self.db
            house.now = now
            one_clock(house)
            self.house = house
            try:
                yield house
            finally:
                self.house = None

    def _empty(self) -> None:
        with self.db.engine.begin() as connection:
            if self.db.is_sqlite:
                for table in reversed(SQLModel.metadata.sorted_tables):
                    connection.exec_driver_sql(f"DELETE FROM {table.name}")
                return
            every = ", ".join(table.name for table in SQLModel.metadata.sorted_tables)
            connection.exec_driver_sql(f"TRUNCATE {every} RESTART IDENTITY CASCADE")


def one_clock(house: House) -> None:
    """Turn the provider's clock to ours, so that its ledger tells moments that we know."""
    provider = house.provider
    provider.put("/clock", {"advance": house.now.timestamp() - provider.put("/clock", {})["now"]})
