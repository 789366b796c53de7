"""The due sweep: find the rows whose time has come and ring for them.

The due table is the schedule and Celery's ETA only its last mile: a bell for a start within the horizon goes out with a
countdown by the database's clock, never with a far date, which a broker would deliver twice.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from worker import invariants, telemetry
from worker.context import Context
from worker.store import callbacks, chunks, due, progress, restored, uploads

FORGOTTEN = 500  # callbacks that go at a time
LATE = (
    "A start has passed while the upload could not be sent; `rollcall resume` sends it now, `rollcall cancel` drops it."
)


QUERIES: dict[str, Callable[[Session, datetime, float], Sequence[str | int]]] = {
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
TIME_DECIDED = {"expired", "late", "standing", "in_question"}


def sweep_for_a_while(ctx: Context) -> None:
    """Sweep again and again for one slice. Two sweepers at a time are a waste and not a fault."""
    timing = ctx.settings.timing
    _forget(ctx)
    invariants.watch(ctx)
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
    """One pass over everything that may be due; returns how many bells were rung. Idle rows cost one statement."""
    found = _look(ctx)
    if found & TIME_DECIDED:
        _settle(ctx, found)
        found = _look(ctx)
    bells = _due(ctx, found)
    for bell, key, delay in bells:
        ctx.ring(bell, key, delay)
    return len(bells)


def _look(ctx: Context) -> set[str]:
    with ctx.db.read() as session:
        return due.look(session, ctx.db.now(session), ctx.settings.timing.eta_horizon)


def _settle(ctx: Context, found: set[str]) -> None:
    """What time alone decides: a claim whose lease is over is in doubt, a chunk whose window has closed is late.

    And uploads move on whose last task died before it could say so.
    """
    with ctx.db.read() as session:
        now = ctx.db.now(session)
        expired = chunks.expired(session, now) if "expired" in found else []
        late = chunks.late(session, now) if "late" in found else []
        standing = progress.standing(session) if "standing" in found else []
    if "in_question" in found:
        with ctx.db.write() as session:
            restored.question(session, ctx.db.now(session))
    for upload_id in expired:
        with ctx.db.write() as session:
            doubted = chunks.doubt_expired(session, upload_id, ctx.db.now(session))
        telemetry.emit("sweep.expired", upload_id=upload_id, chunks=doubted)
    for upload_id in late:
        with ctx.db.write() as session:
            uploads.block_late(session, upload_id, LATE)
        telemetry.emit("sweep.late", upload_id=upload_id)
    for upload_id in standing:
        with ctx.db.write() as session:
            progress.advance(session, upload_id, ctx.db.now(session))


def _due(ctx: Context, found: set[str]) -> list[tuple[str, str | int, float]]:
    """Every bell to be rung now, of those that were found to have something; each has a transaction of its own."""
    timing, at_once = ctx.settings.timing, 0.0
    bells: list[tuple[str, str | int, float]] = []
    for bell, query in QUERIES.items():
        if bell in found:
            with ctx.db.write() as session:
                bells += [(bell, key, at_once) for key in query(session, ctx.db.now(session), timing.rung)]
    if "submit" in found:
        with ctx.db.write() as session:
            now = ctx.db.now(session)
            for list_id, at in due.submissions(session, now, timing.eta_horizon, timing.rung):
                bells.append(("submit", list_id, max(at_once, (at - now) / timedelta(seconds=1))))
    return bells
