"""Rounds of crash points: one upload whose workers die, or freeze and thaw, at any moment of anything they do.

Beside the telemetry events, a worker is struck before and after each of its commits and requests. The provider has its
own bad days meanwhile.
"""

import heapq
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from schedules.sweep import sweep
from tests.chaos.dying_worker import ANY, DyingWorker, Strike
from tests.chaos.given import Given, written
from tests.chaos.judges import adds_up
from tests.chaos.weather import Weather
from tests.house import FLOWS, START, House
from tests.patience import until
from worker.settings import Timing

LEASE = Timing().lease + 1
STEPS = 60  # turns of the clock, at most, in which workers die
ROWS, CHUNK = (90, 240), (40, 100)
DEPTHS = (4, 12, 36)  # moments that a worker may come to before it is struck
SHARES = {"sweep": 0.1, "ingest": 0.3}  # of the bells that a worker is struck at; of others most
Bell = tuple[str, Any]


@dataclass
class Life:
    """One upload and its workers. `deaths` counts where they were struck."""

    house: House
    dice: Random
    given: Given
    blows: int
    frozen: list[tuple[DyingWorker, float, datetime]] = field(default_factory=list)
    deaths: Counter[str] = field(default_factory=Counter)

    def live(self, weather: Weather) -> list[str]:
        """Work while workers die; returns what did not add up on the way."""
        wrong: set[str] = set()
        for _ in range(STEPS):
            if not self.frozen and (not self.blows or self._has_ended()):
                break
            self._sweep()
            for bell in self._due():
                self._answer(bell)
                wrong.update(adds_up(self.house))
            self._thaw()
            weather.settle()
            self.house.turn(self.dice.choice((2, 20, LEASE)))
        self._thaw(all_of_them=True)
        return sorted(wrong)

    def _has_ended(self) -> bool:
        return not self.house.sql("SELECT 1 FROM upload WHERE ended_at IS NULL")

    def _sweep(self) -> None:
        if self._is_struck("sweep"):
            self._strike("sweep", None)
        sweep(self.house.ctx)

    def _due(self) -> Iterator[Bell]:
        bells = self.house.bells
        while bells and bells[0][0] <= self.house.now:
            _, _, flow, key = heapq.heappop(bells)
            yield flow, key

    def _answer(self, bell: Bell) -> None:
        if self._is_struck(bell[0]):
            self._strike(*bell)
        else:
            FLOWS[bell[0]](self.house.ctx, bell[1])

    def _is_struck(self, flow: str) -> bool:
        return self.blows > 0 and self.dice.random() < SHARES.get(flow, 0.6)

    def _strike(self, flow: str, key: Any) -> None:
        self.blows -= 1
        blow = signal.SIGSTOP if self.dice.random() < 0.25 else signal.SIGKILL
        worker = DyingWorker(self.house, flow, key, Strike(ANY, self.dice.randint(1, self.dice.choice(DEPTHS)), blow))
        if blow == signal.SIGSTOP and worker.froze():
            self.frozen.append((worker, time.monotonic(), self.house.now))
            self.deaths[f"{flow}: frozen at {worker.struck_at()}"] += 1
            return
        code = worker.ended()
        worker.bury()
        if code == -signal.SIGKILL:
            self.deaths[f"{flow}: killed at {worker.struck_at()}"] += 1
        elif code != 0:
            raise RuntimeError(f"a worker that answered {flow} ended with {code}, and nobody struck it")

    def _thaw(self, *, all_of_them: bool = False) -> None:
        """Whoever has slept for longer than his lease may wake up. His socket's own time is real, and has passed."""
        for sleeper in list(self.frozen):
            worker, since, turned = sleeper
            if all_of_them and self.house.now - turned < timedelta(seconds=LEASE):
                self.house.turn(LEASE)
            if self.house.now - turned < timedelta(seconds=LEASE) or (not all_of_them and self.dice.random() < 0.6):
                continue
            deadline = since + self.house.account.http_deadline
            until(lambda end=deadline: time.monotonic() > end)  # type: ignore[misc]  # bound at once
            self.frozen.remove(sleeper)
            worker.tell_time(self.house)
            worker.thaw()
            code = worker.ended()
            worker.bury()
            if code != 0:
                raise RuntimeError(f"a worker that thawed ended with {code}")

    def bury(self) -> None:
        for worker, *_ in self.frozen:
            worker.bury()


@contextmanager
def life(house: House, dice: Random, account: str = "sandbox") -> Iterator[Life]:
    """One upload, given and not yet begun."""
    house.hurry()
    rows = house.ctx.settings.accounts[account].chunk_rows = dice.randint(*CHUNK)
    house.account.start = dice.choice(("immediate", "immediate", "verified"))
    house.account.lists, house.account.list_rows = dice.choice((1, 2, 3)), rows
    later: dict[str, Any] = {}
    if dice.random() < 0.3:
        later = {"starts_at": (house.now + timedelta(seconds=dice.randint(30, 1800))).isoformat()}
    given = written(house, dice, 0, ROWS, account=account, **later)
    given.give(house)
    lived = Life(house, dice, given, blows=dice.randint(1, 6))
    try:
        yield lived
    finally:
        lived.bury()


def begins(dice: Random) -> datetime:
    return START + timedelta(hours=dice.randint(0, 24 * 300))
