"""Who is in a chunk, and whose row a task at the provider is."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from worker.context import Context
from worker.errors import StagingError
from worker.intake.scan import Ints
from worker.intake.stage import Staging
from worker.models import Chunk, Upload
from worker.providers.base import Provider

TOKEN = 26
NAMED = 50  # missing rows that are named one by one in the evidence of a chunk in doubt


class Indexed(Protocol):
    """A chunk, stored or only staged."""

    @property
    def index_digest(self) -> str: ...


def index(staging: Staging, chunk: Indexed) -> pl.DataFrame:
    """`row`, `line`, `e164` and `uuid` (null where it is ours) of every contact of a chunk."""
    return pl.read_parquet(io.BytesIO(_read(staging, chunk.index_digest)))


def _read(staging: Staging, digest: str) -> bytes:
    if not digest:
        text = "Who was in the chunk was removed by `rollcall prune`; only its counts are kept."
        raise StagingError("pruned", text)
    return staging.read(digest)


def rows_with(staging: Staging, chunk: Indexed, numbers: Ints) -> list[int]:
    """Rows of the contacts of a chunk whose number is one of these (digits of E.164)."""
    wanted = pl.Series(numbers, dtype=pl.Int64).implode()
    rows: list[int] = index(staging, chunk).filter(pl.col("e164").is_in(wanted))["row"].to_list()
    return rows


def everybody(staging: Staging, chunk: Chunk) -> pl.Series:
    """E.164 digits of the contacts of a chunk, those that have left it too."""
    return whole_index(staging, chunk)["e164"].drop_nulls()


def whole_index(staging: Staging, chunk: Chunk) -> pl.DataFrame:
    """As `index`, with those that have left the chunk."""
    return pl.read_parquet(io.BytesIO(_read(staging, chunk.whole_digest or chunk.index_digest)))


def numbers_of(staging: Staging, chunk: Chunk, rows: Iterable[int]) -> pl.Series:
    """E.164 digits of these contacts, those that have left the chunk too."""
    whole = whole_index(staging, chunk)
    wanted = pl.Series(rows, dtype=pl.Int64).implode()
    return whole.filter(pl.col("row").is_in(wanted))["e164"].drop_nulls()


def uuids(upload: Upload, contacts: pl.DataFrame) -> list[str]:
    """The uuid under which the provider knows each of these contacts, given in the columns of an index."""
    ours = pl.format(f"{upload.ulid}:{{}}", "row")
    return contacts.select(pl.coalesce("uuid", ours))["uuid"].to_list()


@dataclass(frozen=True)
class Names:
    """How a task is known to be a row of one upload.

    By our own uuid, which holds the row; by the user's (`own`: uuid, theirs); and by the number, where a provider may
    not tell the uuid (`numbers`: number, called). A number stands once in an upload.
    """

    ulid: str
    own: pl.DataFrame | None = None
    numbers: pl.DataFrame | None = None


def names(ctx: Context, upload: Upload, chunks: Iterable[Chunk]) -> Names:
    """The names of the contacts of these chunks. Their indexes are read only where our own uuid does not do."""
    by_number = ctx.kind(upload.account).capabilities.joins_by_number
    if not upload.custom_uuids and not by_number:
        return Names(upload.ulid)
    indexes = [index(ctx.staging, chunk) for chunk in chunks]
    if not indexes:
        return Names(upload.ulid)
    whole = pl.concat(indexes)
    own = _theirs(whole) if upload.custom_uuids else None
    numbers = whole.select(pl.col("e164").alias("number"), pl.col("row").alias("called")) if by_number else None
    return Names(upload.ulid, own, numbers)


def own_uuids(staging: Staging, upload: Upload, chunks: Iterable[Chunk]) -> pl.DataFrame | None:
    """`uuid` to `theirs`, the row, for the contacts that came with a uuid of the user's; None where none did."""
    if not upload.custom_uuids:
        return None
    frames = [_theirs(index(staging, chunk)) for chunk in chunks]
    return pl.concat(frames) if frames else None


def _theirs(whole: pl.DataFrame) -> pl.DataFrame:
    return whole.select("uuid", pl.col("row").alias("theirs")).drop_nulls("uuid")


def with_rows(tasks: pl.DataFrame, known: Names) -> pl.DataFrame:
    """`tasks` with a column `row`; tasks that are not of this upload are dropped."""
    uuid = pl.col("uuid")
    ours = pl.when(uuid.str.starts_with(f"{known.ulid}:")).then(uuid.str.slice(TOKEN + 1).cast(pl.Int64, strict=False))
    tasks = tasks.with_columns(ours.alias("row"))
    if known.own is not None:
        tasks = tasks.join(known.own, on="uuid", how="left", maintain_order="left")
        tasks = tasks.with_columns(pl.coalesce("row", "theirs").alias("row")).drop("theirs")
    if known.numbers is not None and "number" in tasks.columns:
        tasks = tasks.join(known.numbers, on="number", how="left", maintain_order="left")
        tasks = tasks.with_columns(pl.coalesce("row", "called").alias("row")).drop("called")
    return tasks.drop_nulls("row").drop("number", strict=False)


def holds_all(staging: Staging, there: pl.Series, settled: Iterable[Chunk]) -> bool:
    """Whether every contact of the settled chunks is among `there`. Of a chunk with missing ones we cannot tell."""
    whole = [index(staging, chunk)["row"] for chunk in settled if not chunk.missing]
    return bool(pl.concat(whole).is_in(there.implode()).all()) if whole else True


def rows_at(provider: Provider, reference: str, known: Names) -> pl.Series:
    """Rows of every contact of a list, repeated ones included: one complete read. Raises ProviderError."""
    frames = [with_rows(there, known)["row"] for there in provider.contacts(reference)]
    return pl.concat(frames) if frames else pl.Series("row", [], dtype=pl.Int64)
