"""`rollcall explain`: what happened to an upload, or to one contact, in the order of time."""

from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli import out
from worker.cli.options import AsJson, UploadId

if TYPE_CHECKING:
    from sqlmodel import Session

    from worker.explain import Told
    from worker.models import Upload
    from worker.settings import Settings


def explain(
    ulid: UploadId,
    row: Annotated[int | None, typer.Argument(metavar="ROW", min=1, help="One contact, by its row.")] = None,
    show_number: Annotated[
        bool, typer.Option("--show-number", help="Show phone numbers too, and a rejected row as it was.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell the life of an upload, or of one contact, from the journal: what was sent, what came back, who decided."""
    from worker import view
    from worker.cli import place

    chosen = place.settings()
    with place.database(chosen) as database, database.read(at_leisure=True) as session:
        upload = view.find(session, ulid)
        told = _told(chosen, session, upload, row, show_number)
    if as_json:
        out.json_line(told.as_data())
    else:
        _show(upload, told)


def _told(chosen: "Settings", session: "Session", upload: "Upload", row: int | None, show_number: bool) -> "Told":
    from worker import explain as tell
    from worker.intake.stage import Staging

    if row is None:
        return tell.life(session, upload, open_text=show_number)
    account = chosen.accounts.get(upload.account)
    region = upload.job.get("region") or (account.region if account is not None else None)
    return tell.contact(session, Staging(chosen.staging), upload, row, region, open_text=show_number)


def _show(upload: "Upload", told: "Told") -> None:
    what = f"Upload {upload.ulid}" if told.row is None else f"Row {told.row} of upload {upload.ulid}"
    out.line(f"{what}, account {upload.account}. Times are UTC.")
    for event in told.events:
        out.line(f"{event.at:%Y-%m-%d %H:%M:%SZ}  {event.sentence}")
    out.line(f"Now: {told.now}")
