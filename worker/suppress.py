"""Suppress: numbers that are not called any more, whatever was taken in before.

Intake leaves them out. Contacts of campaigns that are on their way are withdrawn: who was not sent leaves his chunk,
who was sent is taken back. Until that was done nothing more of the account is sent. Whoever adds a number and an intake
that ends at the same moment meet at the account's gate, so that neither misses what the other has written.
"""

from collections.abc import Sequence

from worker import roster, telemetry, withdraw
from worker.context import Context
from worker.models import Upload
from worker.states import ChunkState
from worker.store import chunks, gates, suppressions, uploads
from worker.store.suppressions import EVERYWHERE, SKEW, Numbers

OVER = (ChunkState.FINISHED, ChunkState.REFUSED, ChunkState.CANCELLED, ChunkState.SKIPPED)
MAY_CALL = tuple(state for state in ChunkState if state not in OVER)


def add(ctx: Context, account: str, numbers: Sequence[int], reason: str, who: str) -> int:
    """Keep numbers on the list of an account (EVERYWHERE: on that of all); returns how many were new.

    Running campaigns are compared by a worker, which the sweep rings for.
    """
    with ctx.db.write() as session:
        known = {*ctx.settings.accounts, *gates.every(session)} if account == EVERYWHERE else {account}
        for name in sorted(known):
            gates.get(session, name)
        now = ctx.db.now(session)
        fresh = suppressions.add(session, account, numbers, reason, who, now)
        gates.list_changed(session, sorted(known), now)
    for name in sorted(known):
        ctx.ring("suppress", name)
    return fresh


def compare(ctx: Context, account: str) -> None:
    """Withdraw the contacts of running campaigns whose number was listed since they were compared last."""
    with ctx.db.write() as session:
        gate = gates.get(session, account)
        since = gate.listed_since
    if since is None:
        return
    with ctx.db.read() as session:
        listed = suppressions.added_since(session, account, since - SKEW)
        running = uploads.running(session, [account])
    for upload in running:
        _take_out(ctx, upload, listed)
    telemetry.emit("suppress.compared", account=account, uploads=len(running))
    with ctx.db.write() as session:
        gates.compared(session, gate)
    for upload in running:
        ctx.ring("withdraw", upload.ulid)


def _take_out(ctx: Context, upload: Upload, listed: Numbers) -> None:
    with ctx.db.read() as session:
        every = chunks.of_upload(session, upload.id, *MAY_CALL)
    rows = [row for chunk in every for row in roster.rows_with(ctx.staging, chunk, listed)]
    if rows:
        withdraw.ask(ctx, upload.ulid, rows, "suppress", suppressions.WHY)
