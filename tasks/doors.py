"""Celery's doors: an id comes in, one function is called. Names are stable, since any language may push them."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from celery import Celery, Task
from celery.worker.request import Request

from worker.bells import task_name
from worker.errors import RollcallError

if TYPE_CHECKING:
    from worker.context import Context

_log = logging.getLogger("rollcall.doors")
LONGEST_PATIENCE = 60.0


class JobUnseen(Request):  # type: ignore[misc]  # Celery carries no types
    """A pushed job may name its file by an address that is itself a secret: neither Flower nor a log is shown it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._argsrepr = self._request_dict["argsrepr"] = "(job)"
        self._kwargsrepr = self._request_dict["kwargsrepr"] = "{}"


def hang(app: Celery, context: "Callable[[], Context]") -> None:
    """Register every task on `app`. Flows are imported when their bell first rings: who only names tasks needs none."""

    def door(bell: str, **options: Any) -> Any:
        return app.task(name=task_name(bell), **options)

    @door("upload", bind=True, max_retries=None, Request=JobUnseen)
    def upload(task: Task, *given: Any, **named: Any) -> None:
        from worker.producer import receive_message

        job = given[0] if len(given) == 1 and not named else named.get("job")  # anything else becomes a failed upload
        try:
            receive_message(context(), job, task.request.id)
        except Exception as error:  # nothing was stored: the message, which Celery would acknowledge, is all there is
            why = error.message if isinstance(error, RollcallError) else type(error).__name__
            _log.warning("message %s cannot be stored yet and will come again: %s", task.request.id, why)
            unseen = {"argsrepr": "(job)", "kwargsrepr": "{}"}  # the message that comes again is announced too
            raise task.retry(countdown=_patience(context(), task.request.retries), **unseen) from None

    @door("ingest")
    def ingest(ulid: str) -> None:
        from worker.ingest import ingest as flow

        flow(context(), ulid)

    @door("submit")
    def submit(list_id: int) -> None:
        from worker.submit import run_list as flow

        flow(context(), list_id)

    @door("reconcile")
    def reconcile(list_id: int) -> None:
        from worker.reconcile import reconcile as flow

        flow(context(), list_id)

    @door("collect")
    def collect(list_id: int) -> None:
        from worker.collect import collect as flow

        flow(context(), list_id)

    @door("verify")
    def verify(list_id: int) -> None:
        from worker.verify import verify as flow

        flow(context(), list_id)

    @door("steer")
    def steer(list_id: int) -> None:
        from worker.steer import steer as flow

        flow(context(), list_id)

    @door("probe")
    def probe(account: str) -> None:
        from worker.accounts import probe as flow

        flow(context(), account)

    @door("apply")
    def apply(account: str) -> None:
        from worker.heard import apply as flow

        flow(context(), account)

    @door("suppress")
    def suppress(account: str) -> None:
        from worker.suppress import compare as flow

        flow(context(), account)

    @door("withdraw")
    def withdraw(ulid: str) -> None:
        from worker.withdraw import withdraw as flow

        flow(context(), ulid)

    @door("forget")
    def forget() -> None:
        from worker.forget import finish as flow

        flow(context())

    @door("prune")
    def prune() -> None:
        from worker.prune import tidy as flow

        flow(context())

    @door("sweep")
    def sweep() -> None:
        from schedules.sweep import sweep_for_a_while as flow

        flow(context())


def _patience(ctx: "Context", tries: int) -> float:
    """Seconds until a message that could not be stored is tried again."""
    return min(ctx.settings.timing.rung * 2.0 ** min(tries, 10), LONGEST_PATIENCE)
