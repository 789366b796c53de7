"""Windows as a provider reads them. All times are UTC."""

import json

from worker.windows.circle import DAY, WEEK, Span, Spans, folded
from worker.windows.window import Window

DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LAST = DAY - 1


def clock(second: int) -> str:
    """HH:MM:SS of a second of the day, whose end is the next day's beginning."""
    return f"{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}"


def daily(arc: Span) -> tuple[str, str]:
    """Start and end of a daily window, which goes over midnight where the end is the earlier one.

    The whole day is 00:00:00 to 23:59:59: what a provider makes of equal times is not known.
    """
    start, end = arc
    return (clock(0), clock(LAST)) if end - start >= DAY else (clock(start), clock(end))


def schedule(window: Window) -> str:
    """JSON of a weekly window: a list of `{"day_of_week", "start", "end"}`, none of which goes over midnight."""
    entries = []
    for start, end in window.arcs:
        for midnight in range(start // DAY * DAY, end, DAY):
            low, high = max(start, midnight) - midnight, min(end, midnight + DAY) - midnight
            day = DAY_NAMES[midnight // DAY % len(DAY_NAMES)]
            entries.append((midnight % window.circle + low, day, clock(low), clock(min(high, LAST))))
    listed = [{"day_of_week": day, "start": low, "end": high} for _, day, low, high in sorted(entries)]
    return json.dumps(listed, separators=(",", ":"))


def seconds(text: str) -> int:
    """Of the day, of HH:MM:SS."""
    hours, minutes, rest = map(int, text.split(":"))
    return hours * 3600 + minutes * 60 + rest


def read_daily(start: str, end: str) -> Spans:
    """What `daily` has written."""
    first = seconds(start)
    return folded([(first, first + (seconds(end) - first) % DAY)], DAY)


def read_schedule(text: str) -> Spans:
    """What `schedule` has written."""
    days = [(DAY * DAY_NAMES.index(one["day_of_week"]), one) for one in json.loads(text)]
    return folded(((day + seconds(one["start"]), day + seconds(one["end"])) for day, one in days), WEEK)
