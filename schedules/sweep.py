"""The due sweep: find the rows whose time has come and ring for them.

The due table is the schedule and Celery's ETA only its last mile: a bell for a start within the horizon goes out with a
countdown by the database's clock, never with a far date, which a broker would deliver twice.
"""

import time
from datetime import timedelta

from worker import telemetry
from worker.context import Context
from worker.store import chunks, due, uploads

LATE = (
    "A start has passed while the upload could not be sent; `rollcall resume` sends it now, `rollcall cancel` drops it."
)


def sweep_for_a_while(ctx: Context) -> None:
    """Sweep again and again for one slice. Two sweepers at a time are a waste and not a fault."""
    timing = ctx.settings.timing
    until = time.monotonic() + timing.sweep_slice
    while True:
        sweep(ctx)
        if time.monotonic() + timing.sweep_interval >= until or ctx.stopping.wait(timing.sweep_interval):
            return


def sweep(ctx: Context) -> int:
    """One pass over everything that may be due; returns how many bells were rung."""
    timing = ctx.settings.timing
    bells: list[tuple[str, str | int, float]] = []
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        expired = chunks.doubt_expired(session, now)
        for upload_id in chunks.late(session, now):
            uploads.block_late(session, upload_id, LATE)
        bells += [("ingest", ulid, 0) for ulid in due.intakes(session, now, timing.rung)]
        for list_id, at in due.submissions(session, now, timing.eta_horizon, timing.rung):
            bells.append(("submit", list_id, max(0.0, (at - now) / timedelta(seconds=1))))
        bells += [("reconcile", list_id, 0) for list_id in due.checks(session, now, timing.rung)]
        bells += [("collect", list_id, 0) for list_id in due.polls(session, now, timing.rung)]
        bells += [("steer", list_id, 0) for list_id in due.steers(session, now, timing.rung)]
        bells += [("probe", account, 0) for account in due.probes(session, now)]
    if expired:
        telemetry.emit("sweep.expired", chunks=expired)
    for bell, key, delay in bells:
        ctx.ring(bell, key, delay)
    return len(bells)
