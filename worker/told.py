"""What a provider told of contacts, as rows for the table of outcomes."""

import polars as pl

from worker.context import Context
from worker.models import Upload
from worker.states import Disposition


def outcomes(
    ctx: Context, upload: Upload, tasks: pl.DataFrame, *, cancelled_is_final: bool | pl.Series
) -> pl.DataFrame:
    """Rows of the columns that the table of outcomes has, less `updated_at`.

    `tasks` has the columns TASKS, `row` and `list_id`. What the scenario reported becomes the disposition that the
    account names for it. `cancelled_is_final`: whether who was cancelled will not be called any more, or the rows of
    which that is so. A row that stands twice counts once, the last one.
    """
    words = {word.lower(): kind.value for word, kind in ctx.settings.account(upload.account).dispositions.items()}
    done = pl.col("phase") == "done"
    said = pl.col("result").str.strip_chars().str.to_lowercase()
    named = said.replace_strict(words, default=None, return_dtype=pl.Utf8)
    final = pl.col("row").is_in(cancelled_is_final.implode()) if isinstance(cancelled_is_final, pl.Series) else None
    over = done | ((pl.col("phase") == "cancelled") & (pl.lit(cancelled_is_final) if final is None else final))
    kind = pl.when(over).then(pl.when(done).then(named.fill_null(pl.col("disposition"))).otherwise("disposition"))
    frame = tasks.unique("row", keep="last", maintain_order=True).with_columns(
        kind.otherwise(pl.lit(Disposition.PENDING.value)).alias("disposition"),
        over.alias("terminal"),
        pl.lit(upload.id).alias("upload_id"),
    )
    told = pl.struct("disposition", "terminal", "status", "result", "attempts_left", "last_attempt")
    return frame.with_columns(told.hash(seed=1).reinterpret(signed=True).alias("version")).drop("uuid", "phase")
