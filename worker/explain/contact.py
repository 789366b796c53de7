"""The life of one contact, by its row: why it is not sent, or where it lies, and all that happened to it there."""

from datetime import datetime

import polars as pl
from sqlmodel import Session

from worker import roster, view
from worker.errors import InputError, StagingError
from worker.explain import rejected
from worker.explain.event import Event, Told, Words, in_order, moment_of
from worker.explain.life import told, words_of
from worker.intake.header import ROW
from worker.intake.stage import Staging
from worker.models import Attempt, Chunk, Outcome, Upload, Withdrawal
from worker.states import ChunkState, WithdrawalState
from worker.store import chunks, families, journal, outcomes, suppressions, withdrawals

STANDING = {
    ChunkState.STAGED: "It waits until its chunk may be sent",
    ChunkState.READY: "It waits to be sent",
    ChunkState.CLAIMED: "It is being sent",
    ChunkState.UNKNOWN: "It may have arrived, which is being looked up",
    ChunkState.REVIEW: "Whether it arrived a person has to decide: `rollcall review`",
    ChunkState.ACCEPTED: "The provider has it",
    ChunkState.FINISHED: "The provider had it, and is done with it",
    ChunkState.REFUSED: "The provider refused its chunk, or a person gave it up; it is not sent",
    ChunkState.CANCELLED: "It was never sent, since its upload was cancelled",
    ChunkState.SKIPPED: "It was never sent, since nobody was left in its chunk",
}
IN_QUESTION = "It may have been sent before a backup was restored, which is looked up before it is sent"
ROW_BEFORE = "corrects"  # column of an index: the row that a contact was in an earlier file
WISHES = {
    WithdrawalState.UNSENT: "It was left out before it was sent",
    WithdrawalState.TAKEN_BACK: "The provider took it back",
    WithdrawalState.TOO_LATE: "It was too late to take it back",
}


def contact(
    session: Session, staging: Staging, upload: Upload, row: int, region: str | None, *, open_text: bool = False
) -> Told:
    """Everything that happened to a row of the file. `region` is the one in which bare numbers were read.

    `open_text` shows its number, its text and what others wrote; else no phone number is told. Raises InputError
    (`not_read`, `no_such_row`, `pruned`), StagingError, Unavailable.
    """
    view.refuse_pruned(upload)
    refused, words = rejected.find(staging, upload, row), words_of(session, upload, open_text=open_text)
    lines = journal.of_upload(session, upload.id)
    read = next((line for line in lines if line.step in ("read", "adopt")), None)
    at = upload.created_at if read is None else read.sent_at
    if refused is not None:
        concern = [line for line in lines if read is not None and line.id <= read.id]
        own = rejected.tell(session, upload, refused, region, at, words)
        later = _corrected(session, staging, upload, row)
        now = f"It is not called ({refused.code})."
    else:
        chunk, index = _place(session, staging, upload, row)
        wish, end = withdrawals.of_row(session, upload.id, row), outcomes.of_row(session, upload.id, row)
        concern = _of_chunk(session, upload, chunk, lines, withdrawn=wish is not None)
        own = _taken_in(chunk, index, at, words)
        told_of = [*_wish(session, upload, wish, index, words), *_listed(session, upload, wish, index, words)]
        later = [*told_of, *_outcome(upload, end, words), *_unsent(chunk, wish)]
        now = _standing(chunk, wish, end)
    until = 0 if read is None else read.id
    before = told(session, upload, [line for line in concern if line.id <= until], words)
    since = told(session, upload, [line for line in concern if line.id > until], words)
    return Told(upload.ulid, row, in_order([*before, own, *since, *later]), now)


