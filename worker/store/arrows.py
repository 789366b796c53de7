"""The one way a state changes: a guarded UPDATE whose source and target come from the table of arrows."""

from typing import Any

from sqlalchemy import ColumnElement, update
from sqlmodel import Session, SQLModel, col
from ulid import ULID

from worker.models import CallList, Chunk, Upload
from worker.states import CHUNK_ARROWS, LIST_ARROWS, UPLOAD_ARROWS

Condition = ColumnElement[bool]


def new_token() -> str:
    """A fencing token: whoever holds a claim proves it with this."""
    return str(ULID())


def change(session: Session, table: type[SQLModel], *where: Condition, **values: Any) -> int:
    """UPDATE `table`; returns how many rows it changed."""
    result = session.connection().execute(update(table).where(*where).values(**values))
    return int(result.rowcount)


def move_chunks(session: Session, arrow: str, *where: Condition, **values: Any) -> int:
    sources, target = CHUNK_ARROWS[arrow]
    return change(session, Chunk, col(Chunk.state).in_(sources), *where, state=target, **values)


def move_uploads(session: Session, arrow: str, *where: Condition, **values: Any) -> int:
    sources, target = UPLOAD_ARROWS[arrow]
    return change(session, Upload, col(Upload.state).in_(sources), *where, state=target, **values)


def move_lists(session: Session, arrow: str, *where: Condition, **values: Any) -> int:
    sources, target = LIST_ARROWS[arrow]
    return change(session, CallList, col(CallList.state).in_(sources), *where, state=target, **values)
