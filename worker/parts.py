"""A part of a chunk, staged as a chunk of its own."""

import csv
import io
from typing import Any

import polars as pl

from worker import roster
from worker.context import Context
from worker.layout import Layout
from worker.models import Chunk, Upload


def cut(ctx: Context, upload: Upload, chunk: Chunk, rows: pl.Series, *, keep: bool) -> dict[str, Any]:
    """Stage the contacts of a chunk that are among `rows` (`keep`), or those that are not.

    Returns the columns of the chunk that is made of them. Raises StagingError where the payload is gone.
    """
    index = roster.index(ctx.staging, chunk)
    part = index.filter(pl.col("row").is_in(rows.implode()) == keep)
    layout = ctx.kind(upload.account).layout(upload.job["options"])
    payload = _records(ctx.staging.read(chunk.digest), layout, set(roster.uuids(upload, part)))
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


def _records(payload: bytes, layout: Layout, uuids: set[str]) -> bytes:
    """The header and the records with these uuids. It is one chunk, so the loop is short."""
    records = csv.reader(io.StringIO(payload.decode(), newline=""), delimiter=layout.delimiter)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=layout.delimiter, lineterminator="\n")
    if layout.header:
        writer.writerow(next(records))
    place = -1 if layout.extras is None else 1  # the last column, or the one behind the number
    writer.writerows(record for record in records if record[place] in uuids)
    return out.getvalue().encode()
