"""What is measured: one query each, on an index that holds only what is live, so that asking often costs little."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from worker.models import Callback, Chunk, Gate, Upload
from worker.states import CallbackState, ChunkState, UploadState


class Backlog(NamedTuple):
    """Callbacks that were not applied yet, and when the oldest of them came."""

    callbacks: int
    oldest: datetime | None


class Held(NamedTuple):
    """Chunks, and contacts in them."""

    chunks: int
    contacts: int


_LIVE = col(Upload.ended_at).is_(None)


def backlog(session: Session) -> Backlog:
    new = col(Callback.state) == CallbackState.NEW
    count, oldest = session.execute(select(func.count(), func.min(col(Callback.received_at))).where(new)).one()
    return Backlog(count, oldest)


def uploads(session: Session) -> dict[str, int]:
    """Uploads that have not ended, by state."""
    query = select(col(Upload.state), func.count()).where(_LIVE).group_by(col(Upload.state))
    return {str(state): int(count) for state, count in session.execute(query)}


def chunks(session: Session) -> dict[str, Held]:
    """Chunks of the uploads that have not ended, by state."""
    query = (
        select(col(Chunk.state), func.count(), func.sum(col(Chunk.rows)))
        .join(Upload, col(Upload.id) == col(Chunk.upload_id))
        .where(_LIVE)
        .group_by(col(Chunk.state))
    )
    return {state: Held(count, int(rows)) for state, count, rows in session.execute(query)}


def held_accounts(session: Session) -> dict[str, str]:
    """Accounts that are held back, and by what. The table has one row for each account."""
    query = select(col(Gate.account), col(Gate.blocked)).where(col(Gate.blocked).is_not(None))
    return {str(account): str(reason) for account, reason in session.execute(query)}


def oldest_due(session: Session, now: datetime) -> datetime | None:
    """Since when the chunk has been due that has waited longest of those that nothing holds back."""
    query = (
        select(col(Chunk.not_before))
        .join(Upload, col(Upload.id) == col(Chunk.upload_id))
        .where(
            col(Chunk.state) == ChunkState.READY,
            col(Chunk.not_before) <= now,
            or_(col(Chunk.retry_at).is_(None), col(Chunk.retry_at) <= now),
            col(Upload.state) == UploadState.SUBMITTING,
        )
        .order_by(col(Chunk.not_before))
        .limit(1)
    )
    return session.scalars(query).first()
