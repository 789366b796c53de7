"""The one way a state changes: a guarded UPDATE whose source and target come from the table of arrows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import BindParameter, ColumnElement, Select, Update, bindparam, update
from sqlalchemy import insert as insert_into
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import Session, SQLModel, col
from ulid import ULID

from worker.models import Attempt, CallList, Chunk, Upload
from worker.states import CHUNK_ARROWS, LIST_ARROWS, UPLOAD_ARROWS
from worker.store.once import TIME

Condition = ColumnElement[bool]
Row = TypeVar("Row", bound=SQLModel)

# The time of a statement that is made once, given when it is executed.
NOW: BindParameter[datetime] = bindparam("now", type_=TIME)
Moment = datetime | BindParameter[datetime]

# Of an UPDATE that returns rows: they are what the database says, and no other object is looked at.
AS_CHANGED: dict[str, Any] = {"populate_existing": True, "synchronize_session": False}


def new_token() -> str:
    """A fencing token: whoever holds a claim proves it with this."""
    return str(ULID())


def moment(session: Session) -> datetime:
    """The time by the database's clock."""
    now: datetime = session.info["clock"](session)
    return now


def change(session: Session, table: type[SQLModel], *where: Condition, **values: Any) -> int:
    """UPDATE `table`; returns how many rows it changed."""
    return run(session, update(table).where(*where).values(**values), {})


def run(session: Session, statement: Update, given: dict[str, Any], **values: Any) -> int:
    """Run an UPDATE that was made once (`store.once`), with columns to set beside; returns how many rows changed."""
    return int(session.connection().execute(statement, _both(statement, given, values)).rowcount)


def changed(session: Session, statement: ReturningUpdate[Row], given: dict[str, Any], **values: Any) -> Row | None:
    """Like `run`, for an UPDATE of one row that returns it: as it is then, None where it was not there."""
    given = _both(statement, given, values)
    return session.scalars(statement, given, execution_options=AS_CHANGED).one_or_none()


def _both(statement: Update, given: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    return {**given, **checked(statement.table, values)}


def checked(table: Any, values: dict[str, Any]) -> dict[str, Any]:
    """The values, each of which has a column (TypeError): SQLAlchemy leaves out without a word what has none."""
    unknown = [name for name in values if name not in table.c]
    if unknown:
        raise TypeError(f"there is no column {unknown[0]}")
    return values


def found_first(query: Select[int]) -> Condition:
    """Whether a query in the order of an index finds a row: EXISTS, for a planner that knows nothing of the table.

    Of an EXISTS PostgreSQL may think that a row comes up at once wherever it begins to read, and go through the whole
    table for each row outside. For the first one in an order it can only ask the index.
    """
    return query.limit(1).scalar_subquery().is_not(None)


def insert(session: Session, table: type[SQLModel]) -> Any:
    """INSERT into `table` that leaves what is there as it is."""
    return _insert(session.get_bind().dialect.name, table)


@cache
def _insert(dialect: str, table: type[SQLModel]) -> Any:
    of = sqlite if dialect == "sqlite" else postgresql
    return of.insert(table).on_conflict_do_nothing()


def _from(column: Any, sources: Sequence[str]) -> Condition:
    """`=` for a single state: a partial index on that state is then used, which `IN` would hide."""
    condition: Condition = column == sources[0] if len(sources) == 1 else column.in_(sources)
    return condition


def chunk_arrow(arrow: str, *where: Condition) -> Update:
    sources, target = CHUNK_ARROWS[arrow]
    return update(Chunk).where(_from(col(Chunk.state), sources), *where).values(state=target)


def upload_arrow(arrow: str, *where: Condition) -> ReturningUpdate[int]:
    sources, target = UPLOAD_ARROWS[arrow]
    moved = update(Upload).where(_from(col(Upload.state), sources), *where).values(state=target)
    return moved.returning(col(Upload.id))


def list_arrow(arrow: str, *where: Condition) -> Update:
    sources, target = LIST_ARROWS[arrow]
    return update(CallList).where(_from(col(CallList.state), sources), *where).values(state=target)


def move_chunks(session: Session, arrow: str, *where: Condition, **values: Any) -> int:
    return run(session, chunk_arrow(arrow, *where).values(**values), {})


def move_lists(session: Session, arrow: str, *where: Condition, **values: Any) -> int:
    return run(session, list_arrow(arrow, *where).values(**values), {})


def move_uploads(session: Session, arrow: str, *where: Condition, **values: Any) -> int:
    return run_uploads(session, arrow, upload_arrow(arrow, *where).values(**values), {}, said=values)


def run_uploads(
    session: Session,
    arrow: str,
    statement: ReturningUpdate[int],
    given: dict[str, Any],
    said: Mapping[str, Any] = MappingProxyType({}),
    **values: Any,
) -> int:
    """Run an `upload_arrow`. Each upload that moved gets a line in the journal: by which arrow, and why."""
    moved = session.connection().execute(statement, _both(statement, given, values)).scalars().all()
    if moved:
        now = moment(session)
        why = {"step": "upload", "result": arrow, "code": said.get("code"), "message": said.get("message")}
        lines = [{**why, "upload_id": upload_id, "sent_at": now, "ended_at": now} for upload_id in moved]
        session.connection().execute(insert_into(Attempt), lines)
    return len(moved)
