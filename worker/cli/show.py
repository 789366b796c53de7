"""Tables for people. Whatever comes from outside is shown as text and never read as markup."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, JustifyMethod
from rich.table import Table
from rich.text import Text

from worker.counted import counted, swallowed
from worker.lanes import SHARED

MEANING = {
    "accepted": "the provider has confirmed them",
    "rejected": "cannot be called as they stand in the file, or not of the types and countries asked for",
    "suppressed": "on a do-not-call list, or withdrawn",
    "duplicate": "a number that an earlier row has, or another upload where call_again_after is set",
    "refused": "the provider said no",
    "cancelled": "not sent, since somebody cancelled",
    "waiting": "not sent yet",
    "unknown": "may have arrived; being looked up, or in review",
}


CONTINUED = ("total", "accepted", "rejected", "duplicate")  # rows of a continuation that are shown with its parent

WIDE = 170  # columns, where the output is no terminal


def console() -> Console:
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDE)


def table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[int] = (), whole: Sequence[int] = ()
) -> Table:
    """`numbers`: the positions of columns that hold numbers. `whole`: of those that are never broken, such as ids."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, header in enumerate(headers):
        justify: JustifyMethod = "right" if place in numbers else "left"
        made.add_column(Text(header), justify=justify, overflow="fold", no_wrap=place in (*numbers, *whole))
    for row in rows:
        made.add_row(*(Text(_shown(cell)) for cell in row))
    return made


def _shown(cell: object) -> str:
    if cell is None:
        return ""
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)


def status(told: dict[str, Any]) -> None:
    console().print(card(told))


def card(told: dict[str, Any]) -> Group:
    """One upload: its state, what waits, its rows and that they add up, what continues it, its lists, its outcomes."""
    parts: list[Any] = [Text(_headline(told))]
    parts += [Text(told[name]) for name in ("needs_person",) if name in told]
    parts += [Text(_wait(**one)) for one in told.get("waits", ())]
    if "continues" in told:
        parts.append(Text(_continues(**told["continues"])))
    if "pilot" in told and told.get("blocked") != "pilot":
        pilot, rest = counted(told["pilot"]["contacts"], "contact"), told["pilot"]["rest"]
        parts.append(Text(f"A pilot of {pilot} goes first; {rest:,} wait for it."))
    if "next_start" in told and (start := datetime.fromisoformat(told["next_start"])) > datetime.now(UTC):
        parts.append(Text(f"Those who wait are not called before {start:%Y-%m-%d %H:%M:%S} UTC."))
    parts.append(rows_table(told["rows"]))
    if lines := told.get("swallowed_lines"):
        parts.append(
            Text(f"{swallowed(lines).capitalize()}; `rollcall rejects {told['id']} -o FILE` writes them one by one.")
        )
    if "continuations" in told:
        parts.append(_continuations(told["continuations"]))
    if told["lists"]:
        parts.append(_lists(told["lists"]))
    if told["outcomes"]:
        parts.append(table(["outcome", "contacts"], list(told["outcomes"].items()), numbers=[1]))
    return Group(*parts)


def _lists(told: list[dict[str, Any]]) -> Table:
    """With its part of the calls where the campaign is divided."""
    shared = any(SHARED in one for one in told)
    listed = []
    for one in told:
        calls = [one.get(SHARED, "")] if shared else []
        listed.append((one["reference"], one["rows"], *calls, one.get("now", "").replace("_", " ")))
    names = ["list at the provider", "contacts", *([SHARED] if shared else []), ""]
    return table(names, listed, numbers=[1, 2] if shared else [1])


def _headline(told: dict[str, Any]) -> str:
    state = told["state"] + (f", waits for: {told['blocked']}" if "blocked" in told else "")
    message = f" ({told['message']})" if "message" in told and "needs_person" not in told else ""
    pruned = f"; it was pruned at {told['pruned_at'][:10]}, and its counts are kept" if "pruned_at" in told else ""
    return f"Upload {told['id']} is {state}{message}{pruned}"


def _wait(chunks: int, contacts: int, until: str, message: str, **_: str) -> str:
    who = f"{counted(contacts, 'contact')} in {counted(chunks, 'chunk')}"
    return f"{who}, held back until {until[:19].replace('T', ' ')} UTC: {message}"


def _continues(id: str, first_row: int | None) -> str:
    numbered = "" if first_row is None else f"; its rows number on from {first_row:,}"
    return f"It continues upload {id}{numbered}."


def _continuations(told: list[dict[str, Any]]) -> Table:
    columns = ["continued by", "state", "from row", *CONTINUED]
    listed = [[one["id"], one["state"], one["first_row"], *(one["rows"][name] for name in CONTINUED)] for one in told]
    return table(columns, listed, numbers=range(2, len(columns)), whole=[0])


def rows_table(rows: dict[str, int]) -> Table:
    parts = {name: count for name, count in rows.items() if name != "total"}
    total = sum(parts.values())
    adds_up = "adds up" if total == rows["total"] else f"DOES NOT ADD UP: the parts make {total}"
    listed: list[tuple[object, ...]] = [(name, count, MEANING[name]) for name, count in parts.items()]
    made = table(["rows", "", "meaning"], listed, numbers=[1])
    made.add_section()
    made.add_row(Text("total"), Text(f"{rows['total']:,}"), Text(adds_up))
    return made
