"""What a person decides about a chunk in doubt.

Whatever was decided is checked against the provider first: what lies in a list there is never sent again.
"""

import csv
import io
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import polars as pl
from sqlmodel import Session

from worker import retry, roster
from worker.context import Context
from worker.errors import InputError
from worker.intake.header import TASK_UUID
from worker.models import CallList, Chunk, Upload
from worker.states import CHUNK_SENT, ChunkState
from worker.store import chunks, journal, lists, uploads
from worker.view import find

Decision = Literal["accept", "resend", "give_up"]


@dataclass(frozen=True)
class Evidence:
    """What the provider has of a chunk at this moment: rows that no list of ours shows, and the fullest list."""

    missing: pl.Series
    reference: str | None


def decide(ctx: Context, ulid: str, seq: int, decision: Decision, who: str, why: str) -> None:
    """Settle a chunk that is in review.

    `accept`: the provider has it; contacts that are not there count as refused. `resend`: send what is not there once
    more. `give_up`: count it as refused and send nothing. Raises InputError (`no_such_upload`, `not_in_review`,
    `nothing_missing`, `nothing_there`), ProviderError where the provider cannot be asked, StagingError where the
    payload is gone.
    """
    with ctx.db.read() as session:
        upload = find(session, ulid)
        chunk = _in_review(session, upload, seq)
        call_list = lists.get(session, chunk.list_id)
        settled = chunks.of_list(session, chunk.list_id, *CHUNK_SENT)
    assert call_list is not None
    evidence = None if decision == "give_up" else _look(ctx, upload, call_list, chunk, settled)
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        if evidence is None:
            chunks.person_gives_up(session, chunk.id, now)
        elif decision == "accept":
            _accept(ctx, session, upload, chunk, evidence)
        else:
            _resend(ctx, session, upload, chunk, evidence)
        note = {"list_id": chunk.list_id, "chunk_id": chunk.id, "who": who, "message": why}
        journal.note(session, now, "decide", decision, upload_id=upload.id, **note)
        uploads.advance(session, upload.id, now)


def _in_review(session: Session, upload: Upload, seq: int) -> Chunk:
    for chunk in chunks.of_upload(session, upload.id, ChunkState.REVIEW):
        if chunk.seq == seq:
            return chunk
    raise InputError("not_in_review", f"Chunk {seq} of upload {upload.ulid} is not in review; nothing to decide.")


def _look(ctx: Context, upload: Upload, call_list: CallList, chunk: Chunk, settled: list[Chunk]) -> Evidence:
    """Read every list that may hold the chunk: ours, those of the evidence, and all that carry our token."""
    provider = ctx.provider(upload.account)
    named = [one.reference for one in retry.reading(lambda: provider.find(call_list.name), ctx.stopping)]
    told = [call_list.reference, chunk.evidence.get("reference"), *chunk.evidence.get("references", [])]
    references = dict.fromkeys(reference for reference in [*told, *named] if reference is not None)
    own = roster.own_uuids(ctx.staging, upload, [*settled, chunk])
    missing, fullest, most = roster.index(ctx.staging, chunk)["row"], None, 0
    for reference in references:
        rows = roster.rows_at(provider, reference, upload.ulid, own)
        before = missing.len()
        missing = missing.filter(~missing.is_in(rows.unique().implode()))
        if before - missing.len() > most:
            fullest, most = reference, before - missing.len()
    return Evidence(missing, fullest)


def _accept(ctx: Context, session: Session, upload: Upload, chunk: Chunk, evidence: Evidence) -> None:
    if evidence.missing.len() == chunk.rows:
        text = f"No contact of chunk {chunk.seq} is at the provider; resend it or give it up."
        raise InputError("nothing_there", text)
    chunks.person_accepts(session, chunk.id, ctx.db.now(session), evidence.missing.len())
    _expect_outcomes(ctx, session, upload, chunk, evidence)


def _resend(ctx: Context, session: Session, upload: Upload, chunk: Chunk, evidence: Evidence) -> None:
    """The contacts that arrived stay accepted; the missing ones become the chunk that is sent again."""
    now = ctx.db.now(session)
    until = now + timedelta(seconds=ctx.settings.timing.late_after)
    missing = evidence.missing
    if missing.is_empty():
        raise InputError("nothing_missing", f"Every contact of chunk {chunk.seq} was seen in its list; accept it.")
    if missing.len() == chunk.rows:
        chunks.person_resends(session, chunk.id, until)
        return
    sent = chunk.model_dump(exclude={"id"})
    arrived = _cut(ctx, upload, chunk, missing, keep=False)
    chunks.person_resends(session, chunk.id, until, **_cut(ctx, upload, chunk, missing, keep=True))
    changed = {"seq": chunks.next_seq(session, upload.id), "state": ChunkState.ACCEPTED, "settled_at": now}
    session.add(Chunk(**{**sent, **arrived, **changed}))
    session.flush()
    _expect_outcomes(ctx, session, upload, chunk, evidence)


def _expect_outcomes(ctx: Context, session: Session, upload: Upload, chunk: Chunk, evidence: Evidence) -> None:
    if evidence.reference is not None and lists.may_adopt(session, chunk.list_id, evidence.reference):
        lists.adopt(session, chunk.list_id, evidence.reference)
        ctx.expect_outcomes(session, upload, chunk.list_id)


def _cut(ctx: Context, upload: Upload, chunk: Chunk, missing: pl.Series, *, keep: bool) -> dict[str, Any]:
    """Stage the part of a chunk that is missing (`keep`), or the part that is not."""
    index = roster.index(ctx.staging, chunk)
    part = index.filter(pl.col("row").is_in(missing.implode()) == keep)
    uuids = set(part.select(pl.coalesce("uuid", pl.format(f"{upload.ulid}:{{}}", "row")))["uuid"].to_list())
    payload = _records(ctx.staging.read(chunk.digest), ctx.kind(upload.account).capabilities.delimiter, uuids)
    stored = io.BytesIO()
    part.write_parquet(stored)
    return {
        "rows": part.height,
        "bytes": len(payload),
        "digest": ctx.staging.put(payload),
        "index_digest": ctx.staging.put(stored.getvalue()),
        "first_row": part["row"].min(),
        "last_row": part["row"].max(),
    }


def _records(payload: bytes, delimiter: str, uuids: set[str]) -> bytes:
    """The header and the records with these uuids. A person decided, so it is one chunk and the loop is short."""
    records = csv.reader(io.StringIO(payload.decode(), newline=""), delimiter=delimiter)
    header = next(records)
    place = header.index(TASK_UUID)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(record for record in records if record[place] in uuids)
    return out.getvalue().encode()
