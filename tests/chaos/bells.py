"""A broker on a bad day: bells that are lost, doubled, or delivered after the visibility timeout."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.house import House
from worker.settings import Timing

LOST, DOUBLED, LATE = 0.15, 0.15, 0.1


@dataclass
class BadBroker:
    house: House
    dice: Random
    made: Counter[str] = field(default_factory=Counter)
    on: bool = True

    def ring(self, bell: str, key: str | int, delay: float = 0) -> None:
        luck = self.dice.random() if self.on else 1.0
        if luck < LOST:
            self.made["bell lost"] += 1
            return
        self.house.ring(bell, key, delay)
        if luck < LOST + DOUBLED:
            self.made["bell doubled"] += 1
            self.house.ring(bell, key, delay)
        elif luck < LOST + DOUBLED + LATE:
            self.made["bell rung again after the visibility timeout"] += 1
            self.house.ring(bell, key, delay + Timing().visibility_timeout * self.dice.uniform(1, 2))

    def flush(self) -> None:
        self.made["every bell lost"] += 1
        self.house.lose_bells()

    def next(self) -> tuple[str, Any] | None:
        """The next bell that is due."""
        bells = self.house.bells
        if not bells or bells[0][0] > self.house.now:
            return None
        _, _, bell, key = heapq.heappop(bells)
        return bell, key
