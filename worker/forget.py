"""Forget: a person's number is erased wherever we keep it, and is not called again.

First it is put on everybody's do-not-call list, as `suppress` does it: what was not sent is left out, and what was sent
is taken back where that can be. A campaign that goes on needs to know who is in it, to tell what arrived from what did
not, and keeps him until it has ended. Then he goes from its files; and when no upload that was there knows him any more
the number itself goes, and its mark stays.
"""

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from worker import marks, prune, roster, suppress, telemetry
from worker.context import Context
from worker.errors import StagingError
from worker.intake.rejects import SCHEMA, Code, read_rejects
from worker.models import Forgotten, Upload
from worker.states import ChunkState
from worker.store import chunks, forgotten, journal, suppressions, uploads

TAIL = 8  # digits at a number's end by which it is known however it is written
CODE = 3  # digits that a calling code has at most
LINES = re.compile(rb"(?<=\n)|(?<=\r)(?!\n)")
SEVERAL_ROWS = (Code.OPEN_QUOTE.word, Code.RUNS_ON.word)
NO_DIGITS = re.compile(rb"[^0-9]+")


@dataclass(frozen=True)
class Told:
    """Of the numbers that are to be forgotten, how many are gone, how many wait, and for which uploads to end."""

    erased: int
    waiting: int
    uploads: list[str]


def ask(ctx: Context, numbers: Sequence[int], who: str) -> None:
    """Keep the wish that these numbers (digits of E.164) are forgotten, and call them no more from now on.

    Raises ConfigError `no_forget_key`, `open_forget_key`.
    """
    marker = marks.marker(ctx.settings, make=True)
    suppress.add(ctx, suppressions.EVERYWHERE, numbers, forgotten.FORGOTTEN, who)
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        forgotten.ask(session, {marker.of(number): number for number in numbers}, marker.key_mark, who, now)
    telemetry.emit("forget.asked", numbers=len(numbers))


def finish(ctx: Context) -> Told:
    """Carry out the wishes as far as that can be done now. Safe to repeat, and where two do it at once."""
    with ctx.db.read() as session:
        wishes = forgotten.pending(session)
    if not wishes:
        return Told(0, 0, [])
    waiting, awaited = _awaited(ctx, wishes)
    ready = [one for one in wishes if one.number not in waiting]
    if ready:
        _erase_everywhere(ctx, ready)
        prune.sweep_up(ctx)
    return Told(len(ready), len(wishes) - len(ready), awaited)


def _awaited(ctx: Context, wishes: Sequence[Forgotten]) -> tuple[set[int], list[str]]:
    """Numbers that cannot go yet, and the uploads that are to end first."""
    numbers = {one.number for one in wishes if one.number is not None}
    with ctx.db.read() as session:
        every = forgotten.live(session, max(one.asked_at for one in wishes))
        waiting = {number for number in numbers if forgotten.is_awaited(session, _tail(number))}
    awaited = []
    for upload in every:
        held = _numbers_in(ctx, upload, numbers)
        if held:
            awaited.append(upload.ulid)
            waiting |= held
    return waiting, awaited


def _numbers_in(ctx: Context, upload: Upload, numbers: set[int]) -> set[int]:
    """Which of the numbers are contacts of an upload that goes on, or stand among its rejects.

    All of them where nobody can tell: its file has not been read, or what was made of it cannot be.
    """
    if not upload.total:
        return numbers
    try:
        return _found_in(ctx, upload, numbers)
    except StagingError:
        return numbers


def _found_in(ctx: Context, upload: Upload, numbers: set[int]) -> set[int]:
    found = set[int]()
    with ctx.db.read() as session:
        every = chunks.of_upload(session, upload.id, *ChunkState)
    for chunk in every:
        e164 = roster.everybody(ctx.staging, chunk)
        found |= set(e164.filter(e164.is_in(pl.Series(sorted(numbers), dtype=pl.Int64).implode())).to_list())
    for batch in read_rejects(ctx.staging, upload.rejects_digest) if upload.rejects_digest else ():
        for text in batch.column("text").to_pylist():
            digits = NO_DIGITS.sub(b"", text or b"")
            found |= {number for number in numbers if _tail(number).encode() in digits}
    return found


