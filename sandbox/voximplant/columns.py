"""The reserved columns of an uploaded file, from the reference pages of CreateCallList and the guides on call lists.

`__task_uuid`, `__start_at` (Unix seconds, blank or 0 for at once), `__start_execution_time` and `__end_execution_time`
(a daily window in UTC, `HH:mm:ss`, over midnight when the start is the later one), `task_priority` (0 first, else 50).
Of `call_schedule`, JSON of `[{"day_of_week", "start", "end"}]`, only the parts are known. Here it is in UTC, its days
are whole names or three letters, and it narrows the daily window.
"""

import json
import re
from array import array
from collections.abc import Sequence

from sandbox.dialer import DAY, DEFAULT_PRIORITY, Plan, Schedule, Window
from sandbox.voximplant.csvfile import Page, bad_csv
from sandbox.voximplant.errors import invalid
from sandbox.voximplant.params import MAX_INT, whole

UUID, START_AT, PRIORITY, SCHEDULE = "__task_uuid", "__start_at", "task_priority", "call_schedule"
WINDOW = ("__start_execution_time", "__end_execution_time")
RESERVED = frozenset({UUID, START_AT, *WINDOW})
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

valid_uuid = re.compile(r"[A-Za-z0-9:-]{0,40}").fullmatch
clock_time = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)").fullmatch


def seconds_of_day(text: str, otherwise: int) -> int:
    """`HH:mm:ss` as seconds; blank is `otherwise`. Raises ApiError 250."""
    if not text.strip():
        return otherwise
    found = clock_time(text.strip())
    if found is None:
        raise bad_csv()
    hours, minutes, seconds = map(int, found.groups())
    return hours * 3600 + minutes * 60 + seconds


def window_of(start: str, end: str) -> Window | None:
    """None where both are blank or equal: the whole day."""
    window = (seconds_of_day(start, 0), seconds_of_day(end, 86_400))
    return None if window in ((0, 86_400), (window[0], window[0])) else window


def schedule_of(text: str) -> Schedule | None:
    """None where it is blank. Raises ApiError 250."""
    if not text.strip():
        return None
    try:
        return tuple(span_of(**entry) for entry in json.loads(text))
    except (ValueError, TypeError, AttributeError):
        raise bad_csv() from None


def span_of(day_of_week: str, start: str, end: str) -> tuple[int, int]:
    """Raises ValueError for an unknown day, ApiError 250 for a bad time."""
    names = DAYS if len(day_of_week) > len("mon") else tuple(day[:3] for day in DAYS)
    midnight = names.index(day_of_week.lower()) * DAY
    return midnight + seconds_of_day(start, 0), midnight + seconds_of_day(end, DAY)


def plan_of(start_at: str, start: str, end: str, priority: str, schedule: str) -> Plan:
    """Raises ApiError 250 for a bad time, 496 for a bad priority."""
    at = whole(start_at, 0, MAX_INT) if start_at.strip() else 0
    if at is None:
        raise bad_csv()
    urgency = whole(priority, 0, MAX_INT) if priority.strip() else DEFAULT_PRIORITY
    if urgency is None:
        raise invalid(PRIORITY)
    return Plan(at, window_of(start, end), urgency, schedule_of(schedule))


class Planner:
    """Sorts rows by plan as pages come by. Few plans, many rows: each distinct set of cells is read once."""

    def __init__(self, header: Sequence[str]) -> None:
        names = (START_AT, *WINDOW, PRIORITY, SCHEDULE)
        self._columns = [header.index(name) if name in header else None for name in names]
        self._known: dict[tuple[str, ...], Plan] = {}
        self.groups: dict[Plan, array[int]] = {}

    def take(self, page: Page, first: int) -> None:
        """`first` is the index of the page's first row within the file's stored rows."""
        if not any(column is not None for column in self._columns):
            self.groups.setdefault(Plan(), array("I")).extend(range(first, first + len(page)))
            return
        for index, row in enumerate(page, first):
            cells = tuple("" if column is None else row[column] for column in self._columns)
            plan = self._known.get(cells)
            if plan is None:
                plan = self._known[cells] = plan_of(*cells)
            self.groups.setdefault(plan, array("I")).append(index)


def checked_uuids(page: Page, column: int | None) -> list[str]:
    """The column of uuids, one a row, '' where a row has none. Raises ApiError 250."""
    if column is None:
        return [""] * len(page)
    uuids = [row[column] for row in page]
    if not all(map(valid_uuid, uuids)):
        raise bad_csv()
    return uuids
