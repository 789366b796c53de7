"""Pruning: an upload that ended long ago loses everything but its counts, and staging what no row refers to."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from worker.models import Attempt, Callback, Chunk, Outcome, Upload, Withdrawal
from worker.states import CallbackState, WithdrawalState
from worker.store import outcomes, uploads, withdrawals
from worker.store.arrows import change, insert

BATCH = 50_000  # outcomes that go in one transaction
GONE = ""  # the digest of an object that was removed with all that it told


class Old(NamedTuple):
    """An upload that ended long ago, as did its whole family. `root`: the id with which the family began."""

    id: int
    root: int
    ulid: str
    account: str
    ended_at: datetime
    total: int
    suppressed: int
    rejects_digest: str | None


def ended_before(session: Session, moment: datetime) -> list[Old]:
    """Uploads that ended before, were not pruned, and of whose family none ended later or goes on."""
    root, other = func.coalesce(col(Upload.continues_id), col(Upload.id)), aliased(Upload)
    kin = func.coalesce(col(other.continues_id), col(other.id)) == root
    young = exists().where(kin, or_(col(other.ended_at).is_(None), col(other.ended_at) >= moment))
    names = (Upload.ulid, Upload.account, Upload.ended_at, Upload.total, Upload.suppressed, Upload.rejects_digest)
    columns: tuple[Any, ...] = (col(Upload.id), root, *map(col, names))
    query = select(*columns).where(col(Upload.pruned_at).is_(None), col(Upload.ended_at) < moment, ~young)
    return [Old(*row) for row in session.execute(query.order_by(col(Upload.id)))]


def prune(session: Session, upload_id: int, now: datetime, left_out: Sequence[int] = ()) -> bool:
    """Keep the counts and let go of the rest, but for outcomes, which go in parts (`drop_outcomes`), and for which rows
    asked not to be called: the very file may come again (`lost_wishes`). `left_out` had asked in another upload."""
    upload = uploads.lock(session, upload_id)
    if upload.pruned_at is not None or upload.ended_at is None:
        return False
    kept = outcomes.by_disposition(session, upload_id)
    change(session, Upload, col(Upload.id) == upload_id, pruned_at=now, outcomes_kept=kept, rejects_digest=None)
    told: dict[str, Any] = {"digest": GONE, "index_digest": GONE, "whole_digest": None, "message": None, "evidence": {}}
    change(session, Chunk, col(Chunk.upload_id) == upload_id, **told)
    change(session, Attempt, col(Attempt.upload_id) == upload_id, message=None)
    connection = session.connection()
    withdrawn = col(Withdrawal.upload_id) == upload_id
    connection.execute(delete(Withdrawal).where(withdrawn, ~withdrawals.BY_PERSON))
    change(session, Withdrawal, withdrawn, withdrawals.WANTED, state=WithdrawalState.TOO_LATE, ended_at=now)
    change(session, Withdrawal, withdrawn, why=GONE, message=None)
    if left_out:
        wish = {"upload_id": upload_id, "chunk_id": 0, "state": WithdrawalState.UNSENT, "who": "intake", "why": GONE}
        wish |= dict.fromkeys(("asked_at", "since", "again_at", "ended_at"), now)
        connection.execute(insert(session, Withdrawal), [{**wish, "row": row} for row in left_out])
    connection.execute(delete(Callback).where(col(Callback.upload_ulid) == upload.ulid, SETTLED))
    return True


def lost_wishes(session: Session, account: str, digest: str, upload_id: int | None) -> tuple[list[str], list[int]]:
    """The uploads that were pruned and held this very file, and the rows, counted from the first of the file, of those
    who asked not to be called. Not `upload_id` itself."""
    same = (col(Upload.account) == account, col(Upload.source_digest) == digest, col(Upload.pruned_at).is_not(None))
    row = col(Withdrawal.row) - func.coalesce(col(Upload.first_row), 1) + 1
    query = select(col(Upload.ulid), row).join(Withdrawal, col(Withdrawal.upload_id) == col(Upload.id))
    found = session.execute(query.where(*same, col(Upload.id).is_distinct_from(upload_id))).all()
    return sorted({ulid for ulid, _ in found}), sorted({int(row) for _, row in found})


SETTLED = col(Callback.state) != CallbackState.NEW


def drop_callbacks(session: Session, before: datetime) -> int:
    """What was applied or ignored before, whatever upload it was about."""
    old = delete(Callback).where(SETTLED, col(Callback.applied_at) < before)
    return int(session.connection().execute(old).rowcount)


def with_outcomes(session: Session) -> list[int]:
    """Ids of uploads that were pruned and still have outcomes."""
    left = exists().where(col(Outcome.upload_id) == col(Upload.id))
    return list(session.scalars(select(col(Upload.id)).where(col(Upload.pruned_at).is_not(None), left)))


def drop_outcomes(session: Session, upload_id: int) -> bool:
    """Delete a part of them; whether there are more."""
    mine = col(Outcome.upload_id) == upload_id
    rows = session.scalars(select(col(Outcome.row)).where(mine).order_by(col(Outcome.row)).limit(BATCH)).all()
    if rows:
        session.connection().execute(delete(Outcome).where(mine, col(Outcome.row) <= rows[-1]))
    return len(rows) == BATCH


def digests(session: Session) -> Iterator[str]:
    """Every object in staging that a row refers to, some of them more than once."""
    sources = select(col(Upload.source_digest)).where(col(Upload.pruned_at).is_(None), ~col(Upload.source_gone))
    kept = (col(Upload.rejects_digest), col(Chunk.digest), col(Chunk.index_digest), col(Chunk.whole_digest))
    for query in (sources, *(select(column) for column in kept)):
        wanted = query.where(query.selected_columns[0].is_not(None))
        for digest in session.scalars(wanted.execution_options(yield_per=BATCH)):
            if digest:
                yield digest
