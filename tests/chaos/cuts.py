"""A database that fails at the worst moments: at COMMIT, when nobody can tell whether it was done, and in between."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

LOST, FAILED = 0.02, 0.002  # shares of commits, and of other statements, that end with the connection


@dataclass
class Cuts:
    """`on` lets them happen; `made` counts them."""

    dice: Random
    on: bool = False
    made: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def into(self, engine: Engine) -> Iterator[None]:
        dialect: Any = engine.dialect
        commit, execute = dialect.do_commit, dialect.do_execute
        fault = dialect.loaded_dbapi.OperationalError

        def cut(connection: Any, moment: str) -> None:
            self.made[f"connection lost {moment}"] += 1
            if engine.dialect.name == "postgresql":
                connection.close()
            raise fault(f"the connection was lost {moment}")

        def committing(connection: Any) -> None:
            moment = self._moment()
            if moment == "before COMMIT":
                cut(connection, moment)
            commit(connection)
            if moment is not None:
                cut(connection, moment)

        def executing(cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
            if self.on and self.dice.random() < FAILED:
                cut(cursor.connection, "at a statement")
            execute(cursor, statement, parameters, context)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dialect, "do_commit", committing)
            patch.setattr(dialect, "do_execute", executing)
            yield

    def _moment(self) -> str | None:
        if not self.on or self.dice.random() >= LOST:
            return None
        return self.dice.choice(("before COMMIT", "after COMMIT"))
