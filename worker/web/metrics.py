"""What `/metrics` tells, in Prometheus' text format.

Counted by this process: `rollcall_callbacks_total` by account and result (the results are those of `worker.web.app`).
Measured when asked, each by one query of `worker.store.gauges`, and the queues by `worker.queues`:

rollcall_database_up                 1 where the database answered; where it is 0 what it is asked for is missing
rollcall_inbox_callbacks             callbacks that are not applied yet
rollcall_inbox_oldest_seconds        how long the oldest of them has waited; 0 where there are none
rollcall_uploads                     uploads that have not ended, by state
rollcall_chunks, rollcall_contacts   chunks of these uploads and the contacts in them, by the chunk's state
rollcall_account_held                1 for each account that is held back, with the reason
rollcall_overdue_seconds             how long the chunk has been due that has waited longest; 0 where none waits
rollcall_invariant_broken            how many break an invariant, by its name, as a worker found it; 0 is as it must be
rollcall_invariants_checked_seconds  how long ago that was; missing where no worker ever looked
rollcall_broker_up                   1 where the broker answered; where it is 0 the next is missing
rollcall_queue_messages              messages that wait in each queue for a worker to take them
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from worker import invariants, queues
from worker.bells import broker_of
from worker.db import Database
from worker.errors import Unavailable
from worker.settings import Settings
from worker.store import gauges, watches
from worker.store.invariants import Broken


class Metrics:
    def __init__(self, db: Database, settings: Settings) -> None:
        self._registry = CollectorRegistry()
        self._callbacks = Counter(
            "rollcall_callbacks", "Callbacks by account and result", ["account", "result"], registry=self._registry
        )
        self._registry.register(Gauges(db))
        self._registry.register(Depths(settings))

    def count(self, account: str, result: str) -> None:
        self._callbacks.labels(account, result).inc()

    def text(self) -> bytes:
        return generate_latest(self._registry)


class Gauges(Collector):
    def __init__(self, db: Database) -> None:
        self._db = db

    def collect(self) -> Iterator[Metric]:
        try:
            with self._db.read() as session:
                measured = list(_measured(session, self._db.now(session)))
        except (Unavailable, SQLAlchemyError):
            measured = []
        yield _one("database_up", "Whether the database answers", 1 if measured else 0)
        yield from measured


class Depths(Collector):
    """Of the queues of the broker that is there when asked: an embedded one may come later than the door."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def collect(self) -> Iterator[Metric]:
        try:
            waiting = queues.waiting(broker_of(self._settings))
        except Unavailable:
            waiting = {}
        yield _one("broker_up", "Whether the broker answers", 1 if waiting else 0)
        if waiting:
            yield _by("queue", "queue_messages", "Messages that wait for a worker", waiting)


def _measured(session: Session, now: datetime) -> Iterator[Metric]:
    inbox = gauges.backlog(session)
    yield _one("inbox_callbacks", "Callbacks that are not applied yet", inbox.callbacks)
    yield _one("inbox_oldest_seconds", "How long the oldest of them has waited", _age(inbox.oldest, now))
    yield _by("state", "uploads", "Uploads that have not ended", gauges.uploads(session))
    held = gauges.chunks(session)
    yield _by("state", "chunks", "Chunks of these uploads", {state: one.chunks for state, one in held.items()})
    yield _by("state", "contacts", "Contacts in these chunks", {state: one.contacts for state, one in held.items()})
    closed = GaugeMetricFamily("rollcall_account_held", "Accounts that are held back", labels=["account", "reason"])
    for account, reason in gauges.held_accounts(session).items():
        closed.add_metric([account, reason], 1)
    yield closed
    yield from _invariants(session, now)
    yield _one("overdue_seconds", "How long the oldest due chunk waits", _age(gauges.oldest_due(session, now), now))


def _invariants(session: Session, now: datetime) -> Iterator[Metric]:
    watch = watches.look(session, invariants.NAME)
    if watch is None or watch.checked_at is None:
        return
    found = {Broken(*one).name: Broken(*one).number for one in watch.found}
    family = GaugeMetricFamily("rollcall_invariant_broken", "How many break an invariant", labels=["invariant"])
    for name in invariants.SAID:
        family.add_metric([name], found.get(name, 0))
    yield family
    yield _one("invariants_checked_seconds", "How long ago a worker looked", _age(watch.checked_at, now))


def _one(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"rollcall_{name}", told, value=value)


def _by(label: str, name: str, told: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"rollcall_{name}", told, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _age(since: datetime | None, now: datetime) -> float:
    return 0 if since is None else max(0.0, (now - since) / timedelta(seconds=1))
