"""GetCallListDetails, read whole and turned into frames of `TASKS`.

The CSV output has no limit of rows, so it is the one we ask for. It repeats the user's columns and adds its own
behind them, so a name is looked up from the end: a user's own column `status` must not be taken for the task's. The
key `attmepts_left` is the product's own spelling; both are read.
"""

import csv
import io
from collections.abc import Iterator
from typing import IO, Any

import polars as pl
import pyarrow as pa
import pyarrow.csv as pc

from worker.errors import Unknown
from worker.providers.base import TASKS
from worker.states import Disposition

PROCESSED, ERROR, CANCELED = "2", "3", "4"
_UUID = ("__task_uuid", "task_uuid")
_LEFT = ("attmepts_left", "attempts_left")
_BLOCK = 8 << 20
_START = 1 << 20  # bytes in which the header ends


class NoUuids(Exception):
    """The file does not carry the task's uuid; the JSON pages do."""


def frames_of_csv(file: IO[bytes], delimiter: str) -> Iterator[pl.DataFrame]:
    """Frames of a details file; raises Unknown `broken_answer` where it is not one, NoUuids where it lacks them."""
    header, alone = _header(file, delimiter)
    wanted = positions(header)
    if alone:
        return
    read = pc.ReadOptions(
        column_names=[f"c{i}" for i in range(len(header))], skip_rows_after_names=1, block_size=_BLOCK
    )
    parse = pc.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    columns = {f"c{i}": pa.string() for i in wanted.values()}
    convert = pc.ConvertOptions(include_columns=sorted(columns), column_types=columns, strings_can_be_null=False)
    try:
        with pc.open_csv(file, read, parse, convert) as reader:
            for batch in reader:
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)
                yield normal(frame.select(pl.col(f"c{i}").alias(name) for name, i in wanted.items()))
    except pa.ArrowInvalid as error:
        raise Unknown("broken_answer", "The details of the list cannot be read as CSV.") from error


def _header(file: IO[bytes], delimiter: str) -> tuple[list[str], bool]:
    """The names of the columns, and whether nothing follows them: pyarrow takes such a file for a broken one."""
    start = file.read(_START)
    file.seek(0)
    text = io.StringIO(start.decode("utf-8-sig", "replace"), newline="")
    try:
        header = next(csv.reader(text, delimiter=delimiter), [])
    except csv.Error as error:
        raise Unknown("broken_answer", "The details of the list cannot be read as CSV.") from error
    return header, len(start) < _START and not text.read().strip()


def positions(header: list[str]) -> dict[str, int]:
    """Where our columns stand in a file of details; raises Unknown `broken_answer` where one is missing, NoUuids."""
    last = {name: i for i, name in enumerate(header)}
    uuid = next((last[name] for name in _UUID if name in last), None)
    left = max((last[name] for name in _LEFT if name in last), default=None)  # the other one may be the user's own
    try:
        found = {name: last[name] for name in ("status_id", "status", "result_data", "last_attempt")}
    except KeyError as error:
        raise Unknown("broken_answer", f"The details of the list have no column {error}.") from None
    if uuid is None:
        raise NoUuids
    return {**found, "uuid": uuid, **({} if left is None else {"left": left})}


def frame_of_json(tasks: list[Any]) -> pl.DataFrame:
    """One page of the JSON output; raises Unknown `broken_answer` where it is not one."""
    if not all(isinstance(task, dict) for task in tasks):
        raise Unknown("broken_answer", "The details of the list hold something that is not a task.")
    rows = [
        {
            "uuid": task.get("task_uuid"),
            "status_id": task.get("status_id"),
            "status": task.get("status"),
            "result_data": task.get("result_data"),
            "last_attempt": task.get("last_attempt"),
            "left": next((task[name] for name in _LEFT if name in task), None),
        }
        for task in tasks
    ]
    schema = ("uuid", "status_id", "status", "result_data", "last_attempt", "left")
    texts = {name: [None if row[name] is None else str(row[name]) for row in rows] for name in schema}
    return normal(pl.DataFrame(texts, schema=dict.fromkeys(schema, pl.Utf8)))


def normal(frame: pl.DataFrame) -> pl.DataFrame:
    """Phase and disposition of each task. An error with attempts left is not the end: another attempt will come."""
    if "left" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, dtype=pl.Utf8).alias("left"))
    status = pl.col("status_id").str.strip_chars()
    left = pl.col("left").cast(pl.Int64, strict=False)
    failed = (status == ERROR) & (left.fill_null(0) <= 0)
    phase = (
        pl.when((status == PROCESSED) | failed)
        .then(pl.lit("done"))
        .when(status == CANCELED)
        .then(pl.lit("cancelled"))
        .otherwise(pl.lit("open"))
    )
    disposition = (
        pl.when(status == PROCESSED)
        .then(pl.lit(Disposition.PROCESSED.value))
        .when(failed)
        .then(pl.lit(Disposition.FAILED.value))
        .when(status == CANCELED)
        .then(pl.lit(Disposition.CANCELLED.value))
        .otherwise(pl.lit(Disposition.PENDING.value))
    )
    return frame.select(
        pl.col("uuid"),
        phase.alias("phase"),
        disposition.alias("disposition"),
        pl.col("status"),
        pl.col("result_data").alias("result"),
        left.alias("attempts_left"),
        pl.col("last_attempt"),
    ).select(list(TASKS))
