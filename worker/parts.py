"""A part of a chunk, staged as a chunk of its own."""

import io
from typing import Any

import polars as pl

from worker import roster
from worker.context import Context
from worker.intake.payload import as_csv, read_csv
from worker.layout import Layout
from worker.models import Chunk, Upload


def cut(ctx: Context, upload: Upload, chunk: Chunk, rows: pl.Series, *, keep: bool) -> dict[str, Any]:
    """Stage the contacts of a chunk that are among `rows` (`keep`), or those that are not.

    Returns the columns of the chunk that is made of them. Raises StagingError where the payload is gone.
    """
    index = roster.index(ctx.staging, chunk)
    part = index.filter(pl.col("row").is_in(rows.implode()) == keep)
    layout = ctx.kind(upload.account).layout(upload.job["options"])
    payload = _records(ctx.staging.read(chunk.digest), layout, roster.uuids(upload, part))
    stored = io.BytesIO()
    part.write_parquet(stored)
    return {
        "rows": part.height,
        "bytes": len(payload),
        "digest": ctx.staging.put(payload),
        "index_digest": ctx.staging.put(stored.getvalue()),
        "first_row": part["row"].min(),
        "last_row": part["row"].max(),
    }


def _records(payload: bytes, layout: Layout, uuids: list[str]) -> bytes:
    """The header and the records with these uuids."""
    records = read_csv(payload, layout.delimiter)
    place = -1 if layout.extras is None else 1  # the last column, or the one behind the number
    head, rows = (records[:1], records[1:]) if layout.header else (records[:0], records)
    return as_csv(pl.concat([head, rows.filter(rows.to_series(place).is_in(uuids))]), layout.delimiter)
