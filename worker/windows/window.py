"""The UTC window of people who may be in any of several zones."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from worker.windows.circle import DAY, WEEK, Span, Spans, arcs, every_day, folded, outside
from worker.windows.hours import Hours
from worker.windows.offsets import Stretch, stretches

MONDAY = 4 * DAY  # the first of the epoch


@dataclass(frozen=True)
class Window:
    """`arcs` are in seconds of a UTC day, or of a UTC week from Monday on; the last may reach beyond the end of it.

    On every day (week) of the period, each of their times is allowed in every zone, and no other time is. No arcs:
    nobody may be called. `earliest` and `latest` are the seconds of the local day that they come to, the worst of all
    zones and offsets; of a day with several arcs, for the longest.
    """

    zones: tuple[str, ...]
    circle: int
    arcs: Spans
    earliest: int = 0
    latest: int = 0

    @property
    def longest(self) -> Span | None:
        """The longest arc, of equal ones the earliest: what a provider gets that knows one window a day."""
        return longest(self.arcs)

    def allows(self, spans: Spans) -> bool:
        """Whether every time of the spans, on the same circle, is in the window."""
        shut = outside(folded(self.arcs, self.circle), self.circle)
        return not any(max(one[0], other[0]) < min(one[1], other[1]) for one in shut for other in spans)


def longest(found: Spans) -> Span | None:
    """The earliest of the longest."""
    return max(found, key=lambda arc: (arc[1] - arc[0], -arc[0]), default=None)


def compiled(
    zones: tuple[str, ...], hours: Hours, start: int, deadline: int, *, circle: int = DAY, own: Span | None = None
) -> Window:
    """The window from `start` to `deadline` in Unix seconds, looked at for one day (week) at least.

    `circle` is DAY for one window of every day alike, WEEK for one by weekdays. `own` is a daily UTC window in seconds
    within which it has to lie; where its end is before its start it goes over midnight, and equal ones allow nothing.
    """
    end = max(deadline, start + circle)
    everywhere = {stretches(zone, start, end) for zone in zones}
    shut = [span for clocks in everywhere for stretch in clocks for span in _shut(hours, stretch)]
    if own is not None:
        length = (own[1] - own[0]) % DAY
        shut += [
            (begin + MONDAY, stop + MONDAY)
            for begin, stop in outside(every_day([(own[0], own[0] + length)]) if length else (), WEEK)
        ]
    found = arcs(outside(folded(((begin - MONDAY, stop - MONDAY) for begin, stop in shut), circle), circle), circle)
    used = tuple(filter(None, [longest(found)])) if circle == DAY else found
    local = {span for clocks in everywhere for stretch in clocks for span in _local(used, stretch, circle)}
    return Window(zones, circle, found, *_bounds(local))


def _shut(hours: Hours, stretch: Stretch) -> Iterator[Span]:
    """When the hours forbid calls, in Unix seconds; of a stretch that is longer than a week, for its first."""
    begin, end, offset = stretch
    first, last = begin + offset - MONDAY, min(end, begin + WEEK) + offset - MONDAY
    for week in range(first // WEEK * WEEK, last, WEEK):
        for start, stop in hours.shut:
            low, high = max(week + start, first), min(week + stop, last)
            if low < high:
                yield low - offset + MONDAY, high - offset + MONDAY


def _local(found: Spans, stretch: Stretch, circle: int) -> Iterator[Span]:
    """The arcs, in seconds of the local day on which they begin, as far as the stretch comes to them."""
    begin, end, offset = stretch
    first = (begin - MONDAY) % circle
    last = first + min(end - begin, circle)
    for start, stop in found:
        for turn in (-circle, 0, circle):
            low, high = max(start + turn, first), min(stop + turn, last)
            if low < high:
                whole = (start, stop) if last - first == circle else (low, high)
                yield (whole[0] + offset) % DAY, (whole[0] + offset) % DAY + whole[1] - whole[0]


def _bounds(local: Collection[Span]) -> Span:
    """The earliest and the latest second of the local day."""
    if any(end > DAY for _, end in local):
        return 0, DAY
    return min((begin for begin, _ in local), default=0), max((end for _, end in local), default=0)
