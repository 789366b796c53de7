"""Outcomes, written in bulk: what is new is copied in, only what changed is merged.

Who only counts them, as `rollcall status` does, has no need of polars.
"""

import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select, text
from sqlmodel import Session, col

from worker.models import Outcome
from worker.store.once import once

if TYPE_CHECKING:
    import polars as pl

COLUMNS = [
    "upload_id",
    "row",
    "list_id",
    "disposition",
    "terminal",
    "status",
    "result",
    "attempts_left",
    "last_attempt",
    "version",
    "updated_at",
]
BOUND = 5000  # values that a statement binds at a time
COPIED = 8192  # rows that are written for PostgreSQL at a time
SPARSE = 4  # rows whose range is so many times their number are not asked for by range
_CHANGING = [c for c in COLUMNS if c not in ("upload_id", "row")]


def known(session: Session, upload_id: int, rows: "pl.Series") -> "pl.DataFrame":
    """What we hold of the contacts `rows`, and maybe of others: `row`, `version`, `terminal`, `left`.

    A list mostly comes in the order of its rows, and is asked for by range. Rows that lie far apart, as callbacks tell
    of them or as their starts sort them, are asked for one by one: never is a whole list held in memory.
    """
    import polars as pl

    found = [tuple(one) for asked in _known(upload_id, rows) for one in session.connection().execute(*asked)]
    schema = {"row": pl.Int64, "version": pl.Int64, "terminal": pl.Boolean, "left": pl.Int64}
    return pl.DataFrame(found, schema=schema, orient="row")


def _known(upload_id: int, rows: "pl.Series") -> Iterator[tuple[Select[*tuple[Any, ...]], dict[str, Any]]]:
    rows = rows.drop_nulls().unique().sort()
    if rows.is_empty():
        return
    first, last = int(rows[0]), int(rows[-1])
    if last - first < SPARSE * rows.len():
        yield _known_between(upload_id, first, last)
        return
    for start in range(0, rows.len(), BOUND):
        yield _known_among(upload_id, rows[start : start + BOUND].to_list())


@once
def _known_between(upload_id: int, first: int, last: int) -> Select[*tuple[Any, ...]]:
    return _held().where(col(Outcome.upload_id) == upload_id, col(Outcome.row).between(first, last))


@once
def _known_among(upload_id: int, rows: list[int]) -> Select[*tuple[Any, ...]]:
    return _held().where(col(Outcome.upload_id) == upload_id, col(Outcome.row).in_(rows))


def _held() -> Select[*tuple[Any, ...]]:
    held: tuple[Any, ...] = (col(Outcome.row), col(Outcome.version), col(Outcome.terminal))
    return select(*held, col(Outcome.attempts_left).label("left"))


def store(session: Session, frame: "pl.DataFrame", now: datetime) -> int:
    """Write what `frame` (the columns of the table, of one upload) adds or changes; returns how many rows.

    News only goes forward, since it may come late or in a wrong order: what has ended does not begin again, and of two
    reports of a contact that is still being tried the one with fewer attempts left is the newer.
    """
    import polars as pl

    if frame.is_empty():
        return 0
    held = known(session, int(frame["upload_id"][0]), frame["row"])
    frame = frame.with_columns(pl.lit(now).alias("updated_at")).select(COLUMNS)
    fresh = frame.join(held, on="row", how="anti")
    had = held.select("row", pl.col("version").alias("had"), pl.col("terminal").alias("ended"), "left")
    changed = frame.join(had, on="row", how="inner").filter(pl.col("had") != pl.col("version"))
    back = ~pl.col("terminal") & (pl.col("ended") | (pl.col("attempts_left") > pl.col("left")).fill_null(False))
    changed = changed.filter(~back).select(COLUMNS)
    if fresh.height:
        _insert(session, fresh)
    if changed.height:
        _merge(session, changed)
    return fresh.height + changed.height


def _insert(session: Session, frame: "pl.DataFrame") -> None:
    if _is_sqlite(session):
        _many(session, f"INSERT INTO outcome ({_names()}) VALUES ({_marks()})", frame)
    else:
        _copy(session, "outcome", frame)


def _merge(session: Session, frame: "pl.DataFrame") -> None:
    update = ", ".join(f"{c} = excluded.{c}" for c in _CHANGING)
    merge = f'ON CONFLICT (upload_id, "row") DO UPDATE SET {update}'
    if _is_sqlite(session):
        _many(session, f"INSERT INTO outcome ({_names()}) VALUES ({_marks()}) {merge}", frame)
        return
    connection = session.connection()
    connection.execute(text("CREATE TEMP TABLE arriving (LIKE outcome) ON COMMIT DROP"))
    _copy(session, "arriving", frame)
    connection.execute(text(f"INSERT INTO outcome ({_names()}) SELECT {_names()} FROM arriving {merge}"))
    connection.execute(text("DROP TABLE arriving"))


