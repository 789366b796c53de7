"""Celery's doors: an id comes in, one function is called. Names are stable, since any language may push them."""

from typing import Any

from celery import Celery, Task

from schedules.sweep import sweep_for_a_while
from worker.bells import task_name
from worker.context import Context


def hang(app: Celery, ctx: Context) -> None:
    """Register every task on `app`. Flows are imported when their bell first rings: a fork must not inherit polars."""

    def door(bell: str) -> Any:
        return app.task(name=task_name(bell), bind=bell == "upload")

    @door("upload")
    def upload(task: Task, job: dict[str, Any]) -> None:
        from worker.producer import receive_message

        receive_message(ctx, job, task.request.id)

    @door("ingest")
    def ingest(ulid: str) -> None:
        from worker.ingest import ingest as flow

        flow(ctx, ulid)

    @door("submit")
    def submit(list_id: int) -> None:
        from worker.submit import run_list as flow

        flow(ctx, list_id)

    @door("reconcile")
    def reconcile(list_id: int) -> None:
        from worker.reconcile import reconcile as flow

        flow(ctx, list_id)

    @door("collect")
    def collect(list_id: int) -> None:
        from worker.collect import collect as flow

        flow(ctx, list_id)

    @door("verify")
    def verify(list_id: int) -> None:
        from worker.verify import verify as flow

        flow(ctx, list_id)

    @door("steer")
    def steer(list_id: int) -> None:
        from worker.steer import steer as flow

        flow(ctx, list_id)

    @door("probe")
    def probe(account: str) -> None:
        from worker.accounts import probe as flow

        flow(ctx, account)

    @door("sweep")
    def sweep() -> None:
        sweep_for_a_while(ctx)
