"""What each provider can do, as a table in Markdown. The README's is made of it, and a test keeps the two equal."""

from collections.abc import Callable

from worker.providers.base import Capabilities, Kind
from worker.providers.registry import KINDS

Cell = Callable[[Kind], str]


def _yes(told: Callable[[Capabilities], bool]) -> Cell:
    return lambda kind: "yes" if told(kind.capabilities) else "no"


_RESULTS = {
    "poll": "asked for",
    "push": "called back to `rollcall web`; without it `no_outcome`",
    "none": "`no_outcome`",
}
_STARTS = {
    "at_once": "as soon as the list is made",
    "either": "at once, or filled and compared first (`start = verified`)",
    "when_told": "once the list is filled and compared",
}


def _rate(kind: Kind) -> str:
    limit = kind.capabilities.requests_per_second
    return "none documented" if limit is None else f"{limit:g}"


def _numbers(kind: Kind) -> str:
    codes = kind.layout({}).calling_codes
    return "every country" if codes is None else ", ".join(f"+{code}" for code in sorted(codes))


def _columns(kind: Kind) -> str:
    extras = kind.layout({}).extras
    return "all" if extras is None else ", ".join(dict.fromkeys(extra.wire for extra in extras))


def _windows(kind: Kind) -> str:
    return "yes" if kind.layout({}).windows else "no"


ROWS: dict[str, Cell] = {
    "outcomes": lambda kind: _RESULTS[kind.capabilities.results],
    "dials": lambda kind: _STARTS[kind.capabilities.starts],
    "one list for a whole campaign": _yes(lambda can: can.appends),
    "says how many contacts it stored": _yes(lambda can: can.counts),
    "a list can be looked up": _yes(lambda can: can.finds_by_reference),
    "its contacts can be read": _yes(lambda can: can.shows_contacts),
    "what it does not show never arrived": _yes(lambda can: can.proves_absence),
    "`cancel` stops what is dialling": _yes(lambda can: can.stops),
    "`pause` and `resume` of what is dialling": _yes(lambda can: can.stops and can.resumes),
    "changes a running campaign": _yes(lambda can: bool(can.edits)),
    "takes single contacts back": _yes(lambda can: can.withdraws > 0),
    "dials one by one when told": _yes(lambda can: can.by_hand),
    "daily calling window of each contact": _windows,
    "balance": _yes(lambda can: can.tells_balance),
    "numbers": _numbers,
    "columns sent beside number and uuid": _columns,
    "contacts in a request, at most": lambda kind: f"{kind.capabilities.max_rows:,}",
    "requests a second, unless set": _rate,
}


def markdown() -> str:
    """One column a provider, one row a capability."""
    lines = [f"| | {' | '.join(KINDS)} |", f"|---|{'---|' * len(KINDS)}"]
    for name, cell in ROWS.items():
        lines.append(f"| {name} | {' | '.join(cell(kind) for kind in KINDS.values())} |")
    return "\n".join(lines) + "\n"
