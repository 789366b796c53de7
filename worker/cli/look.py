"""`rollcall status`, `list` and `watch`."""

from typing import Annotated, Any

import typer

from worker.cli import out
from worker.cli.options import AsJson, UploadId


def status(ulid: UploadId, as_json: AsJson = False) -> None:
    """What became of every row of an upload."""
    from worker.cli import follow, place

    with place.database(place.settings()) as database:
        told = follow.look(database, ulid)
    if as_json:
        out.json_line(told)
        return
    from worker.cli import show

    show.status(told)


def list_uploads(
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The uploads there are, the newest first."""
    from worker.cli import place

    with place.database(place.settings()) as database:
        listed = _listed(database, limit)
    if as_json:
        out.json_line(listed)
        return
    from worker.cli import show

    columns = ("id", "state", "account", "file", "total", "accepted", "unknown", "created_at")
    rows = [[one[name] for name in columns] for one in listed]
    show.console().print(
        show.table(columns, rows, numbers=[4, 5, 6], whole=[0]) if rows else "There are no uploads yet."
    )


def _listed(database: Any, limit: int) -> list[dict[str, Any]]:
    from worker.store import pilots, uploads

    with database.read() as session:
        return [
            _line(upload, uploads.counts(session, upload), piloting=pilots.of_upload(session, upload) is not None)
            for upload in uploads.newest(session, limit)
        ]


def _line(upload: Any, counts: dict[str, int], *, piloting: bool) -> dict[str, Any]:
    aside = upload.blocked or ("pilot" if piloting else None)
    state = f"{upload.state} ({aside})" if aside else upload.state
    return {
        "id": upload.ulid,
        "state": state,
        "account": upload.account,
        "file": str(upload.job.get("source", "")).rpartition("/")[2],
        "total": counts["total"],
        "accepted": counts["accepted"],
        "unknown": counts["unknown"],
        "created_at": upload.created_at.strftime("%Y-%m-%d %H:%MZ"),
        "starts_at": upload.starts_at,
        "code": upload.code,
    }


def watch(ulid: UploadId, as_json: AsJson = False) -> int:
    """Show an upload until it has ended. With --json: one status object a line, whenever it changes."""
    from worker.cli import follow, place

    with place.database(place.settings()) as database, _shown(as_json) as display:
        _, end = follow.follow(database, ulid, display, patience=0, until=follow.ended)
    return follow.tell(end, as_json)


def _shown(as_json: bool) -> Any:
    import sys

    from worker.cli import live, watching

    if as_json:
        return watching.as_json()
    return watching.on_terminal() if sys.stdout.isatty() else live.display()
