"""Whom an upload does not call again: whom the account has called, and whom the uploads that it continues know."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from sqlmodel import Session

from worker import marks, roster
from worker.context import Context
from worker.errors import ConfigError, StagingError, Unavailable
from worker.models import Upload
from worker.store import families, suppressions, uploads
from worker.store import forgotten as store

Beat = Callable[[], None]


def recent(ctx: Context, session: Session, upload: Upload, now: datetime) -> list[Upload]:
    """The account's other uploads, within the time that it leaves a number alone."""
    days = ctx.settings.account(upload.account).call_again_after
    return uploads.recent(session, upload, now - timedelta(days=days)) if days else []


def called(ctx: Context, upload: Upload, now: datetime, seen: set[int], beat: Beat) -> suppressions.Numbers:
    """Numbers that the account's other uploads call, or have called within the time that it leaves a number alone.

    Of uploads that are not in `seen`, to which they are added. Raises StagingError
    `calls_unknown`, since somebody would be called twice.
    """
    with ctx.db.read() as session:
        fresh = {one.id: one.ulid for one in recent(ctx, session, upload, now) if one.id not in seen}
        every = families.may_have_called(session, list(fresh))
    found = []
    for chunk in every:
        beat()
        try:
            found.append(roster.index(ctx.staging, chunk)["e164"].drop_nulls().to_numpy())
        except StagingError as error:
            raise StagingError(
                "calls_unknown",
                f"Whom upload {fresh[chunk.upload_id]} has called cannot be told "
                f"({error.code}: {chunk.index_digest or 'all'}); bring that back, or lower call_again_after of account "
                f"{upload.account}, and upload the file again.",
            ) from error
    seen |= {chunk.upload_id for chunk in every}
    return np.unique(np.concatenate(found)) if found else suppressions.NONE


def family(ctx: Context, upload: Upload, beat: Beat) -> dict[str, Any]:
    """Whom the uploads that this one continues call or may have called, and their users' own uuids.

    Nobody comes to them before this one was read: see `families`.
    """
    if upload.continues_id is None:
        return {}
    numbers, uuids = [suppressions.NONE], [pl.Series("uuid", [], dtype=pl.String)]
    with ctx.db.read() as session:
        taken = families.chunks_taken(session, upload)
    for chunk in taken:
        beat()
        index = roster.index(ctx.staging, chunk)
        numbers.append(index["e164"].drop_nulls().to_numpy())
        uuids.append(index["uuid"].drop_nulls())
    return {"taken": np.unique(np.concatenate(numbers)), "taken_uuids": pl.concat(uuids)}


def forgotten(ctx: Context, session: Session) -> marks.Marked | None:
    """Whom nobody calls and whose number nobody keeps; None where that is nobody, and then nothing is hashed.

    Raises Unavailable `no_forget_key`: without the key somebody would be called.
    """
    every = store.marks(session)
    if not every:
        return None
    try:
        marker = marks.marker(ctx.settings)
    except ConfigError as error:
        raise Unavailable("no_forget_key", error.message) from error
    if any(key != marker.key_mark for _, key in every):
        text = "The key for forgotten numbers is not the one that their marks were made with; bring that one back."
        raise Unavailable("no_forget_key", text)
    return marker.holding([mark for mark, _ in every])


def withdrawn(ctx: Context, upload: Upload, beat: Beat) -> suppressions.Numbers:
    """Who asked not to be called, of the uploads that this one continues and of others of the very file; each once."""
    with ctx.db.read() as session:
        left = families.withdrawn(session, upload)
    numbers = [suppressions.NONE]
    for chunk, rows in left:
        beat()
        numbers.append(roster.numbers_of(ctx.staging, chunk, rows).to_numpy())
    return np.unique(np.concatenate(numbers))
