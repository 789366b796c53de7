"""Who stands in a chunk, as the object in staging names them."""

import io
from pathlib import Path

import polars as pl


def members(home: Path, digest: str) -> set[int]:
    """Rows of the file, from the index of a chunk."""
    path = next(home.rglob(f"*{digest}*"))
    return set(pl.read_parquet(io.BytesIO(path.read_bytes()))["row"].to_list())
