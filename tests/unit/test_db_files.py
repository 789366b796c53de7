"""SQLite files that cannot be used: what is no database, and what is damaged."""

from pathlib import Path

import pytest

from worker.db import Database
from worker.errors import Unavailable


def test_a_file_that_is_no_database_is_told_from_one_that_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("name,phone\n" * 100)
    with pytest.raises(Unavailable) as raised, Database(f"sqlite:///{tmp_path}/people.csv") as made:
        made.ping()
    assert raised.value.code == "database_unusable"
    assert "no SQLite database" in raised.value.message


def test_a_damaged_database_is_not_taken_for_another_file(tmp_path: Path) -> None:
    """Whoever pointed at a new one would have forgotten whom he has called."""
    with Database(f"sqlite:///{tmp_path}/it.db") as made, made.write() as session:
        session.connection().exec_driver_sql("CREATE TABLE it (a)")
        session.connection().exec_driver_sql("INSERT INTO it VALUES (zeroblob(100000))")
    data = bytearray((tmp_path / "it.db").read_bytes())
    data[100:4096] = b"\xff" * 3996
    (tmp_path / "it.db").write_bytes(data)
    again = Database(f"sqlite:///{tmp_path}/it.db")
    with pytest.raises(Unavailable, match="is damaged; restore a backup") as raised, again.read() as session:
        session.connection().exec_driver_sql("SELECT * FROM it")
    assert raised.value.code == "database_unusable"
