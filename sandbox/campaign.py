"""A campaign that was handed over in one piece: its contacts, dialled by the clock, each end of a call told."""

import asyncio
import time
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import ceil, inf

from sandbox.callbacks import Callbacks
from sandbox.clock import Clock
from sandbox.dialer import NEW, WAITING, Dialer, Pace, Plan
from sandbox.ledger import Acceptance, Ledger, ListEntry, Row
from sandbox.odds import INVALID_NUMBER, WORDS, Odds
from sandbox.phones import numbers_of

CALLS_AT_A_TIME = 1_000
AHEAD = 30.0
EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Contact:
    """`uuid` is the customer's own name for the row, '' where it has none; `cells` the rest of the row."""

    number: str
    uuid: str
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """The end of a call, or with the word `expired` a contact that nobody calls any more. Times by the clock."""

    row: int
    attempt: int
    final: bool
    word: str
    began: float
    ended: float


Told = Callable[[Call], None]


class Campaign:
    def __init__(
        self, contacts: list[Contact], pace: Pace, odds: Odds, now: float, told: Told, expires_at: float = inf
    ) -> None:
        self.contacts, self.pace, self.expires_at = contacts, pace, expires_at
        self.starts_at = now
        self.dialer = Dialer(pace, odds, now, self._ended)
        self.expired = False
        self._told = told

    def start(self, at: float, now: float) -> None:
        """All contacts are to be dialled from `at` on, by the clock."""
        self.starts_at = max(at, now)
        rows = array("I", range(len(self.contacts)))
        groups = [(Plan(start_at=ceil(at) if at > now else 0), rows)] if self.contacts else []
        self.dialer.add(array("I", map(luck_of, self.contacts)), groups, now)

    def spoil(self, rows: Iterable[int]) -> None:
        """These contacts have a number that nobody can call."""
        for row in rows:
            self.dialer.word[row] = INVALID_NUMBER

    @property
    def finished(self) -> bool:
        return self.dialer.completed or (self.expired and not self.dialer.under_way)

    def play(self, to: float, budget: int = CALLS_AT_A_TIME) -> bool:
        """Plays until `to`. False when `budget` calls began before that; call again to go on."""
        if not self.expired:
            alive = self.dialer.now < self.expires_at
            if alive and not self.dialer.advance(min(to, self.expires_at), budget):
                return False
            if to < self.expires_at:
                return True
            self._expire()
        return self.dialer.advance(to, budget)

    def rows(self) -> Iterator[Row]:
        """As the ledger wants them."""
        return ((contact.uuid, contact.number) for contact in self.contacts)

    def attempts(self, row: int) -> int:
        return self.pace.num_attempts - self.dialer.left[row]

    def _expire(self) -> None:
        self.expired = self.dialer.held = True
        for row, state in enumerate(self.dialer.state):
            if state in (NEW, WAITING):
                self._told(Call(row, self.attempts(row), True, EXPIRED, self.expires_at, self.expires_at))

    def _ended(self, row: int, at: float) -> None:
        final = self.expired or self.dialer.state[row] != WAITING
        word, began = WORDS[self.dialer.word[row]], float(self.dialer.last[row])
        self._told(Call(row, self.attempts(row), final, word, began, at))


class Dialling:
    """The campaigns of one provider that are not finished. They are played as the clock moves, asked for or not."""

    def __init__(self, clock: Clock, ledger: Ledger, callbacks: Callbacks) -> None:
        self._clock, self._ledger, self._callbacks = clock, ledger, callbacks
        self._open: list[Campaign] = []

    def clear(self) -> None:
        self._open.clear()

    async def take(self, campaign: Campaign, entry: ListEntry) -> None:
        """Books the contacts and lets them be dialled; on demand, first results are delivered before it returns."""
        contacts = campaign.contacts
        uuids = [contact.uuid for contact in contacts if contact.uuid]
        numbers = numbers_of([contact.number for contact in contacts])
        acceptance = Acceptance(entry, self._clock.now(), time.time(), campaign.rows)
        self._ledger.accept(acceptance, len(contacts), uuids, numbers)
        self._open.append(campaign)
        if self._callbacks.rules.before_answer:
            await self._play_ahead(campaign)
            await self._callbacks.flush()

    @property
    def under_way(self) -> int:
        """Calls that are being made now."""
        return sum(one.dialer.under_way for one in self._open)

    async def play(self) -> None:
        for one in list(self._open):
            await self._play(one, self._clock.now())

    async def _play_ahead(self, campaign: Campaign) -> None:
        """Plays the calls of the next moments already now, so that their ends are told before anything else."""
        now = self._clock.now()
        await self._play(campaign, now if campaign.starts_at > now else now + AHEAD)

    async def _play(self, campaign: Campaign, to: float) -> None:
        """Lets other requests in while it plays; one of them may clear everything."""
        while campaign in self._open:
            if campaign.play(to):
                if campaign.finished:
                    self._open.remove(campaign)
                return
            await asyncio.sleep(0)


def luck_of(contact: Contact) -> int:
    """32 bits from which the contact's luck is drawn: of its uuid, else of all its cells."""
    return zlib.crc32((contact.uuid or "\x1f".join((contact.number, *contact.cells))).encode())
