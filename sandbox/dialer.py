"""Dials one call list, campaign or batch, as a pure function of the provider's clock.

Nothing runs in the background. `advance(to)` plays the calls that begin or end until then, so a clock put forward by a
week costs what a week of calls costs and no more. Rows wait in groups, and a row's state is a few bytes in columns.

A task ends as processed when its contact was reached, or as an error when its attempts are used up. While dialling is
held (list stopped, or balance low) calls under way end and none begins; open tasks show as canceled until then.
A manual dialler begins no call by itself: each begins when it is asked for the next. A task that is withdrawn is not
called any more, unless it is restored.
"""

from __future__ import annotations  # array[int] is no type at run time before 3.12

import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf

from sandbox.odds import INVALID_NUMBER, MAX_ATTEMPTS, REACHED, Odds

NEW, IN_PROGRESS, PROCESSED, ERROR, CANCELED = range(5)
WAITING, PARKED, WITHDRAWN = 5, 6, 7  # ours alone: between two attempts; stored and never dialled; taken out
SHOWN = (NEW, IN_PROGRESS, PROCESSED, ERROR, CANCELED, IN_PROGRESS, NEW, CANCELED)
OPEN, ENDED = (NEW, WAITING), (PROCESSED, ERROR)
NO_WORD = 255
DAY = 86_400
WEEK = 7 * DAY
MONDAY = 4 * DAY  # the first of the epoch
DEFAULT_PRIORITY = 50

Window = tuple[int, int]  # seconds of the day
Schedule = tuple[tuple[int, int], ...]  # seconds of the week, from Monday on
Ended = Callable[[int, float], None]


@dataclass(frozen=True)
class Plan:
    """When a row may be dialled and how urgent it is."""

    start_at: int = 0
    window: Window | None = None
    priority: int = DEFAULT_PRIORITY
    schedule: Schedule | None = None


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
    plan: Plan
    again: bool
    first_row: int


def opens_after(window: Window, now: float) -> float:
    """The next moment from `now` on at which the daily window is open; `now` itself inside it."""
    start, end = window
    of_day = now % DAY
    inside = start <= of_day < end if start < end else of_day >= start or of_day < end
    # a whole second: a fraction lost in the sum would put the call before the window
    return now if inside else float(round(now + (start - of_day) % DAY))


def scheduled_after(schedule: Schedule, now: float) -> float:
    """The same for the hours of a week; never, where there are none."""
    of_week = (now - MONDAY) % WEEK
    if any(start <= of_week < end for start, end in schedule):
        return now
    waits = [(start - of_week) % WEEK for start, end in schedule if start < end]
    return float(round(now + min(waits))) if waits else inf


def may_begin(plan: Plan, now: float) -> float:
    """The next moment from `now` on at which a call may begin by window and schedule; never, where they never meet."""
    at = now
    while at < now + 2 * WEEK:
        opening = at if plan.window is None else opens_after(plan.window, at)
        opening = opening if plan.schedule is None else scheduled_after(plan.schedule, opening)
        if opening == at:
            return at
        at = opening
    return inf


