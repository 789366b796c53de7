"""Watches: one worker of all looks at a time, and what it found is kept for those who ask."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from worker.models import Watch
from worker.store.arrows import change, insert


def look(session: Session, name: str) -> Watch | None:
    return session.scalars(select(Watch).where(col(Watch.name) == name)).first()


def claim(session: Session, name: str, now: datetime, every: float) -> bool:
    """Whether we are the one that looks now; nobody does for `every` seconds then."""
    values: dict[str, Any] = {"name": name, "next_at": now, "found": []}
    session.connection().execute(insert(session, Watch).values(**values))
    due = (col(Watch.name) == name, col(Watch.next_at) <= now)
    return bool(change(session, Watch, *due, next_at=now + timedelta(seconds=every)))


def found(session: Session, name: str, now: datetime, what: list[Any]) -> None:
    change(session, Watch, col(Watch.name) == name, checked_at=now, found=what)
