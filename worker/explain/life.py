"""The life of an upload: everything the journal has of it, and what its rows say beside that."""

from collections.abc import Iterable
from dataclasses import replace

from sqlmodel import Session

from worker import view
from worker.explain import sentences
from worker.explain.event import Event, Told, Words, in_order
from worker.models import Attempt, Upload
from worker.states import ChunkState
from worker.store import chunks, families, journal, lists

SHOWN = 12  # letters of a digest that are told


def life(session: Session, upload: Upload, *, open_text: bool = False) -> Told:
    """Everything that happened to an upload. `open_text`: phone numbers in the words of others are shown."""
    lines = journal.of_upload(session, upload.id)
    words = words_of(session, upload, open_text=open_text)
    later = [*_family(session, upload), *_pruned(upload)]
    events = [*_before(upload, lines), *told(session, upload, lines, words), *later]
    return Told(upload.ulid, None, in_order(events), _standing(session, upload))


def words_of(session: Session, upload: Upload, *, open_text: bool) -> Words:
    every = lists.of_upload(session, upload.id)
    return Words(shown=open_text, references=[one.reference for one in every if one.reference is not None])


def told(session: Session, upload: Upload, lines: Iterable[Attempt], words: Words) -> list[Event]:
    """The events of these lines, in their order."""
    parts = {chunk.id: chunk for chunk in chunks.of_upload(session, upload.id, *ChunkState)}
    places = {one.id: one for one in lists.of_upload(session, upload.id)}
    made = [sentences.event(line, parts, places, words) for line in lines]
    return [replace(one, sentence=_received(upload, one)) if one.step == "receive" else one for one in made]


def _before(upload: Upload, lines: Iterable[Attempt]) -> list[Event]:
    """How an upload came whose journal does not say it: an older version kept only when."""
    if any(line.step in ("receive", "adopt") for line in lines):
        return []
    nobody = Event(upload.created_at, "receive", None, "The upload was handed in.")
    return [replace(nobody, sentence=_received(upload, nobody))]


def _received(upload: Upload, event: Event) -> str:
    """Who handed in what; a job that could not be read says neither."""
    said = event.sentence.rstrip(".")
    if source := upload.job.get("source"):
        said += f": {source}, for account {upload.account}"
    if upload.source_digest:
        said += f" (SHA-256 {upload.source_digest[:SHOWN]}…)"
    if upload.continues_id is not None:
        said += f"; it continues upload {upload.job['continues']}"
    return f"{said}."


def _family(session: Session, upload: Upload) -> list[Event]:
    return [
        Event(one.created_at, "continuation", None, f"Upload {one.ulid} was handed in, which continues this one.")
        for one in families.continuing(session, upload)
    ]


def _pruned(upload: Upload) -> list[Event]:
    if upload.pruned_at is None:
        return []
    text = "It was pruned: its rows are gone, and what was written about them; its counts are left."
    return [Event(upload.pruned_at, "prune", None, text)]


def _standing(session: Session, upload: Upload) -> str:
    """The state, its rows, and what a person has to do."""
    shown = view.status(session, upload)
    rows = ", ".join(f"{count} {name}" for name, count in shown["rows"].items() if count and name != "total")
    parts = [f"It is {upload.state}: {shown['rows']['total']} rows" + (f", of these {rows}" if rows else "")]
    if shown["outcomes"]:
        parts.append("outcomes: " + ", ".join(f"{count} {end}" for end, count in shown["outcomes"].items()))
    if (wanted := shown.get("needs_person") or shown.get("message")) is not None:
        parts.append(str(wanted).rstrip("."))
    return "; ".join(parts) + "."
