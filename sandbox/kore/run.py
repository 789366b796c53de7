"""One run of a campaign: each play begins another, and each dials its contacts from the beginning.

Contacts with a time zone of their own are dialled in lanes of their own: the calling hours on that zone's clocks hold.
"""

from __future__ import annotations  # array[int] is no type at run time before 3.12

import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from sandbox.dialer import ERROR, NEW, NO_WORD, PROCESSED, Dialer, Pace, Plan
from sandbox.dialer import IN_PROGRESS as CALLING
from sandbox.kore.contactlist import Contact
from sandbox.kore.hours import Hours, known_zones
from sandbox.odds import Odds

ACTIVE, PAUSED, STOPPED, COMPLETED = "Active", "Paused", "Stopped", "Completed"


@dataclass(eq=False)
class Lane:
    """The contacts that follow the same clocks. A skipped lane is never dialled."""

    hours: Hours
    dialer: Dialer
    skipped: bool = False

    @property
    def ended_at(self) -> float | None:
        """When its last call ended, None while there are calls to come."""
        if self.skipped or not self.dialer.completed:
            return 0.0 if self.skipped else None
        return self.dialer.completed_at or 0.0

    def advance(self, to: float, stopped: bool, free_from: float, budget: int) -> bool:
        """Plays until `to`; no call begins outside the hours or before `free_from`. False when the budget is spent."""
        while not self.skipped:
            now = self.dialer.now
            self.dialer.held = stopped or now < free_from or not self.hours.open(now)
            step = min(to, self.hours.change_after(now), free_from if now < free_from else inf)
            if not self.dialer.advance(step, budget):
                return False
            if step >= to:
                break
        return True


@dataclass(frozen=True)
class Fate:
    """What became of a contact so far. `word` is an index into the outcomes, None before the first call's end."""

    attempts: int
    word: int | None
    open: bool


@dataclass(eq=False)
class Run:
    run_id: str
    hours: Hours
    pace: Pace
    odds: Odds
    started: float
    outside: str
    state: str = ACTIVE
    contacts: list[Contact] = field(default_factory=list)
    _lanes: dict[str, Lane] = field(default_factory=dict)
    _places: list[tuple[Lane, int]] = field(default_factory=list)

    def add(self, contacts: Sequence[Contact], now: float) -> None:
        rows: dict[str, list[Contact]] = {}
        for contact in contacts:
            zone = self._zone_of(contact)
            lane, here = self._lane(zone), rows.setdefault(zone, [])
            self._places.append((lane, len(lane.dialer.state) + len(here)))
            here.append(contact)
        self.contacts += contacts
        for zone, here in rows.items():
            dice = array("I", [zlib.crc32(f"{one.unique_id}\x1f{one.phone}".encode()) for one in here])
            self._lane(zone).dialer.add(dice, [(Plan(), array("I", range(len(here))))], now)

    def _zone_of(self, contact: Contact) -> str:
        own = contact.fields.get("timeZone", "")
        return own if own in known_zones() else self.hours.zone

    def _lane(self, zone: str) -> Lane:
        if zone not in self._lanes:
            hours = self.hours.at(zone)
            begins = self.hours.opens(self.started)
            skipped = self.outside == "skips" and not hours.open(begins)
            self._lanes[zone] = Lane(hours, Dialer(self.pace, self.odds, self.started), skipped)
        return self._lanes[zone]

    def advance(self, to: float, free_from: float, budget: int) -> bool:
        stopped = self.state != ACTIVE
        done = all(lane.advance(to, stopped, free_from, budget) for lane in self._lanes.values())
        if done and self.state == ACTIVE and self.ended_at is not None:
            self.state = COMPLETED
        return done

    @property
    def ended_at(self) -> float | None:
        ends = [lane.ended_at for lane in self._lanes.values()]
        known = [end for end in ends if end is not None]
        return None if len(known) < len(ends) else max(known, default=self.started)

    @property
    def busy_until(self) -> float:
        """Until when less urgent campaigns wait for this one; a run that was halted keeps nobody waiting."""
        if self.state not in (ACTIVE, COMPLETED):
            return -inf
        return inf if self.ended_at is None else self.ended_at

    @property
    def unfinished(self) -> bool:
        """Whether calls are under way or may yet begin."""
        under_way = any(lane.dialer.under_way for lane in self._lanes.values())
        return under_way or self.state in (ACTIVE, PAUSED)

    @property
    def calls_completed(self) -> int:
        """Contacts that are done with."""
        ends = (lane.dialer.state.count(state) for lane in self._lanes.values() for state in (PROCESSED, ERROR))
        return sum(ends)

    def attempted(self) -> Sequence[int]:
        """The contacts that were called at least once."""
        if not any(NEW in lane.dialer.state for lane in self._lanes.values()):
            return range(len(self.contacts))
        return [index for index, (lane, row) in enumerate(self._places) if lane.dialer.state[row] != NEW]

    def fate(self, index: int) -> Fate:
        lane, row = self._places[index]
        dialer = lane.dialer
        calling = dialer.state[row] == CALLING
        attempts = self.pace.num_attempts - dialer.left[row] + calling
        word = dialer.word[row]
        return Fate(attempts, None if word == NO_WORD else word, dialer.state[row] not in (PROCESSED, ERROR))
