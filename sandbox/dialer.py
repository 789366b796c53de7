"""Dials one call list, campaign or batch, as a pure function of the provider's clock.

Nothing runs in the background. `advance(to)` plays the calls that begin or end until then, so a clock put forward by a
week costs what a week of calls costs and no more. Rows wait in groups, and a row's state is a few bytes in columns.

A task ends as processed when its contact was reached, or as an error when its attempts are used up. While dialling is
held (list stopped, or balance low) calls under way end and none begins; open tasks show as canceled until then.
"""

from __future__ import annotations  # array[int] is no type at run time before 3.12

import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf

from sandbox.odds import INVALID_NUMBER, REACHED, Odds

NEW, IN_PROGRESS, PROCESSED, ERROR, CANCELED = range(5)
WAITING, PARKED = 5, 6  # ours alone: between two attempts; stored and never to be dialled
SHOWN = (NEW, IN_PROGRESS, PROCESSED, ERROR, CANCELED, IN_PROGRESS, NEW)
NO_WORD = 255
DAY = 86_400
DEFAULT_PRIORITY = 50

Window = tuple[int, int]  # seconds of the day
Ended = Callable[[int, float], None]


@dataclass(frozen=True)
class Plan:
    """When a row may be dialled and how urgent it is."""

    start_at: int = 0
    window: Window | None = None
    priority: int = DEFAULT_PRIORITY


@dataclass(frozen=True)
class Pace:
    max_simultaneous: int
    num_attempts: int
    interval_seconds: int
    repeated_first: bool


@dataclass(slots=True)
class Group:
    """Rows that may be dialled under the same conditions, first come first."""

    rows: Iterator[int]
    window: Window | None
    priority: int
    again: bool
    first_row: int


def opens_after(window: Window, now: float) -> float:
    """The next moment from `now` on at which the daily window is open; `now` itself inside it."""
    start, end = window
    of_day = now % DAY
    inside = start <= of_day < end if start < end else of_day >= start or of_day < end
    # a whole second: a fraction lost in the sum would put the call before the window
    return now if inside else float(round(now + (start - of_day) % DAY))


class Dialer:
    def __init__(self, pace: Pace, odds: Odds, now: float, ended: Ended | None = None) -> None:
        """`ended` is told the row and the moment of each call that ends, once its state shows the end."""
        self.pace = pace
        self.now = now
        self.completed_at: float | None = None
        self.held = False
        self.state, self.left, self.word = bytearray(), bytearray(), bytearray()
        self.last, self.dice = array("I"), array("I")
        self._odds, self._ended = odds, ended
        self._unfinished = 0
        self._order = count()
        self._ready: list[tuple[int, bool, int, int, Group]] = []
        self._waiting: list[tuple[float, int, Group]] = []
        self._flying: list[tuple[float, int, int, Group]] = []

    @property
    def completed(self) -> bool:
        """Also for a list without a single row."""
        return self._unfinished == 0

    @property
    def under_way(self) -> int:
        return len(self._flying)

    @property
    def restorable(self) -> int:
        """Tasks that would be dialled if dialling were not held."""
        return self._unfinished - self.under_way

    def add(self, dice: array[int], groups: Iterable[tuple[Plan, array[int]]], now: float, dial: bool = True) -> None:
        """Appends rows; `groups` holds indices relative to them. Not to be dialled: parked as new for ever."""
        base, rows = len(self.state), len(dice)
        self.state += bytes([NEW if dial else PARKED]) * rows
        self.left += bytes([self.pace.num_attempts]) * rows
        self.word += bytes([NO_WORD]) * rows
        self.last.extend(array("I", bytes(4 * rows)))
        self.dice.extend(dice)
        if not dial:
            return
        self._unfinished += rows
        for plan, indices in groups:
            group = Group((base + index for index in indices), plan.window, plan.priority, False, base + indices[0])
            heappush(self._waiting, (max(now, plan.start_at), next(self._order), group))

    def advance(self, to: float, budget: int = sys.maxsize) -> bool:
        """Plays until `to`. False when `budget` calls began before that; call again to go on."""
        while True:
            self._release()
            budget -= self._fill(budget)
            if budget <= 0:
                return False
            event = self._next_event()
            if event > to:
                self.now = max(self.now, to)
                return True
            self.now = event
            self._land()

    def _next_event(self) -> float:
        event = self._flying[0][0] if self._flying else inf
        if self._waiting and not self.held and len(self._flying) < self.pace.max_simultaneous:
            event = min(event, max(self.now, self._waiting[0][0]))
        return event

    def _release(self) -> None:
        while self._waiting and self._waiting[0][0] <= self.now and not self.held:
            group = heappop(self._waiting)[2]
            late = group.again is not self.pace.repeated_first
            heappush(self._ready, (group.priority, late, group.first_row, next(self._order), group))

    def _fill(self, budget: int) -> int:
        """Begins calls in the free places; returns how many."""
        if self.held:
            return 0
        begun, free = 0, min(budget, self.pace.max_simultaneous - len(self._flying))
        while begun < free and self._ready:
            group = self._ready[0][-1]
            if group.window is not None and (opening := opens_after(group.window, self.now)) > self.now:
                heappop(self._ready)
                heappush(self._waiting, (opening, next(self._order), group))
                continue
            row = next(group.rows, None)
            if row is None:
                heappop(self._ready)
                continue
            self._begin(row, group)
            begun += 1
        return begun

    def _begin(self, row: int, group: Group) -> None:
        word, seconds = self._odds.draw(self.dice[row], self.pace.num_attempts - self.left[row] + 1)
        if self.word[row] == INVALID_NUMBER:
            word = INVALID_NUMBER
        self.state[row] = IN_PROGRESS
        self.last[row] = int(self.now)
        heappush(self._flying, (self.now + seconds, row, word, group))

    def _land(self) -> None:
        while self._flying and self._flying[0][0] <= self.now:
            _, row, word, group = heappop(self._flying)
            self.word[row] = word
            self.left[row] -= 1
            if word >= REACHED and self.left[row]:
                self.state[row] = WAITING
                again = Group(iter((row,)), group.window, group.priority, True, row)
                heappush(self._waiting, (self.now + self.pace.interval_seconds, next(self._order), again))
            else:
                self.state[row] = PROCESSED if word < REACHED else ERROR
                self._unfinished -= 1
                self.completed_at = self.now
            if self._ended is not None:
                self._ended(row, self.now)


def shown_status(state: int, canceled: bool) -> int:
    """The documented status of a state; `canceled` is how open tasks of a held list show."""
    return CANCELED if canceled and state in (NEW, WAITING) else SHOWN[state]
