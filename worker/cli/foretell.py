"""`rollcall upload --dry-run`: who would be called when."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from worker.cli import out
from worker.counted import counted, swallowed
from worker.errors import Exit

if TYPE_CHECKING:
    from worker.preview import Preview
    from worker.settings import Settings

STARTS = 20  # that are shown one by one
AT_ANY_HOUR = (
    "No calling hours were asked for, so people may be called at any hour; `--window legal` keeps to the legal ones."
)
MEANING = {
    "to_call": "would be called",
    "rejected": "cannot be called as they stand in the file",
    "duplicate": "an earlier row, or another upload, has the number",
    "suppressed": "on a do-not-call list",
}


def foretell(chosen: "Settings", job: dict[str, Any], again: bool, as_json: bool) -> Exit:
    """Show what the job would come to; exits as the upload would."""
    from worker.cli import place
    from worker.preview import preview
    from worker.producer import Receipt

    with place.connect(chosen) as ctx:
        told = preview(ctx, job, again=again)
    out.say("note: Nothing was sent and nothing was stored.")
    if isinstance(told, Receipt):
        out.say(f"note: This very job was given before under this key; it is upload {told.id}, and nobody is added.")
        if as_json:
            out.json_line({"id": told.id, "created": False})
        else:
            out.line(told.id)
        return Exit.OK
    if as_json:
        out.json_line(plain(told))
    else:
        show(told)
    return _ending(told, as_json)


def plain(told: "Preview") -> dict[str, Any]:
    """As JSON has it."""
    starts = [{"starts_at": None if at is None else at.isoformat(), "rows": n} for at, n in told.starts.items()]
    hold = None if told.hold is None else told.hold._asdict()
    return {**asdict(told), "starts": starts, "hold": hold, "first": [one._asdict() for one in told.first]}


def _ending(told: "Preview", as_json: bool) -> Exit:
    if told.hold is not None:
        out.problem(told.hold.code, told.hold.sentence, as_json)
        return Exit.NEEDS_PERSON
    if not told.rows["to_call"]:
        out.problem("nothing_accepted", "Nobody of this file would be called; correct its rows.", as_json)
        return Exit.FAILED
    return Exit.OK


def show(told: "Preview") -> None:
    """For people."""
    from rich.text import Text

    from worker.cli.show import console, table

    screen = console()
    parts = {name: count for name, count in told.rows.items() if name != "total"}
    counted = table(["rows", "", "meaning"], [(name, n, MEANING[name]) for name, n in parts.items()], numbers=[1])
    counted.add_section()
    counted.add_row(Text("total"), Text(f"{told.rows['total']:,}"), Text(""))
    screen.print(counted)
    shown = [(_moment(at), n) for at, n in list(told.starts.items())[:STARTS]]
    if shown:
        screen.print(table(["start", "contacts"], shown, numbers=[1]))
    if told.codes:
        screen.print(table(["why not called", "rows"], list(told.codes.items()), numbers=[1]))
    if told.first:
        screen.print(table(["line", "code", "the first rejected rows"], told.first, numbers=[0]))
    if told.windows is not None:
        lines = [(", ".join(one.zones), one.contacts, one.earliest, one.latest) for one in told.windows.lines]
        screen.print(table(["zone", "contacts", "from", "to (local)"], lines, numbers=[1]))
    for sentence in _sentences(told):
        screen.print(Text(sentence))


def _moment(at: datetime | None) -> str:
    return "at once" if at is None else at.strftime("%Y-%m-%d %H:%M:%SZ")


def _sentences(told: "Preview") -> list[str]:
    """What is to be said about it, in the order in which it matters."""
    said = []
    if told.windows is None:
        said.append(AT_ANY_HOUR)
    elif cut := sum(one.shortened for one in told.windows.lines):
        said.append(f"Of the day of {cut:,} contacts only the longest stretch is used: the provider knows one a day.")
    if (more := len(told.starts) - STARTS) > 0:
        said.append(f"There are {more:,} more starts; --json shows them all.")
    if told.pilot and told.pilot < told.rows["to_call"]:
        rest = told.rows["to_call"] - told.pilot
        then = f"{rest:,} would wait for `rollcall resume ID --accept-pilot`"
        said.append(f"A pilot of {counted(told.pilot, 'contact')} would go first; {then}.")
    if told.swallowed:
        said.append(f"{swallowed(told.swallowed).capitalize()}; look at them first.")
    if told.unsent_columns:
        said.append(f"The provider has no place for these columns: {', '.join(told.unsent_columns)}.")
    read = f"The numbers are those of column {told.phone_column!r}, read as {told.dialect.encoding or 'a workbook'}."
    lists = counted(told.lists, "list")
    said.append(f"{read} Account {told.account} would get {counted(told.chunks, 'chunk')} in {lists}.")
    return said
