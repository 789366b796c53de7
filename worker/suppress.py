"""Suppress: numbers that are not called any more, whatever was taken in before.

Intake leaves them out. Contacts of campaigns that are on their way are withdrawn: who was not sent leaves his chunk,
who was sent is taken back. Until that was done nothing more of the account is sent. Whoever adds a number and an intake
that ends at the same moment meet at the account's gate, so that neither misses what the other has written.

Of a chunk whose files are gone nobody can tell who is in it. It is not sent, and holds up no other; it is tried again,
since a file may come back.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import polars as pl
from sqlmodel import Session

from worker import roster, telemetry, withdraw
from worker.context import Context
from worker.errors import StagingError, Unavailable
from worker.lease import Lost, kept
from worker.models import Chunk, Gate, Upload
from worker.states import ChunkState
from worker.store import chunks, gates, journal, suppressions, uploads, withdrawals
from worker.store.suppressions import BATCH, EVERYWHERE, SKEW, Numbers

_log = logging.getLogger("rollcall.suppress")
OVER = (ChunkState.FINISHED, ChunkState.REFUSED, ChunkState.CANCELLED, ChunkState.SKIPPED)
MAY_CALL = tuple(state for state in ChunkState if state not in OVER)
Listed = Callable[[datetime], Numbers]


def add(ctx: Context, account: str, numbers: Sequence[int], reason: str, who: str) -> int:
    """Keep numbers on the list of an account (EVERYWHERE: on that of all); returns how many were new.

    A long list is kept in parts, so that others may write in between; each part holds the account as it is written.
    Running campaigns are compared by a worker, which the sweep rings for.
    """
    fresh, known = 0, set[str]()
    for start in range(0, len(numbers), BATCH):
        some, last = numbers[start : start + BATCH], start + BATCH >= len(numbers)
        with ctx.db.write() as session:
            known = {*ctx.settings.accounts, *gates.every(session)} if account == EVERYWHERE else {account}
            for name in sorted(known):
                gates.get(session, name)
            now = ctx.db.now(session)
            fresh += suppressions.add(session, account, some, reason, who, now)
            soon = now if last else now + timedelta(seconds=ctx.settings.timing.rung)
            gates.list_changed(session, sorted(known), now, soon)
    for name in sorted(known):
        ctx.ring("suppress", name)
    return fresh


def compare(ctx: Context, account: str) -> None:
    """Withdraw the contacts of running campaigns whose number was listed since they were compared last."""
    with ctx.db.write() as session:
        gate = gates.claim_compare(session, account, ctx.db.now(session), ctx.settings.timing.lease)
    if gate is None:
        return
    with ctx.db.read() as session:
        running = uploads.running(session, account)
    try:
        unread = _compare_all(ctx, gate, running)
    except Lost:  # more was listed meanwhile: another comparison begins
        return
    except Unavailable as error:
        _log.error("account %s waits to be compared with the do-not-call list: %s", account, error.message)
        with ctx.db.write() as session:
            gates.compare_later(session, gate, _later(ctx, session), error.message)
        return
    telemetry.emit("suppress.compared", account=account, uploads=len(running))
    with ctx.db.write() as session:
        gates.compared(session, gate, _later(ctx, session) if unread else None)


def _later(ctx: Context, session: Session) -> datetime:
    return ctx.db.now(session) + timedelta(seconds=ctx.settings.timing.probe_every)


def _compare_all(ctx: Context, gate: Gate, running: Sequence[Upload]) -> bool:
    """Returns whether a chunk could not be read."""
    lease = timedelta(seconds=ctx.settings.timing.lease)
    beat = kept(ctx, lease.total_seconds(), lambda session, now: gates.compare_later(session, gate, now + lease))
    listed, unread = _listed(ctx, gate.account), False
    for upload in running:
        while True:
            with ctx.db.read() as session:
                every = chunks.of_upload(session, upload.id, *MAY_CALL)
            every = [chunk for chunk in every if gate.listed_since or chunk.uncompared_since]
            found = {chunk.id: _rows(ctx, chunk, gate, listed, beat) for chunk in every}
            if _take_out(ctx, upload, every, found, gate):
                break
        unread = unread or None in found.values()
    return unread


def _listed(ctx: Context, account: str) -> Listed:
    """What was listed since a moment, each read once: few moments are asked for."""
    known: dict[datetime, Numbers] = {}

    def since(moment: datetime) -> Numbers:
        if moment not in known:
            with ctx.db.read() as session:
                known[moment] = suppressions.added_since(session, account, moment - SKEW)
        return known[moment]

    return since


def _since(chunk: Chunk, gate: Gate) -> datetime:
    """From when on a chunk is to be compared."""
    return min(moment for moment in (chunk.uncompared_since, gate.listed_since) if moment is not None)


def _rows(ctx: Context, chunk: Chunk, gate: Gate, listed: Listed, beat: Callable[[], None]) -> list[int] | None:
    """Rows of a chunk whose number is listed; None where its index is gone. Raises Unavailable, Lost."""
    beat()
    try:
        return roster.rows_with(ctx.staging, chunk, listed(_since(chunk, gate)))
    except StagingError as error:
        if chunk.uncompared_since is None:
            _log.error("chunk %s of upload id %s is held: %s", chunk.seq, chunk.upload_id, error.message)
        return None


def _take_out(
    ctx: Context, upload: Upload, every: Sequence[Chunk], found: dict[int, list[int] | None], gate: Gate
) -> bool:
    """Keep what was found; False where a person's decision has put contacts into other chunks meanwhile."""
    read = {chunk.id: chunk for chunk in every}
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        now = ctx.db.now(session)
        for chunk in chunks.of_upload(session, upload.id, *MAY_CALL) if gate.listed_since else ():
            if chunk.id not in read or read[chunk.id].index_digest != chunk.index_digest:
                return False
        places = [(row, place) for place, rows in found.items() for row in rows or ()]
        frame = pl.DataFrame(places, schema=withdraw.PLACES, orient="row")
        fresh = withdraw.keep(session, upload.id, frame, "suppress", withdrawals.LISTED, now)
        chunks.compared(session, [one.id for one in every if one.uncompared_since and found[one.id] is not None], None)
        for chunk in every:
            if found[chunk.id] is None:
                _hold(session, chunk, _since(chunk, gate), now)
    if fresh:
        ctx.ring("withdraw", upload.ulid)
    return True


def _hold(session: Session, chunk: Chunk, since: datetime, now: datetime) -> None:
    chunks.compared(session, [chunk.id], since)
    if chunk.uncompared_since is None:
        text = (
            "Its index in staging is missing or was altered, so nobody can tell who in it is on the do-not-call list: "
            "it is not sent. Put the file back, or cancel the upload."
        )
        about = {"upload_id": chunk.upload_id, "list_id": chunk.list_id, "chunk_id": chunk.id}
        journal.note(session, now, "suppress", "held", **about, code="not_compared", message=text, who="suppress")
