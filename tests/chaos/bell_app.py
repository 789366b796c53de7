"""A Celery application as small as can be, with the settings that matter when the broker goes away."""

import os
import time
from pathlib import Path

from celery import Celery

from worker import broker_guard

GIVE_UP = 120.0

if os.environ["BELL_GUARDED"] == "yes":
    broker_guard.apply()

app = Celery("bells", broker=os.environ["BELL_BROKER"])
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_max_retries=None,
    broker_connection_retry_on_startup=True,
)


@app.task(name="bell.hold")
def hold(started: str, release: str) -> None:
    """Keep a slot busy, and its message unacknowledged, until the test lets go."""
    Path(started).touch()
    give_up = time.monotonic() + GIVE_UP
    while not Path(release).exists() and time.monotonic() < give_up:
        time.sleep(0.05)


@app.task(name="bell.ring")
def ring(mark: str) -> None:
    Path(mark).touch()
