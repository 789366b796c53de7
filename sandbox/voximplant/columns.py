"""The reserved columns of an uploaded file, from the reference pages of CreateCallList and the guides on call lists.

`__task_uuid`, `__start_at` (Unix seconds, blank or 0 for at once), `__start_execution_time` and `__end_execution_time`
(a daily window in UTC, `HH:mm:ss`, over midnight when the start is the later one), `task_priority` (0 first, else 50).
"""

import re
from array import array
from collections.abc import Sequence

from sandbox.dialer import DEFAULT_PRIORITY, Plan, Window
from sandbox.voximplant.csvfile import Page, bad_csv
from sandbox.voximplant.errors import invalid
from sandbox.voximplant.params import MAX_INT, whole

UUID, START_AT, PRIORITY = "__task_uuid", "__start_at", "task_priority"
WINDOW = ("__start_execution_time", "__end_execution_time")
RESERVED = frozenset({UUID, START_AT, *WINDOW})

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


def plan_of(start_at: str, start: str, end: str, priority: str) -> Plan:
    """Raises ApiError 250 for a bad time, 496 for a bad priority."""
    at = whole(start_at, 0, MAX_INT) if start_at.strip() else 0
    if at is None:
        raise bad_csv()
    urgency = whole(priority, 0, MAX_INT) if priority.strip() else DEFAULT_PRIORITY
    if urgency is None:
        raise invalid(PRIORITY)
    return Plan(at, window_of(start, end), urgency)


class Planner:
    """Sorts rows by plan as pages come by. Few plans, many rows: each distinct set of cells is read once."""

    def __init__(self, header: Sequence[str]) -> None:
        names = (START_AT, *WINDOW, PRIORITY)
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
