"""The embedded broker outside `rollcall up`."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import until
from worker.broker_socket import prepare
from worker.embedded import LOCKED, answers, broker_command


class EmbeddedBroker:
    """The server of one home. It may be started again once it was stopped or has died; `url` stays the same."""

    def __init__(self, home: Path) -> None:
        self.url = prepare(home)
        self._command = broker_command(home)
        self._log = home / "logs" / "broker.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)

    @classmethod
    @contextmanager
    def running(cls, home: Path) -> Iterator["EmbeddedBroker"]:
        broker = cls(home)
        broker.start()
        try:
            yield broker
        finally:
            broker.stop()

    def start(self) -> None:
        self._spawn()
        until(self._answers, 15, f"the broker answers; {self._log} says why")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _answers(self) -> bool:
        """The lock may outlive a killed server for a moment; whoever runs a server starts it again then."""
        if self._process.poll() == LOCKED:
            self._spawn()
        return answers(self.url)

    def _spawn(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
