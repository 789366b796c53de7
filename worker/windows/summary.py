"""Who would be called when, by zones, as plain data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from worker.windows.circle import DAY
from worker.windows.plan import Planned


@dataclass(frozen=True)
class Line:
    """`contacts` who may be in any of the `zones`, and the earliest and latest local time, HH:MM, that it comes to.

    `shortened` of them have a second arc in the day that was left out, since the provider knows only one.
    """

    zones: tuple[str, ...]
    contacts: int
    earliest: str
    latest: str
    shortened: int


@dataclass(frozen=True)
class Summary:
    """`lines`: those who have a window, most contacts first. `faults`: those who have none, by code."""

    lines: list[Line]
    faults: dict[str, int]


def summed(planned: Sequence[Planned], counts: Mapping[int, int]) -> Summary:
    """`counts`: how many contacts there are of each place in `planned`."""
    lines: dict[tuple[str, ...], list[tuple[int, Planned]]] = {}
    faults: Counter[str] = Counter()
    for place, contacts in sorted(counts.items()):
        plan = planned[place]
        if plan.window is None or plan.fault is not None:
            faults[str(plan.fault)] += contacts
        else:
            lines.setdefault(plan.window.zones, []).append((contacts, plan))
    return Summary(
        sorted((_line(zones, of) for zones, of in lines.items()), key=lambda line: (-line.contacts, line.zones)),
        dict(sorted(faults.items())),
    )


def _line(zones: tuple[str, ...], plans: list[tuple[int, Planned]]) -> Line:
    windows = [(contacts, plan.window) for contacts, plan in plans if plan.window is not None]
    return Line(
        zones,
        contacts=sum(contacts for contacts, _ in windows),
        earliest=_clock(min(window.earliest for _, window in windows)),
        latest=_clock(max(window.latest for _, window in windows)),
        shortened=sum(contacts for contacts, window in windows if window.circle == DAY and len(window.arcs) > 1),
    )


def _clock(second: int) -> str:
    """HH:MM of a second of the day; its end is 24:00."""
    return f"{second // 3600:02}:{second // 60 % 60:02}"
