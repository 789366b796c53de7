"""The Celery application: `celery -A worker.app worker | beat | flower`.

Only a worker needs a context, and all that it stands on: beat and Flower know the tasks by their names alone.
"""

import gc
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from celery.signals import (
    setup_logging,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_ready,
    worker_shutting_down,
)

from schedules.beat import BEAT
from tasks import doors
from worker import broker_guard, heartbeat, logs
from worker.bells import CeleryRing, broker_of, celery_app
from worker.settings import load

if TYPE_CHECKING:
    from worker.context import Context

SWITCH = 0.001  # seconds: threads that wait for answers are to go on at once, whoever is computing meanwhile

broker_guard.apply()
heartbeat.apply()
settings = load()
app = celery_app(settings, broker_of(settings))
app.conf.beat_schedule = BEAT


@cache
def context() -> "Context":
    """The worker's own, made as it starts.

    Python's collector rests meanwhile and leaves alone afterwards what there is by then, all of which is here to stay:
    to go through it while it piles up is a sixth of the work, and a child that does would copy the pages it shares.
    """
    gc.disable()
    try:
        from worker.context import Context

        return Context(settings, CeleryRing(lambda: app))
    finally:
        gc.freeze()
        gc.enable()


doors.hang(app, context)


@setup_logging.connect
def _logging(**_: Any) -> None:
    logs.configure()


@worker_init.connect
def _ready(**_: Any) -> None:
    from worker import migrate

    logs.configure()  # Celery asks for it only later
    migrate.wait_for(settings)
    context()


@task_prerun.connect
def _new_task(**_: Any) -> None:
    logs.new_task()


@worker_process_init.connect
def _forked(**_: Any) -> None:
    context().forget_connections()
    _measure()


@worker_ready.connect
def _works(sender: Any, **_: Any) -> None:
    if not sender.controller.pool_cls.__module__.endswith("prefork"):  # whose children do the work, and tell of it
        sys.setswitchinterval(SWITCH)
        _measure()


def _measure() -> None:
    from worker import measures

    measures.tell(settings.metrics_port)


@worker_shutting_down.connect
def _stopping(**_: Any) -> None:
    context().stopping.set()
