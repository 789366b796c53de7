"""`rollcall pause`, `resume` and `cancel`: what a person decides about an upload."""

import getpass
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli import out
from worker.cli.options import AsJson, UploadId
from worker.states import UPLOAD_ENDED

if TYPE_CHECKING:
    from worker.context import Context
    from worker.settings import Settings


def pause(ulid: UploadId, as_json: AsJson = False) -> None:
    """Hold what was not sent, and stop the lists at the provider."""
    from worker import control

    _decide(lambda ctx: control.pause(ctx, ulid, who()), ulid, as_json)


def resume(
    ulid: UploadId,
    accept_rejects: Annotated[
        bool, typer.Option("--accept-rejects", help="Send the good rows although many were rejected.")
    ] = False,
    accept_pilot: Annotated[
        bool, typer.Option("--accept-pilot", help="Send the rest, now that its pilot has ended.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a paused or blocked upload; what came too late is sent now."""
    from worker import control

    accepted = {"accept_rejects": accept_rejects, "accept_pilot": accept_pilot}
    _decide(lambda ctx: control.resume(ctx, ulid, who(), **accepted), ulid, as_json)


def cancel(ulid: UploadId, as_json: AsJson = False) -> None:
    """Send nothing more and stop the lists; what was accepted keeps its outcomes."""
    from worker import control

    _decide(lambda ctx: control.cancel(ctx, ulid, who()), ulid, as_json)


def _decide(verb: "Callable[[Context], None]", ulid: str, as_json: bool) -> None:
    from worker.cli import place

    carry_out(verb, place.settings(), ulid, as_json)


def carry_out(
    verb: "Callable[[Context], object]", chosen: "Settings", ulid: str, as_json: bool, told: str = ""
) -> None:
    """Do what a person decided, and say how the upload stands now, with `told` before it."""
    from worker.cli import follow, place

    with place.connect(chosen) as ctx:
        verb(ctx)
        status = follow.look(ctx.db, ulid)
    if as_json:
        out.json_line(status)
    else:
        out.say(f"{told}Upload {status['id']} is {status['state']}.{_what_stands(status)}")
        for one in status.get("continuations", ()):
            if one["state"] not in UPLOAD_ENDED:
                out.say(f"note: Upload {one['id']} continues it and is {one['state']}; decide about it by itself.")


NOW = {
    "stopped": "is stopped",
    "being_stopped": "is being stopped",
    "goes_on": "cannot be stopped from here and goes on",
}


def _what_stands(status: dict[str, Any]) -> str:
    """Of an upload that was paused or cancelled: what the provider has of it, and whether its lists are stopped."""
    dialling = [one for one in status["lists"] if one.get("now") in NOW]
    rows = status["rows"]
    if not any("now" in one for one in status["lists"]) and not rows["unknown"]:
        return ""
    said = [f"{rows['accepted']} contacts were accepted already"]
    if rows["unknown"]:
        said.append(f"{rows['unknown']} are on their way or in doubt and are looked up")
    said += [f"list {one['reference']} {NOW[one['now']]}" for one in dialling]
    return f" {'; '.join(said)}."


def who() -> str:
    """The login that decides, for the journal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"
