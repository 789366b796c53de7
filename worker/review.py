"""What a person decides about a chunk in doubt.

Whatever was decided is checked against the provider first: what lies in a list there is never sent again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

import polars as pl
from sqlmodel import Session

from worker import accounts, parts, retry, roster, strays
from worker.context import Context, list_name
from worker.errors import InputError
from worker.models import Chunk, Upload
from worker.states import CHUNK_SENT, ChunkState, UploadState
from worker.store import chunks, journal, lists, outcomes, progress, uploads
from worker.view import find

Decision = Literal["accept", "resend", "give_up"]
Split = tuple[dict[str, Any], dict[str, Any]]  # columns of two chunks: of who arrived, of who is missing


@dataclass(frozen=True)
class Evidence:
    """What the provider has of a chunk at this moment: rows that no list of ours shows, and the fullest list.

    `complete`: the lists show everything else that was accepted into them. `short`: how many contacts a list holds of
    which none can be seen one by one. `told`: the provider could be asked; else the person's word is all there is.
    """

    missing: pl.Series
    reference: str | None
    complete: bool
    short: int | None = None
    told: bool = True


def decide(ctx: Context, ulid: str, seq: int, decision: Decision, who: str, why: str) -> None:
    """Settle a chunk that is in review.

    `accept`: the provider has it; contacts that are not there count as refused. `resend`: send what is not there once
    more. `give_up`: count it as refused and send nothing; where a list waits to be started, only what is not in it.
    What is not there must have been missing in two looks, `settle` apart: the first decision that depends on it only
    looks, and says when to repeat it.

    Raises InputError (`no_such_upload`, `not_in_review`, `too_early`, `nothing_missing`, `nothing_there`, `lies_there`,
    `upload_cancelled`), ProviderError where the provider cannot be asked, StagingError where the payload is gone.
    """
    with ctx.db.read() as session:
        upload = find(session, ulid)
        chunk = _in_review(session, upload, seq)
        waits = _waits_to_start(session, chunk)
    evidence = _look(ctx, upload, chunk) if waits or decision != "give_up" else None
    if evidence is not None and evidence.told and not evidence.missing.is_empty():
        _be_sure(ctx, chunk, evidence, who)
    split = _split(ctx, upload, chunk, evidence) if evidence is not None and decision == "resend" else None
    with ctx.db.write() as session:
        if uploads.lock(session, upload.id).state == UploadState.CANCELLED and decision == "resend":
            raise InputError("upload_cancelled", f"Upload {ulid} was cancelled; accept the chunk or give it up.")
        now = ctx.db.now(session)
        if not _settle(ctx, session, upload, chunk, decision, evidence, split):
            raise _not_in_review(upload, seq)
        lists.not_there(session, chunk.list_id)
        note = {"list_id": chunk.list_id, "chunk_id": chunk.id, "who": who, "message": why, **_seen(evidence, chunk)}
        journal.note(session, now, "decide", decision, upload_id=upload.id, **note)
        progress.advance(session, upload.id, now)


def _seen(evidence: Evidence | None, chunk: Chunk) -> dict[str, Any]:
    """For the journal: how many of the chunk the provider showed when the decision was taken, and in which list."""
    if evidence is None or not evidence.told:
        return {}
    count = chunk.rows - evidence.missing.len() if evidence.short is None else evidence.short
    return {"reference": evidence.reference, "count": count}


def _settle(
    ctx: Context,
    session: Session,
    upload: Upload,
    chunk: Chunk,
    decision: Decision,
    evidence: Evidence | None,
    split: Split | None,
) -> bool:
    if evidence is None or decision == "give_up":
        return _give_up(session, chunk, evidence, ctx.db.now(session))
    if decision == "accept":
        return _accept(ctx, session, upload, chunk, evidence)
    return _resend(ctx, session, upload, chunk, evidence, split)


def _in_review(session: Session, upload: Upload, seq: int) -> Chunk:
    for chunk in chunks.of_upload(session, upload.id, ChunkState.REVIEW):
        if chunk.seq == seq:
            return chunk
    raise _not_in_review(upload, seq)


def _not_in_review(upload: Upload, seq: int) -> InputError:
    return InputError("not_in_review", f"Chunk {seq} of upload {upload.ulid} is not in review; nothing to decide.")


def _look(ctx: Context, upload: Upload, chunk: Chunk) -> Evidence:
    """Read every list that may hold the chunk: ours, those of the evidence, and all that carry our token."""
    can = ctx.kind(upload.account).capabilities
    if not can.finds_by_reference:
        return _heard(ctx, upload, chunk)
    if not can.shows_contacts:
        return _numbered(ctx, upload, chunk)
    with ctx.db.read() as session:
        call_list = lists.get(session, chunk.list_id)
        settled = chunks.of_list(session, chunk.list_id, *CHUNK_SENT)
    assert call_list is not None
    provider = accounts.provider(ctx, upload.account)
    named = [one.reference for one in retry.reading(lambda: provider.find(call_list.name), ctx.stopping)]
    told = [call_list.reference, chunk.evidence.get("reference"), *chunk.evidence.get("references", [])]
    unknown = [one.reference for one in strays.beside(ctx, upload, call_list)]
    references = dict.fromkeys(reference for reference in [*told, *named, *unknown] if reference is not None)
    known = roster.names(ctx, upload, [*settled, chunk])
    missing, fullest, most = roster.index(ctx.staging, chunk)["row"], None, 0
    there = pl.Series("row", [], dtype=pl.Int64)
    for reference in references:
        rows = roster.rows_at(provider, reference, known).unique()
        before = missing.len()
        missing = missing.filter(~missing.is_in(rows.implode()))
        there = pl.concat([there, rows])
        if before - missing.len() > most:
            fullest, most = reference, before - missing.len()
    missing = missing.filter(~missing.is_in(_told_of(ctx, upload, missing).implode()))
    return Evidence(missing, fullest, roster.holds_all(ctx.staging, there, settled))


def _told_of(ctx: Context, upload: Upload, rows: pl.Series) -> pl.Series:
    """Who among `rows` was heard of: he was sent, whatever the lists show."""
    with ctx.db.read() as session:
        return _known(session, upload, rows)


def _known(session: Session, upload: Upload, rows: pl.Series) -> pl.Series:
    if rows.is_empty():
        return rows
    return rows.filter(rows.is_in(outcomes.known(session, upload.id, rows)["row"].implode()))


def _heard(ctx: Context, upload: Upload, chunk: Chunk) -> Evidence:
    """The provider cannot be asked. One contact that was called back about proves that the chunk arrived."""
    rows = roster.index(ctx.staging, chunk)["row"]
    with ctx.db.read() as session:
        call_list = lists.get(session, chunk.list_id)
        heard = _known(session, upload, rows)
    assert call_list is not None
    reference = call_list.reference or call_list.name
    return Evidence(rows if heard.is_empty() else rows.clear(), reference, True, told=False)


def _numbered(ctx: Context, upload: Upload, chunk: Chunk) -> Evidence:
    """Lists are found and their contacts cannot be seen: a list of the right size holds them all.

    One that is not found arrived all the same where a callback told of a contact; its name has to be its reference.
    """
    with ctx.db.read() as session:
        call_list = lists.get(session, chunk.list_id)
    assert call_list is not None
    provider, rows = accounts.provider(ctx, upload.account), roster.index(ctx.staging, chunk)["row"]
    found = retry.reading(lambda: provider.find(call_list.name), ctx.stopping)
    for one in strays.beside(ctx, upload, call_list):
        found += retry.reading(partial(provider.find, one.name), ctx.stopping)
    if not found and _told_of(ctx, upload, rows).is_empty():
        return Evidence(rows, None, True)
    if not found:
        return Evidence(rows.clear(), call_list.reference or call_list.name, True)
    fullest = max(found, key=lambda one: one.count or 0)
    short = None if fullest.count == chunk.rows else fullest.count or 0
    return Evidence(rows.clear(), fullest.reference, True, short=short)


def _be_sure(ctx: Context, chunk: Chunk, evidence: Evidence, who: str) -> None:
    """What is not there may only be invisible yet, or still on its way: it must be missing twice, `settle` apart.

    What was seen is kept with the chunk, for whoever decides next.
    """
    settle = timedelta(seconds=ctx.settings.account(_account(ctx, chunk)).settle)
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        told = chunk.evidence.get("looked_at")
        since = datetime.fromisoformat(told) if told and evidence.complete else now
        missing = evidence.missing.len()
        seen = {
            "looked_at": since.isoformat(),
            "present": chunk.rows - missing,
            "missing": missing,
            "rows": evidence.missing.head(roster.NAMED).to_list(),
        }
        chunks.looked(session, chunk, {**chunk.evidence, **seen})
        about = {"list_id": chunk.list_id, "chunk_id": chunk.id, "who": who, **_seen(evidence, chunk)}
        journal.note(session, now, "look", "missing", upload_id=chunk.upload_id, **about)
    sure_at = max(since, chunk.deadline_at or since) + settle
    if now < sure_at:
        shown = sure_at.astimezone(UTC).strftime("%H:%M:%S UTC")
        text = (
            f"{evidence.missing.len()} contacts of chunk {chunk.seq} are not to be seen yet; decide again at {shown}."
        )
        raise InputError("too_early", text)


def _account(ctx: Context, chunk: Chunk) -> str:
    with ctx.db.read() as session:
        return uploads.get(session, chunk.upload_id).account


def _waits_to_start(session: Session, chunk: Chunk) -> bool:
    """Whether nobody in the chunk's list was called yet, and all will be."""
    call_list = lists.get(session, chunk.list_id)
    return call_list is not None and call_list.held


