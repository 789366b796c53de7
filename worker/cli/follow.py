"""Following an upload until it has ended, or until waiting is of no use."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.cli.out import problem
from worker.errors import Exit
from worker.states import UPLOAD_ENDED, Blocked, UploadState

if TYPE_CHECKING:
    from worker.db import Database

Status = dict[str, Any]
LOOK_EVERY = 0.4  # seconds
SHARE = 5  # a look that takes long is repeated after this many times its length, so that looking is not the work


class End(NamedTuple):
    """Why waiting ended: how the process exits, and a code and a sentence where that is not well."""

    exit: Exit
    code: str = ""
    sentence: str = ""


def look(database: "Database", ulid: str) -> Status:
    """The status object. Raises InputError `no_such_upload`."""
    from worker import view

    with database.read() as session:
        return view.status(session, view.find(session, ulid))


def follow(
    database: "Database",
    ulid: str,
    show: Callable[[Status], None],
    *,
    patience: float,
    until: Callable[[Status, float, float], End | None] | None = None,
) -> tuple[Status, End]:
    """Look again and again, showing each status, until `until` (by default `judge`) names an end."""
    judged = until or judge
    down_since: float | None = None
    while True:
        began = time.monotonic()
        status = look(database, ulid)
        show(status)
        now = time.monotonic()
        down_since = (down_since or now) if status.get("blocked") == Blocked.PROVIDER_DOWN else None
        end = judged(status, now - down_since if down_since else 0.0, patience)
        if end is not None:
            return status, end
        time.sleep(max(LOOK_EVERY, SHARE * (now - began)))


def judge(status: Status, down: float, patience: float) -> End | None:
    """Whether waiting is over. `down`: seconds for which the provider has been seen down without a break."""
    if (end := ended(status)) is not None:
        return end
    if "needs_person" in status:
        return End(Exit.NEEDS_PERSON, _why(status), status["needs_person"])
    if down > patience:
        told = f"{status['message']} The upload waits and goes on by itself; `rollcall watch {status['id']}` shows it."
        return End(Exit.UNAVAILABLE, Blocked.PROVIDER_DOWN, told)
    return None


def _why(status: Status) -> str:
    """The code of what a person has to decide."""
    if status["state"] == UploadState.PAUSED:
        return "paused"
    return str(status.get("code", "in_review"))


def ended(status: Status, *_: float) -> End | None:
    """How an upload ended; None while it has not."""
    state, ulid = status["state"], status["id"]
    if state not in UPLOAD_ENDED:
        return None
    if state == UploadState.FAILED:
        return End(Exit.FAILED, str(status.get("code")), str(status.get("message")))
    if state == UploadState.CANCELLED:
        return End(Exit.FAILED, "cancelled", f"Upload {ulid} was cancelled.")
    if status["rows"]["accepted"] == 0:
        told = f"No contact of upload {ulid} was accepted; `rollcall rejects {ulid}` says why."
        return End(Exit.FAILED, "nothing_accepted", told)
    return End(Exit.OK)


def tell(end: End, as_json: bool) -> Exit:
    """Say why waiting ended where it did not end well, and return the exit code."""
    if end.exit != Exit.OK:
        problem(end.code, end.sentence, as_json)
    return end.exit
