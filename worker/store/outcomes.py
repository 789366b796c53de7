"""Outcomes, written in bulk: what is new is copied in, only what changed is merged."""

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import func, select, text
from sqlmodel import Session, col

from worker.models import Outcome

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
_CHANGING = [c for c in COLUMNS if c not in ("upload_id", "row")]


def versions(session: Session, upload_id: int, list_id: int) -> pl.DataFrame:
    """What we hold of one list: `row`, `version`, `terminal`."""
    query = select(col(Outcome.row), col(Outcome.version), col(Outcome.terminal)).where(
        col(Outcome.upload_id) == upload_id, col(Outcome.list_id) == list_id
    )
    rows = session.execute(query).all()
    schema = {"row": pl.Int64, "version": pl.Int64, "terminal": pl.Boolean}
    return pl.DataFrame([tuple(r) for r in rows], schema=schema, orient="row")


def store(session: Session, frame: pl.DataFrame, known: pl.DataFrame, now: datetime) -> tuple[int, pl.DataFrame]:
    """Write what `frame` (the columns of the table) adds to or changes against `known`.

    Returns how many rows were written, and what is known now.
    """
    frame = frame.with_columns(pl.lit(now).alias("updated_at")).select(COLUMNS)
    fresh = frame.join(known, on="row", how="anti")
    changed = frame.join(known.select("row", pl.col("version").alias("had")), on="row", how="inner")
    changed = changed.filter(pl.col("had") != pl.col("version")).select(COLUMNS)
    if fresh.height:
        _insert(session, fresh)
    if changed.height:
        _merge(session, changed)
    return fresh.height + changed.height, pl.concat([known, fresh.select(known.columns)])


def _insert(session: Session, frame: pl.DataFrame) -> None:
    if _is_sqlite(session):
        _many(session, f"INSERT INTO outcome ({_names()}) VALUES ({_marks()})", frame)
    else:
        _copy(session, "outcome", frame)


def _merge(session: Session, frame: pl.DataFrame) -> None:
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


def _many(session: Session, statement: str, frame: pl.DataFrame) -> None:
    stamp = pl.col("updated_at").dt.strftime("%Y-%m-%d %H:%M:%S%.6f")
    session.connection().exec_driver_sql(statement, frame.with_columns(stamp).rows())


def _copy(session: Session, table: str, frame: pl.DataFrame) -> None:
    words = pl.col("status", "result", "last_attempt").str.replace_all("\x00", "", literal=True)
    lines = io.BytesIO()
    frame.with_columns(words).write_csv(lines, include_header=False, datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ")
    cursor = session.connection().connection.cursor()
    with cursor.copy(f"COPY {table} ({_names()}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(lines.getbuffer())
    cursor.close()


def no_outcome(session: Session, upload_id: int, list_id: int, rows: pl.Series, now: datetime) -> int:
    """Say of each of `rows` that nothing was heard until the deadline, where nothing final is stored."""
    frame = pl.DataFrame({"row": rows}).with_columns(
        pl.lit(upload_id).alias("upload_id"),
        pl.lit(list_id).alias("list_id"),
        pl.lit("no_outcome").alias("disposition"),
        pl.lit(True).alias("terminal"),
        *(pl.lit(None, dtype=pl.Utf8).alias(c) for c in ("status", "result", "last_attempt")),
        pl.lit(None, dtype=pl.Int64).alias("attempts_left"),
        pl.lit(0, dtype=pl.Int64).alias("version"),
    )
    known = versions(session, upload_id, list_id)
    settled = known.filter(pl.col("terminal"))
    return store(session, frame.join(settled, on="row", how="anti"), known, now)[0]


def terminal_count(session: Session, upload_id: int, list_id: int) -> int:
    query = select(func.count()).where(
        col(Outcome.upload_id) == upload_id, col(Outcome.list_id) == list_id, col(Outcome.terminal)
    )
    return int(session.scalars(query).one())


def by_disposition(session: Session, upload_id: int) -> dict[str, int]:
    query = (
        select(col(Outcome.disposition), func.count())
        .where(col(Outcome.upload_id) == upload_id)
        .group_by(col(Outcome.disposition))
        .order_by(func.count().desc())
    )
    return {name: int(count) for name, count in session.execute(query)}


def stream(session: Session, upload_id: int, size: int = 10_000) -> Iterator[list[Any]]:
    """All outcomes of an upload in row order, `size` at a time."""
    query = select(Outcome).where(col(Outcome.upload_id) == upload_id).order_by(col(Outcome.row))
    for part in session.scalars(query.execution_options(yield_per=size)).partitions():
        yield list(part)
