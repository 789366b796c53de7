"""The due sweep: find the rows whose time has come and ring for them.

The due table is the schedule and Celery's ETA only its last mile: a bell for a start within the horizon goes out with a
countdown by the database's clock, never with a far date, which a broker would deliver twice.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from worker import telemetry
from worker.context import Context
from worker.store import callbacks, chunks, due, restored, uploads

FORGOTTEN = 500  # callbacks that go at a time
LATE = (
    "A start has passed while the upload could not be sent; `rollcall resume` sends it now, `rollcall cancel` drops it."
)


QUERIES: dict[str, Callable[[Session, datetime, float | None], Sequence[str | int]]] = {
    "ingest": due.intakes,
    "reconcile": due.checks,
    "collect": due.polls,
    "verify": due.verifications,
    "steer": due.steers,
    "probe": due.probes,
    "apply": due.callbacks,
    "suppress": due.listings,
    "withdraw": due.withdrawn,
}


def sweep_for_a_while(ctx: Context) -> None:
    """Sweep again and again for one slice. Two sweepers at a time are a waste and not a fault."""
    timing = ctx.settings.timing
    _forget(ctx)
    until = time.monotonic() + timing.sweep_slice
    while True:
        sweep(ctx)
        if time.monotonic() + timing.sweep_interval >= until or ctx.stopping.wait(timing.sweep_interval):
            return


def _forget(ctx: Context) -> None:
    """Callbacks that were dealt with are kept for a while, to be looked at; once a slice some of the old ones go."""
    with ctx.db.read() as session:
        before = ctx.db.now(session) - timedelta(days=ctx.settings.callback_days)
        old = callbacks.old(session, before, FORGOTTEN)
    if old:
        with ctx.db.write() as session:
            callbacks.forget(session, old)


def sweep(ctx: Context) -> int:
    """One pass over everything that may be due; returns how many bells were rung."""
    _settle_expired(ctx)
    bells = _due(ctx)
    for bell, key, delay in bells:
        ctx.ring(bell, key, delay)
    return len(bells)


def _settle_expired(ctx: Context) -> None:
    """What time alone decides: a claim whose lease is over is in doubt, a chunk whose window has closed is late.

    And uploads move on whose last task died before it could say so.
    """
    with ctx.db.read() as session:
        now = ctx.db.now(session)
        expired = chunks.any_expired(session, now)
        late = chunks.late(session, now)
        standing = uploads.standing(session)
        in_question = restored.is_in_question(session)
    if in_question:
        with ctx.db.write() as session:
            restored.question(session, ctx.db.now(session))
    if expired:
        with ctx.db.write() as session:
            doubted = chunks.doubt_expired(session, ctx.db.now(session))
        telemetry.emit("sweep.expired", chunks=doubted)
    for upload_id in late:
        with ctx.db.write() as session:
            uploads.block_late(session, upload_id, LATE)
        telemetry.emit("sweep.late", upload_id=upload_id)
    for upload_id in standing:
        with ctx.db.write() as session:
            uploads.advance(session, upload_id, ctx.db.now(session))


def _due(ctx: Context) -> list[tuple[str, str | int, float]]:
    """Every bell to be rung now. Idle rows cost one read; a query that finds some has a transaction of its own."""
    timing, at_once = ctx.settings.timing, 0.0
    with ctx.db.read() as session:
        now = ctx.db.now(session)
        found = [bell for bell, query in QUERIES.items() if query(session, now, None)]
        ready = due.submissions(session, now, timing.eta_horizon, None)
    bells: list[tuple[str, str | int, float]] = []
    for bell in found:
        with ctx.db.write() as session:
            bells += [(bell, key, at_once) for key in QUERIES[bell](session, ctx.db.now(session), timing.rung)]
    if ready:
        with ctx.db.write() as session:
            now = ctx.db.now(session)
            for list_id, at in due.submissions(session, now, timing.eta_horizon, timing.rung):
                bells.append(("submit", list_id, max(at_once, (at - now) / timedelta(seconds=1))))
    return bells
