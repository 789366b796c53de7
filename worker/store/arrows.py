"""The one way a state changes: a guarded UPDATE whose source and target come from the table of arrows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, update
from sqlalchemy import insert as insert_into
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col
from ulid import ULID

from worker.models import Attempt, CallList, Chunk, Upload
from worker.states import CHUNK_ARROWS, LIST_ARROWS, UPLOAD_ARROWS

Condition = ColumnElement[bool]

# The time of a statement that is made once, given when it is executed.
NOW: BindParameter[datetime] = bindparam("now", type_=Chunk.__table__.c.not_before.type)  # type: ignore[attr-defined]
Moment = datetime | BindParameter[datetime]


def new_token() -> str:
    """A fencing token: whoever holds a claim proves it with this."""
    return str(ULID())


def moment(session: Session) -> datetime:
    """The time by the database's clock."""
    now: datetime = session.info["clock"](session)
    return now


def change(session: Session, table: type[SQLModel], *where: Condition, **values: Any) -> int:
    """UPDATE `table`; returns how many rows it changed."""
    result = session.connection().execute(update(table).where(*where).values(**values))
    return int(result.rowcount)


def found_first(query: Select[int]) -> Condition:
    """Whether a query in the order of an index finds a row: EXISTS, for a planner that knows nothing of the table.

    Of an EXISTS PostgreSQL may think that a row comes up at once wherever it begins to read, and go through the whole
    table for each row outside. For the first one in an order it can only ask the index.
    """
    return query.limit(1).scalar_subquery().is_not(None)


def insert(session: Session, table: type[SQLModel]) -> Any:
    """INSERT into `table` that leaves what is there as it is."""
    of = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return of.insert(table).on_conflict_do_nothing()


def _from(column: Any, sources: Sequence[str]) -> Condition:
    """`=` for a single state: a partial index on that state is then used, which `IN` would hide."""
    condition: Condition = column == sources[0] if len(sources) == 1 else column.in_(sources)
    return condition


def move_chunks(session: Session, arrow: str, *where: Condition, **values: Any) -> int:
    sources, target = CHUNK_ARROWS[arrow]
    return change(session, Chunk, _from(col(Chunk.state), sources), *where, state=target, **values)


def move_uploads(session: Session, arrow: str, *where: Condition, **values: Any) -> int:
    """Each upload that moved gets a line in the journal: by which arrow, and why."""
    sources, target = UPLOAD_ARROWS[arrow]
    statement = update(Upload).where(_from(col(Upload.state), sources), *where).values(state=target, **values)
    moved = session.connection().execute(statement.returning(col(Upload.id))).scalars().all()
    if moved:
        now = moment(session)
        said = {"step": "upload", "result": arrow, "code": values.get("code"), "message": values.get("message")}
        lines = [{**said, "upload_id": upload_id, "sent_at": now, "ended_at": now} for upload_id in moved]
        session.connection().execute(insert_into(Attempt), lines)
    return len(moved)


def move_lists(session: Session, arrow: str, *where: Condition, **values: Any) -> int:
    sources, target = LIST_ARROWS[arrow]
    return change(session, CallList, _from(col(CallList.state), sources), *where, state=target, **values)