def _give_up(session: Session, chunk: Chunk, evidence: Evidence | None, now: datetime) -> bool:
    """Who lies in a list that is still to be started would be called, and count as refused."""
    if evidence is not None and evidence.missing.len() < chunk.rows:
        text = (
            f"{chunk.rows - evidence.missing.len()} contacts of chunk {chunk.seq} lie in list {evidence.reference}, "
            "which waits to be started and would call them; accept the chunk, or cancel the upload."
        )
        raise InputError("lies_there", text)
    return chunks.person_gives_up(session, chunk, now)


def _accept(ctx: Context, session: Session, upload: Upload, chunk: Chunk, evidence: Evidence) -> bool:
    if evidence.told and evidence.missing.len() == chunk.rows:
        text = f"No contact of chunk {chunk.seq} is at the provider; resend it or give it up."
        raise InputError("nothing_there", text)
    missing = evidence.missing.len() if evidence.told else 0
    if evidence.short is not None:
        missing = max(chunk.rows - evidence.short, 0)
    if not chunks.person_accepts(session, chunk, ctx.db.now(session), missing):
        return False
    _expect_outcomes(ctx, session, upload, chunk, evidence)
    return True


def _split(ctx: Context, upload: Upload, chunk: Chunk, evidence: Evidence) -> Split | None:
    """The contacts that arrived and those that are missing, each staged as a chunk of its own; None where that are all.

    Before anything is locked: a store that all workers share may take its time.
    """
    missing = evidence.missing
    if not 0 < missing.len() < chunk.rows:
        return None
    return parts.cut(ctx, upload, chunk, missing, keep=False), parts.cut(ctx, upload, chunk, missing, keep=True)


