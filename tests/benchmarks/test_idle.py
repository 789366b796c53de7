"""A fleet that has nothing to do, beside a million chunks that are done and a hundred thousand for later: what a sweep
costs, and by which indexes it looks."""

import os
import statistics
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import SQLModel

from schedules.sweep import sweep
from tests.house import House, some_numbers
from worker import ingest
from worker.models import CallList, Chunk, Upload
from worker.store import due

MANY = int(os.environ.get("IDLE_FINISHED", "10000"))  # lists that have ended, of a hundred chunks each
EACH, LATER, WAITING = 100, 100, 1000  # chunks of each; uploads that wait, of so many chunks each
SWEEPS, AIM = 50, 20  # how often it looks; milliseconds
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many})"


def names(table: type[SQLModel], of: str, *but: str) -> tuple[str, str]:
    """The columns of a table, and the same of an alias."""
    columns = [f'"{column.name}"' for column in table.__table__.columns if column.name not in ("id", *but)]  # type: ignore[attr-defined]
    return ", ".join(columns), ", ".join(f"{of}.{column}" for column in columns)


def copy(house: House, ulid: str, many: int) -> None:
    """So many more uploads like this one, with its list and its chunks."""
    [[upload_id]] = house.sql(f"SELECT id FROM upload WHERE ulid = '{ulid}'")
    numbers, like = NUMBERS.format(many=many), f"u.ulid LIKE 'copy-{upload_id}-%'"
    ours, theirs = names(Upload, "o", "ulid", "idempotency_key")
    of_list, from_list = names(CallList, "l", "upload_id", "name")
    of_chunk, from_chunk = names(Chunk, "c", "upload_id", "list_id")
    name = f"'copy-{upload_id}-' || n.i"
    for statement in (
        f"INSERT INTO upload (ulid, idempotency_key, {ours}) {numbers} "
        f"SELECT {name}, {name}, {theirs} FROM upload o, n WHERE o.id = {upload_id}",
        f"INSERT INTO call_list (upload_id, name, {of_list}) "
        f"SELECT u.id, u.ulid, {from_list} FROM call_list l, upload u WHERE l.upload_id = {upload_id} AND {like}",
        f"INSERT INTO chunk (upload_id, list_id, {of_chunk}) SELECT u.id, s.id, {from_chunk} "
        f"FROM chunk c, upload u JOIN call_list s ON s.upload_id = u.id WHERE c.upload_id = {upload_id} AND {like}",
    ):
        with house.ctx.db.write() as session:
            session.connection().execute(text(statement))


def looks_by(house: House) -> list[str]:
    """What the one statement of a sweep that finds nothing reads: indexes, and tables where it reads one whole."""
    with house.ctx.db.read() as session:
        query = due._LOOK.params(now=house.now, horizon=house.now + timedelta(minutes=2))
        told = str(query.compile(session.connection().engine, compile_kwargs={"literal_binds": True}))
        if not house.ctx.db.is_sqlite:
            plan = session.connection().exec_driver_sql("EXPLAIN (ANALYZE, FORMAT JSON) " + told.replace("%", "%%"))
            return sorted(set(_read(plan.scalar_one()[0]["Plan"])))
        lines = [row[3] for row in session.connection().exec_driver_sql("EXPLAIN QUERY PLAN " + told)]
    return sorted({line.partition(" (")[0] for line in lines if line.startswith(("SEARCH", "SCAN"))})


def _read(plan: dict[str, Any]) -> list[str]:
    if not plan["Actual Loops"]:
        return []
    by = plan.get("Index Name") or (f"SCAN {plan['Relation Name']}" if plan["Node Type"] == "Seq Scan" else None)
    return [*([by] if by else []), *(found for below in plan.get("Plans", []) for found in _read(below))]


@pytest.mark.timeout(1800)
def test_a_sweep_of_an_idle_fleet(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.account.chunk_rows = 1
    done = house.upload(EACH)
    house.finish(done)
    later = int((house.now + timedelta(hours=3)).timestamp())
    people = "phone,__start_at\n" + "".join(f"{one},{later + n}\n" for n, one in enumerate(some_numbers(WAITING, EACH)))
    file = house.folder / "later.csv"
    file.write_text(people)
    waits = house.upload(source=file)
    ingest.ingest(house.ctx, waits)
    copy(house, done, MANY - 1)
    copy(house, waits, LATER - 1)
    with house.ctx.db.write() as session:
        session.connection().execute(text("ANALYZE"))  # as a server does by itself
    states = dict(house.sql("SELECT state, count(*) FROM chunk GROUP BY state"))
    assert states == {"finished": MANY * EACH, "ready": LATER * WAITING}
    house.turn(1)
    taken = []
    for _ in range(SWEEPS):
        began = time.perf_counter()
        assert sweep(house.ctx) == 0
        taken.append((time.perf_counter() - began) * 1000)
    by = looks_by(house)
    with capsys.disabled():
        kind = "SQLite" if house.ctx.db.is_sqlite else "PostgreSQL"
        print(f"\n{kind}, {MANY * EACH:,} chunks that are done, {LATER * WAITING:,} for later:")
        print(f"  a sweep: {statistics.median(taken):.1f} ms, at most {max(taken):.1f} ms (aim {AIM} ms)")
        print("  " + "\n  ".join(by))
    whole = [one for one in by if one.startswith("SCAN") and {"chunk", "call_list", "upload"} & set(one.split())]
    assert [one for one in whole if "INDEX" not in one] == []
