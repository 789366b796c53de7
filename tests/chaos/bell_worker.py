"""A real Celery worker in a process of its own, holding one message with a slot to spare."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from celery import Celery

from tests.patience import until

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class BellWorker:
    """`holds` is "busy" (one of two slots is at work) or "eta" (a message waits for its time, both slots free)."""

    def __init__(self, folder: Path, broker: str, pool: str, holds: str, *, guarded: bool) -> None:
        self.name = f"{pool}-{holds}-{'guarded' if guarded else 'bare'}"
        self.holds = holds
        self.log = folder / f"{self.name}.log"
        self._mark = folder / self.name
        self._producer = Celery(broker=broker)
        command = [sys.executable, "-m", "celery", "-A", "bell_app", "worker", "--pool", pool, "-c", "2"]
        command += ["-Q", self.name, "-n", f"{self.name}@%h", "-l", "INFO", "--without-mingle", "--without-gossip"]
        paths = os.pathsep.join([str(HERE), str(ROOT)])
        env = {**os.environ, "BELL_BROKER": broker, "BELL_GUARDED": "yes" if guarded else "no", "PYTHONPATH": paths}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(command, env=env, stdout=output, stderr=output, start_new_session=True)

    def said(self, words: str) -> bool:
        return words in self.log.read_text(errors="replace")

    def alive(self) -> bool:
        return self.process.poll() is None

    def give_message(self) -> None:
        arguments = [f"{self._mark}.started", f"{self._mark}.release"]
        countdown = 3600 if self.holds == "eta" else None
        self._producer.send_task("bell.hold", arguments, queue=self.name, countdown=countdown)

    def wait_until_it_holds(self) -> None:
        until(lambda: self.said("Task bell.hold"), 30, f"{self.name} takes its message")
        if self.holds == "busy":
            until(Path(f"{self._mark}.started").exists, 30, f"{self.name} starts its task")

    def let_go(self) -> None:
        """Let the busy task end."""
        Path(f"{self._mark}.release").touch()

    def wait_until_it_notices(self) -> None:
        until(lambda: self.said("Connection to broker lost") or not self.alive(), 30, f"{self.name} misses the broker")

    def runs_the_next_task(self) -> bool:
        rung = Path(f"{self._mark}.rung")
        self._producer.send_task("bell.ring", [str(rung)], queue=self.name)
        until(lambda: rung.exists() or not self.alive(), 30, f"{self.name} does its next task")
        return rung.exists()

    def kill(self) -> None:
        with suppress(ProcessLookupError):  # a control has died already
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._producer.close()
