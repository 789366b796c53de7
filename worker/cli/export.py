"""`rollcall rejects` and `rollcall outcomes`: what became of single rows, as CSV or JSON lines, streamed."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from worker.cli import out
from worker.cli.options import AsJson, UploadId
from worker.errors import InputError

if TYPE_CHECKING:
    from worker.db import Database
    from worker.models import Upload
    from worker.settings import Settings

REJECTS = ("line", "row", "kind", "code", "sentence", "text")
OUTCOMES = ("row", "task_uuid", "disposition", "status", "result", "attempts_left", "last_attempt", "updated_at")

ToFile = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write there, not to stdout.")]
NUL = str.maketrans({"\x00": r"\x00"})  # a NUL ends the file for many readers of CSV


def rejects(ulid: UploadId, output: ToFile = None, as_json: AsJson = False) -> None:
    """Rows that are not sent, with line and reason: rejected, duplicate and suppressed ones."""
    from worker.cli import place

    chosen = place.settings()
    upload = _find(chosen, ulid)
    if upload.state in ("received", "ingesting"):
        out.say(f"note: The file of upload {upload.ulid} has not been read to its end yet.")
    _write(_rejects(chosen, upload), REJECTS, output, as_json)


def outcomes(ulid: UploadId, output: ToFile = None, as_json: AsJson = False) -> None:
    """What became of each contact that the provider has reported on, by row of the file."""
    from worker.cli import place

    chosen = place.settings()
    upload = _find(chosen, ulid)
    if upload.ended_at is None:
        out.say(f"note: Upload {upload.ulid} is still {upload.state}; more outcomes may come.")
    _write(_outcomes(chosen, upload), OUTCOMES, output, as_json)


def _find(chosen: "Settings", ulid: str) -> "Upload":
    from worker import view

    with _database(chosen) as database, database.read() as session:
        return view.find(session, ulid)


@contextmanager
def _database(chosen: "Settings") -> "Iterator[Database]":
    from worker.cli import place

    database = place.database(chosen)
    try:
        yield database
    finally:
        database.dispose()


def _rejects(chosen: "Settings", upload: "Upload") -> Iterator[Sequence[Any]]:
    from worker.intake import Staging, read_rejects

    if upload.rejects_digest is None:
        return
    for batch in read_rejects(Staging(chosen.staging), upload.rejects_digest):
        columns = [batch.column(name).to_pylist() for name in REJECTS]
        for *cells, text in zip(*columns, strict=True):
            yield (*cells, _readable(text))


def _readable(text: bytes) -> str:
    """The row as it was. A byte that is not UTF-8 is shown as \\xNN."""
    return text.decode("utf-8", errors="backslashreplace")


def _outcomes(chosen: "Settings", upload: "Upload") -> Iterator[Sequence[Any]]:
    from worker.store import outcomes as store

    uuids = _own_uuids(chosen, upload)
    with _database(chosen) as database, database.read() as session:
        for part in store.stream(session, upload.id):
            for one in part:
                uuid = uuids.get(one.row) or f"{upload.ulid}:{one.row}"
                seen = (one.disposition, one.status, one.result, one.attempts_left, one.last_attempt)
                yield (one.row, uuid, *seen, one.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _own_uuids(chosen: "Settings", upload: "Upload") -> dict[int, str]:
    """Row to the uuid that the file itself gave it."""
    if not upload.custom_uuids:
        return {}
    from worker import roster
    from worker.intake import Staging
    from worker.states import ChunkState
    from worker.store import chunks

    with _database(chosen) as database, database.read() as session:
        all_chunks = chunks.of_upload(session, upload.id, *ChunkState)
    own = roster.own_uuids(Staging(chosen.staging), upload, all_chunks)
    return {} if own is None else dict(zip(own["theirs"].to_list(), own["uuid"].to_list(), strict=True))


def _write(rows: Iterable[Sequence[Any]], columns: Sequence[str], output: Path | None, as_json: bool) -> None:
    write = _json_lines if as_json else _csv
    if output is None:
        write(rows, columns, sys.stdout)
        return
    partial = output.with_name(f".{output.name}.part")
    try:
        with partial.open("w", newline="", encoding="utf-8") as file:
            count = write(rows, columns, file)
        partial.replace(output)
    except OSError as error:
        partial.unlink(missing_ok=True)
        text = f"The file {output} cannot be written ({error.strerror}); name another with -o."
        raise InputError("cannot_write", text) from None
    out.say(f"{count} rows written to {output}")


def _csv(rows: Iterable[Sequence[Any]], columns: Sequence[str], file: TextIO) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        count += 1
        writer.writerow([cell.translate(NUL) if isinstance(cell, str) else cell for cell in row])
    return count


def _json_lines(rows: Iterable[Sequence[Any]], columns: Sequence[str], file: TextIO) -> int:
    count = 0
    for row in rows:
        count += 1
        file.write(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n")
    return count
