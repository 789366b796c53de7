"""Suppression lists: numbers that an account, or every account, does not call. Written and read in bulk."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Text, cast, delete, func, select
from sqlmodel import Session, col

from worker.models import Suppression
from worker.store.arrows import Condition, insert

EVERYWHERE = ""  # the account of a number that nobody calls
BATCH = 5000
SKEW = timedelta(minutes=10)  # between the moment of which a transaction speaks and its end

Numbers = npt.NDArray[np.int64]
NONE: Numbers = np.zeros(0, np.int64)


def add(session: Session, account: str, numbers: Sequence[int], reason: str, who: str, now: datetime) -> int:
    """Keep up to BATCH numbers (digits of E.164); returns how many were new. Of one that is there the first reason
    stays."""
    same = {"account": account, "reason": reason, "who": who, "added_at": now}
    these = (col(Suppression.account) == account, col(Suppression.number).in_(numbers))
    held = session.scalars(select(func.count()).where(*these)).one()
    session.connection().execute(insert(session, Suppression), [{**same, "number": number} for number in numbers])
    return len(set(numbers)) - int(held)


def remove(session: Session, account: str, numbers: Sequence[int]) -> int:
    removed = 0
    for start in range(0, len(numbers), BATCH):
        these = col(Suppression.number).in_(numbers[start : start + BATCH])
        gone = delete(Suppression).where(col(Suppression.account) == account, these)
        removed += session.connection().execute(gone).rowcount
    return removed


def of_account(session: Session, account: str) -> Numbers:
    """All that the account does not call, everywhere's included, each once and in ascending order."""
    return _numbers(session, account)


def count_of_account(session: Session, account: str) -> int:
    """How many numbers `of_account` gives, or some more where one stands on both lists."""
    query = select(func.count()).where(col(Suppression.account).in_([account, EVERYWHERE]))
    return int(session.scalars(query).one())


def added_since(session: Session, account: str, moment: datetime) -> Numbers:
    """What came onto the list of the account, or of everybody, at this moment or later."""
    return _numbers(session, account, col(Suppression.added_at) >= moment)


def _numbers(session: Session, account: str, *where: Condition) -> Numbers:
    # One text takes half the time of a row for each number.
    digits = func.aggregate_strings(cast(col(Suppression.number), Text), ",")
    text = session.scalar(select(digits).where(col(Suppression.account).in_([account, EVERYWHERE]), *where))
    return np.unique(np.fromstring(text, np.int64, sep=",")) if text else NONE


def of_number(session: Session, account: str, number: int) -> list[Suppression]:
    """Its lines on the list of the account and on everybody's."""
    theirs = (col(Suppression.account).in_([account, EVERYWHERE]), col(Suppression.number) == number)
    return list(session.scalars(select(Suppression).where(*theirs).order_by(col(Suppression.account))))


def stream(session: Session, account: str | None, size: int = 10_000) -> Iterator[list[Any]]:
    """Every line in the order of numbers, `size` at a time; of one account, or of all (None)."""
    query = select(Suppression).order_by(col(Suppression.number), col(Suppression.account))
    if account is not None:
        query = query.where(col(Suppression.account) == account)
    for part in session.scalars(query.execution_options(yield_per=size)).partitions():
        yield list(part)
