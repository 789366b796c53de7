"""People who want to be forgotten: their number until nothing else of them is left, then only its mark."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlmodel import Session, col

from worker.models import Attempt, Callback, Chunk, Forgotten, Outcome, Suppression, Upload, Withdrawal
from worker.states import CallbackState
from worker.store.arrows import change
from worker.store.pruning import GONE

BOUND = 5000
FORGOTTEN = "forgotten"


def ask(session: Session, marks: dict[str, int], key_mark: str, who: str, now: datetime) -> None:
    """Keep the wish, by mark with its number; one that was carried out before is a wish again."""
    gone = delete(Forgotten).where(col(Forgotten.mark).in_(list(marks)))
    session.connection().execute(gone)
    every = marks.items()
    session.add_all(
        [Forgotten(mark=mark, key_mark=key_mark, number=number, who=who, asked_at=now) for mark, number in every]
    )
    session.flush()


def pending(session: Session) -> list[Forgotten]:
    """Wishes that are not carried out yet."""
    return list(session.scalars(select(Forgotten).where(col(Forgotten.number).is_not(None))))


def marks(session: Session) -> list[tuple[str, str]]:
    """Mark and mark of the key, of every number that was forgotten or is about to be."""
    return [(mark, key) for mark, key in session.execute(select(col(Forgotten.mark), col(Forgotten.key_mark)))]


def remove(session: Session, marks: Sequence[str]) -> int:
    """They may be called again. A wish that is still to be carried out stays."""
    carried_out = (col(Forgotten.mark).in_(marks), col(Forgotten.number).is_(None))
    return int(session.connection().execute(delete(Forgotten).where(*carried_out)).rowcount)


def live(session: Session, asked_at: datetime) -> list[Upload]:
    """Uploads that were there when it was asked and have not ended."""
    mine = (col(Upload.ended_at).is_(None), col(Upload.created_at) <= asked_at)
    return list(session.scalars(select(Upload).where(*mine).order_by(col(Upload.id))))


def ended(session: Session) -> list[Upload]:
    """Uploads that ended and were not pruned."""
    mine = (col(Upload.ended_at).is_not(None), col(Upload.pruned_at).is_(None))
    return list(session.scalars(select(Upload).where(*mine).order_by(col(Upload.id))))


def drop_sources(session: Session) -> int:
    """Files that were never read to their end: nobody can tell who is in them, and nothing needs them any more."""
    unread = (col(Upload.ended_at).is_not(None), col(Upload.total) == 0, ~col(Upload.source_gone))
    return change(session, Upload, *unread, source_gone=True)


def replace_index(session: Session, chunk: Chunk, index_digest: str, whole_digest: str | None) -> bool:
    """Others are left in the chunk's index; False where somebody changed it meanwhile."""
    same = (col(Chunk.id) == chunk.id, col(Chunk.index_digest) == chunk.index_digest)
    told = {"index_digest": index_digest, "whole_digest": whole_digest, "digest": GONE}
    return bool(change(session, Chunk, *same, **told))


def replace_rejects(session: Session, upload: Upload, rejects_digest: str | None) -> None:
    """The rejects without him. The source goes with them, since he stood there as well."""
    values = {"rejects_digest": rejects_digest, "source_gone": True}
    change(session, Upload, col(Upload.id) == upload.id, **values)


def erase_rows(session: Session, upload_id: int, rows: Sequence[int]) -> None:
    """Outcomes keep what they count as; withdrawals that they were."""
    words: dict[str, Any] = {"status": None, "result": None, "last_attempt": None}
    for start in range(0, len(rows), BOUND):
        some = rows[start : start + BOUND]
        change(session, Outcome, col(Outcome.upload_id) == upload_id, col(Outcome.row).in_(some), **words)
        his = (col(Withdrawal.upload_id) == upload_id, col(Withdrawal.row).in_(some))
        change(session, Withdrawal, *his, why=FORGOTTEN, message=None)


def is_awaited(session: Session, tail: str) -> bool:
    """Whether a callback that was not applied yet speaks of this number, given by its last digits."""
    new = (col(Callback.state) == CallbackState.NEW, col(Callback.body).contains(tail))
    return session.scalar(select(func.count()).select_from(Callback).where(*new)) != 0


def erase(session: Session, one: Forgotten, tail: str, now: datetime) -> None:
    """The last of him: callbacks, words of providers, the number on the do-not-call lists, and the wish's own."""
    connection = session.connection()
    settled = col(Callback.state) != CallbackState.NEW
    told = or_(col(Callback.body).contains(tail), col(Callback.external_id).contains(tail))
    connection.execute(delete(Callback).where(settled, told))
    change(session, Attempt, col(Attempt.message).contains(tail), message=None)
    change(session, Chunk, col(Chunk.message).contains(tail), message=None)
    connection.execute(delete(Suppression).where(col(Suppression.number) == one.number))
    change(session, Forgotten, col(Forgotten.mark) == one.mark, number=None, erased_at=now)
