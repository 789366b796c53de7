"""Who is in a chunk, and whose row a task at the provider is."""

import io
from collections.abc import Iterable

import polars as pl

from worker.intake.stage import Staging
from worker.models import Chunk, Upload
from worker.providers.base import Provider

TOKEN = 26


def index(staging: Staging, chunk: Chunk) -> pl.DataFrame:
    """`row`, `line`, `e164` and `uuid` (null where it is ours) of every contact of a chunk."""
    return pl.read_parquet(io.BytesIO(staging.read(chunk.index_digest)))


def own_uuids(staging: Staging, upload: Upload, chunks: Iterable[Chunk]) -> pl.DataFrame | None:
    """`uuid` to `row` for the contacts that came with a uuid of the user's; None where the upload has none."""
    if not upload.custom_uuids:
        return None
    frames = [index(staging, chunk).select("uuid", pl.col("row").alias("theirs")) for chunk in chunks]
    return pl.concat(frames).drop_nulls("uuid") if frames else None


def with_rows(tasks: pl.DataFrame, ulid: str, own: pl.DataFrame | None) -> pl.DataFrame:
    """`tasks` with a column `row`; tasks that are not of this upload are dropped."""
    uuid = pl.col("uuid")
    ours = pl.when(uuid.str.starts_with(f"{ulid}:")).then(uuid.str.slice(TOKEN + 1).cast(pl.Int64, strict=False))
    tasks = tasks.with_columns(ours.alias("row"))
    if own is not None:
        tasks = tasks.join(own, on="uuid", how="left")
        tasks = tasks.with_columns(pl.coalesce("row", "theirs").alias("row")).drop("theirs")
    return tasks.drop_nulls("row")


def holds_all(staging: Staging, there: pl.Series, settled: Iterable[Chunk]) -> bool:
    """Whether every contact of the settled chunks is among `there`. Of a chunk with missing ones we cannot tell."""
    whole = [index(staging, chunk)["row"] for chunk in settled if not chunk.missing]
    return bool(pl.concat(whole).is_in(there.implode()).all()) if whole else True


def rows_at(provider: Provider, reference: str, ulid: str, own: pl.DataFrame | None) -> pl.Series:
    """Rows of every task of a list, repeated ones included: one complete read. Raises ProviderError."""
    frames = [with_rows(tasks.select("uuid"), ulid, own)["row"] for tasks in provider.tasks(reference)]
    return pl.concat(frames) if frames else pl.Series("row", [], dtype=pl.Int64)
