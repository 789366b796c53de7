"""Withdrawals: contacts that asked not to be called, from the wish to its end."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Select, Update, exists, select, update
from sqlmodel import Session, col

from worker.models import Chunk, Outcome, Withdrawal
from worker.states import Disposition, WithdrawalState
from worker.store.arrows import Condition, Moment, change, insert, run
from worker.store.once import once

if TYPE_CHECKING:
    import polars as pl

WANTED = col(Withdrawal.state) == WithdrawalState.WANTED
NO_WINDOW = "no calling window is left"
CALLED_BEFORE = "called by another upload"
LISTED = "do-not-call list"
OURS = (NO_WINDOW, CALLED_BEFORE, LISTED)  # no person's words
# Not those whom we left out for a reason that passes.
WISHED = col(Withdrawal.why).not_in([NO_WINDOW, CALLED_BEFORE])
# Whom a do-not-call list took out is left to the list.
BY_PERSON = col(Withdrawal.why).not_in(OURS)
BATCH = 5000


def ask(session: Session, upload_id: int, places: "pl.DataFrame", who: str, why: str, now: datetime) -> int:
    """Keep the wishes that are new, of contacts given by `row` and `chunk_id`; returns how many those are.

    One that ended is left as it is.
    """
    import polars as pl

    mine = select(col(Withdrawal.row)).where(col(Withdrawal.upload_id) == upload_id)
    held = pl.Series(session.scalars(mine).all() if places.height else [], dtype=pl.Int64)
    fresh = places.filter(~pl.col("row").is_in(held.implode()))
    if fresh.is_empty():
        return 0
    said = {"upload_id": upload_id, "state": WithdrawalState.WANTED, "who": who, "why": why}
    times = dict.fromkeys(("asked_at", "since", "again_at"), now)
    session.connection().execute(insert(session, Withdrawal), [{**said, **times, **one} for one in fresh.to_dicts()])
    return fresh.height


def ask_too(session: Session, upload_id: int, rows: Sequence[int], who: str, why: str, now: datetime) -> int:
    """A person asks as well for those whom we left out by ourselves: then they stay out when that reason has passed."""
    asked = 0
    for start in range(0, len(rows), BATCH):
        mine = (col(Withdrawal.upload_id) == upload_id, col(Withdrawal.row).in_(rows[start : start + BATCH]))
        asked += change(session, Withdrawal, *mine, ~BY_PERSON, who=who, why=why, asked_at=now)
    return asked


def of_upload(session: Session, upload_id: int) -> list[Withdrawal]:
    query = select(Withdrawal).where(col(Withdrawal.upload_id) == upload_id).order_by(col(Withdrawal.row))
    return list(session.scalars(query))


def of_row(session: Session, upload_id: int, row: int) -> Withdrawal | None:
    return session.scalars(
        select(Withdrawal).where(col(Withdrawal.upload_id) == upload_id, col(Withdrawal.row) == row)
    ).first()


def take(session: Session, upload_id: int, now: datetime, until: datetime) -> list[Withdrawal]:
    """The wishes that are due, which nobody else takes before `until`. Under the upload's lock."""
    mine = (WANTED, col(Withdrawal.upload_id) == upload_id, col(Withdrawal.again_at) <= now)
    taken = list(session.scalars(select(Withdrawal).where(*mine).order_by(col(Withdrawal.row))))
    change(session, Withdrawal, *mine, again_at=until)
    return taken


def keep_taken(session: Session, upload_id: int, taken_until: datetime, until: datetime) -> None:
    """Who was taken and is not dealt with yet stays hidden for longer."""
    mine = (WANTED, col(Withdrawal.upload_id) == upload_id, col(Withdrawal.again_at) == taken_until)
    change(session, Withdrawal, *mine, again_at=until)


def asked(session: Session, upload_id: int, before: datetime, *states: WithdrawalState) -> "pl.Series":
    """Rows of those whose wish is in one of these states, and was wanted last before this moment."""
    import polars as pl

    mine = (col(Withdrawal.upload_id) == upload_id, col(Withdrawal.state).in_(states), col(Withdrawal.since) <= before)
    return pl.Series("row", session.scalars(select(col(Withdrawal.row)).where(*mine)).all(), dtype=pl.Int64)


