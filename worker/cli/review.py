"""`rollcall review`: the chunks that nobody but a person can settle, what is known of them, and the decision."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli import out
from worker.cli.options import AsJson, UploadId
from worker.errors import InputError

if TYPE_CHECKING:
    from sqlmodel import Session

    from worker.db import Database
    from worker.models import Chunk, Upload
    from worker.review import Decision

JOURNAL = ("sent_at", "step", "result", "http_status", "code", "reference", "count", "who", "message")


def review(
    ulid: UploadId,
    chunk: Annotated[int | None, typer.Argument(metavar="CHUNK", help="Number of the chunk to decide about.")] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="The provider has it; contacts that are not there count as refused.")
    ] = False,
    resend: Annotated[bool, typer.Option("--resend", help="Send once more what is not at the provider.")] = False,
    give_up: Annotated[bool, typer.Option("--give-up", help="Count it as refused and send nothing.")] = False,
    why: Annotated[str | None, typer.Option("--why", metavar="TEXT", help="For the journal.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the chunks in doubt with their journal and evidence, or decide about one of them."""
    from worker.cli import place

    chosen = place.settings()
    wanted = [name for name, given in (("accept", accept), ("resend", resend), ("give_up", give_up)) if given]
    if not wanted and why is None:
        with place.database(chosen) as database:
            _show(database, ulid, chunk, as_json)
        return
    decision, seq, reason = _decision(wanted, chunk, why)
    _decide(chosen, ulid, seq, decision, reason, as_json)


def _decision(wanted: list[str], chunk: int | None, why: str | None) -> "tuple[Decision, int, str]":
    if len(wanted) != 1 or chunk is None:
        text = "Name one chunk and one of --accept, --resend and --give-up; `rollcall review ID` shows the chunks."
        raise InputError("bad_decision", text)
    if not why or not why.strip():
        raise InputError("no_reason", 'Say why, for the journal: --why "the provider\'s support confirmed it".')
    return wanted[0], chunk, why.strip()  # type: ignore[return-value]  # one of the three names above


def _decide(chosen: Any, ulid: str, seq: int, decision: "Decision", why: str, as_json: bool) -> None:
    from worker.cli.decide import carry_out, who
    from worker.review import decide

    told = f"Chunk {seq} was decided: {decision.replace('_', ' ')}. "
    carry_out(lambda ctx: decide(ctx, ulid, seq, decision, who(), why), chosen, ulid, as_json, told)


def _show(database: "Database", ulid: str, seq: int | None, as_json: bool) -> None:
    told = _in_review(database, ulid, seq)
    if as_json:
        out.json_line(told)
    elif not told["chunks"]:
        out.say(f"Nothing of upload {told['id']} is in review.")
    else:
        for chunk in told["chunks"]:
            _card(told["id"], chunk)


def _in_review(database: "Database", ulid: str, seq: int | None) -> dict[str, Any]:
    from worker import view
    from worker.states import ChunkState
    from worker.store import chunks

    with database.read() as session:
        upload = view.find(session, ulid)
        doubtful = chunks.of_upload(session, upload.id, ChunkState.REVIEW)
        found = [
            {
                "chunk": chunk.seq,
                "rows": chunk.rows,
                "first_row": chunk.first_row,
                "last_row": chunk.last_row,
                "code": chunk.code,
                "message": chunk.message,
                "evidence": chunk.evidence,
                "journal": _journal(session, upload, chunk),
            }
            for chunk in doubtful
            if seq in (None, chunk.seq)
        ]
    if seq is not None and not found:
        raise InputError("not_in_review", f"Chunk {seq} of upload {upload.ulid} is not in review; nothing to decide.")
    return {"id": upload.ulid, "chunks": found}


def _journal(session: "Session", upload: "Upload", chunk: "Chunk") -> list[dict[str, Any]]:
    """The lines of a chunk, each with the sentence that tells it."""
    from worker import explain
    from worker.store import journal

    lines = journal.of_chunk(session, chunk.id)
    events = explain.told(session, upload, lines, explain.words_of(session, upload, open_text=False))
    return [
        {**{name: getattr(line, name) for name in JOURNAL}, "sentence": event.sentence}
        for line, event in zip(lines, events, strict=True)
    ]


def _card(ulid: str, chunk: dict[str, Any]) -> None:
    from worker.cli import show

    console = show.console()
    console.print(
        f"Chunk {chunk['chunk']}: {chunk['rows']} contacts, rows {chunk['first_row']} to {chunk['last_row']}\n"
        f"{chunk['code']}: {chunk['message']}"
    )
    for name, value in (chunk["evidence"] or {}).items():
        console.print(f"  {name}: {_short(value)}")
    for line in chunk["journal"]:
        console.print(f"{line['sent_at']:%Y-%m-%d %H:%M:%SZ}  {line['sentence']}", soft_wrap=True)
    console.print(f'Decide: rollcall review {ulid} {chunk["chunk"]} --accept|--resend|--give-up --why "…"\n')


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 500 else f"{text[:500]}… (all of it with --json)"
