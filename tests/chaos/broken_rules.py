"""The rules that keep a person from being called twice, each with a break of it and a moment in which it matters.

A moment plays on a house with one upload that was taken in, whose list has the id `key`. With the code as it is the
judges find nothing; with the rule broken they must.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import polars as pl
import pytest
from sqlalchemy import select, update
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import Session, col

from schedules.sweep import sweep
from tests.chaos.halted import Halted
from tests.chaos.slow_way import SlowWay
from tests.contract.test_interleaved import at
from tests.house import FLOWS, House
from tests.patience import until
from worker import reconcile, roster
from worker.errors import NotSent
from worker.models import CallList, Chunk
from worker.providers import http
from worker.settings import Timing
from worker.states import ChunkState
from worker.store import chunks, claims, lists
from worker.store.arrows import change, move_chunks, new_token

LEASE = Timing().lease + 1


@dataclass(frozen=True)
class Rule:
    name: str
    broken: Callable[[pytest.MonkeyPatch], None]
    moment: Callable[[House, int], None]

    def __str__(self) -> str:
        return self.name


def claim_without_guard(patch: pytest.MonkeyPatch) -> None:
    """Whoever comes takes the list and the chunk, whatever state they are in."""

    def claim_run(session: Session, list_id: int, now: datetime, lease: float) -> CallList | None:
        until = now + timedelta(seconds=lease)
        change(session, CallList, col(CallList.id) == list_id, token=new_token(), lease_until=until)
        return lists.get(session, list_id)

    def claim_next(list_id: int, *_: object) -> tuple[ReturningUpdate[Chunk], dict[str, Any]]:
        unsettled = col(Chunk.state).in_([ChunkState.READY, ChunkState.CLAIMED])
        first = select(col(Chunk.id)).where(col(Chunk.list_id) == list_id, unsettled).order_by(col(Chunk.seq)).limit(1)
        taken = update(Chunk).where(col(Chunk.id) == first.scalar_subquery())
        return taken.values(state=ChunkState.CLAIMED).returning(Chunk), {}

    patch.setattr(lists, "claim_run", claim_run)
    patch.setattr(claims, "_claim_next", claim_next)


def arrow_without_token(patch: pytest.MonkeyPatch) -> None:
    def settle(session: Session, arrow: str, chunk: Chunk, **values: Any) -> bool:
        return bool(move_chunks(session, arrow, col(Chunk.id) == chunk.id, token=None, lease_until=None, **values))

    patch.setattr(chunks, "_settle", settle)


def expired_lease_is_ready(patch: pytest.MonkeyPatch) -> None:
    def expired(session: Session, upload_id: int, now: datetime) -> int:
        over = (col(Chunk.upload_id) == upload_id, col(Chunk.state) == ChunkState.CLAIMED, col(Chunk.lease_until) < now)
        return change(session, Chunk, *over, state=ChunkState.READY, token=None, lease_until=None)

    patch.setattr(chunks, "doubt_expired", expired)


def read_timeout_is_not_sent(patch: pytest.MonkeyPatch) -> None:
    proofs = tuple((kind, NotSent if kind is httpx.ReadTimeout else proof, code) for kind, proof, code in http.PROOFS)
    patch.setattr(http, "PROOFS", proofs)


def no_settle_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reconcile, "_settling", lambda ctx, doubt: timedelta(0))


def deadline_for_each_read(patch: pytest.MonkeyPatch) -> None:
    def left(error: type[Exception], until: float | None = None) -> float:
        return 60.0

    patch.setattr(http, "_left", left)


def first_and_last_uuid(patch: pytest.MonkeyPatch) -> None:
    def ends(*chunk: Any) -> pl.DataFrame:
        whole = roster.index(*chunk)
        return pl.concat([whole.head(1), whole.tail(1)])

    seen = {name: getattr(roster, name) for name in ("names", "rows_at", "holds_all")}
    patch.setattr(reconcile, "roster", SimpleNamespace(index=ends, **seen))


def bell_twice(house: House, key: int) -> None:
    """The bell was doubled, and the other worker comes while the request is about to go out."""
    with at("submit.sending", lambda: FLOWS["submit"](house.ctx, key)):
        FLOWS["submit"](house.ctx, key)


def prove_absent(house: House, key: int) -> None:
    """The lease of who sends is over, and two looks, `settle` apart, show nothing of it."""
    house.turn(LEASE)
    sweep(house.ctx)
    for _ in range(2):
        FLOWS["reconcile"](house.ctx, key)
        house.turn(house.account.settle + 1)


def wakes_late(house: House, key: int) -> None:
    """A halts before it sends and is given up; B sends; A wakes up, with its time over, before B hears the answer."""
    with Halted.at(house.ctx, "submit", key, "submit.sending") as a:
        began = time.monotonic()
        prove_absent(house, key)
        with Halted.at(house.ctx, "submit", key, "submit.answered") as b:
            until(lambda: time.monotonic() > began + house.account.http_deadline)
            a.go_on()
            house.turn(LEASE)
            house.work()
            b.go_on()


def never_answers(house: House, key: int) -> None:
    """A worker halts with the answer in its hands, for longer than its lease."""
    with Halted.at(house.ctx, "submit", key, "submit.answered") as worker:
        house.turn(LEASE)
        house.work()
        worker.go_on()


def slow_answer(house: House, key: int) -> None:
    """The request is stored at once and answered after we have hung up."""
    house.provider.faults({"fault": "slow", "share": 1, "times": 1, "seconds": 2, "methods": ["CreateCallList"]})
    FLOWS["submit"](house.ctx, key)


def arrives_late(house: House, key: int) -> None:
    """A request arrives after we have hung up, and after we have looked for it, within `settle`."""
    with SlowWay.leads(house, drops=False) as (way, worker):
        FLOWS["submit"](worker, key)
        house.turn(house.account.http_deadline + 1)
        for _ in range(2):
            FLOWS["reconcile"](house.ctx, key)
        FLOWS["submit"](house.ctx, key)
        way.let_go()


def outlives_its_claim(house: House, key: int) -> None:
    """A request is on its way for longer than it may be; where its sender has hung up it is dropped."""
    with SlowWay.leads(house, drops=True) as (way, worker), Halted.at(worker, "submit", key, None) as sender:
        until(way.holds.is_set)
        with suppress(AssertionError):
            assert sender.ended(within=3 * house.account.http_deadline)
        prove_absent(house, key)
        FLOWS["submit"](house.ctx, key)
        way.let_go()


def stored_in_part(house: House, key: int) -> None:
    """Some of a chunk were dropped by the provider, neither the first nor the last, and its answer is lost."""
    lost = {"share": 1, "times": 1, "methods": ["CreateCallList"]}
    house.provider.faults({"fault": "short_count", **lost}, {"fault": "accept_then_hang_up", **lost})
    FLOWS["submit"](house.ctx, key)


RULES = (
    Rule("a claim is guarded", claim_without_guard, bell_twice),
    Rule("every arrow out of a claim matches its token", arrow_without_token, wakes_late),
    Rule("a claim whose lease is over is in doubt", expired_lease_is_ready, never_answers),
    Rule("what was not answered in time is in doubt", read_timeout_is_not_sent, slow_answer),
    Rule("absence is proved by two reads, settle apart", no_settle_time, arrives_late),
    Rule("the deadline of a request is a total", deadline_for_each_read, outlives_its_claim),
    Rule("every contact of a chunk is looked for", first_and_last_uuid, stored_in_part),
)
