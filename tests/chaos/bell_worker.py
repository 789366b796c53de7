"""A real Celery worker in a process of its own, holding one message with a slot to spare."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from celery import Celery

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def wait_for(what: str, condition: Callable[[], bool], within: float = 30.0) -> None:
    give_up = time.monotonic() + within
    while not condition():
        if time.monotonic() > give_up:
            raise AssertionError(f"waited {within:g} s in vain: {what}")
        time.sleep(0.05)


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
        wait_for(f"{self.name} takes its message", lambda: self.said("Task bell.hold"))
        if self.holds == "busy":
            wait_for(f"{self.name} starts its task", Path(f"{self._mark}.started").exists)

    def wait_until_it_notices(self) -> None:
        wait_for(f"{self.name} misses the broker", lambda: self.said("Connection to broker lost") or not self.alive())

    def runs_the_next_task(self) -> bool:
        rung = Path(f"{self._mark}.rung")
        self._producer.send_task("bell.ring", [str(rung)], queue=self.name)
        wait_for(f"{self.name} does its next task", lambda: rung.exists() or not self.alive())
        return rung.exists()

    def kill(self) -> None:
        with suppress(ProcessLookupError):  # a control has died already
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._producer.close()
