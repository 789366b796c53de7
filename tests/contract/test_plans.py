"""What the sweep reads where the planner knows nothing of the tables, or only how they were long ago, or all of it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.databases import databases
from worker.db import Database
from worker.store import claims
from worker.store.due import PARTS

UPLOADS, CHUNKS = 100, 200
ENDED = 3 * UPLOADS * CHUNKS  # uploads
HORIZON = timedelta(minutes=2)
TABLES = ("upload", "call_list", "chunk", "gate", "withdrawal", "callback")
UPLOAD = """
INSERT INTO upload (ulid, account, idempotency_key, job_digest, job, state, created_at, deaths, total, rejected,
                    duplicate, suppressed, reasons, custom_uuids)
SELECT n, 'sandbox', n, '', '{}', 'submitting', now(), 0, :chunks, 0, 0, 0, '{}', false
FROM generate_series(CAST(:first AS integer), :last) n
"""
OVER = """
INSERT INTO upload (ulid, account, idempotency_key, job_digest, job, state, created_at, ended_at, deaths, total,
                    rejected, duplicate, suppressed, reasons, custom_uuids)
SELECT 'over' || n, 'sandbox', 'over' || n, '', '{}', 'finished', now(), now(), 0, 0, 0, 0, 0, '{}', false
FROM generate_series(1, :ended) n
"""
LIST = """
INSERT INTO call_list (upload_id, number, name, reference, state, held, stop_wanted, quiet_polls, next_poll_at)
SELECT id, 1, ulid, ulid, 'open', false, false, 0, now() + interval '1 minute'
FROM upload WHERE ended_at IS NULL AND id NOT IN (SELECT upload_id FROM call_list)
"""
CHUNK = """
INSERT INTO chunk (upload_id, list_id, seq, state, rows, missing, bytes, digest, index_digest, first_row, last_row,
                   pilot, not_before, not_after, attempts, deaths, creates, vanished, evidence)
SELECT upload_id, id, n, CASE WHEN n <= 20 THEN 'accepted' ELSE 'ready' END, 1, 0, 9, '', '', n, n,
       false, now() + (n - 20) * interval '10 s', now() + interval '2 hours', 0, 0, false, 0, '{}'