def _tail(number: int) -> str:
    """The last digits, without any of the calling code: national forms lack that."""
    digits = str(number)
    return digits[-min(TAIL, max(len(digits) - CODE, 1)) :]


def _erase_everywhere(ctx: Context, wishes: Sequence[Forgotten]) -> None:
    numbers = {one.number for one in wishes if one.number is not None}
    with ctx.db.write() as session:
        forgotten.drop_sources(session)
        every = forgotten.ended(session)
    who = ", ".join(sorted({one.who for one in wishes}))
    for upload in every:
        if _erase_from(ctx, upload, numbers, who):
            telemetry.emit("forget.erased", upload=upload.ulid)
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        for one in wishes:
            forgotten.erase(session, one, _tail(one.number or 0), now)
    telemetry.emit("forget.done", numbers=len(wishes))


def _erase_from(ctx: Context, upload: Upload, numbers: set[int], who: str) -> int:
    """Take the numbers out of the files of an upload that has ended; returns of how many rows."""
    with ctx.db.read() as session:
        every = chunks.of_upload(session, upload.id, *ChunkState)
    fresh, rows = [], set[int]()
    for chunk in every:
        index, left = _without(ctx, chunk.index_digest, numbers)
        whole, gone = _without(ctx, chunk.whole_digest, numbers)
        rows |= left | gone
        if left or gone:
            fresh.append((chunk, index or chunk.index_digest, whole))
    rejects, hidden = _rejects_without(ctx, upload, numbers)
    if not rows and not hidden:
        return 0
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        for chunk, index, whole in fresh:
            forgotten.replace_index(session, chunk, index, whole)
        forgotten.replace_rejects(session, upload, rejects)
        forgotten.erase_rows(session, upload.id, sorted(rows))
        count = len(rows) + hidden
        journal.note(session, ctx.db.now(session), "forget", "erased", upload_id=upload.id, who=who, count=count)
    return count


def _without(ctx: Context, digest: str | None, numbers: Iterable[int]) -> tuple[str | None, set[int]]:
    """The digest of an index without the numbers, and the rows that are not in it any more. One that is gone holds
    nobody."""
    if not digest:
        return digest, set()
    try:
        frame = pl.read_parquet(io.BytesIO(ctx.staging.read(digest)))
    except StagingError:
        return digest, set()
    his = pl.col("e164").is_in(pl.Series(sorted(numbers), dtype=pl.Int64).implode()).fill_null(False)
    rows = set(frame.filter(his)["row"].to_list())
    if not rows:
        return digest, rows
    stored = io.BytesIO()
    frame.filter(~his).write_parquet(stored)
    return ctx.staging.put(stored.getvalue()), rows


def _text_without(text: bytes, code: str | None, tails: Sequence[bytes]) -> bytes:
    """The text of a row without him: empty, or without his lines where it holds the rows of others."""
    lines = LINES.split(text) if code in SEVERAL_ROWS else [text]
    return b"".join(b"" if any(tail in NO_DIGITS.sub(b"", line) for tail in tails) else line for line in lines)


def _rejects_without(ctx: Context, upload: Upload, numbers: Iterable[int]) -> tuple[str | None, int]:
    """The digest of the rejects in which the text of his rows is empty, and how many those are."""
    if upload.rejects_digest is None:
        return None, 0
    tails, hidden, stored = [_tail(number).encode() for number in numbers], 0, io.BytesIO()
    try:
        with pq.ParquetWriter(stored, SCHEMA, compression="zstd") as writer:
            for batch in read_rejects(ctx.staging, upload.rejects_digest):
                texts = [text or b"" for text in batch.column("text").to_pylist()]
                codes = batch.column("code").to_pylist()
                kept = [_text_without(text, code, tails) for text, code in zip(texts, codes, strict=True)]
                hidden += sum(before != after for before, after in zip(texts, kept, strict=True))
                at = SCHEMA.get_field_index("text")
                table = pa.Table.from_batches([batch]).set_column(at, SCHEMA.field(at), pa.array(kept, pa.binary()))
                writer.write_table(table.cast(SCHEMA))
    except StagingError:
        return upload.rejects_digest, 0
    return (ctx.staging.put(stored.getvalue()), hidden) if hidden else (upload.rejects_digest, 0)
