"""The journal: "sending" is written before a request goes out, its result when there is one."""

from datetime import datetime
from typing import Any

from sqlalchemy import Update, insert, or_, select, update
from sqlmodel import Session, col

from worker.errors import ProviderError
from worker.models import Attempt
from worker.store.arrows import checked, run
from worker.store.once import once

_LINE = insert(Attempt)
_SENDING = _LINE.returning(col(Attempt.id))


def sending(
    session: Session,
    now: datetime,
    step: str,
    *,
    upload_id: int,
    list_id: int | None = None,
    chunk_id: int | None = None,
    who: str | None = None,
) -> int:
    """Write the line that says what is about to happen; returns its id."""
    line = {"upload_id": upload_id, "list_id": list_id, "chunk_id": chunk_id, "step": step, "sent_at": now, "who": who}
    return session.connection().execute(_SENDING, line).scalar_one()


def came_back(session: Session, attempt_id: int, now: datetime, result: str, **values: Any) -> None:
    """Complete a line. Kept even where the claim was lost meanwhile: a late answer is evidence."""
    run(session, *_line(attempt_id), ended_at=now, result=result, **values)


@once
def _line(attempt_id: int) -> Update:
    return update(Attempt).where(col(Attempt.id) == attempt_id)


def closed(session: Session, attempt_id: int, now: datetime, answer: object, **values: Any) -> None:
    """Complete a line with what an answer came to: an error's kind and words, else that it is done, with `values`."""
    if isinstance(answer, ProviderError):
        words = {"code": answer.code, "message": answer.message, "http_status": answer.http_status}
        came_back(session, attempt_id, now, type(answer).__name__, **words)
    else:
        came_back(session, attempt_id, now, "done", **values)


def in_doubt(session: Session, list_id: int, step: str) -> Attempt | None:
    """The newest request of this step of which nobody knows what became, whatever came after it."""
    unknown = or_(col(Attempt.result).is_(None), col(Attempt.result) == "Unknown")
    query = select(Attempt).where(col(Attempt.list_id) == list_id, col(Attempt.step) == step, unknown)
    return session.scalars(query.order_by(col(Attempt.id).desc()).limit(1)).first()


def note(session: Session, now: datetime, step: str, result: str, *, upload_id: int, **values: Any) -> None:
    """One line for something that is over at once: a decision, a look."""
    line = {"upload_id": upload_id, "step": step, "sent_at": now, "ended_at": now, "result": result, **values}
    session.connection().execute(_LINE, checked(_LINE.table, line))


def of_upload(session: Session, upload_id: int) -> list[Attempt]:
    query = select(Attempt).where(col(Attempt.upload_id) == upload_id).order_by(col(Attempt.id))
    return list(session.scalars(query))


def of_chunk(session: Session, chunk_id: int) -> list[Attempt]:
    query = select(Attempt).where(col(Attempt.chunk_id) == chunk_id).order_by(col(Attempt.id))
    return list(session.scalars(query))