class Dialer:
    def __init__(self, pace: Pace, odds: Odds, now: float, ended: Ended | None = None) -> None:
        """`ended` is told the row and the moment of each call that ends, once its state shows the end."""
        self.pace = pace
        self.now = now
        self.completed_at: float | None = None
        self.held = self.manual = False
        self.not_before = 0.0  # no call begins earlier
        self.state, self.word = bytearray(), bytearray()
        self.left, self.begun = array("I"), array("I")
        self.last, self.dice = array("I"), array("I")
        self._odds, self._ended = odds, ended
        self._unfinished = 0
        self._order = count()
        self._ready: list[tuple[int, bool, int, int, Group]] = []
        self._waiting: list[tuple[float, int, Group]] = []
        self._flying: list[tuple[float, int, int, Group]] = []
        self._withdrawn: dict[int, int] = {}  # the state each had
        self._dropped: dict[int, Group] = {}  # withdrawn rows that have lost their place in the queue
        self._last_call: set[int] = set()  # to be withdrawn when the call under way ends

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
        self.left.extend(array("I", [self.pace.num_attempts]) * rows)
        self.begun.extend(array("I", bytes(4 * rows)))
        self.word += bytes([NO_WORD]) * rows
        self.last.extend(array("I", bytes(4 * rows)))
        self.dice.extend(dice)
        if not dial:
            return
        self._unfinished += rows
        for plan, indices in groups:
            group = Group((base + index for index in indices), plan, False, base + indices[0])
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

    def start_next(self) -> int | None:
        """Begins the next task's call at this moment; its row, or None where none is due or no place is free."""
        self._release()
        row = None if self._waits else self._next_row()
        if row is not None:
            self._begin(*row)
        return None if row is None else row[0]

    def change_pace(self, pace: Pace) -> None:
        """From now on. Calls and waits that have begun go on as they are; who has no attempt left is an error."""
        before, self.pace = self.pace, pace
        if pace.repeated_first != before.repeated_first:
            self._ready = [self._ranked(group) for *_, group in sorted(self._ready)]
            heapify(self._ready)
        if pace.num_attempts == before.num_attempts:
            return
        for row, state in enumerate(self.state):
            if state in ENDED:
                continue
            left = pace.num_attempts - self.begun[row] + (state == IN_PROGRESS)
            if state == WAITING and left <= 0:
                self.state[row] = ERROR
                self._end()
            self.left[row] = max(left, 0 if self.state[row] == ERROR else 1)

    def withdraw(self, row: int, after_call: bool = False) -> bool:
        """Takes a task out, so that no call of it begins any more.

        False for one that has ended or is out, and for one in the middle of a call unless it may go `after_call`.
        """
        state = self.state[row]
        if state == IN_PROGRESS and after_call and row not in self._last_call:
            self._last_call.add(row)
            return True
        if state not in (*OPEN, PARKED):
            return False
        self._withdrawn[row] = state
        self.state[row] = WITHDRAWN
        if state != PARKED:
            self._end()
        return True

    def restore(self) -> int:
        """Brings back every task that was withdrawn; how many of them may be dialled."""
        before = self._unfinished
        for row, state in self._withdrawn.items():
            self.state[row] = state
            self._unfinished += state != PARKED
            group = self._dropped.pop(row, None)
            if group is not None:
                place = Group(iter((row,)), group.plan, group.again, row)
                heappush(self._waiting, (self.now, next(self._order), place))
        self._withdrawn.clear()
        self._last_call.clear()
        return self._unfinished - before

    @property
    def _waits(self) -> bool:
        """Whether no call may begin now, whichever it is."""
        return self.held or self.now < self.not_before or len(self._flying) >= self.pace.max_simultaneous

    def _next_event(self) -> float:
        event = self._flying[0][0] if self._flying else inf
        if self.held or self.manual or len(self._flying) >= self.pace.max_simultaneous:
            return event
        if self._ready:  # only the start of the whole list keeps them waiting
            return min(event, self.not_before)
        return min(event, max(self.now, self.not_before, self._waiting[0][0])) if self._waiting else event

    def _release(self) -> None:
        while self._waiting and self._waiting[0][0] <= self.now and not self.held:
            heappush(self._ready, self._ranked(heappop(self._waiting)[2]))

    def _ranked(self, group: Group) -> tuple[int, bool, int, int, Group]:
        late = group.again is not self.pace.repeated_first
        return group.plan.priority, late, group.first_row, next(self._order), group

    def _fill(self, budget: int) -> int:
        """Begins calls in the free places; returns how many."""
        if self.manual or self._waits:
            return 0
        most = min(budget, self.pace.max_simultaneous - len(self._flying))
        for begun in range(most):
            found = self._next_row()
            if found is None:
                return begun
            self._begin(*found)
        return most

    def _next_row(self) -> tuple[int, Group] | None:
        """Takes the most urgent row that may be dialled now off the queue."""
        while self._ready:
            group = self._ready[0][-1]
            if (opening := may_begin(group.plan, self.now)) > self.now:
                heappop(self._ready)
                heappush(self._waiting, (opening, next(self._order), group))
                continue
            row = next(group.rows, None)
            if row is None:
                heappop(self._ready)
            elif self.state[row] in OPEN:
                return row, group
            elif self.state[row] == WITHDRAWN:
                self._dropped[row] = group
        return None

    def _begin(self, row: int, group: Group) -> None:
        word, seconds = self._odds.draw(self.dice[row], self.begun[row] % MAX_ATTEMPTS + 1)
        if self.word[row] == INVALID_NUMBER:
            word = INVALID_NUMBER
        self.state[row] = IN_PROGRESS
        self.begun[row] += 1
        self.last[row] = int(self.now)
        heappush(self._flying, (self.now + seconds, row, word, group))

    def _land(self) -> None:
        while self._flying and self._flying[0][0] <= self.now:
            _, row, word, group = heappop(self._flying)
            self.word[row] = word
            self.left[row] -= 1
            if word >= REACHED and self.left[row]:
                self.state[row] = WAITING
                again = Group(iter((row,)), group.plan, True, row)
                heappush(self._waiting, (self.now + self.pace.interval_seconds, next(self._order), again))
                if row in self._last_call:
                    self.withdraw(row)
            else:
                self.state[row] = PROCESSED if word < REACHED else ERROR
                self._end()
            self._last_call.discard(row)
            if self._ended is not None:
                self._ended(row, self.now)

    def _end(self) -> None:
        """A task less that is to be dialled."""
        self._unfinished -= 1
        self.completed_at = self.now


def shown_status(state: int, canceled: bool) -> int:
    """The documented status of a state; `canceled` is how open tasks of a held list show."""
    return CANCELED if canceled and state in (NEW, WAITING) else SHOWN[state]
