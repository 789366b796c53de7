"""`rollcall restored`: what has to be said after a backup was restored, before any worker runs."""

from dataclasses import asdict

from worker.cli import out
from worker.cli.options import AsJson


def restored(as_json: AsJson = False) -> None:
    """Say that a backup was restored: uploads are held, and what may have been sent since is looked up first."""
    from worker import restored as flow
    from worker.cli import place
    from worker.cli.decide import who

    with place.connect(place.settings()) as ctx:
        told = flow.restored_now(ctx, who())
    if as_json:
        out.json_line(asdict(told))
        return
    out.say(f"{len(told.held)} uploads are held; `rollcall resume` goes on with each.")
    out.say(f"{told.contacts} contacts in {told.chunks} chunks are looked up at the provider before they are sent.")
    for ulid in told.held:
        out.line(ulid)
    for account, references in told.unknown.items():
        out.say(
            f"note: account {account} has lists of uploads that the backup does not know: {', '.join(references)}; "
            "`rollcall adopt` collects their outcomes. Do not push those jobs again: their contacts were called."
        )
    for account, why in told.unseen.items():
        out.say(f"note: the lists of account {account} could not be read for uploads that the backup lacks: {why}")
