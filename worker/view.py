"""What became of an upload: the status object that the command line prints and upstream apps read."""

from typing import Any

from sqlmodel import Session

from worker.errors import InputError
from worker.lanes import SHARED, options_of
from worker.models import CallList, Upload
from worker.states import CHUNK_BUSY, CHUNK_WAITING, Blocked, ChunkState, ListState, UploadState
from worker.store import chunks, families, gates, lists, outcomes, pilots, uploads

ROWS = ("total", "accepted", "rejected", "suppressed", "duplicate", "refused", "cancelled", "waiting", "unknown")
HELD = (UploadState.PAUSED, UploadState.CANCELLED)
ENDS_BY_ITSELF = (ChunkState.READY, ChunkState.CLAIMED, ChunkState.UNKNOWN)


def find(session: Session, ulid: str) -> Upload:
    """The upload of this id; raises InputError `no_such_upload`."""
    upload = uploads.by_ulid(session, ulid.upper())
    if upload is None:
        raise InputError("no_such_upload", f"There is no upload {ulid!r}; `rollcall list` shows those there are.")
    return upload


def refuse_pruned(upload: Upload) -> None:
    """Raises InputError `pruned` where nothing is left of an upload but its counts."""
    if upload.pruned_at is not None:
        when = f"{upload.pruned_at:%Y-%m-%d %H:%M} UTC"
        text = f"Upload {upload.ulid} was pruned at {when}: its rows are gone, and `rollcall status` shows its counts."
        raise InputError("pruned", text)


def status(session: Session, upload: Upload) -> dict[str, Any]:
    """The status object; every value of `rows` but `total` adds up to `total`."""
    counted, accepted = uploads.counts(session, upload), lists.accepted_rows(session, upload.id)
    shown: dict[str, Any] = {
        "id": upload.ulid,
        "state": upload.state,
        "rows": {name: counted[name] for name in ROWS},
        "lists": [
            {
                "reference": one.reference,
                "rows": accepted.get(one.id, 0),
                **({"now": _stopping(one)} if upload.state in HELD else {}),
                **({"campaign": one.campaign} if one.campaign else {}),
                **({"tallies": one.tallies} if one.tallies else {}),
                **_share(upload, one),
                **({"changes_refused": one.changes_refused} if one.changes_refused else {}),
            }
            for one in lists.of_upload(session, upload.id)
            if one.reference is not None
        ],
        "outcomes": _outcomes(session, upload),
    }
    if upload.pruned_at is not None:
        shown["pruned_at"] = upload.pruned_at.isoformat()
    if upload.continues_id is not None:
        shown["continues"] = {"id": upload.job["continues"], "first_row": upload.first_row}
    if later := families.continuing(session, upload):
        shown["continuations"] = [_continuation(session, one) for one in later]
    if upload.unsent_columns:
        shown["unsent_columns"] = upload.unsent_columns
    if (pilot := pilots.of_upload(session, upload)) is not None:
        shown["pilot"] = pilot._asdict()
    if upload.starts_at is not None:
        shown["starts_at"] = upload.starts_at.isoformat()
    if (
        upload.ended_at is None
        and upload.state != UploadState.BLOCKED
        and (start := chunks.next_start(session, upload.id)) is not None
    ):
        shown["next_start"] = start.isoformat()
    if swallowed := (upload.found or {}).get("swallowed"):
        shown["swallowed_lines"] = swallowed
    for name in ("blocked", "code", "message"):
        if getattr(upload, name) is not None:
            shown[name] = getattr(upload, name)
    uncompared = _uncompared(session, upload)
    if uncompared is not None and upload.message is None:
        shown |= {"code": "not_compared", "message": uncompared}
    if waits := chunks.waits(session, upload.id):
        shown["waits"] = [{**one._asdict(), "until": one.until.isoformat()} for one in waits]
    waiting = needs_person(session, upload)
    if waiting:
        shown["needs_person"] = waiting
    return shown


def _share(upload: Upload, call_list: CallList) -> dict[str, int]:
    """What a list of a divided campaign has of its calls."""
    options = upload.job["options"] if call_list.lanes > 1 else {}
    return {SHARED: options_of(call_list, options)[SHARED]} if SHARED in options else {}


def _stopping(call_list: CallList) -> str:
    """What a list does whose upload is held: it has ended, is stopped or being stopped, or cannot be and goes on."""
    if call_list.state == ListState.FINISHED:
        return "ended"
    if call_list.state == ListState.STOPPED:
        return "stopped"
    return "being_stopped" if call_list.stop_wanted else "goes_on"


def _outcomes(session: Session, upload: Upload) -> dict[str, int]:
    """By disposition, most first."""
    if upload.outcomes_kept is None:
        return outcomes.by_disposition(session, upload.id)
    return dict(sorted(upload.outcomes_kept.items(), key=lambda one: -one[1]))


def _continuation(session: Session, upload: Upload) -> dict[str, Any]:
    counted = uploads.counts(session, upload)
    rows = {name: counted[name] for name in ROWS}
    return {"id": upload.ulid, "state": upload.state, "first_row": upload.first_row, "rows": rows}


def needs_person(session: Session, upload: Upload) -> str | None:
    """What a person has to decide, in a sentence; None while the upload goes on by itself, or has ended."""
    if upload.state == UploadState.PAUSED:
        if upload.message is not None:
            return upload.message
        return f"The upload is paused; `rollcall resume {upload.ulid}` goes on."
    if upload.state == UploadState.BLOCKED and upload.blocked != Blocked.PROVIDER_DOWN:
        return upload.message
    count, rows = chunks.tally(session, upload.id, ChunkState.REVIEW)
    still = count and not chunks.tally(session, upload.id, *ENDS_BY_ITSELF)[0]
    if still or (count and chunks.creates_in_review(session, upload.id)):
        return f"{rows} contacts in {count} chunks are in doubt; `rollcall review {upload.ulid}` shows them."
    held = chunks.tally(session, upload.id, *CHUNK_WAITING, uncompared=True)
    if held[0] and held == chunks.tally(session, upload.id, *CHUNK_BUSY):
        return _uncompared(session, upload)
    return None


def _uncompared(session: Session, upload: Upload) -> str | None:
    """What of the upload waits to be compared with the do-not-call list, and cannot be, in a sentence."""
    gate = gates.look(session, upload.account)
    if gate is not None and gate.listed_since and gate.compare_message and upload.ended_at is None:
        return f"It waits to be compared with the do-not-call list: {gate.compare_message}"
    count, rows = chunks.tally(session, upload.id, *CHUNK_WAITING, uncompared=True)
    if not count:
        return None
    return (
        f"{rows} contacts in {count} chunks wait: their files in staging are gone, so nobody can tell who of them is "
        f"on the do-not-call list. Put the files back, or `rollcall cancel {upload.ulid}` drops what was not sent."
    )
