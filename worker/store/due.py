"""What is due: the rows whose bell must be rung. Every query runs on a partial index, so idle rows cost nothing.

The statements are made once and given the time: an idle fleet looks twice a second. `look` asks all of them at once
whether they would find something. Each of the others marks the rows it finds as rung for so many seconds, so that a
queue that is behind is not flooded. Probes, listings and callbacks are not marked: whoever takes up one of the first
two has it for a while, and of each account's callbacks one worker in a process.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import CTE, Select, Update, and_, bindparam, exists, func, or_, select, true, update
from sqlmodel import Session, col

from worker.models import Callback, CallList, Chunk, Gate, Upload
from worker.states import CHUNK_BUSY, UPLOAD_GOES_ON, CallbackState, ChunkState, ListState, UploadState
from worker.store import chunks, gates, lists, progress, restored, uploads, withdrawals
from worker.store.arrows import NOW, Moment, run
from worker.store.once import TIME, once

LIMIT = 500
MOST = 8
SHARE = 64  # lists of one upload that wait in a queue at a time
HORIZON = bindparam("horizon", type_=TIME)


class Due(NamedTuple):
    """A list and the moment from which it may be submitted."""

    list_id: int
    at: datetime


def look(session: Session, now: datetime, horizon: float) -> set[str]:
    """The bells that have something to ring for, and `expired`, `late` and `standing` where time has decided something.

    `in_question`: a restored backup does not say of a chunk whether it was sent, and it is to be looked up.

    One statement. `horizon` in seconds: how long before its time a list counts as one to be submitted.
    """
    found = session.execute(_LOOK, {"now": now, "horizon": now + timedelta(seconds=horizon)}).one()
    return {name for name, due in found._mapping.items() if due}


def withdrawn(session: Session, now: datetime, rung: float) -> list[str]:
    """Uploads that hold a wish not to be called which is to be carried out now."""
    return _uploads(session, _WITHDRAWN, now, rung)


def intakes(session: Session, now: datetime, rung: float) -> list[str]:
    """Uploads whose file waits to be read, or whose reader died."""
    return _uploads(session, _INTAKES, now, rung)


def submissions(session: Session, now: datetime, horizon: float, rung: float) -> list[Due]:
    """Open lists with a chunk that is ready within the horizon and that nothing holds back."""
    rows = session.execute(_SUBMISSIONS, {"now": now, "horizon": now + timedelta(seconds=horizon)}).all()
    for row in rows:
        _mark(session, CallList, [row.id], "rung_until", max(row.at, now), _patiently(now - row.at, rung))
    return [Due(row.id, max(row.at, now)) for row in rows]


def checks(session: Session, now: datetime, rung: float) -> list[int]:
    """Lists with a chunk in doubt that is to be looked up now."""
    rows = session.execute(_CHECKS, {"now": now}).all()
    _mark(session, Chunk, [row.id for row in rows], "check_rung_until", now, rung)
    return [row.list_id for row in rows]


def polls(session: Session, now: datetime, rung: float) -> list[int]:
    """Lists that are to be asked for outcomes, or whose deadline has passed, whether the provider is there or not."""
    rows = session.execute(_POLLS, {"now": now}).all()
    by_wait: defaultdict[float, list[int]] = defaultdict(list)
    for row in rows:
        by_wait[_patiently(now - row.at, rung)].append(row.id)
    for wait, ids in by_wait.items():
        _mark(session, CallList, ids, "poll_rung_until", now, wait)
    return [row.id for row in rows]


def verifications(session: Session, now: datetime, rung: float) -> list[int]:
    """Lists that were filled while stopped and wait to be compared and started."""
    return _lists(session, _VERIFICATIONS, "poll_rung_until", now, rung)


def steers(session: Session, now: datetime, rung: float) -> list[int]:
    """Lists that run and should be stopped, are stopped and may go on, or are to be told changed options."""
    return _lists(session, _STEERS, "steer_at", now, rung)


def callbacks(session: Session, now: datetime, _rung: float) -> list[str]:
    """Accounts whose inbox holds what was not applied yet, and can be."""
    return list(session.scalars(_CALLBACKS, {"now": now}))


def probes(session: Session, now: datetime, _rung: float) -> list[str]:
    """Accounts that are held back and to be tried again."""
    return list(session.scalars(_PROBES, {"now": now}))


def listings(session: Session, now: datetime, _rung: float) -> list[str]:
    """Accounts whose running campaigns are to be compared with new numbers of the do-not-call list."""
    return list(session.scalars(_LISTINGS, {"now": now}))


def submittable(now: Moment) -> tuple[Any, ...]:
    """Of a chunk with its list, upload and gate: it is ready, whatever its start, and nothing holds it back."""
    return *_ready(now), *_lets_send(now)


def _ready(now: Moment) -> tuple[Any, ...]:
    free = (~withdrawals.holds(), col(Chunk.uncompared_since).is_(None), ~col(Chunk.in_question))
    return col(Chunk.state) == ChunkState.READY, col(Chunk.not_after) > now, *free


def _lets_send(now: Moment) -> tuple[Any, ...]:
    """Of a list with its upload and gate: no chunk of it is held back."""
    return *_open(), *_lets_lists_send(now)


def _open() -> tuple[Any, ...]:
    """Of a list: it takes contacts."""
    other = Chunk.__table__.alias("other")  # type: ignore[attr-defined]
    in_doubt = exists().where(other.c.list_id == col(CallList.id), other.c.state == ChunkState.UNKNOWN)
    return col(CallList.state) != ListState.STOPPED, ~col(CallList.stop_wanted), ~in_doubt


def _lets_lists_send(now: Moment) -> tuple[Any, ...]:
    """Of an upload with its gate."""
    submitting = (uploads.LIVE, col(Upload.state) == UploadState.SUBMITTING)  # what has ended is not even looked at
    return *submitting, _quiet(Gate.throttled_until, now), col(Gate.listed_since).is_(None)


def _uploads(session: Session, query: Select[int, str], now: datetime, rung: float) -> list[str]:
    rows = session.execute(query, {"now": now}).all()
    _mark(session, Upload, [row.id for row in rows], "rung_until", now, rung)
    return [row.ulid for row in rows]


def _lists(session: Session, query: Select[int], column: str, now: datetime, rung: float) -> list[int]:
    found = list(session.scalars(query, {"now": now}))
    _mark(session, CallList, found, column, now, rung)
    return found


def _patiently(waited: timedelta, rung: float) -> float:
    """Seconds until somebody is rung for again. What has waited for long more likely stands in a long queue than was
    lost, so it takes longer each time, up to MOST times `rung`."""
    times = max(waited.total_seconds() / rung, 1)
    return rung * min(2.0 ** math.floor(math.log2(times)), MOST)


def _mark(session: Session, table: Any, ids: list[int], column: str, since: datetime, rung: float) -> None:
    if ids:
        until: dict[str, Any] = {column: since + timedelta(seconds=rung)}
        run(session, *_MARKS[table](ids), **until)


def _marks(table: Any) -> Callable[[list[int]], tuple[Update, dict[str, Any]]]:
    def marked(ids: list[int]) -> Update:
        return update(table).where(col(table.id).in_(ids))

    return once(marked)


_MARKS = {table: _marks(table) for table in (Upload, CallList, Chunk)}


def _quiet(column: Any, now: Moment) -> Any:
    return or_(col(column).is_(None), col(column) <= now)


def _place(upload_id: Any, *order: Any) -> Any:
    """Of a list: its place among those of its upload that are due."""
    return func.row_number().over(partition_by=upload_id, order_by=order).label("place")


def _shared(query: Select[Any]) -> Select[Any]:
    """Of what is due, in the query's columns `place` and `rung`, what is to be rung for now.

    No upload has more than SHARE bells in a queue, and the first of each goes before the second of any: one of
    thousands of lists does not hold up one of a few.
    """
    every = query.subquery("due")
    quiet = or_(every.c.rung.is_(None), every.c.rung <= NOW)
    return select(every).where(every.c.place <= SHARE, quiet).order_by(every.c.place, every.c.id).limit(LIMIT)


def _withdrawn() -> Select[int, str]:
    """The wishes first: asked for their uploads, each once, SQLite would go through all that were ever carried out."""
    wanted = _step("wanted", withdrawals.due(NOW))
    theirs = col(Upload.id).in_(select(wanted.c.upload_id).distinct())
    return select(col(Upload.id), col(Upload.ulid)).where(theirs, _quiet(Upload.rung_until, NOW))


def _intakes() -> Select[int, str]:
    waiting = col(Upload.state) == UploadState.RECEIVED
    died = and_(col(Upload.state) == UploadState.INGESTING, col(Upload.lease_until) < NOW)
    live = col(Upload.ended_at).is_(None)
    return select(col(Upload.id), col(Upload.ulid)).where(live, or_(waiting, died), _quiet(Upload.rung_until, NOW))


def _submissions() -> Select[Any]:
    """In three steps, each gone through once: a planner that takes the lists, or the uploads, for few would go through
    the chunks for each of them."""
    soon = (col(Chunk.not_before) <= HORIZON, _quiet(Chunk.retry_at, NOW))
    start = func.coalesce(col(Chunk.retry_at), col(Chunk.not_before), type_=TIME).label("start")
    ready = _step("ready", select(col(Chunk.list_id), start).where(*_ready(NOW), *soon))
    first = func.min(ready.c.start, type_=TIME).label("at")
    once = _step("first", select(ready.c.list_id, first).group_by(ready.c.list_id))
    free = or_(col(CallList.token).is_(None), col(CallList.lease_until) < NOW)
    columns: tuple[Any, ...] = (
        col(CallList.id),
        col(CallList.upload_id),
        col(CallList.rung_until).label("rung"),
        once.c.at,
    )
    of_lists = select(*columns).join(once, once.c.list_id == col(CallList.id)).where(*_open(), free)
    listed = _step("listed", of_lists)
    place = _place(listed.c.upload_id, listed.c.at, listed.c.id)
    return (
        select(listed.c.id, listed.c.at, place, listed.c.rung)
        .join(Upload, col(Upload.id) == listed.c.upload_id)
        .join(Gate, col(Gate.account) == col(Upload.account), isouter=True)
        .where(*_lets_lists_send(NOW))
    )


def _step(name: str, query: Select[*tuple[Any, ...]]) -> CTE:
    return query.cte(name).prefix_with("MATERIALIZED")


def _checks() -> Select[int, int]:
    free = or_(col(Chunk.check_token).is_(None), col(Chunk.check_lease_until) < NOW)
    due = (col(Chunk.check_at) <= NOW, col(Chunk.deadline_at) <= NOW, _quiet(Chunk.check_rung_until, NOW))
    query = select(col(Chunk.id), col(Chunk.list_id)).where(col(Chunk.state) == ChunkState.UNKNOWN, *due, free)
    return query.where(gates.in_reach(col(Chunk.upload_id)))


def _polls() -> Select[Any]:
    live = (col(CallList.state) != ListState.FINISHED, col(CallList.reference).is_not(None), ~col(CallList.held))
    askable = or_(gates.in_reach(col(CallList.upload_id)), col(CallList.deadline_at) <= NOW)
    at, rung_until, of = col(CallList.next_poll_at), col(CallList.poll_rung_until), col(CallList.upload_id)
    query = select(col(CallList.id), at.label("at"), _place(of, at, CallList.id), rung_until.label("rung"))
    return query.where(*live, at <= NOW, lists.unpolled(NOW), askable)


def _verifications() -> Select[int]:
    unsettled = (*CHUNK_BUSY, ChunkState.REVIEW)
    filling = exists().where(col(Chunk.list_id) == col(CallList.id), col(Chunk.state).in_(unsettled))
    waiting = (col(CallList.held) == true(), ~col(CallList.stop_wanted), col(CallList.state) == ListState.OPEN)
    due = (col(CallList.next_poll_at) <= NOW, col(CallList.reference).is_not(None))
    free = (lists.unpolled(NOW), _quiet(CallList.poll_rung_until, NOW), gates.in_reach(col(CallList.upload_id)))
    return select(col(CallList.id)).where(*waiting, *due, *free, ~filling)


def _steers() -> Select[int]:
    running = col(CallList.state) == ListState.OPEN
    may_go_on = col(Upload.state).in_(UPLOAD_GOES_ON)
    wrong = or_(and_(col(CallList.stop_wanted), running), and_(~col(CallList.stop_wanted), ~running, may_go_on))
    changed = col(CallList.changes).is_not(None)
    live = (col(CallList.state) != ListState.FINISHED, col(CallList.reference).is_not(None))
    wrong = or_(changed, and_(~col(CallList.held), wrong))
    free = (_quiet(CallList.steer_at, NOW), gates.in_reach(col(CallList.upload_id)))
    query = select(col(CallList.id)).join(Upload, col(Upload.id) == col(CallList.upload_id))
    return query.where(*live, wrong, *free)


def _callbacks() -> Select[str]:
    deaf = select(col(Gate.account)).where(col(Gate.hear_at) > NOW)
    waiting = select(col(Callback.account)).where(col(Callback.state) == CallbackState.NEW)
    return waiting.where(col(Callback.account).not_in(deaf)).distinct()


_WITHDRAWN = _withdrawn().limit(LIMIT)
_INTAKES = _intakes().limit(LIMIT)
_SUBMISSIONS = _shared(_submissions())
_CHECKS = _checks().limit(LIMIT)
_POLLS = _shared(_polls())
_VERIFICATIONS = _verifications().limit(LIMIT)
_STEERS = _steers().limit(LIMIT)
_CALLBACKS = _callbacks()
_PROBES = select(col(Gate.account)).where(col(Gate.blocked).is_not(None), col(Gate.probe_at) <= NOW)
_LISTINGS = select(col(Gate.account)).where(col(Gate.compare_at) <= NOW)

# bell, or what time has decided -> what finds it
PARTS: dict[str, Select[*tuple[Any, ...]]] = {
    "expired": chunks.EXPIRED,
    "late": chunks.LATE,
    "standing": progress.STANDING,
    "in_question": restored.QUESTIONS,
    "ingest": _INTAKES,
    "submit": _SUBMISSIONS,
    "reconcile": _CHECKS,
    "collect": _POLLS,
    "verify": _VERIFICATIONS,
    "steer": _STEERS,
    "probe": _PROBES,
    "apply": _CALLBACKS,
    "suppress": _LISTINGS,
    "withdraw": _WITHDRAWN,
}
_LOOK = select(*(query.exists().label(name) for name, query in PARTS.items()))
