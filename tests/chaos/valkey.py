"""The embedded broker of a round, and what may befall it."""

import time
from contextlib import AbstractContextManager
from pathlib import Path

import redis

from tests.e2e.fleet import Fleet
from tests.patience import until
from worker.broker_socket import prepare
from worker.embedded import answers, broker_command
from worker.redis_client import connect


class Valkey:
    def __init__(self, home: Path, fleet: Fleet) -> None:
        self.url = prepare(home)
        self._command = broker_command(home)
        self._fleet = fleet

    def start(self) -> None:
        self._fleet.start("broker", self._command)
        until(lambda: answers(self.url), 30, "the broker answers")

    def kill(self, seconds: float) -> None:
        """It is away for so long."""
        self._fleet.members["broker"].kill()
        time.sleep(seconds)
        self.start()

    def forget(self) -> None:
        with self._asked() as broker:
            broker.flushall()

    def cut(self) -> None:
        with self._asked() as broker:
            broker.client_kill_filter(_type="normal", skipme=True)

    def fill(self) -> None:
        """It has no memory left for a second."""
        with self._asked() as broker:
            broker.config_set("maxmemory-policy", "noeviction")
            broker.config_set("maxmemory", 1)
            time.sleep(1)
            broker.config_set("maxmemory", 0)

    def _asked(self) -> AbstractContextManager["redis.Redis"]:
        return connect(self.url)
