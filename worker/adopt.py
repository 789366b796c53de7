"""Adopt: a list that was made elsewhere becomes an upload, so that its outcomes are collected too.

Nothing is sent to it and it is never stopped at a deadline: we only ask what became of its contacts. They are known by
the uuids that the provider tells, and numbered in the order in which it shows them.
"""

import io
import re
from typing import Any

import polars as pl
from sqlmodel import Session
from ulid import ULID

from worker import accounts, retry
from worker.context import Context
from worker.errors import InputError, Refused
from worker.job import Job
from worker.models import CallList, Chunk, Upload
from worker.providers.base import Found, Place
from worker.sizes import USUAL
from worker.states import ChunkState, UploadState
from worker.store import journal, lists, progress, uploads

TOKEN = re.compile(r"\[([0-9A-HJKMNP-TV-Z]{26})-[0-9]+\]$")
INDEX = {"row": pl.Int64, "line": pl.Int64, "e164": pl.Int64, "uuid": pl.Utf8}


def adopt(ctx: Context, account: str, reference: str, options: dict[str, Any], who: str) -> str:
    """Take over the list `reference` of an account; returns the new upload's id.

    `options` add to those that the provider shows, and these to the account's; they say how long its attempts may take.
    Of a provider that dials when told nobody knows what dials the list, so its lists are not adopted. Raises InputError
    (`cannot_adopt`, `no_such_list`, `already_ours`, `no_uuids`, `bad_option`), ProviderError where it cannot be read.
    """
    kind = ctx.kind(account)
    can = kind.capabilities
    if can.results != "poll" or not can.shows_contacts or can.starts == "when_told":
        text = f"The provider of account {account} does not show what became of a list that was made elsewhere."
        raise InputError("cannot_adopt", text)
    _refuse_ours(ctx, account, reference)
    provider = accounts.provider(ctx, account)
    try:
        found = retry.reading(lambda: provider.status(Place(reference)), ctx.stopping)
    except Refused:
        found = None
    if found is None:
        raise InputError("no_such_list", f"Account {account} has no list {reference}; `rollcall lists` shows them.")
    _refuse_by_name(ctx, found)
    checked = kind.check_options({**ctx.settings.account(account).options, **found.settings, **options})
    uuids = retry.reading(lambda: _uuids(provider.contacts(reference)), ctx.stopping)
    if uuids.is_empty() or uuids.null_count() or uuids.n_unique() < uuids.len():
        text = f"The contacts of list {reference} cannot be told apart: it is empty, or its uuids are not unique."
        raise InputError("no_uuids", text)
    return _keep(ctx, account, found, checked, uuids, who)


def _uuids(frames: Any) -> pl.Series:
    every = [frame["uuid"] for frame in frames]
    return pl.concat(every) if every else pl.Series("uuid", [], dtype=pl.Utf8)


def _refuse_ours(ctx: Context, account: str, reference: str) -> None:
    with ctx.db.read() as session:
        holder = lists.holder(session, account, reference)
    if holder is not None:
        raise InputError("already_ours", f"List {reference} belongs to upload {holder.ulid} already.")


def _refuse_by_name(ctx: Context, found: Found) -> None:
    """A list of ours whose making is in doubt has no reference with us yet, but our token in its name."""
    token = TOKEN.search(found.name)
    if token is None:
        return
    with ctx.db.read() as session:
        ours = uploads.by_ulid(session, token[1])
    if ours is not None:
        raise InputError("already_ours", f"List {found.reference} bears the name of upload {ours.ulid}; it is ours.")


def _keep(ctx: Context, account: str, found: Found, options: dict[str, Any], uuids: pl.Series, who: str) -> str:
    """One transaction: the upload, its list, and chunks that were accepted before we knew them."""
    size = ctx.settings.account(account).chunk_rows or USUAL.first
    staged = [_stage(ctx, uuids[start : start + size], start) for start in range(0, uuids.len(), size)]
    ulid, source = str(ULID()), f"list {found.reference}"
    key = f"adopt {account} {found.reference}"
    job = Job(source=source, account=account, options=options, idempotency_key=key)
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        upload = Upload(
            ulid=ulid,
            account=account,
            job=job.model_dump(mode="json"),
            job_digest=job.digest(""),
            idempotency_key=key,
            state=UploadState.SUBMITTING,
            created_at=now,
            total=uuids.len(),
            custom_uuids=True,
        )
        if not uploads.receive(session, upload):
            raise InputError("already_ours", f"List {found.reference} is being adopted already.")
        _add(ctx, session, upload, found, staged)
        journal.note(session, now, "adopt", "decided", upload_id=upload.id, who=who, reference=found.reference)
        progress.advance(session, upload.id, now)
    return ulid


def _stage(ctx: Context, uuids: pl.Series, start: int) -> dict[str, Any]:
    """The index of a chunk; it stands for the payload too, which went to the provider by another way."""
    rows = pl.Series("row", range(start + 1, start + uuids.len() + 1), dtype=pl.Int64)
    blank = [pl.lit(None, dtype=INDEX[name]).alias(name) for name in ("line", "e164")]
    index = pl.DataFrame([rows, uuids.alias("uuid")]).with_columns(blank).select(list(INDEX))
    out = io.BytesIO()
    index.write_parquet(out)
    digest = ctx.staging.put(out.getvalue())
    span = {"first_row": start + 1, "last_row": start + uuids.len()}
    return {"rows": uuids.len(), "bytes": 0, "digest": digest, "index_digest": digest, **span}


def _add(ctx: Context, session: Session, upload: Upload, found: Found, staged: list[dict[str, Any]]) -> None:
    now = ctx.db.now(session)
    call_list = CallList(upload_id=upload.id, number=1, name=found.name, reference=found.reference, adopted_at=now)
    session.add(call_list)
    session.flush()
    for seq, columns in enumerate(staged, 1):
        chunk = Chunk(upload_id=upload.id, list_id=call_list.id, seq=seq, not_before=now, not_after=now, **columns)
        chunk.state, chunk.attempts, chunk.settled_at = ChunkState.ACCEPTED, 1, now
        session.add(chunk)
    session.flush()
    ctx.expect_outcomes(session, upload, call_list.id)
