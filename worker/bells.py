"""Bells: Celery messages that carry one id and say "look at this row". They may be lost or doubled without harm.

This file and `worker.app` are the only doors to Celery.
"""

import logging
from collections.abc import Callable

from celery import Celery
from kombu import Queue

from worker.broker_socket import embedded_url
from worker.settings import Settings

_log = logging.getLogger("rollcall.bells")

NOBODY = "redis+socket:///nonexistent/rollcall.sock"  # no broker was ever started here: publishing fails, and is caught

# bell -> queue. The task of a bell is called `rollcall.<bell>`.
QUEUES = {
    "upload": "ingest",
    "ingest": "ingest",
    "submit": "submit",
    "reconcile": "submit",
    "collect": "collect",
    "steer": "submit",
    "verify": "collect",
    "probe": "submit",
    "apply": "collect",
    "suppress": "submit",
    "withdraw": "submit",
    "prune": "collect",
    "forget": "collect",
    "sweep": "sweep",
}
# Without it a broker that vanishes and closes nothing (a failover, a frozen machine) would hold a push for ever.
SOCKET_TIMEOUT = 5.0
PUBLISH = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5}


def celery_app(settings: Settings, broker_url: str) -> Celery:
    """A Celery application with Rollcall's settings: JSON only, late acknowledgement, no results."""
    app = Celery("rollcall", broker=broker_url)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=True,
        task_create_missing_queues=False,
        task_queues=[Queue(name) for name in sorted(set(QUEUES.values()))],
        task_default_queue="submit",
        task_routes={task_name(bell): {"queue": queue} for bell, queue in QUEUES.items()},
        task_publish_retry_policy=PUBLISH,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": settings.timing.visibility_timeout,
            "socket_keepalive": True,
            "socket_timeout": SOCKET_TIMEOUT,
            "socket_connect_timeout": SOCKET_TIMEOUT,
            "health_check_interval": 25,
        },
        enable_utc=True,
        timezone="UTC",
    )
    return app


def task_name(bell: str) -> str:
    return f"rollcall.{bell}"


class CeleryRing:
    """Rings through the broker. A broker that is away costs a warning: the sweep rings again from the rows."""

    def __init__(self, app: Callable[[], Celery]) -> None:
        self._app = app

    def __call__(self, bell: str, key: str | int, delay: float = 0) -> None:
        try:
            self._app().send_task(task_name(bell), args=[key], countdown=delay if delay > 0 else None)
        except Exception as error:  # whatever it is: the row is stored, and whoever heard an error would store another
            _log.warning("the broker is away (%s); the sweep will ring for %s %s", type(error).__name__, bell, key)


def broker_of(settings: Settings) -> str:
    """The broker to use: the one that is configured, else the embedded one; its url even while it is down."""
    return settings.broker_url or embedded_url(settings.home) or NOBODY
