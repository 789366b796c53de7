"""A row that intake turned away: why, and on which list a number stands that is not called."""

from datetime import datetime
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from sqlmodel import Session

from worker.explain.event import Event, Words, moment_of
from worker.intake.correct import cells_of
from worker.intake.dialect import Dialect
from worker.intake.phones import Phones
from worker.intake.rejects import Code, read_rejects
from worker.intake.stage import Staging
from worker.models import Upload
from worker.store import families, forgotten, suppressions


class Refused(NamedTuple):
    """One line of an upload's rejects."""

    row: int
    line: int
    kind: str
    code: str
    sentence: str
    text: bytes


DONE = {"rejected": "was rejected", "duplicate": "was left out as a duplicate", "suppressed": "was left out"}


def find(staging: Staging, upload: Upload, row: int) -> Refused | None:
    """The reject of this row; None where it was not turned away. Raises StagingError, Unavailable."""
    if upload.rejects_digest is None:
        return None
    for batch in read_rejects(staging, upload.rejects_digest):
        here = batch.filter(pc.equal(batch.column("row"), pa.scalar(row, pa.int64())))
        if here.num_rows:
            return Refused(**here.select(Refused._fields).to_pylist()[0])
    return None


def tell(session: Session, upload: Upload, refused: Refused, region: str | None, at: datetime, words: Words) -> Event:
    said = f"The row (line {refused.line} of the file) {DONE[refused.kind]} ({refused.code}): {refused.sentence}"
    if refused.code == Code.SUPPRESSED.word and (number := _number(upload, refused, region)):
        said += f" {on_lists(session, upload.account, number, words)}"
    if refused.code == Code.WITHDRAWN.word:
        ids = " and ".join(f"`rollcall withdraw {ulid}`" for ulid in families.with_withdrawals(session, upload))
        said += f" Who asked for it, and why: {ids}." if ids else ""
    if words.shown:
        said += f" It read: {refused.text.decode('utf-8', errors='backslashreplace')}"
    return Event(at, "contact", refused.kind, said, code=refused.code)


def on_lists(session: Session, account: str, number: int, words: Words) -> str:
    """On which do-not-call lists a number stands now, since when, why and by whom."""
    lines = suppressions.of_number(session, account, number)
    if not lines and forgotten.marks(session):
        return "Its number stands on no list that is shown; it may be one that was forgotten, which nobody calls."
    if not lines:
        return "Its number stands on no do-not-call list any more."
    named = [
        f"of {f'account {one.account}' if one.account else 'every account'} since {moment_of(one.added_at)}"
        f" ({words(one.reason).rstrip('.')}; {one.who})"
        for one in lines
    ]
    return f"Its number stands on the list {', and on the list '.join(named)}."


def _number(upload: Upload, refused: Refused, region: str | None) -> int | None:
    """Digits of E.164 of the row's own cell; None where a version did not keep how the file is written."""
    found = upload.found
    if found is None:
        return None
    dialect = Dialect(**{name: found[name] for name in Dialect.__dataclass_fields__})
    [cells] = cells_of([refused.text], dialect)
    place = found["columns"].index(found["phone_column"])
    if cells is None or place >= len(cells):
        return None
    digits = int(Phones(region).read(pl.Series([cells[place]]))[0])
    return digits if digits > 0 else None
