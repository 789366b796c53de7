"""Lanes: a large campaign lies in several lists that are filled at the same time, and share the calls it may make.

The chunks of one list go one after another, so a second list is what a second worker can fill. What the options allow
at a time holds for all lanes together: each list is told its part of it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from worker.models import CallList

SHARED = "max_simultaneous"
LEAST = 10  # calls at a time of a lane: with fewer, parts that are not equal would end at different times


class Place(NamedTuple):
    """What the chunks of one list have in common, and with those of no other. `lane`: which of `lanes`, from 0."""

    pilot: bool
    start: int | None
    lane: int = 0
    lanes: int = 1


def many(rows: int, options: dict[str, Any], *, lists: int, least_rows: int) -> int:
    """How many lanes so many contacts are divided into: `lists` at most, of `least_rows` contacts each at least."""
    calls: int = options.get(SHARED, 1)
    return max(1, min(lists, rows // least_rows, calls // LEAST))


def divided(places: Sequence[Place], rows: Sequence[int], lanes: Callable[[int], int]) -> list[Place]:
    """The places of chunks of so many `rows`, with those that are large divided into as many `lanes` as their rows ask.

    Chunks are dealt out in turns, so that contacts are called in the order of the file, as far as lists keep it.
    """
    total: Counter[Place] = Counter()
    for place, count in zip(places, rows, strict=True):
        total[place] += count
    chunks, dealt = Counter(places), Counter[Place]()
    into: list[Place] = []
    for place in places:
        every = min(lanes(total[place]), chunks[place])
        into.append(place._replace(lane=dealt[place] % every, lanes=every))
        dealt[place] += 1
    return into


def options_of(call_list: CallList, options: dict[str, Any]) -> dict[str, Any]:
    """Options of a campaign, or changes of them, as this list of it is told them: no list without a call at a time."""
    if SHARED not in options:
        return options
    part = (options[SHARED] + call_list.lanes - 1 - call_list.lane) // call_list.lanes
    return {**options, SHARED: max(1, part)}