def _resend(
    ctx: Context, session: Session, upload: Upload, chunk: Chunk, evidence: Evidence, split: Split | None
) -> bool:
    """The contacts that arrived stay accepted; the missing ones become the chunk that is sent again."""
    now, missing = ctx.db.now(session), evidence.missing
    until = now + timedelta(seconds=ctx.settings.timing.late_after)
    if evidence.short is not None:
        text = (
            f"List {evidence.reference} holds {evidence.short} of {chunk.rows} contacts and which cannot be seen, so "
            "none can be sent again; accept the chunk or give it up."
        )
        raise InputError("cannot_tell_which", text)
    if missing.is_empty():
        raise InputError("nothing_missing", f"Every contact of chunk {chunk.seq} was seen or told of; accept it.")
    if not _known(session, upload, missing).is_empty():  # under the upload's lock, which callbacks wait for
        raise InputError("too_early", f"The provider has just told of contacts of chunk {chunk.seq}; decide again.")
    if split is None:
        return chunks.person_resends(session, chunk, until, **_elsewhere(ctx, session, upload, chunk))
    sent, (arrived, left) = chunk.model_dump(exclude={"id"}), split
    if not chunks.person_resends(session, chunk, until, **left):
        return False
    changed = {"seq": chunks.next_seq(session, upload.id), "state": ChunkState.ACCEPTED, "settled_at": now}
    apart = Chunk(**{**sent, **arrived, **changed})
    session.add(apart)
    session.flush()
    out_of = {"list_id": apart.list_id, "chunk_id": apart.id, "reference": str(chunk.seq), "count": apart.rows}
    journal.note(session, now, "split", "arrived", upload_id=upload.id, **out_of)
    _expect_outcomes(ctx, session, upload, chunk, evidence)
    return True


def _elsewhere(ctx: Context, session: Session, upload: Upload, chunk: Chunk) -> dict[str, Any]:
    """A list that exists and cannot be appended to is not the place for what is sent again: it gets a new one."""
    if ctx.kind(upload.account).capabilities.appends or lists.is_unmade(session, chunk.list_id):
        return {}
    number = lists.next_number(session, upload.id)
    fresh = lists.add(session, upload.id, number, list_name(ctx, upload, number), ctx.holds(upload))
    return {"list_id": fresh.id}


def _expect_outcomes(ctx: Context, session: Session, upload: Upload, chunk: Chunk, evidence: Evidence) -> None:
    if evidence.reference is not None and lists.may_adopt(session, chunk.list_id, evidence.reference):
        lists.adopt(session, chunk.list_id, evidence.reference)
        ctx.expect_outcomes(session, upload, chunk.list_id)
