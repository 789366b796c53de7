"""A worker of the version before, as far as it can be had without its code: it knows the columns that there were.

It reads every one of them and writes no other, as the models of that version would, and sends through the adapter.
"""

import threading
import time
from datetime import timedelta
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Row, Table, inspect, select, update
from sqlmodel import SQLModel
from ulid import ULID

from tests.house import A_MOMENT, PATIENT, House
from worker.db import Database
from worker.providers.base import Accepted, Submission

LEASE = timedelta(minutes=5)
KEPT = 4  # chunks that wait until the schema has changed under the worker


def tables_of(connection: Connection) -> dict[str, Table]:
    """Tables with the columns that they have now; their types are the models'."""
    known, metadata, inspector = SQLModel.metadata.tables, MetaData(), inspect(connection)
    return {
        name: Table(
            name,
            metadata,
            *(
                Column(one["name"], known[name].c[one["name"]].type, primary_key=known[name].c[one["name"]].primary_key)
                for one in inspector.get_columns(name)
            ),
        )
        for name in inspector.get_table_names()
        if name in known
    }


class OldWorker(threading.Thread):
    """Drains the first list of an upload until told to stop. `sent` counts chunks, `troubles` keeps what went wrong."""

    def __init__(self, house: House, ulid: str) -> None:
        super().__init__()
        self._house = house
        self._ulid = ulid
        self._db = Database(house.ctx.settings.database, lambda: house.now)
        with self._db.read() as session:
            self._tables = tables_of(session.connection())
        self.sent = 0
        self.rounds = 0
        self.upgraded, self.stopping = threading.Event(), threading.Event()
        self.troubles: list[Exception] = []

    def run(self) -> None:
        try:
            while not self.stopping.wait(5 * A_MOMENT):
                self._round()
        except Exception as error:
            self.troubles.append(error)
        finally:
            self._db.dispose()

    def enqueue(self) -> str:
        """What an app of that version does: a row for a file that was staged before."""
        upload, fresh = self._tables["upload"], str(ULID())
        blank = {"state": "received", "total": 0, "rejected": 0, "duplicate": 0, "suppressed": 0, "reasons": {}}
        with self._db.write() as session:
            row = dict(self._row(session.connection(), "upload", upload.c.ulid == self._ulid)._mapping)
            row = {**row, **blank, "ulid": fresh, "idempotency_key": fresh, "rejects_digest": None}
            del row["id"]
            session.connection().execute(upload.insert().values(row))
        return fresh

    def _round(self) -> None:
        taken = self._take()
        if taken is not None:
            chunk, token, call_list, line = taken
            self._settle(chunk, token, call_list, line, self._send(chunk, call_list))
            self.sent += 1
        self.rounds += 1

    def _row(self, connection: Connection, table: str, *where: Any) -> Row[Any]:
        return connection.execute(select(self._tables[table]).where(*where).with_for_update()).one()

    def _take(self) -> tuple[Row[Any], str, Row[Any], int] | None:
        """Claim the list and its next chunk, and write "sending"; before the schema has changed, leave some."""
        chunks, lists, attempts = (self._tables[name] for name in ("chunk", "call_list", "attempt"))
        now = self._house.now
        with self._db.write() as session:
            connection = session.connection()
            upload = self._row(connection, "upload", self._tables["upload"].c.ulid == self._ulid)
            free = (lists.c.upload_id == upload.id, lists.c.number == 1, lists.c.token.is_(None))
            mine = update(lists).where(*free).values(token=str(ULID()), lease_until=now + LEASE)
            if not connection.execute(mine).rowcount:
                return None
            call_list = self._row(connection, "call_list", lists.c.upload_id == upload.id, lists.c.number == 1)
            ready = (chunks.c.list_id == call_list.id, chunks.c.state == "ready")
            waiting = connection.execute(select(chunks).where(*ready).order_by(chunks.c.seq)).all()
            if len(waiting) <= (0 if self.upgraded.is_set() else KEPT) or upload.state != "submitting":
                self._let_go(connection, call_list.id)
                return None
            chunk, token = waiting[0], str(ULID())
            values = {"state": "claimed", "token": token, "lease_until": now + LEASE, "attempts": 1}
            values |= {"creates": call_list.reference is None, "deadline_at": now + LEASE}
            assert connection.execute(update(chunks).where(chunks.c.id == chunk.id, *ready).values(values)).rowcount
            step = "create" if call_list.reference is None else "append"
            line = {"upload_id": upload.id, "list_id": call_list.id, "chunk_id": chunk.id, "step": step, "sent_at": now}
            made = connection.execute(attempts.insert().values(line)).inserted_primary_key
            assert made is not None
            return chunk, token, call_list, made[0]

    def _send(self, chunk: Row[Any], call_list: Row[Any]) -> Accepted:
        house, upload = self._house, self._ulid
        options = house.sql("SELECT name FROM call_list WHERE id = :id", id=call_list.id)[0]
        submission = Submission(
            step="create" if call_list.reference is None else "append",
            upload=upload,
            list_name=options[0],
            reference=call_list.reference,
            payload=house.ctx.staging.read(chunk.digest),
            rows=chunk.rows,
            options=self._options(),
            stopped=False,
        )
        answer = house.ctx.provider("sandbox").submit(submission, time.monotonic() + PATIENT)
        assert isinstance(answer, Accepted)
        return answer

    def _options(self) -> dict[str, Any]:
        with self._db.read() as session:
            upload = self._tables["upload"]
            query = select(upload.c.job).where(upload.c.ulid == self._ulid)
            options: dict[str, Any] = session.connection().execute(query).scalar_one()["options"]
        return options

    def _settle(self, chunk: Row[Any], token: str, call_list: Row[Any], line: int, answer: Accepted) -> None:
        chunks, lists, attempts = (self._tables[name] for name in ("chunk", "call_list", "attempt"))
        now = self._house.now
        with self._db.write() as session:
            connection = session.connection()
            self._row(connection, "upload", self._tables["upload"].c.ulid == self._ulid)
            told = {"ended_at": now, "result": "Accepted", "reference": answer.reference, "count": answer.count}
            connection.execute(update(attempts).where(attempts.c.id == line).values(told))
            mine = (chunks.c.id == chunk.id, chunks.c.state == "claimed", chunks.c.token == token)
            done = {"state": "accepted", "token": None, "lease_until": None, "settled_at": now}
            if not connection.execute(update(chunks).where(*mine).values(done)).rowcount:
                return
            dials = {"reference": answer.reference, "sent_at": now, "started_at": now, "next_poll_at": now}
            dials["deadline_at"] = now + timedelta(days=3)
            connection.execute(update(lists).where(lists.c.id == call_list.id).values(dials))
            self._let_go(connection, call_list.id)

    def _let_go(self, connection: Connection, list_id: int) -> None:
        lists = self._tables["call_list"]
        connection.execute(update(lists).where(lists.c.id == list_id).values(token=None, lease_until=None))
