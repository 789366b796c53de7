"""Ambushes on a fleet: its workers die, or freeze and thaw, at moments of their own work, with a real broker between.

Where a raid strikes by the clock, an ambush strikes at a telemetry event, or before or after a commit or a request.
"""

import json
import math
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from random import Random
from uuid import uuid4

from tests.chaos.camp import Camp, pitched
from tests.chaos.dying_worker import ANY
from tests.chaos.given import Given, written
from tests.chaos.obedient import Order, done_by, orders, withdrawn
from tests.chaos.raids import FILES, FROZEN, bad_days
from tests.e2e.fleet import Member
from tests.patience import until

OBEDIENT = "tests.chaos.obedient"
UPLOADS, ROWS = 3, (600, 1200)
BLOWS = (4, 10)
COMES_WITHIN = 3.0  # seconds in which the moment may come; then another one is chosen
LENGTH = 40.0  # seconds of real time that an ambush lasts at most
LOOK = 0.02  # seconds between two looks
DEPTHS = (1, 4, 12, 36, 120)  # moments that a worker may come to before it is struck
POINTS = {  # what a worker tells of while it works; others it comes to by chance
    "calls": (
        *("submit.running", "submit.sending", "submit.answered", "submit.settled", "submit.rotated"),
        *("reconcile.looking", "reconcile.settled", "collect.asking", "collect.stored", "collect.closed"),
        *("sweep.expired", "request.before", "request.after"),
    ),
    "intake": ("ingest.claimed", "ingest.staged", "ingest.finished"),
}


def laid(server: str | None, broker: str = "valkey") -> AbstractContextManager[Camp]:
    """A fleet whose workers obey."""
    return pitched(server, broker, OBEDIENT)


class Ambush:
    """`deaths` counts who was struck at what."""

    def __init__(self, camp: Camp, dice: Random) -> None:
        self.camp, self.dice = camp, dice
        self.deaths: Counter[str] = Counter()
        self._home = Path(camp.ctx.settings.home)
        self._home.mkdir(parents=True, exist_ok=True)
        self._frozen: list[tuple[float, Member]] = []

    def give(self, first: int) -> list[Given]:
        """The app that pushes may die of it, and comes again with the same job; or who reads what it pushed."""
        given = []
        for which in range(first, first + UPLOADS):
            key = uuid4().hex  # another round may have a file of this name
            one = written(self.camp, self.dice, which % FILES, ROWS, idempotency_key=key)  # type: ignore[arg-type]  # as a house
            until(lambda: self._thaw(time.monotonic()) == 0, 30)  # asleep he may hold what an app waits for
            chance = self.dice.random()
            if chance < 0.4:
                self._push_and_die(one)
            elif chance < 0.8:
                self._strike("intake", lambda one=one: one.give(self.camp))  # type: ignore[misc]  # bound at once
            one.give(self.camp)  # type: ignore[arg-type]
            given.append(one)
        return given

    def spring(self) -> None:
        """One blow after the other, until there are enough or nobody works any more."""
        bad_days(self.camp, self.dice)
        blows, end = self.dice.randint(*BLOWS), time.monotonic() + LENGTH
        while blows and time.monotonic() < end and self.camp.sql("SELECT 1 FROM upload WHERE ended_at IS NULL"):
            blows -= self._strike("calls")
            self._thaw(time.monotonic())
        until(lambda: self._thaw(time.monotonic()) == 0, 30)

    def end(self) -> None:
        """Whoever sleeps wakes up, whoever died lives, and the provider does as it should."""
        self._thaw(math.inf)
        for member in self.camp.fleet.members.values():
            if not member.alive():
                member.start()
        self.camp.provider.faults()

    def _push_and_die(self, one: Given) -> None:
        told = orders(self._home, "app")
        Order(ANY, self.dice.randint(1, 8), signal.SIGKILL).give(told)
        app = self.camp.fleet.start("app", [sys.executable, "-m", OBEDIENT, json.dumps(one.job)])
        code = app.process.wait(60)
        del self.camp.fleet.members["app"]
        if code != (0 if withdrawn(told) else -signal.SIGKILL):
            raise RuntimeError(f"the app that pushes ended with {code}: {app.said()[-2000:]}")
        if code:
            self._count("app", "killed", told)

    def _strike(self, who: str, meanwhile: Callable[[], object] = lambda: None) -> bool:
        """Whether somebody was struck; the moment may not have come. `meanwhile` is what gives him something to do."""
        member, told, order = self.camp.fleet.members[who], orders(self._home, who), self._order(who)
        if any(one is member for _, one in self._frozen):
            time.sleep(LOOK)
            return False
        order.give(told)
        meanwhile()
        end = time.monotonic() + COMES_WITHIN
        while time.monotonic() < end and not done_by(told).exists():
            time.sleep(LOOK)
        if withdrawn(told):
            return False
        self._count(who, "frozen" if order.blow == signal.SIGSTOP else "killed", told)
        if order.blow == signal.SIGSTOP:
            self._frozen.append((time.monotonic() + FROZEN, member))
        elif order.whole:
            member.kill()  # what was left of it
            member.start()
            member.wait_until_it_works()
        return True

    def _order(self, who: str) -> Order:
        frozen = self.dice.random() < 0.2
        event, nth = ANY, self.dice.randint(1, self.dice.choice(DEPTHS))
        if self.dice.random() < 0.6:
            event, nth = self.dice.choice(POINTS[who]), self.dice.choice((1, 1, 2, 5))
        blow = signal.SIGSTOP if frozen else signal.SIGKILL
        return Order(event, nth, blow, whole=who == "calls" or self.dice.random() < 0.5)

    def _count(self, who: str, what: str, told: Path) -> None:
        """The order is carried out, or is about to be."""
        done = done_by(told)
        until(done.exists, 10, f"{who} has done as he was told")
        self.deaths[f"{who}: {what} at {done.read_text()}"] += 1
        done.unlink()

    def _thaw(self, now: float) -> int:
        """Let go on whoever has slept for long enough; returns how many still sleep."""
        for at, member in list(self._frozen):
            if now >= at:
                self._frozen.remove((at, member))
                with suppress(ProcessLookupError):
                    os.killpg(member.pid, signal.SIGCONT)
        return len(self._frozen)
