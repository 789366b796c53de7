"""A fleet of real processes on a real broker, for rounds that last as long as the clock says.

What judges and the operator ask of a house is answered here for a fleet: by the machine's clock, and nobody turns it.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests.chaos.ground import set_up
from tests.chaos.rabbit import Rabbit
from tests.chaos.valkey import Valkey
from tests.e2e.fleet import Fleet
from tests.house import Provider
from worker.context import Context

SPEED = 600  # provider seconds a second
WAIT = 0.5  # seconds between two looks of the operator


class Camp:
    """Processes, their provider, and a connection to the database."""

    def __init__(self, running: Fleet, ctx: Context, provider: Provider, broker: Valkey | Rabbit) -> None:
        self.fleet, self.ctx, self.provider, self.broker = running, ctx, provider, broker
        self.folder = running.folder

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def file(self, numbers: list[str], name: str) -> Path:
        path = self.folder / name
        path.write_text("name,phone\n" + "".join(f"Person {i},{n}\n" for i, n in enumerate(numbers, 1)))
        return path

    def work(self) -> None:
        """The fleet works by itself."""

    def turn(self, _seconds: float) -> None:
        time.sleep(WAIT)

    def sql(self, statement: str, **values: Any) -> list[Any]:
        with self.ctx.db.engine.connect() as connection:
            return list(connection.execute(text(statement), values))


@contextmanager
def pitched(server: str | None, broker: str = "valkey", *include: str) -> Iterator[Camp]:
    """Workers, a beat, a broker (valkey, redis or rabbitmq) and a sandbox, on a database of their own.

    Workers import the modules of `include`, too.
    """
    with (
        tempfile.TemporaryDirectory(prefix="rollcall-camp-") as place,
        set_up(Path(place), server, speed=SPEED, broker=broker) as ready,
    ):
        ready.fleet.start_workers(*include)
        provider = Provider(str(ready.provider.base_url).rstrip("/"), ready.provider)
        yield Camp(ready.fleet, ready.ctx, provider, ready.broker)