def _names() -> str:
    return ", ".join('"row"' if c == "row" else c for c in COLUMNS)


def _marks() -> str:
    return ", ".join("?" for _ in COLUMNS)


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _many(session: Session, statement: str, frame: "pl.DataFrame") -> None:
    import polars as pl

    stamp = pl.col("updated_at").dt.strftime("%Y-%m-%d %H:%M:%S%.6f")
    session.connection().exec_driver_sql(statement, frame.with_columns(stamp).rows())


def _copy(session: Session, table: str, frame: "pl.DataFrame") -> None:
    import polars as pl

    words = pl.col("status", "result", "last_attempt").str.replace_all("\x00", "", literal=True)
    cursor = session.connection().connection.cursor()
    with cursor.copy(f"COPY {table} ({_names()}) FROM STDIN (FORMAT csv)") as copy:
        for part in frame.with_columns(words).iter_slices(COPIED):  # the server stores one while the next is written
            lines = io.BytesIO()
            part.write_csv(lines, include_header=False, datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ")
            copy.write(lines.getbuffer())
    cursor.close()


def no_outcome(session: Session, upload_id: int, list_id: int, rows: "pl.Series", now: datetime) -> int:
    """Say of each of `rows` that nothing was heard until the deadline, where nothing final is stored."""
    import polars as pl

    frame = pl.DataFrame({"row": rows}).with_columns(
        pl.lit(upload_id).alias("upload_id"),
        pl.lit(list_id).alias("list_id"),
        pl.lit("no_outcome").alias("disposition"),
        pl.lit(True).alias("terminal"),
        *(pl.lit(None, dtype=pl.Utf8).alias(c) for c in ("status", "result", "last_attempt")),
        pl.lit(None, dtype=pl.Int64).alias("attempts_left"),
        pl.lit(0, dtype=pl.Int64).alias("version"),
    )
    return store(session, frame.join(ended(session, upload_id, rows), on="row", how="anti"), now)


def ended(session: Session, upload_id: int, rows: "pl.Series") -> "pl.DataFrame":
    """Of the contacts `rows`, those with a final outcome: a frame with the column `row`."""
    import polars as pl

    final = known(session, upload_id, rows).filter(pl.col("terminal")).select("row")
    return final.filter(pl.col("row").is_in(rows.implode()))


def count_ended(session: Session, upload_id: int, rows: "pl.Series") -> int:
    """How many of the contacts `rows` have a final outcome; the database counts where no other lies between them."""
    if rows.is_empty():
        return 0
    first, last = int(rows.min()), int(rows.max())  # type: ignore[arg-type]  # of integers
    if last - first + 1 != rows.n_unique():
        return ended(session, upload_id, rows).height
    return int(session.connection().execute(*_count_ended(upload_id, first, last)).scalar_one())


@once
def _count_ended(upload_id: int, first: int, last: int) -> Select[int]:
    among = (col(Outcome.upload_id) == upload_id, col(Outcome.row).between(first, last), col(Outcome.terminal))
    return select(func.count()).select_from(Outcome).where(*among)


def final(session: Session, upload_id: int, rows: Sequence[int]) -> dict[int, tuple[str, datetime]]:
    """Row to disposition and when we learnt it, of those among `rows` that have come to their end."""
    found: dict[int, tuple[str, datetime]] = {}
    for start in range(0, len(rows), BOUND):
        these = col(Outcome.row).in_(rows[start : start + BOUND])
        query = select(col(Outcome.row), col(Outcome.disposition), col(Outcome.updated_at)).where(
            col(Outcome.upload_id) == upload_id, these, col(Outcome.terminal)
        )
        found |= {int(row): (str(kind), at) for row, kind, at in session.execute(query)}
    return found


def of_row(session: Session, upload_id: int, row: int) -> Outcome | None:
    return session.scalars(select(Outcome).where(col(Outcome.upload_id) == upload_id, col(Outcome.row) == row)).first()


def by_disposition(session: Session, upload_id: int) -> dict[str, int]:
    return {name: int(count) for name, count in session.connection().execute(*_by_disposition(upload_id))}


@once
def _by_disposition(upload_id: int) -> Select[str, int]:
    query = select(col(Outcome.disposition), func.count()).where(col(Outcome.upload_id) == upload_id)
    return query.group_by(col(Outcome.disposition)).order_by(func.count().desc())


def stream(session: Session, upload_id: int, size: int = 10_000) -> Iterator[list[Any]]:
    """All outcomes of an upload in row order, `size` at a time."""
    query = select(Outcome).where(col(Outcome.upload_id) == upload_id).order_by(col(Outcome.row))
    for part in session.scalars(query.execution_options(yield_per=size)).partitions():
        yield list(part)
