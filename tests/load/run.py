"""A campaign carried through by a fleet, under watch."""

import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from tests.benchmarks import people
from tests.chaos.ground import Ground, set_up
from tests.load.crew import Crew
from tests.load.watch import Watch
from tests.patience import until
from worker import producer
from worker.store import journal, uploads

WITHIN = 900.0  # seconds
ALL_CALLED = 100_000  # seconds after which everybody was called
LOOKING = 0.1  # seconds between two looks: each takes something from those who are measured
STEPS = ("create", "append")
ASK_NOW = "UPDATE call_list SET next_poll_at = CURRENT_TIMESTAMP"
# An account as it is by itself, but for the provider's lines, and for when it is asked what became of everybody.
ACCOUNT = {"http_deadline": 30, "poll_fast": 86400, "poll_slow": 86400}
SIMULTANEOUS = 10_000


@dataclass(frozen=True)
class Carried:
    """One upload. Times in Unix seconds: it was given at `given`; `read`: its chunks were ready; `sent`: the first
    request went out; `taken`: the provider had answered the last one. `fresh`: its intake worker had read no file yet.
    """

    rows: int
    accepted: int
    given: float
    read: float
    sent: float
    taken: float
    fresh: bool

    @property
    def seconds(self) -> float:
        return self.taken - self.given


@dataclass(frozen=True)
class Load:
    """What came of it: uploads given one after the other, and those that were given all at once after them.

    `called`: everybody had been called, and the provider could say so; `ended`: what became of them was stored.
    """

    crew: Crew
    alone: list[Carried]
    together: list[Carried]
    called: float
    ended: float
    watch: Watch

    @property
    def uploads(self) -> list[Carried]:
        return [*self.alone, *self.together]


class Pusher:
    """An app that gives files of as many people to a fleet, each of them different."""

    def __init__(self, ground: Ground, rows: int, name: str = "people") -> None:
        self._ground, self._rows, self._name = ground, rows, name
        self._phones = people.international(rows)[0]
        self._given = 0
        self._read: set[str] = set()  # intake workers that read a file

    def file(self) -> Path:
        path = self._ground.fleet.folder / f"{self._name}-{self._given}.csv"
        people.write_people(path, self._phones, self._given * self._rows)
        self._given += 1
        return path

    def push(self, file: Path) -> tuple[str, float]:
        """The upload's id, and when it was given."""
        given = time.time()
        return producer.enqueue({"source": str(file), "account": "sandbox"}, context=self._ground.ctx).id, given

    def carry(self, many: int) -> list[Carried]:
        """So many files given at once, until the provider has them all."""
        given = [self.push(file) for file in [self.file() for _ in range(many)]]
        unsent = "SELECT count(*) FROM upload WHERE state IN ('received', 'ingesting', 'submitting')"
        self._none_left(unsent, "the provider has them all")
        return [self._carried(*one) for one in given]

    def outcomes(self) -> None:
        """Have the provider asked, and wait until what became of everybody is stored."""
        with self._ground.ctx.db.engine.begin() as connection:
            connection.execute(text(ASK_NOW))
        self._none_left("SELECT count(*) FROM upload WHERE ended_at IS NULL", "all uploads have ended")

    def _none_left(self, query: str, what: str) -> None:
        def none_left() -> bool:
            assert all(member.alive() for member in self._ground.fleet.members.values())
            with self._ground.ctx.db.engine.connect() as connection:
                return bool(connection.execute(text(query)).scalar_one() == 0)

        until(none_left, WITHIN, what, LOOKING)

    def _carried(self, ulid: str, given: float) -> Carried:
        with self._ground.ctx.db.read() as session:
            upload = uploads.by_ulid(session, ulid)
            assert upload is not None
            lines, counts = journal.of_upload(session, upload.id), uploads.counts(session, upload)
        sent = [line for line in lines if line.step in STEPS]
        assert {line.result for line in sent} == {"Accepted"}
        members = self._ground.fleet.members
        reader = next(name for name, one in members.items() if name.startswith("intake") and ulid in one.said())
        carried = Carried(
            rows=counts["total"],
            accepted=counts["accepted"],
            given=given,
            read=next(line.sent_at for line in lines if line.step == "read").timestamp(),
            sent=min(line.sent_at for line in sent).timestamp(),
            taken=max(line.ended_at for line in sent if line.ended_at is not None).timestamp(),
            fresh=reader not in self._read,
        )
        self._read.add(reader)
        return carried


def load(folder: Path, server: str | None, crew: Crew, rows: int, many: int) -> Load:
    """So many uploads one after the other, then as many at once; then everybody is called, and outcomes come back.

    The provider's clock stands still until all have been accepted, so that calls are not what is measured.
    """
    with set_up(folder, server, account=ACCOUNT, simultaneous=SIMULTANEOUS, timing={}, speed=0) as ground:
        pusher = Pusher(ground, rows)
        crew.start(ground.fleet)
        watch = Watch(ground)
        with watch.watching():
            alone = [one for _ in range(many) for one in pusher.carry(1)]
            together = pusher.carry(many)
            called = time.time()
            ground.provider.put("/clock", json={"advance": ALL_CALLED}).raise_for_status()
            pusher.outcomes()
            ended = time.time()
        done = Load(crew, alone, together, called, ended, watch)
        ledger = ground.provider.get("/ledger").json()
        assert ledger["called_twice"] == 0
        assert ledger["contacts"] == sum(one.accepted for one in done.uploads)
        return done
