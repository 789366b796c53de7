"""Prune: what is not needed any more goes.

Rows let go first, in one transaction for each upload; then outcomes go in parts, and objects to which no row refers.
So whoever dies in between leaves rows without a file nowhere, and what is left over is met again by the next pass.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from worker import telemetry
from worker.context import Context
from worker.errors import StagingError
from worker.intake.rejects import Code, read_rejects
from worker.store import pruning
from worker.store.pruning import Old

YOUNG = timedelta(days=1)  # an object may be written so long before the row that names it


@dataclass(frozen=True)
class Pruned:
    """`uploads` lost all but their counts, which are of `contacts` rows. `called_lately`: those that were left, since
    their account leaves a number alone for longer (`call_again_after`). `objects` were removed from staging."""

    uploads: int
    contacts: int
    called_lately: int
    objects: int


def prune(ctx: Context, days: float, *, dry_run: bool = False) -> Pruned:
    """Prune uploads that ended more than `days` ago. Nothing of one that goes on, nor of its family."""
    with ctx.db.read() as session:
        now = ctx.db.now(session)
        before = now - timedelta(days=days)
        every = pruning.ended_before(session, before)
    lately = _called_lately(ctx, every, now)
    chosen = [one for one in every if one.root not in lately]
    told = Pruned(len(chosen), sum(one.total for one in chosen), len(every) - len(chosen), 0)
    if dry_run:
        return told
    for one in chosen:
        left = _left_out(ctx, one)
        with ctx.db.write() as session:
            pruning.prune(session, one.id, now, left)
        telemetry.emit("prune.marked", upload=one.ulid)
    with ctx.db.write() as session:
        pruning.drop_callbacks(session, before)
    return Pruned(told.uploads, told.contacts, told.called_lately, sweep_up(ctx))


def _left_out(ctx: Context, one: Old) -> list[int]:
    """Rows that were left out since they had withdrawn elsewhere; none where the file of rejects is gone."""
    if one.rejects_digest is None or not one.suppressed:
        return []
    rows: list[int] = []
    with suppress(StagingError):
        for part in read_rejects(ctx.staging, one.rejects_digest):
            left = part.filter(pc.equal(part.column("code"), pa.scalar(Code.WITHDRAWN.word, pa.string())))
            rows += [int(row) for row in left.column("row").to_numpy(zero_copy_only=False)]
    return rows


def tidy(ctx: Context) -> None:
    """Once a day: prune where the settings say so, and sweep up."""
    if ctx.settings.keep_days is None:
        sweep_up(ctx)
    else:
        prune(ctx, ctx.settings.keep_days)


def sweep_up(ctx: Context) -> int:
    """Remove the outcomes of pruned uploads, and objects of staging that no row refers to; returns how many objects.

    An object that was written within a day stays: the row that names it may be about to be.
    """
    with ctx.db.read() as session:
        left = pruning.with_outcomes(session)
    for upload_id in left:
        more = True
        while more:
            with ctx.db.write() as session:
                more = pruning.drop_outcomes(session, upload_id)
        telemetry.emit("prune.emptied", upload_id=upload_id)
    with ctx.db.read() as session:
        before = ctx.db.now(session) - YOUNG
    astray = set(ctx.staging.untouched_since(before))
    with ctx.db.read() as session:
        for digest in pruning.digests(session):
            astray.discard(digest)
    removed = 0
    for name in sorted(astray):
        removed += ctx.staging.delete_untouched(name, before)
        telemetry.emit("prune.removed", objects=removed)
    return removed


def _called_lately(ctx: Context, every: Sequence[Old], now: datetime) -> set[int]:
    """Families of whom one ended within the days in which its account calls nobody again: it must be known whom."""
    accounts = ctx.settings.accounts
    days = {name: timedelta(days=account.call_again_after) for name, account in accounts.items()}
    return {one.root for one in every if one.account in days and now - one.ended_at <= days[one.account]}
