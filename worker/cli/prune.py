"""`rollcall prune`: uploads that ended long ago lose everything but their counts."""

from dataclasses import asdict
from typing import Annotated

import typer

from worker.cli import out
from worker.cli.options import AsJson


def prune(
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", min=0, max=100_000, help="Days since the upload ended.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and leave it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove files, numbers, rejects and outcomes of uploads that ended long ago; their counts stay."""
    from worker import prune as flow
    from worker.cli import place

    with place.connect(place.settings()) as ctx:
        told = flow.prune(ctx, older_than, dry_run=dry_run)
    if as_json:
        out.json_line({**asdict(told), "dry_run": dry_run})
        return
    verb = "would be" if dry_run else "were"
    out.say(f"{told.uploads} uploads with {told.contacts} rows {verb} pruned; their counts stay.")
    if told.called_lately:
        out.say(f"{told.called_lately} uploads are left: their account calls nobody again within call_again_after.")
    if not dry_run:
        out.say(f"{told.objects} objects were removed from staging.")
