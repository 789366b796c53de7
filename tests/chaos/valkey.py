"""Valkey, embedded, or Debian's Redis behind a port: the broker of a round, and what may befall it."""

import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import redis

from tests.e2e.fleet import LOOPBACK, Fleet, free_port
from tests.patience import until
from worker.broker_socket import prepare
from worker.embedded import answers, broker_command
from worker.redis_client import connect


class Valkey:
    """`command` becomes a server at `url`."""

    def __init__(self, url: str, command: Sequence[str], fleet: Fleet) -> None:
        self.url, self._command, self._fleet = url, command, fleet

    @classmethod
    def embedded(cls, home: Path, fleet: Fleet) -> "Valkey":
        return cls(prepare(home), broker_command(home), fleet)

    @classmethod
    def behind_a_port(cls, fleet: Fleet) -> "Valkey":
        """As in a fleet of many machines. It keeps what it was given in its own folder."""
        binary, port = shutil.which("redis-server"), free_port()
        if binary is None:
            raise SystemExit("No Redis is installed; apt-get install redis-server, or leave out BROKER=redis.")
        told = ["--bind", LOOPBACK, "--port", str(port), "--appendonly", "yes", "--save", ""]
        return cls(f"redis://{LOOPBACK}:{port}/0", [binary, *told], fleet)

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