def is_open(session: Session, upload_id: int) -> bool:
    """Whether a wish of this upload is still to be carried out."""
    query = select(col(Withdrawal.row)).where(col(Withdrawal.upload_id) == upload_id, WANTED).limit(1)
    return session.scalars(query).first() is not None


def due(now: Moment) -> Select[int]:
    """The upload's id of each wish that is to be carried out now."""
    return select(col(Withdrawal.upload_id)).where(WANTED, col(Withdrawal.again_at) <= now)


def holds() -> Condition:
    """Of a chunk: somebody in it asked not to be called, and is still in it."""
    return exists().where(WANTED, col(Withdrawal.chunk_id) == col(Chunk.id))


def soon(session: Session, chunk_id: int) -> None:
    """The chunk has come to rest: what is wanted of it can be carried out."""
    run(session, *_soon(chunk_id))


@once
def _soon(chunk_id: int) -> Update:
    wanted = update(Withdrawal).where(WANTED, col(Withdrawal.chunk_id) == chunk_id)
    return wanted.values(again_at=col(Withdrawal.asked_at))


def end(
    session: Session,
    wishes: Sequence[Withdrawal],
    state: WithdrawalState,
    now: datetime,
    message: str | None = None,
) -> int:
    """The wishes as they were read: one that was revived since goes on."""
    ended = 0
    for some in _parts(wishes):
        mine = (col(Withdrawal.upload_id) == some[0].upload_id, col(Withdrawal.row).in_([one.row for one in some]))
        same = col(Withdrawal.since) <= max(one.since for one in some)
        ended += change(session, Withdrawal, *mine, WANTED, same, state=state, message=message, ended_at=now)
    return ended


def put_off(session: Session, wishes: Sequence[Withdrawal], again_at: datetime, message: str | None) -> None:
    for some in _parts(wishes):
        mine = (col(Withdrawal.upload_id) == some[0].upload_id, col(Withdrawal.row).in_([one.row for one in some]))
        change(session, Withdrawal, *mine, WANTED, again_at=again_at, message=message)


def _parts(wishes: Sequence[Withdrawal]) -> Iterator[Sequence[Withdrawal]]:
    """Of one upload; a statement binds only so many values."""
    for start in range(0, len(wishes), BATCH):
        yield wishes[start : start + BATCH]


def moved(session: Session, upload_id: int, rows: Sequence[int], chunk_id: int) -> None:
    """These contacts lie in another chunk now."""
    for start in range(0, len(rows), BATCH):
        these = col(Withdrawal.row).in_(rows[start : start + BATCH])
        change(session, Withdrawal, col(Withdrawal.upload_id) == upload_id, these, chunk_id=chunk_id)


def reopen(session: Session, upload_id: int, list_id: int, now: datetime) -> None:
    """A list that was stopped dials again, and may have revived whom it had let go: they are taken back anew.

    What was known of them counts no more: the next reading says it again, or something else.
    """
    there = col(Withdrawal.chunk_id).in_(select(col(Chunk.id)).where(col(Chunk.list_id) == list_id))
    mine = (col(Withdrawal.upload_id) == upload_id, there)
    known = col(Withdrawal.state).in_([WithdrawalState.WANTED, WithdrawalState.TAKEN_BACK])
    changed = change(
        session, Withdrawal, *mine, known, state=WithdrawalState.WANTED, since=now, again_at=now, ended_at=None
    )
    if changed:
        rows = select(col(Withdrawal.row)).where(*mine)
        told = (col(Outcome.upload_id) == upload_id, col(Outcome.row).in_(rows))
        change(session, Outcome, *told, col(Outcome.disposition) == Disposition.CANCELLED, version=0)


def again(session: Session, chunk_id: int) -> None:
    """The chunk is to be sent once more: whoever withdrew from it, by whatever end, is left out."""
    ended = col(Withdrawal.state) != WithdrawalState.UNSENT
    values = {"state": WithdrawalState.WANTED, "again_at": col(Withdrawal.asked_at), "ended_at": None}
    change(session, Withdrawal, col(Withdrawal.chunk_id) == chunk_id, ended, **values)