def _place(session: Session, staging: Staging, upload: Upload, row: int) -> tuple[Chunk, pl.DataFrame]:
    """The chunk that a row lies in, or lay in before it was withdrawn, and its line of the index, if still there."""
    every = chunks.of_upload(session, upload.id, *ChunkState)
    for chunk in every:
        if chunk.first_row <= row <= chunk.last_row:
            here = roster.index(staging, chunk).filter(pl.col("row") == row)
            if here.height:
                return chunk, here
    wish = withdrawals.of_row(session, upload.id, row)
    if wish is not None:
        left = next(chunk for chunk in every if chunk.id == wish.chunk_id)
        try:
            return left, roster.whole_index(staging, left).filter(pl.col("row") == row)
        except StagingError:
            return left, pl.DataFrame()
    raise _nowhere(session, upload, row)


def _nowhere(session: Session, upload: Upload, row: int) -> InputError:
    if not upload.total:
        return InputError("not_read", f"The file of upload {upload.ulid} has not been read, so it has no rows yet.")
    first = upload.first_row or 1
    for other in families.others(session, upload):
        if (other.first_row or 1) <= row < (other.first_row or 1) + other.total:
            text = f"Row {row} is of upload {other.ulid}, of the same family as {upload.ulid}; ask for it there."
            return InputError("no_such_row", text)
    text = f"Upload {upload.ulid} has no row {row}; its rows are {first} to {first + upload.total - 1}."
    return InputError("no_such_row", text)


def _of_chunk(
    session: Session, upload: Upload, chunk: Chunk, lines: list[Attempt], *, withdrawn: bool
) -> list[Attempt]:
    """The lines of the upload, of the chunk and of the lists that it lay in.

    A chunk that was made of another by a decision shares the other's lines until then.
    """
    since = _ancestry(session, upload, chunk, lines)
    mine = [line for line in lines if line.chunk_id is not None and line.id <= since.get(line.chunk_id, 0)]
    places = {chunk.list_id, *(line.list_id for line in mine)}
    common = [line for line in lines if line.chunk_id is None and (line.list_id is None or line.list_id in places)]
    return [
        line
        for line in sorted([*mine, *common], key=lambda line: line.id)
        if line.step != "withdraw" or (withdrawn and line.result != "decided")  # its own wish is told from its row
    ]


def _ancestry(session: Session, upload: Upload, chunk: Chunk, lines: list[Attempt]) -> dict[int, int]:
    """Chunk to the last line that concerns the contact, of the chunk it lies in and those it lay in before."""
    of_seq = {one.seq: one.id for one in chunks.of_upload(session, upload.id, *ChunkState)}
    last, here, until = dict[int, int](), chunk.id, max((line.id for line in lines), default=0)
    while here not in last:
        last[here] = until
        split = next((line for line in lines if line.step == "split" and line.chunk_id == here), None)
        if split is not None and (before := of_seq.get(int(split.reference or 0))) is not None:
            decided = (line.id for line in lines if line.chunk_id == before and line.step == "decide")
            here, until = before, next((line_id for line_id in decided if line_id > split.id), split.id)
    return last


def _taken_in(chunk: Chunk, index: pl.DataFrame, at: datetime, words: Words) -> Event:
    line = index["line"][0] if index.height else None
    where = "" if line is None else f" (line {line} of the file)"
    number = f" Its number is +{index['e164'][0]}." if words.shown and index.height and index["e164"][0] else ""
    before = index[ROW_BEFORE][0] if ROW_BEFORE in index.columns else None
    corrected = "" if before is None else f" It is what became of row {before} once it was corrected."
    first = ", which is of the pilot," if chunk.pilot else ""
    text = (
        f"The row{where} was taken in and lies in chunk {chunk.seq}{first} to be sent from "
        f"{moment_of(chunk.not_before)} to {moment_of(chunk.not_after)}.{number}{corrected}"
    )
    return Event(at, "contact", "taken_in", text, chunk=chunk.seq)


