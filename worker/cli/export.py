"""`rollcall rejects` and `rollcall outcomes`: what became of single rows, as CSV or JSON lines, streamed."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from worker.cli import out
from worker.cli.options import AsJson, UploadId
from worker.counted import counted
from worker.errors import InputError

if TYPE_CHECKING:
    from worker.db import Database
    from worker.models import Chunk, Upload
    from worker.settings import Settings

REJECTS = ("line", "row", "kind", "code", "sentence", "text")
OUTCOMES = ("row", "task_uuid", "disposition", "status", "result", "attempts_left", "last_attempt", "updated_at")

ToFile = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write there, not to stdout.")]
NUL = r"\x00"  # a NUL ends the file for many readers of CSV


ToCorrect = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="The rejected rows alone, to be corrected and continued with."),
]


def rejects(ulid: UploadId, output: ToCorrect = None, as_json: AsJson = False) -> None:
    """Rows turned away when the file was read, with line and reason: rejected, duplicate and suppressed ones."""
    from worker.cli import place

    chosen = place.settings()
    upload = _find(chosen, ulid)
    if output is not None and not as_json:
        _to_correct(chosen, upload, output)
        return
    if upload.state in ("received", "ingesting"):
        out.say(f"note: The file of upload {upload.ulid} has not been read to its end yet.")
    _write(_rejects(chosen, upload), REJECTS, output, _json_lines if as_json else as_csv)


def outcomes(ulid: UploadId, output: ToFile = None, as_json: AsJson = False) -> None:
    """What became of each contact that the provider has reported on, by row of the file."""
    from worker.cli import place

    chosen = place.settings()
    upload = _find(chosen, ulid)
    if upload.ended_at is None:
        out.say(f"note: Upload {upload.ulid} is still {upload.state}; more outcomes may come.")
    from worker.intake.header import ROW

    corrected = upload.found is not None and ROW in upload.found["columns"]
    columns = OUTCOMES + (("corrects",) if corrected else ())
    _write(_outcomes(chosen, upload, corrected), columns, output, _json_lines if as_json else as_csv)


def _find(chosen: "Settings", ulid: str) -> "Upload":
    """Raises InputError `no_such_upload`, `pruned`."""
    from worker import view

    with _database(chosen) as database, database.read() as session:
        upload = view.find(session, ulid)
    view.refuse_pruned(upload)
    return upload


@contextmanager
def _database(chosen: "Settings") -> "Iterator[Database]":
    from worker.cli import place

    database = place.database(chosen)
    try:
        yield database
    finally:
        database.dispose()


def _rejects(chosen: "Settings", upload: "Upload") -> Iterator[Sequence[Any]]:
    from worker.intake.rejects import read_rejects
    from worker.intake.stage import Staging

    if upload.rejects_digest is None:
        return
    for batch in read_rejects(Staging(chosen.staging), upload.rejects_digest):
        columns = [batch.column(name).to_pylist() for name in REJECTS]
        for *cells, text in zip(*columns, strict=True):
            yield (*cells, _readable(text))


def _to_correct(chosen: "Settings", upload: "Upload", output: Path) -> None:
    """A spreadsheet knows UTF-8 by its mark, and shows a file in the delimiter that it was written in before."""
    from worker.intake.correct import header_to_correct, rows_to_correct
    from worker.intake.dialect import DELIMITERS, Dialect
    from worker.intake.stage import Staging

    found = upload.found
    if found is None:
        text = "has not been read, or was by a version that did not keep how it is written"
        raise InputError("cannot_correct", f"The file of upload {upload.ulid} {text}; look at `rollcall status`.")
    columns, dialect = found["columns"], Dialect(**{name: found[name] for name in Dialect.__dataclass_fields__})
    rows = rows_to_correct(Staging(chosen.staging), upload.rejects_digest, columns, dialect)
    delimiter = dialect.delimiter if dialect.delimiter and dialect.delimiter in DELIMITERS else ","
    _write(rows, header_to_correct(columns), output, partial(as_csv, delimiter=delimiter), "utf-8-sig")
    if found.get("swallowed"):
        text = "What an open quote took into a row stands line by line; take the quote out, and look at each line"
        out.say(f"note: {text}: not every one must be a row.")
    others = upload.duplicate + upload.suppressed
    if others:
        text = f"duplicate and suppressed rows ({others:,}) are not among them"
        out.say(f"note: {text}; `rollcall rejects {upload.ulid}` without -o lists all.")


def _readable(text: bytes) -> str:
    """The row as it was. A byte that is not UTF-8 is shown as \\xNN."""
    return text.decode("utf-8", errors="backslashreplace")


def _outcomes(chosen: "Settings", upload: "Upload", corrected: bool) -> Iterator[Sequence[Any]]:
    """`corrected`: with the row that a contact was in the upload that this one continues."""
    from worker.store import outcomes as store

    uuids = _own_uuids(chosen, upload)
    before = _rows_before(chosen, upload) if corrected else {}
    with _database(chosen) as database, database.read(at_leisure=True) as session:
        for part in store.stream(session, upload.id):
            for one in part:
                uuid = uuids.get(one.row) or f"{upload.ulid}:{one.row}"
                seen = (one.disposition, one.status, one.result, one.attempts_left, one.last_attempt)
                told = (one.row, uuid, *seen, one.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ"))
                yield (*told, before.get(one.row)) if corrected else told


def _own_uuids(chosen: "Settings", upload: "Upload") -> dict[int, str]:
    """Row to the uuid that the file itself gave it."""
    if not upload.custom_uuids:
        return {}
    from worker import roster
    from worker.intake.stage import Staging

    own = roster.own_uuids(Staging(chosen.staging), upload, _chunks(chosen, upload))
    return {} if own is None else dict(zip(own["theirs"].to_list(), own["uuid"].to_list(), strict=True))


def _rows_before(chosen: "Settings", upload: "Upload") -> dict[int, int | None]:
    from worker import roster
    from worker.intake.stage import Staging

    staging = Staging(chosen.staging)
    frames = (roster.index(staging, chunk).select("row", "corrects") for chunk in _chunks(chosen, upload))
    return {row: before for frame in frames for row, before in frame.iter_rows()}


def _chunks(chosen: "Settings", upload: "Upload") -> "list[Chunk]":
    from worker.states import ChunkState
    from worker.store import chunks

    with _database(chosen) as database, database.read() as session:
        return chunks.of_upload(session, upload.id, *ChunkState)


def _write(
    rows: Iterable[Sequence[Any]],
    columns: Sequence[str],
    output: Path | None,
    write: Callable[[Iterable[Sequence[Any]], Sequence[str], TextIO], int],
    encoding: str = "utf-8",
) -> None:
    if output is None:
        write(rows, columns, sys.stdout)
        return
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("w", newline="", encoding=encoding) as file:
            count = write(rows, columns, file)
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        text = f"The file {output} cannot be written ({error.strerror}); name another with -o."
        raise InputError("cannot_write", text) from None
    out.say(f"{counted(count, 'row')} written to {output}")


def as_csv(rows: Iterable[Sequence[Any]], columns: Sequence[str], file: TextIO, *, delimiter: str | None = None) -> int:
    """With a `delimiter` every cell stands in quotes, so that none is taken for another kind of mark."""
    writer = csv.writer(
        file,
        lineterminator="\n",
        delimiter=delimiter or ",",
        quoting=csv.QUOTE_MINIMAL if delimiter is None else csv.QUOTE_ALL,
    )
    writer.writerow(columns)
    count = 0
    for row in rows:
        count += 1
        writer.writerow([cell.replace("\0", NUL) if isinstance(cell, str) else cell for cell in row])
    return count


def _json_lines(rows: Iterable[Sequence[Any]], columns: Sequence[str], file: TextIO) -> int:
    count = 0
    for row in rows:
        count += 1
        file.write(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n")
    return count
