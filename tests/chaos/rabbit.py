"""A RabbitMQ of a round's own, where the machine has Debian's package; and what may befall it."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from kombu import Connection

from tests.e2e.fleet import LOOPBACK, Fleet, free_port
from tests.patience import until
from worker import queues
from worker.bells import QUEUES
from worker.errors import Unavailable

SCRIPTS = Path("/usr/lib/rabbitmq/bin")  # those on the path ask to be called by root
STARTS_WITHIN = 120.0  # seconds
USUAL, NONE = "0.4", "0.000001"  # shares of the machine's memory that it may take before publishers have to wait


class Rabbit:
    """Its node lies in `folder`, and is known to a port mapper of its own, which outlives it."""

    def __init__(self, folder: Path, fleet: Fleet) -> None:
        if not (SCRIPTS / "rabbitmq-server").exists():
            raise SystemExit("No RabbitMQ is installed; apt-get install rabbitmq-server, or leave out BROKER=rabbitmq.")
        self._fleet = fleet
        port, mapper = free_port(), free_port()
        self.url = f"amqp://guest:guest@{LOOPBACK}:{port}//"
        for name in ("data", "log"):
            (folder / name).mkdir(parents=True)
        self._env = {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(mapper),
            "RABBITMQ_NODENAME": f"rollcall{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "environment"),
        }
        epmd = shutil.which("epmd")
        assert epmd is not None
        fleet.start("epmd", [epmd, "-port", str(mapper)]).wait_until_it_listens(mapper)

    def start(self) -> None:
        self._fleet.start("broker", [str(SCRIPTS / "rabbitmq-server")], **self._env)
        until(self._answers, STARTS_WITHIN, "RabbitMQ answers")

    def kill(self, seconds: float) -> None:
        """It is away for so long."""
        self._fleet.members["broker"].kill()
        time.sleep(seconds)
        self.start()

    def forget(self) -> None:
        with Connection(self.url) as connection, connection.channel() as channel:
            for queue in sorted(set(QUEUES.values())):
                channel.queue_purge(queue)

    def cut(self) -> None:
        self._control("close_all_connections", "by an administrator")

    def fill(self) -> None:
        """It has no memory left for a second, and lets nobody publish."""
        self._control("set_vm_memory_high_watermark", NONE)
        time.sleep(1)
        self._control("set_vm_memory_high_watermark", USUAL)

    def _control(self, *command: str) -> None:
        told = [str(SCRIPTS / "rabbitmqctl"), *command]
        subprocess.run(told, env={**os.environ, **self._env}, check=True, capture_output=True, timeout=STARTS_WITHIN)

    def _answers(self) -> bool:
        assert self._fleet.members["broker"].alive(), self._fleet.members["broker"].said()
        try:
            queues.waiting(self.url)
        except Unavailable:
            return False
        return True
