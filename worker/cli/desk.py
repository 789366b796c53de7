"""`rollcall withdraw`, `edit`, `next`, `lists` and `adopt`: what a person does to a campaign at the provider."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli import out
from worker.cli.options import AsJson, UploadId
from worker.counted import counted
from worker.errors import InputError

if TYPE_CHECKING:
    from worker.providers.base import Found

AccountName = Annotated[str | None, typer.Option("--account", metavar="NAME", help="From rollcall.toml.")]
Pairs = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="May be given many times.")]


def withdraw(
    ulid: UploadId,
    rows: Annotated[list[int] | None, typer.Argument(metavar="ROW...", help="Contacts, by their row.")] = None,
    rows_from: Annotated[
        Path | None, typer.Option("--rows-from", metavar="FILE", help="A file with one row number in a line.")
    ] = None,
    why: Annotated[str | None, typer.Option("--why", metavar="TEXT", help="For the journal.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take back contacts that asked not to be called, or show what came of that."""
    from worker import withdraw as flow
    from worker.cli import follow, place
    from worker.cli.decide import who

    wanted = [*(rows or []), *_rows_of(rows_from)]
    if not wanted:
        _show_withdrawals(ulid, as_json)
        return
    if not why or not why.strip():
        raise InputError("no_reason", 'Say why, for the journal: --why "asked by mail not to be called".')
    reason = why.strip()
    with place.connect(place.settings()) as ctx:
        fresh = flow.ask(ctx, ulid, wanted, who(), reason)
        status, ended = follow.look(ctx.db, ulid), flow.ended(ctx, ulid, wanted)
    if as_json:
        out.json_line(status)
    else:
        before = len(set(wanted)) - fresh
        asked = (
            f"{counted(fresh, 'contact')} {'is' if fresh == 1 else 'are'} being withdrawn, {before} had asked before."
        )
        late = f" Of these {ended} had come to an end, so it is too late: `rollcall outcomes {ulid}`." if ended else ""
        out.say(f"{asked}{late} Upload {ulid} is {status['state']}.")


def _rows_of(file: Path | None) -> list[int]:
    if file is None:
        return []
    try:
        words = file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        text = f"The rows in {file} cannot be read ({type(error).__name__}); name a text file with a row in a line."
        raise InputError("bad_rows", text) from None
    astray = next((at for at, word in enumerate(words, 1) if not (word.isascii() and word.isdigit())), None)
    if astray is not None:
        raise InputError("bad_rows", f"Word {astray} of {file} is no row number; give one row number in a line.")
    return [int(word[:18]) for word in words]


def _show_withdrawals(ulid: str, as_json: bool) -> None:
    from worker import view
    from worker.cli import place, show
    from worker.store import withdrawals

    with place.database(place.settings()) as database, database.read() as session:
        upload = view.find(session, ulid)
        view.refuse_pruned(upload)
        columns = ("row", "state", "message", "who", "why", "asked_at", "ended_at")
        found = [{name: getattr(one, name) for name in columns} for one in withdrawals.of_upload(session, upload.id)]
    if as_json:
        out.json_line({"id": upload.ulid, "withdrawals": found})
    elif not found:
        out.say(f"Nobody was withdrawn from upload {upload.ulid}.")
    else:
        show.console().print(show.table(columns[:5], [[str(one[name] or "") for name in columns[:5]] for one in found]))


def edit(ulid: UploadId, pairs: Pairs = None, as_json: AsJson = False) -> None:
    """Change options of a campaign that is running: --set max_simultaneous=5."""
    from worker import control
    from worker.cli import place
    from worker.cli.decide import carry_out, who
    from worker.cli.options import settings_of

    changes: dict[str, Any] = dict(settings_of(pairs or []))
    if not changes:
        raise InputError("nothing_to_change", "Say what is to change: --set max_simultaneous=5.")
    carry_out(lambda ctx: control.edit(ctx, ulid, changes, who()), place.settings(), ulid, as_json)


def call_next(
    ulid: UploadId,
    params: Annotated[
        str | None, typer.Option("--params", metavar="TEXT", help="Handed to the scenario with the contact.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Dial the next contact of a campaign that is dialled by hand."""
    from worker import by_hand
    from worker.cli import place
    from worker.cli.decide import carry_out, who

    told = "The next contact is being dialled. "
    carry_out(lambda ctx: by_hand.call_next(ctx, ulid, who(), params), place.settings(), ulid, as_json, told)


def lists(account: AccountName = None, pairs: Pairs = None, as_json: AsJson = False) -> None:
    """Show the lists that the provider has, ours and others; --set status=Completed and the like narrow them."""
    from worker.cli import place, show
    from worker.cli.options import account_or_only, settings_of
    from worker.store import lists as kept

    chosen = place.settings()
    name, filters = account_or_only(chosen, account), settings_of(pairs or [])
    with place.connect(chosen) as ctx:
        hands = ctx.provider(name).hands
        if hands is None:
            raise InputError("cannot_list", f"The provider of account {name} shows no lists to Rollcall.")
        found = [_line(one) for one in hands.lists(ctx.kind(name).check_filters(dict(filters)))]
        with ctx.db.read() as session:
            ours = kept.holders(session, name)
    for one in found:
        one["upload"] = ours.get(one["reference"])
    if as_json:
        out.json_line({"account": name, "lists": found})
    else:
        columns = ("reference", "name", "status", "upload")
        show.console().print(show.table(columns, [[str(one[c] or "") for c in columns] for one in found]))


def _line(found: "Found") -> dict[str, Any]:
    return {"reference": found.reference, "name": found.name, "status": found.status, **found.settings}


def adopt(
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="The provider's id of the list.")],
    account: AccountName = None,
    pairs: Pairs = None,
    as_json: AsJson = False,
) -> None:
    """Collect the outcomes of a list that was made elsewhere."""
    from worker import adopt as flow
    from worker.cli import follow, place
    from worker.cli.decide import who
    from worker.cli.options import account_or_only, settings_of

    chosen = place.settings()
    name, options = account_or_only(chosen, account), settings_of(pairs or [])
    with place.connect(chosen) as ctx:
        ulid = flow.adopt(ctx, name, reference, dict(options), who())
        status = follow.look(ctx.db, ulid)
    if as_json:
        out.json_line(status)
    else:
        out.line(ulid)
        out.say(f"List {reference} is adopted as upload {ulid}: {counted(status['rows']['total'], 'contact')}.")
