"""Invariants: looked at every minute by one worker, kept for `/metrics`, and loud in the log while one is broken."""

import logging
from datetime import timedelta

from worker.context import Context
from worker.store import invariants, watches
from worker.store.invariants import Broken

_log = logging.getLogger("rollcall.invariants")
NAME = "invariants"
EVERY = 60.0

_QUEUE = "see that workers take the queue {}, and look at their logs"
SAID = {
    "accounting": "The rows of {number} uploads do not add up, of {example} among them; send nothing more of them and "
    "report it",
    "claim_unattended": "{number} chunks were being sent by a worker that is gone, of upload {example} among them, and "
    "nobody looks after them; " + _QUEUE.format("sweep"),
    "unknown_unattended": "{number} chunks are in doubt and nobody looks them up, of upload {example} among them; "
    + _QUEUE.format("submit"),
    "overdue": "{number} chunks should have been sent and nobody sends them, of upload {example} among them; "
    + _QUEUE.format("submit"),
    "reading_unattended": "{number} files were being read by a worker that is gone, that of upload {example} among "
    "them; " + _QUEUE.format("ingest"),
    "unread": "{number} files wait and none is read, that of upload {example} among them; " + _QUEUE.format("ingest"),
    "unpolled": "{number} lists should have been asked for outcomes and nobody asks, of upload {example} among them; "
    + _QUEUE.format("collect"),
    "beyond_deadline": "{number} lists have passed their deadline and nobody closes them, of upload {example} among "
    "them; " + _QUEUE.format("collect"),
    "callback_unapplied": "{number} callbacks wait to be applied, to the account {example} among others; "
    + _QUEUE.format("collect"),
    "withdrawal_unattended": "{number} contacts asked not to be called and nobody carries it out, of upload {example} "
    "among them; " + _QUEUE.format("submit"),
    "uncompared": "{number} accounts wait to be compared with the do-not-call list and nobody compares them, {example} "
    "among them; " + _QUEUE.format("submit"),
    "unprobed": "{number} accounts are held back and nobody tries them, {example} among them; "
    + _QUEUE.format("submit"),
}


def said(one: Broken) -> str:
    """What is broken, in a sentence."""
    return SAID[one.name].format(**one._asdict()) + "."


def look(ctx: Context) -> list[Broken]:
    """Those that do not hold at this moment."""
    with ctx.db.read() as session:
        now = ctx.db.now(session)
        return invariants.broken(session, now, now - timedelta(seconds=ctx.settings.timing.unattended))


def watch(ctx: Context) -> None:
    """Look, where nobody has for a minute; keep what was found, and say it."""
    with ctx.db.read() as session:
        last, now = watches.look(session, NAME), ctx.db.now(session)
    if last is not None and last.next_at > now:
        return
    with ctx.db.write() as session:
        if not watches.claim(session, NAME, ctx.db.now(session), EVERY):
            return
    found = look(ctx)
    with ctx.db.write() as session:
        watches.found(session, NAME, ctx.db.now(session), [list(one) for one in found])
    for one in found:
        _log.error("invariant %s is broken: %s", one.name, said(one))
