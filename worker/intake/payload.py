"""A chunk's payload, written and read again: CSV in UTF-8 with doubled quotes and LF, every cell back as it was."""

import csv
import io

import numpy as np
import polars as pl

from worker.intake.dialect import Dialect
from worker.intake.parse import parse


def as_csv(rows: pl.DataFrame, delimiter: str) -> bytes:
    """The rows, all of them strings; no header. Quotes stand where a delimiter, a quote, CR or LF needs them.

    A null and an empty string are both written as nothing.
    """
    holds_empty = rows.select((pl.all() == "").any()).row(0) if rows.height else ()
    # An empty string would be written as two quotes.
    empty = [name for name, some in zip(rows.columns, holds_empty, strict=False) if some]
    out = io.BytesIO()
    rows.with_columns(pl.when(pl.col(empty) != "").then(pl.col(empty)).name.keep()).write_csv(
        out, include_header=False, separator=delimiter, line_terminator="\n", quote_style="necessary"
    )
    return out.getvalue()


def read_csv(payload: bytes, delimiter: str) -> pl.DataFrame:
    """The records, the header's among them where there is one, in columns "0" to "n-1"."""
    if not payload:
        return pl.DataFrame()
    first = next(csv.reader(io.StringIO(payload.decode(), newline=""), delimiter=delimiter))
    parsed = parse(payload, Dialect(delimiter=delimiter), len(first), final=True)
    if parsed.faults:
        raise AssertionError("a payload holds records of several widths")
    return parsed.cells.rows(np.arange(parsed.cells.height))
