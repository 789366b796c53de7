"""Raids on a fleet: processes are killed or frozen, its broker forgets or is full, its connections are cut."""

import contextlib
import os
import signal
import time
from collections import Counter
from datetime import timedelta
from random import Random
from uuid import uuid4

from tests.chaos.camp import Camp
from tests.chaos.given import Given, written
from tests.chaos.ground import AMBIGUOUS, MORE, READING, TIMING, UPLOADING
from tests.patience import until

ROWS = (250, 500)
FILES = 700  # of different people; then they come again
LONGEST = timedelta(minutes=5)  # until everything has come to an end, of real time
LENGTH = 12.0  # seconds of real time that a raid lasts
WORKERS = ("calls", "intake", "beat")
FROZEN = TIMING["LEASE"] + 1  # seconds: longer than the lease
SLOWLY = {"fault": "slow", "share": 0.5, "methods": UPLOADING, "seconds": 0.1}


def bad_days(camp: Camp, dice: Random) -> None:
    """The provider is slow, and leaves in doubt what it did."""
    often = [{"fault": name, "share": 0.08, "methods": UPLOADING, **MORE.get(name, {})} for name in AMBIGUOUS]
    seldom = [{"fault": name, "share": 0.02, "methods": READING, **MORE.get(name, {})} for name in AMBIGUOUS]
    camp.provider.faults(*often, *seldom, SLOWLY, seed=dice.randrange(1_000_000))


class Raid:
    """`made` counts the blows."""

    def __init__(self, camp: Camp, dice: Random) -> None:
        self.camp, self.dice = camp, dice
        self.made: Counter[str] = Counter()
        self._thaws: list[tuple[float, int]] = []

    def give(self, first: int) -> list[Given]:
        """Four uploads, the last one for a moment later."""
        later = (self.camp.now + timedelta(seconds=LENGTH / 2)).isoformat()
        four = []
        for which in range(4):
            job = {"idempotency_key": uuid4().hex}  # another round may have a file of this name
            job |= {"starts_at": later} if which == 3 else {}
            one = written(self.camp, self.dice, first + which, ROWS, **job)  # type: ignore[arg-type]  # as a house
            one.give(self.camp)  # type: ignore[arg-type]
            four.append(one)
        return four

    def rage(self) -> None:
        bad_days(self.camp, self.dice)
        end = time.monotonic() + LENGTH
        blows = (self.kill, self.kill, self.freeze, self.forget, self.cut, self.fill, self.kill_broker)
        while time.monotonic() < end:
            blow = self.dice.choice(blows)
            self.made[blow.__name__.replace("_", " ")] += 1
            blow()
            self._thaw(time.monotonic())
            time.sleep(self.dice.uniform(0.2, 1.5))
        until(lambda: self._thaw(time.monotonic()) == 0, 30)
        self.camp.provider.faults()

    def kill(self) -> None:
        """One or several at a time; each is started again, as a supervisor does."""
        chosen = [self.camp.fleet.members[name] for name in self.dice.sample(WORKERS, self.dice.randint(1, 2))]
        for member in chosen:
            self._thaws = [(at, pid) for at, pid in self._thaws if pid != member.pid]
            member.kill()
        for member in chosen:
            member.start()

    def freeze(self) -> None:
        pid = self.camp.fleet.members["calls"].pid
        if all(pid != other for _, other in self._thaws):
            os.killpg(pid, signal.SIGSTOP)
            self._thaws.append((time.monotonic() + FROZEN, pid))

    def forget(self) -> None:
        self.camp.broker.forget()

    def cut(self) -> None:
        self.camp.broker.cut()

    def fill(self) -> None:
        self.camp.broker.fill()

    def kill_broker(self) -> None:
        self.camp.broker.kill(self.dice.uniform(0, 1))

    def _thaw(self, now: float) -> int:
        """Let go on whoever has slept for long enough; returns how many still sleep."""
        for at, pid in list(self._thaws):
            if now >= at:
                self._thaws.remove((at, pid))
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGCONT)
        return len(self._thaws)
