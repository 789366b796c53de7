"""Whether anybody works: a command that waits for workers says so where there are none."""

from typing import TYPE_CHECKING

from worker.errors import ConfigError

if TYPE_CHECKING:
    from worker.settings import Settings

PATIENCE = 1.0  # seconds in which a worker must answer
CONNECT_WITHIN = 3.0

NOBODY_HERE = "No worker is running, so the upload waits; `rollcall up` in another terminal starts one."
NOBODY_THERE = (
    "No worker answers at the broker, so the upload waits; `celery -A worker.app worker` starts one, or `rollcall up`."
)


def missing(chosen: "Settings") -> str | None:
    """What to tell where no worker runs; None where one does."""
    from worker import up_state

    up = up_state.running(chosen.home)
    if up is not None and not up.stopping:
        return None
    if _answered(chosen):
        return None
    return NOBODY_THERE if chosen.broker_url else NOBODY_HERE


def reachable(chosen: "Settings", url: str) -> bool:
    """Whether the broker behind `url` answers; asked once. Raises ConfigError where the URL makes no sense."""
    from worker import embedded

    if url.startswith("redis"):
        return embedded.answers(url)
    from worker.bells import celery_app

    try:
        with celery_app(chosen, url).connection_for_read(connect_timeout=CONNECT_WITHIN) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=CONNECT_WITHIN)
    except Exception:  # whatever the transport's library raises, it is no answer
        return False
    return True


def _answered(chosen: "Settings") -> bool:
    """Ask whoever listens at the broker. A broker that is away has nobody."""
    from worker import embedded

    try:
        url = embedded.broker_url(chosen.home, chosen.broker_url)
        if url is None or not reachable(chosen, url):
            return False
    except ConfigError:
        return False
    from worker.bells import celery_app

    try:
        return bool(celery_app(chosen, url).control.ping(timeout=PATIENCE, limit=1))
    except Exception:  # as above
        return False