FROM call_list, generate_series(1, :chunks) n WHERE id NOT IN (SELECT list_id FROM chunk)
"""
MOVE = "UPDATE chunk SET not_before = not_before + :by"

KNOWN = [
    {"tbl": table, "idx": index, "stat": stat}
    for table, index, stat in (
        ("upload", "ix_upload_live", "100 1"),
        ("upload", "ix_upload_ended_at", "10100 100"),
        ("call_list", "ix_call_list_upload_id", "10100 1"),
        ("call_list", "ix_call_list_next_poll", "100 100"),
        ("chunk", "ix_chunk_due", "100000 100 1"),
        ("chunk", "ix_chunk_list_state", "1100000 109 109 1"),
        ("chunk", "ix_chunk_upload_state", "1100000 109 109 1"),
        ("withdrawal", "sqlite_autoindex_withdrawal_1", "1000000 10000 1"),
    )
]


# What is known, and by how much all starts later at that time.
KNOWLEDGE = {
    "nothing known": None,
    "known of what has ended and of one upload": None,
    "known of when all was for later": timedelta(days=1),
    "known of when all was long due": -timedelta(days=1),
}


@pytest.fixture(scope="module", params=KNOWLEDGE)
def database(postgres_server: str, tmp_path_factory: pytest.TempPathFactory, request: Any) -> Iterator[Database]:
    with databases(tmp_path_factory.mktemp("plans"), postgres_server) as url:
        made = Database(url)
        with made.engine.connect() as connection, connection.begin():
            for table in TABLES:
                connection.execute(text(f"ALTER TABLE {table} SET (autovacuum_enabled = false)"))
            fill(connection, 1, 1)
            if request.param == "known of what has ended and of one upload":
                connection.execute(text(OVER), {"ended": ENDED})
                connection.execute(text("ANALYZE"))
            fill(connection, 2, UPLOADS)
            if moved := KNOWLEDGE[request.param]:
                connection.execute(text(MOVE), {"by": moved})
                connection.execute(text("ANALYZE"))
                connection.execute(text(MOVE), {"by": -moved})
        if moved:
            with made.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM chunk"))
        yield made
        made.dispose()


def fill(connection: Connection, first: int, last: int) -> None:
    """Uploads of which a tenth was sent, and a chunk comes due every ten seconds."""
    connection.execute(text(UPLOAD), {"first": first, "last": last, "chunks": CHUNKS})
    connection.execute(text(LIST))
    connection.execute(text(CHUNK), {"chunks": CHUNKS})


def rows_read(plan: dict[str, Any]) -> float:
    """Rows that a plan and what lies below it went through, whether they were of use or not."""
    each: float = (
        float(plan["Actual Rows"]) + plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Join Filter", 0)
    )
    return each * float(plan["Actual Loops"]) + sum(rows_read(below) for below in plan.get("Plans", []))


@pytest.mark.parametrize("part", PARTS)
def test_no_part_of_a_look_reads_what_has_ended_or_the_chunks_for_each_upload(database: Database, part: str) -> None:
    with database.read() as session:
        now = database.now(session)
        query = PARTS[part].params(now=now, horizon=now + HORIZON)
        told = str(query.compile(session.connection().engine, compile_kwargs={"literal_binds": True}))
        explained = session.connection().exec_driver_sql("EXPLAIN (ANALYZE, FORMAT JSON) " + told.replace("%", "%%"))
        plan = explained.scalar_one()[0]["Plan"]
    assert rows_read(plan) < 3 * UPLOADS * CHUNKS


@pytest.mark.parametrize("claim", [claims._claim_next, claims._claim_young], ids=lambda claim: claim.__name__)
def test_a_claim_reads_the_chunks_of_its_list_and_no_others(database: Database, claim: Any) -> None:
    with database.read() as session:
        now = database.now(session) + timedelta(minutes=1)  # some are due
        list_id = session.scalar(text("SELECT max(id) FROM call_list"))
    since = (now - HORIZON,) if claim is claims._claim_young else ()
    statement = claim.__wrapped__(list_id, "sandbox", now, False, *since)
    taken = statement.values(token="t", lease_until=now, deadline_at=now)
    told = str(taken.compile(database.engine, compile_kwargs={"literal_binds": True}))
    with database.engine.connect() as connection:  # which takes back at its end what was claimed
        plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {told}").scalar_one()[0]["Plan"]
    assert plan["Actual Rows"] == 1
    assert rows_read(plan) < 3 * CHUNKS, plan
    assert "ix_chunk_due" not in str(plan)  # in which a list's chunks lie among those of all others


@pytest.mark.parametrize("part", PARTS)
def test_sqlite_that_knows_its_tables_reads_none_of_them_whole(sqlite_url: str, part: str) -> None:
    """A million chunks that are done and a hundred thousand for later, as ANALYZE describes them."""
    with Database(sqlite_url) as database, database.write() as session:
        connection = session.connection()
        connection.exec_driver_sql("ANALYZE")
        connection.execute(text("INSERT INTO sqlite_stat1 VALUES (:tbl, :idx, :stat)"), KNOWN)
        connection.exec_driver_sql("ANALYZE sqlite_schema")
        now = database.now(session)
        query = PARTS[part].params(now=now, horizon=now + HORIZON)
        told = str(query.compile(connection.engine, compile_kwargs={"literal_binds": True}))
        steps = [row[3].split() for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {told}")]
        some = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE sql LIKE '% WHERE %'").scalars())
    assert steps
    whole = [step[1] for step in steps if step[0] == "SCAN" and step[1] in TABLES and step[-1] not in some]
    assert set(whole) <= {"gate"}  # a row for each account
