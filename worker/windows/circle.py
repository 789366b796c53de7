"""Sets of times on a circle, which is a day or a week of seconds.

Spans are [start, end). A set of them is in order and no two touch; what passes the end of the circle is in two parts.
"""

from collections.abc import Iterable

DAY, WEEK = 86_400, 604_800

Span = tuple[int, int]
Spans = tuple[Span, ...]


def folded(spans: Iterable[Span], circle: int) -> Spans:
    """All times of the spans, which may lie anywhere and overlap, laid around the circle."""
    parts: list[Span] = []
    for start, end in spans:
        if end - start >= circle:
            return ((0, circle),)
        begin = start % circle
        stop = begin + end - start
        parts.append((begin, min(stop, circle)))
        if stop > circle:
            parts.append((0, stop - circle))
    joined: list[Span] = []
    for begin, stop in sorted(part for part in parts if part[0] < part[1]):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((begin, stop))
    return tuple(joined)


def outside(spans: Spans, circle: int) -> Spans:
    """Every time that is in none of the spans."""
    edges = [0, *(edge for span in spans for edge in span), circle]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return tuple((start, end) for start, end in gaps if start < end)


def arcs(spans: Spans, circle: int) -> Spans:
    """The same set with nothing cut at the circle's end: the last arc may reach beyond it."""
    if len(spans) > 1 and spans[0][0] == 0 and spans[-1][1] == circle:
        return (*spans[1:-1], (spans[-1][0], circle + spans[0][1]))
    return spans


def every_day(spans: Iterable[Span]) -> Spans:
    """Spans of a day, on each day of a week."""
    return folded(((day + start, day + end) for start, end in spans for day in range(0, WEEK, DAY)), WEEK)
