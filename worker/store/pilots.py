"""Pilots: the first contacts of an upload are called, and the others when a person has seen what became of them.

From the end of intake until then the others are `staged`, and whoever is not is the pilot's.
"""

from typing import Any, NamedTuple

from sqlalchemy import and_, exists, func, or_, select
from sqlmodel import Session, col

from worker.models import CallList, Chunk, Upload, Withdrawal
from worker.states import ChunkState, ListState, WithdrawalState
from worker.store import outcomes
from worker.store.arrows import Condition

ON_THE_WAY = (ChunkState.READY, ChunkState.CLAIMED, ChunkState.UNKNOWN, ChunkState.REVIEW, ChunkState.ACCEPTED)


class Pilot(NamedTuple):
    """Contacts of the pilot, and of the rest that waits for it."""

    contacts: int
    rest: int


def of_upload(session: Session, upload: Upload) -> Pilot | None:
    """None where there is no pilot, or nobody waits for it any more."""
    if not upload.job.get("pilot"):
        return None
    waits = and_(~col(Chunk.pilot), col(Chunk.state) == ChunkState.STAGED)
    query = select(col(Chunk.pilot), func.sum(col(Chunk.rows))).where(col(Chunk.upload_id) == upload.id)
    found = session.execute(query.where(or_(col(Chunk.pilot), waits)).group_by(col(Chunk.pilot)))
    rows = {bool(pilot): int(n) for pilot, n in found}
    return Pilot(rows.get(True, 0), rows[False]) if rows.get(False) else None


def over(upload_id: Any) -> Condition:
    """Of an upload that is neither held nor ended: its pilot has come to its end, and somebody waits for that."""
    here = col(Chunk.upload_id) == upload_id
    of_rest = exists().where(col(Chunk.list_id) == col(CallList.id), col(Chunk.state) == ChunkState.STAGED)
    open_list = (col(CallList.upload_id) == upload_id, col(CallList.state) != ListState.FINISHED)
    return and_(
        exists().where(here, col(Chunk.state) == ChunkState.STAGED),
        ~exists().where(here, col(Chunk.state).in_(ON_THE_WAY)),
        ~exists().where(*open_list, ~of_rest),
    )


def is_over(session: Session, upload_id: int) -> bool:
    return (
        session.scalars(select(col(Upload.id)).where(col(Upload.id) == upload_id, over(upload_id))).first() is not None
    )


def told(session: Session, upload: Upload) -> str:
    """How the pilot has ended, in numbers, and what to do now."""
    pilot = of_upload(session, upload)
    assert pilot is not None
    mine = (col(Chunk.upload_id) == upload.id, col(Chunk.pilot))
    query = select(col(Chunk.state), func.sum(col(Chunk.rows)), func.sum(col(Chunk.missing)))
    found = session.execute(query.where(*mine).group_by(col(Chunk.state))).all()
    rows = {ChunkState(state): int(n) for state, n, _ in found}
    ends = {
        **outcomes.by_disposition(session, upload.id),
        "refused": rows.get(ChunkState.REFUSED, 0) + sum(int(missing) for *_, missing in found),
        "left out": _left_out(session, upload.id),
    }
    contacts = pilot.contacts - rows.get(ChunkState.SKIPPED, 0) + ends["left out"]
    came = ", ".join(f"{count} {end}" for end, count in ends.items() if count) or "nobody was in it"
    return (
        f"The pilot of {contacts} contacts has ended: {came}. {pilot.rest} contacts wait; "
        f"`rollcall resume {upload.ulid} --accept-pilot` sends them, `rollcall cancel {upload.ulid}` drops them."
    )


def _left_out(session: Session, upload_id: int) -> int:
    """Who asked not to be called, and left the pilot before it was sent."""
    there = and_(col(Chunk.id) == col(Withdrawal.chunk_id), col(Chunk.pilot), col(Chunk.state) != ChunkState.REFUSED)
    query = select(func.count()).select_from(Withdrawal).join(Chunk, there)
    unsent = col(Withdrawal.state) == WithdrawalState.UNSENT
    return int(session.scalars(query.where(col(Withdrawal.upload_id) == upload_id, unsent)).one())
