"""Each migration only adds: what the version before reads and writes is there as it was, on both databases."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from tests.contract.test_migrations import connected, empty
from worker import migrate
from worker.db import Database

Seen = dict[str, dict[str, dict[str, Any]]]
# What a step may change of what was there, and why the version before does not mind.
ALLOWED = {
    "0005: check ck_upload_blocked of upload is another": "one more word may stand there; the older ones still may",
    "0005: check ck_gate_blocked of gate is another": "the same",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    with empty(tmp_path, server) as made:
        yield made


def seen(connection: Connection) -> Seen:
    """Of each table what binds whoever writes to it, by kind and by name."""
    inspector = inspect(connection)
    return {
        table: {
            "column": {one["name"]: one for one in inspector.get_columns(table)},
            "check": {str(one["name"]): one["sqltext"] for one in inspector.get_check_constraints(table)},
            "foreign key": {str(one["name"]): str(one["referred_table"]) for one in inspector.get_foreign_keys(table)},
            "unique": {
                **{str(one["name"]): one["column_names"] for one in inspector.get_unique_constraints(table)},
                **{str(one["name"]): one["column_names"] for one in inspector.get_indexes(table) if one["unique"]},
            },
            "key": {"key": inspector.get_pk_constraint(table)["constrained_columns"]},
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def harm(before: Seen, after: Seen) -> Iterator[str]:
    """What the version before would trip over."""
    for table, kinds in before.items():
        if table not in after:
            yield f"table {table} is gone"
            continue
        for kind, had in kinds.items():
            has = after[table][kind]
            yield from (
                f"{kind} {name} of {table} is gone" for name in sorted(had.keys() - has.keys()) if kind == "column"
            )
            for name in sorted(has.keys() - had.keys()):
                if kind == "column" and (has[name]["nullable"] or has[name]["default"] is not None):
                    continue
                yield f"{kind} {name} of {table} is new and binds whoever does not know it"
            for name in sorted(had.keys() & has.keys()):
                if _changed(kind, had[name], has[name]):
                    yield f"{kind} {name} of {table} is another"


def _changed(kind: str, had: Any, has: Any) -> bool:
    if kind != "column":
        return bool(had != has)
    stricter = had["nullable"] and not has["nullable"]
    needed = not had["nullable"] and had["default"] is not None and has["default"] is None
    return bool(stricter or needed or str(had["type"]) != str(has["type"]))


def test_every_step_only_adds(url: str) -> None:
    database = Database(url)
    before: Seen = {}
    harms = []
    for step in reversed(list(ScriptDirectory.from_config(migrate.config()).walk_revisions())):
        with database.write() as session:
            command.upgrade(migrate.config(session.connection()), step.revision)
        with connected(url) as connection:
            after = seen(connection)
        harms += [f"{step.revision}: {one}" for one in harm(before, after)]
        before = after
    database.dispose()
    assert len(before) > 8
    assert set(harms) == set(ALLOWED)


CHANGES: list[tuple[Callable[[str], str], str]] = [
    (lambda table: table.replace("note TEXT", "remark TEXT"), "column note of people is gone"),
    (lambda table: table.replace("note TEXT", "note INTEGER"), "column note of people is another"),
    (lambda table: table.replace("note TEXT", "note TEXT NOT NULL"), "column note of people is another"),
    (lambda table: table.replace("note TEXT", "note TEXT, age INTEGER NOT NULL"), "column age of people is new"),
    (lambda table: table.replace("DEFAULT 'x' ", ""), "column kind of people is another"),
    (lambda table: table.replace("('a', 'b')", "('a')"), "check c of people is another"),
    (lambda table: table.replace("note TEXT", "note TEXT CONSTRAINT n CHECK (note <> '')"), "check n of people is new"),
    (lambda table: f"{table[:-1]}, CONSTRAINT u UNIQUE (note))", "unique u of people is new"),
    (lambda table: table.replace("people", "persons"), "table people is gone"),
]
TABLE = (
    "CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, note TEXT, kind VARCHAR(9) DEFAULT 'x' NOT NULL, "
    "word VARCHAR(9) CONSTRAINT c CHECK (word IN ('a', 'b')))"
)


def made(url: str, statement: str) -> Seen:
    with connected(url) as connection:
        connection.execute(text(statement))
        return seen(connection)


@pytest.mark.parametrize(("change", "told"), CHANGES)
def test_a_step_that_does_more_is_seen(tmp_path: Path, change: Callable[[str], str], told: str) -> None:
    with empty(tmp_path, None) as before, empty(tmp_path, None) as after:
        found = list(harm(made(before, TABLE), made(after, change(TABLE))))
    assert any(one.startswith(told) for one in found), found


def test_a_column_that_may_be_left_out_harms_nobody(tmp_path: Path) -> None:
    wider = TABLE.replace("note TEXT", "note TEXT, age INTEGER, size INTEGER DEFAULT 1 NOT NULL")
    with empty(tmp_path, None) as before, empty(tmp_path, None) as after:
        assert list(harm(made(before, TABLE), made(after, wider))) == []
