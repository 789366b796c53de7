"""Preview: who would be called when, if a job were pushed now. Nothing is sent and nothing is stored.

The file is fetched, read and judged as `enqueue` and intake do it, with the same rules and numbers, into a folder that
is thrown away afterwards. No worker and no provider has a part in it.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import polars as pl

from worker import ingest, producer
from worker.context import Context
from worker.intake.dialect import Dialect
from worker.intake.rejects import read_rejects
from worker.intake.run import Intake, take_in
from worker.intake.stage import Staging
from worker.job import Job
from worker.models import Upload
from worker.windows import Summary

SHOWN = 3  # rejected rows of each code that are shown one by one


class Turned(NamedTuple):
    """A row that would not be called. `line` counts from 1; the sentence holds no number."""

    line: int
    code: str
    sentence: str


class Hold(NamedTuple):
    """Why the upload would wait for a person before anything is sent."""

    code: str
    sentence: str


@dataclass(frozen=True)
class Preview:
    """`total = to_call + rejected + duplicate + suppressed`, in `rows`.

    `codes`: rows that would not be called, by code; `first`: the first rejected ones of each. `starts`: contacts by
    start, in order (None: at once). `pilot`: contacts that would go first. `windows` is None where no calling hours
    were asked for, `hold` where it would go out. `swallowed` as in `Intake`.
    """

    account: str
    phone_column: str
    dialect: Dialect
    rows: dict[str, int]
    codes: dict[str, int]
    first: list[Turned]
    starts: dict[datetime | None, int]
    chunks: int
    lists: int
    pilot: int
    unsent_columns: list[str]
    swallowed: int
    windows: Summary | None
    hold: Hold | None


def preview(ctx: Context, job: Job | dict[str, Any], *, again: bool = True) -> Preview | producer.Receipt:
    """What the job would come to; the receipt of the upload that it is already, where its key was used for it before.

    Raises what `enqueue` raises, and InputError where the file as a whole cannot be read.
    """
    with TemporaryDirectory(prefix="rollcall-preview-") as folder:
        apart = Staging(folder)
        drafted = producer.draft(ctx, job, apart, again=again)
        if isinstance(drafted, producer.Receipt):
            return drafted
        with ctx.db.read() as session:
            now = ctx.db.now(session)
        order = ingest.order_for(ctx, drafted, now, set())
        assert drafted.source_digest is not None
        with apart.open(drafted.source_digest) as source:
            intake = take_in(source, order, apart)
        return _summed(ctx, drafted, intake, apart, now)


def _summed(ctx: Context, upload: Upload, intake: Intake, apart: Staging, now: datetime) -> Preview:
    codes, first = _turned_away(apart, intake.rejects_digest)
    starts: Counter[int | None] = Counter()
    for chunk in intake.chunks:
        starts[chunk.starts_at] += chunk.rows
    rows = {"rejected": intake.rejected, "duplicate": intake.duplicate, "suppressed": intake.suppressed}
    return Preview(
        account=upload.account,
        phone_column=intake.phone_column,
        dialect=intake.dialect,
        rows={"total": intake.total, "to_call": starts.total(), **rows},
        codes=codes,
        first=first,
        starts={None if at is None else datetime.fromtimestamp(at, UTC): n for at, n in starts.items()},
        chunks=len(intake.chunks),
        lists=len(set(ingest.places(ctx, upload, intake.chunks).values())),
        pilot=sum(chunk.rows for chunk in intake.chunks if chunk.pilot),
        unsent_columns=intake.unsent_columns,
        swallowed=intake.swallowed,
        windows=intake.windows,
        hold=_hold(ctx, upload, intake, now),
    )


def _turned_away(apart: Staging, digest: str | None) -> tuple[dict[str, int], list[Turned]]:
    """How many rows by code, the most first, and the first of each code of those that are rejected."""
    codes: Counter[str] = Counter()
    first: dict[str, list[Turned]] = {}
    for batch in read_rejects(apart, digest) if digest else ():
        rows = pl.DataFrame(pl.from_arrow(batch)).select("kind", *Turned._fields)
        codes.update(dict(rows["code"].value_counts().iter_rows()))
        rejected = rows.filter(pl.col("kind") == "rejected").group_by("code", maintain_order=True).head(SHOWN)
        for turned in map(Turned._make, rejected.select(Turned._fields).iter_rows()):
            first.setdefault(turned.code, []).append(turned)
    return dict(codes.most_common()), sorted(turned for some in first.values() for turned in some[:SHOWN])


def _hold(ctx: Context, upload: Upload, intake: Intake, now: datetime) -> Hold | None:
    if (share := ingest.too_many_rejects(ctx, intake)) is not None:
        said = (
            f"{share.rejected} of {share.total} rows would be rejected{share.lines}, more than "
            f"{ctx.settings.reject_threshold:.0%}"
        )
        then = "the upload would wait for `rollcall resume ID --accept-rejects`, and send nothing before."
        return Hold("too_many_rejects", f"{said}; {then}")
    late_after = timedelta(seconds=ctx.settings.timing.late_after)
    if intake.chunks and upload.starts_at is not None and upload.starts_at + late_after <= now:
        text = "The start has passed; the upload would wait for `rollcall resume ID`, which sends it at once."
        return Hold("late", text)
    return None
