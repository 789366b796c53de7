"""Withdrawals: contacts that asked not to be called, from the wish to its end."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl
from sqlalchemy import exists, select, tuple_
from sqlmodel import Session, col

from worker.models import Chunk, Upload, Withdrawal
from worker.states import WithdrawalState
from worker.store.arrows import Condition, change

WANTED = col(Withdrawal.state) == WithdrawalState.WANTED
LIMIT = 500


def ask(session: Session, wishes: Sequence[Withdrawal]) -> int:
    """Keep the wishes that are new, all of one upload; returns how many those are. One that ended is left as it is."""
    held = {one.row for one in of_upload(session, wishes[0].upload_id)} if wishes else set()
    fresh = [one for one in wishes if one.row not in held]
    session.add_all(fresh)
    session.flush()
    return len(fresh)


def of_upload(session: Session, upload_id: int) -> list[Withdrawal]:
    query = select(Withdrawal).where(col(Withdrawal.upload_id) == upload_id).order_by(col(Withdrawal.row))
    return list(session.scalars(query))


def wanted(session: Session, upload_id: int) -> list[Withdrawal]:
    query = select(Withdrawal).where(WANTED, col(Withdrawal.upload_id) == upload_id).order_by(col(Withdrawal.row))
    return list(session.scalars(query))


def asked(session: Session, upload_id: int) -> pl.Series:
    """Rows of those who are to be taken back from the provider, or were."""
    sent = col(Withdrawal.state).in_([WithdrawalState.WANTED, WithdrawalState.TAKEN_BACK])
    query = select(col(Withdrawal.row)).where(col(Withdrawal.upload_id) == upload_id, sent)
    return pl.Series("row", session.scalars(query).all(), dtype=pl.Int64)


def due(session: Session, now: datetime, rung: float) -> list[str]:
    """Uploads that hold a wish which is to be carried out now."""
    query = select(col(Upload.id), col(Upload.ulid)).join(Withdrawal, col(Withdrawal.upload_id) == col(Upload.id))
    found = session.execute(query.where(WANTED, col(Withdrawal.again_at) <= now).distinct().limit(LIMIT)).all()
    if found:
        rung_for = col(Withdrawal.upload_id).in_([one.id for one in found])
        again = col(Withdrawal.again_at) <= now
        change(session, Withdrawal, WANTED, rung_for, again, again_at=now + timedelta(seconds=rung))
    return [one.ulid for one in found]


def holds() -> Condition:
    """Of a chunk: somebody in it asked not to be called, and is still in it."""
    return exists().where(WANTED, col(Withdrawal.chunk_id) == col(Chunk.id))


def end(
    session: Session, upload_id: int, rows: Sequence[int], state: WithdrawalState, now: datetime, message: str | None
) -> int:
    mine = (col(Withdrawal.upload_id) == upload_id, col(Withdrawal.row).in_(rows), WANTED)
    return change(session, Withdrawal, *mine, state=state, message=message, ended_at=now)


def put_off(session: Session, wishes: Sequence[Withdrawal], again_at: datetime, message: str | None) -> None:
    keys = [(one.upload_id, one.row) for one in wishes]
    mine = tuple_(col(Withdrawal.upload_id), col(Withdrawal.row)).in_(keys)
    change(session, Withdrawal, mine, WANTED, again_at=again_at, message=message)


def moved(session: Session, upload_id: int, rows: Sequence[int], chunk_id: int) -> None:
    """These contacts lie in another chunk now."""
    change(
        session, Withdrawal, col(Withdrawal.upload_id) == upload_id, col(Withdrawal.row).in_(rows), chunk_id=chunk_id
    )


def reopen(session: Session, list_id: int, now: datetime) -> int:
    """A list that was stopped dials again, and may have brought back whom it had let go: they are taken back anew."""
    there = col(Withdrawal.chunk_id).in_(select(col(Chunk.id)).where(col(Chunk.list_id) == list_id))
    back = col(Withdrawal.state) == WithdrawalState.TAKEN_BACK
    return change(
        session, Withdrawal, there, back, state=WithdrawalState.WANTED, since=now, again_at=now, ended_at=None
    )
