"""Verify: compare a list that was filled while stopped with what we sent, and only then let it dial.

A chunk of which contacts are missing, or stand twice, goes to a person before anybody is called.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from worker import accounts, retry, roster, telemetry
from worker.context import Context
from worker.errors import ProviderError
from worker.giving_up import giving_up
from worker.models import CallList, Chunk, Upload
from worker.states import ChunkState
from worker.store import chunks, journal, lists, progress, uploads

Faults = Mapping[int, dict[str, Any]]  # chunk id -> what is wrong with it


@dataclass(frozen=True)
class Filled:
    """A list that is ours to compare, and the chunks that the provider confirmed for it."""

    upload: Upload
    call_list: CallList
    reference: str
    sent: list[Chunk]


def verify(ctx: Context, list_id: int) -> None:
    """Compare a stopped list with what was sent into it; start it, or hand the difference to a person."""
    filled = _claim(ctx, list_id)
    if filled is None:
        return
    telemetry.emit("verify.comparing", upload=filled.upload.ulid, list=filled.call_list.number)
    with giving_up(ctx.stopping):
        faults = retry.as_value(lambda: _compare(ctx, filled))
    accounts.judge(ctx, filled.upload.account, faults)
    if isinstance(faults, ProviderError):
        _later(ctx, filled)
    elif faults:
        _contradict(ctx, filled, faults)
    else:
        _approve(ctx, filled)


def _claim(ctx: Context, list_id: int) -> Filled | None:
    with ctx.db.write() as session:
        call_list = lists.claim_verify(session, list_id, ctx.db.now(session), ctx.settings.reading_lease)
        if call_list is None or call_list.reference is None:
            return None
        upload = uploads.get(session, call_list.upload_id)
        return Filled(upload, call_list, call_list.reference, chunks.of_list(session, list_id, ChunkState.ACCEPTED))


def _compare(ctx: Context, filled: Filled) -> Faults:
    """What is wrong with each chunk that no person has decided about; raises ProviderError."""
    known = roster.names(ctx, filled.upload, filled.sent)
    provider = accounts.in_reach(ctx, filled.upload.account)
    rows = retry.reading(lambda: roster.rows_at(provider, filled.reference, known), ctx.stopping)
    there, faults = rows.unique(), {}
    repeated = rows.filter(rows.is_duplicated()).unique()
    for chunk in filled.sent:
        wanted = roster.index(ctx.staging, chunk)["row"]
        missing = int((~wanted.is_in(there.implode())).sum())
        twice = int(wanted.is_in(repeated.implode()).sum())
        if chunk.code != chunks.DECIDED and (missing or twice):
            faults[chunk.id] = {"reference": filled.reference, "missing": missing, "repeated": twice}
    return faults


def _contradict(ctx: Context, filled: Filled, faults: Faults) -> None:
    """Missing contacts may become visible within `settle`; what stands twice never becomes single.

    Whoever lost the list while he read it says nothing: it may have been let go since.
    """
    with ctx.db.write() as session:
        uploads.lock(session, filled.upload.id)
        now, sent_at = ctx.db.now(session), filled.call_list.sent_at
        current = lists.get(session, filled.call_list.id)
        ours = lists.extend_poll(session, filled.call_list, now, ctx.settings.reading_lease)
        if not ours or current is None or not current.held:
            _give_back(ctx, session, filled)
            return
        settle = timedelta(seconds=ctx.settings.account(filled.upload.account).settle)
        patient = sent_at is not None and now < sent_at + settle
        if not patient or any(fault["repeated"] for fault in faults.values()):
            for chunk in filled.sent:
                if chunk.id in faults:
                    _hand_over(session, now, chunk, faults[chunk.id])
        progress.advance(session, filled.upload.id, now)
    _later(ctx, filled)


def _hand_over(session: Session, now: datetime, chunk: Chunk, fault: dict[str, Any]) -> None:
    text = (
        f"In list {fault['reference']}, {fault['missing']} of {chunk.rows} contacts are missing and "
        f"{fault['repeated']} stand twice; nobody was called yet. Decide."
    )
    if chunks.contradict(session, chunk, "differs", text, fault):
        about = {"upload_id": chunk.upload_id, "list_id": chunk.list_id, "chunk_id": chunk.id}
        journal.note(session, now, "compare", "differs", **about, code="differs", message=text)


def _later(ctx: Context, filled: Filled) -> None:
    with ctx.db.write() as session:
        _give_back(ctx, session, filled)


def _give_back(ctx: Context, session: Session, filled: Filled) -> None:
    soon = timedelta(seconds=ctx.settings.account(filled.upload.account).poll_fast)
    lists.polled(session, filled.call_list, ctx.db.now(session) + soon, 0)


def _approve(ctx: Context, filled: Filled) -> None:
    """From here on it is a stopped list that nobody wants stopped: steering starts it, and outcomes are asked for.

    One that was cancelled meanwhile is given back to whoever asks for outcomes.
    """
    upload, call_list = filled.upload, filled.call_list
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        now = ctx.db.now(session)
        if lists.approve(session, call_list):
            journal.note(session, now, "compare", "equal", upload_id=upload.id, list_id=call_list.id)
        else:
            _give_back(ctx, session, filled)
    telemetry.emit("verify.approved", upload=upload.ulid, list=call_list.number)
    ctx.ring("steer", call_list.id)