def _corrected(session: Session, staging: Staging, upload: Upload, row: int) -> list[Event]:
    """Where a rejected row is taken in once it was corrected."""
    found = []
    for one in families.continuing(session, upload):
        if one.found is None or ROW not in one.found["columns"]:
            continue
        for chunk in chunks.of_upload(session, one.id, *ChunkState):
            index = roster.index(staging, chunk)
            for now in index.filter(pl.col(ROW_BEFORE) == row)["row"].to_list() if ROW_BEFORE in index.columns else ():
                text = f"It came back corrected, as row {now} of upload {one.ulid}."
                found.append(Event(one.created_at, "contact", "corrected", text))
    return found


def _wish(session: Session, upload: Upload, wish: Withdrawal | None, index: pl.DataFrame, words: Words) -> list[Event]:
    if wish is None:
        return []
    asked = f"{wish.who} asked that it is not called: {words(wish.why).rstrip('.')}."
    if wish.why == withdrawals.LISTED:
        asked = "Its number came onto a do-not-call list, so that it is not called."
        if index.height and index["e164"][0]:
            asked += f" {rejected.on_lists(session, upload.account, int(index['e164'][0]), words)}"
    events = [Event(wish.asked_at, "contact", "withdrawn", asked, who=wish.who)]
    state = WithdrawalState(wish.state)
    if wish.ended_at is not None and state in WISHES:
        said = WISHES[state] + (f": {words(wish.message).rstrip('.')}" if wish.message else "")
        events.append(Event(wish.ended_at, "contact", state, f"{said}."))
    return events


def _listed(
    session: Session, upload: Upload, wish: Withdrawal | None, index: pl.DataFrame, words: Words
) -> list[Event]:
    """When the number of somebody whom that did not take out any more came onto a list."""
    if (wish is not None and wish.why == withdrawals.LISTED) or not (index.height and index["e164"][0]):
        return []
    number = int(index["e164"][0])
    lines = suppressions.of_number(session, upload.account, number)
    said = rejected.on_lists(session, upload.account, number, words)
    return [Event(min(one.added_at for one in lines), "contact", "listed", said)] if lines else []


def _outcome(upload: Upload, end: Outcome | None, words: Words) -> list[Event]:
    if end is None:
        return []
    own = [one for one in (end.status, end.result) if one]
    said = f"Its outcome is {end.disposition}" if end.terminal else "It has no outcome yet"
    if own:
        said += f"; the provider's own words: {words(', '.join(own))}"
    if end.attempts_left is not None:
        said += f"; {_attempts(upload, end.attempts_left)}"
    if end.last_attempt:
        said += f", the last one at {end.last_attempt} as the provider writes it"
    return [Event(end.updated_at, "contact", "outcome", f"{said}.")]


def _attempts(upload: Upload, left: int) -> str:
    every = upload.job.get("options", {}).get("num_attempts")
    return (
        f"{left} attempts are left" if not isinstance(every, int) else f"{every - left} of {every} attempts were made"
    )


def _unsent(chunk: Chunk, wish: Withdrawal | None) -> list[Event]:
    """What no line of the journal tells, since the upload's own line does: its chunk was never sent."""
    state = ChunkState(chunk.state)
    if chunk.settled_at is None or state not in (ChunkState.CANCELLED, ChunkState.SKIPPED) or _left(wish):
        return []
    return [Event(chunk.settled_at, "contact", state, f"{STANDING[state]}.", chunk=chunk.seq)]


def _left(wish: Withdrawal | None) -> bool:
    return wish is not None and wish.state == WithdrawalState.UNSENT


def _standing(chunk: Chunk, wish: Withdrawal | None, end: Outcome | None) -> str:
    if _left(wish):
        return "It was left out before it was sent, and is not called."
    said = IN_QUESTION if chunk.in_question else STANDING[ChunkState(chunk.state)]
    if end is not None:
        said += f"; its outcome is {end.disposition}" + ("" if end.terminal else " so far")
    elif chunk.missing:
        said += f", unless it is one of the {chunk.missing} contacts of its chunk that did not arrive"
    if wish is not None and wish.state == WithdrawalState.WANTED:
        said += "; it asked not to be called, which is still to be carried out"
    return f"{said}."
