"""A storm over four uploads at once: everything that can fail does, in an order that only the seed knows.

The provider errs, the broker loses and doubles bells, connections to the database end at COMMIT, workers die, and
people pause, resume, cancel and withdraw, also in the middle of what a worker does.
"""

import signal
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from schedules.sweep import sweep
from tests.chaos.bells import BadBroker
from tests.chaos.cuts import Cuts
from tests.chaos.dying_worker import ANY, DyingWorker, Strike
from tests.chaos.given import Given, written
from tests.chaos.judges import adds_up
from tests.chaos.troubles import Troubles
from tests.chaos.weather import Weather
from tests.house import FLOWS, SAMPLES, START, House
from worker import control, telemetry, withdraw
from worker.errors import InputError, StagingError, Unavailable

TURNS = 30
ROWS, CHUNK = (60, 160), (30, 80)
STEPS = (0.5, 1, 5, 20, 61, 300)
VERBS = ("pause", "resume", "resume", "withdraw", "withdraw", "cancel")
MEANWHILE = 0.02  # share of the moments at which somebody else does something
DEATHS = 0.05


class Storm:
    """`made` counts what befell the round; `wrong` holds what must not happen in any weather."""

    def __init__(self, house: House, given: Sequence[Given], dice: Random, cuts: Cuts, weather: Weather) -> None:
        self.house, self.given, self.dice = house, given, dice
        self.cuts, self.weather = cuts, weather
        self.broker = BadBroker(house, dice)
        self.troubles = Troubles(house, dice)
        self.made: Counter[str] = Counter(weather.names)
        self.wrong: set[str] = set()
        self._deep = False

    def rage(self) -> None:
        self.house.ctx.ring = self.broker.ring
        self.cuts.on = True
        stop = telemetry.listen(self._meanwhile)
        try:
            for _ in range(TURNS):
                self._turn()
        finally:
            stop()
            self.cuts.on = self.broker.on = False
        self._calm_down()
        for one in self.given:
            if not one.ulid:
                one.give(self.house)
        self.made += self.broker.made + self.cuts.made + self.troubles.made

    def _calm_down(self) -> None:
        self.troubles.mend_all()
        self.weather.clear()

    def _turn(self) -> None:
        for one in self.given:
            if not one.ulid and self.dice.random() < 0.5:
                self._try(lambda one=one: one.give(self.house))  # type: ignore[misc]  # bound at once
        if self.dice.random() < 0.15:
            self._try(self.troubles.befall)
        if self.dice.random() < 0.1:
            self.broker.flush()
        if self.dice.random() < 0.25:
            self._decide()
        self._try(lambda: sweep(self.house.ctx))
        while (bell := self.broker.next()) is not None:
            self._answer(*bell)
            self.wrong.update(self._try(lambda: adds_up(self.house)) or ())
        self.weather.settle()
        self._mend()
        self.house.turn(self.dice.choice(STEPS))

    def _mend(self) -> None:
        self.troubles.mend_due()

    def _answer(self, flow: str, key: Any) -> None:
        if flow != "ingest" and self.dice.random() < DEATHS:
            self._kill(flow, key)
        else:
            self._try(lambda: FLOWS[flow](self.house.ctx, key))

    def _kill(self, flow: str, key: Any) -> None:
        worker = DyingWorker(self.house, flow, key, Strike(ANY, self.dice.randint(1, 24)))
        if worker.ended() == -signal.SIGKILL:
            self.made["worker killed"] += 1
        worker.bury()

    def _try(self, act: Callable[[], Any]) -> Any:
        """What ends with the database is done again by somebody else; anything else must not happen."""
        try:
            return act()
        except (DBAPIError, Unavailable):
            return None
        except (InputError, StagingError):
            raise
        except Exception:
            self.wrong.add(f"a flow broke off: {traceback.format_exc(limit=-8)}")
            return None

    def _meanwhile(self, event: str, fields: telemetry.Fields) -> None:
        """Somebody else acts at this moment: a person, or a worker that answers another bell."""
        pool = self.house.ctx.db.engine.pool
        assert isinstance(pool, QueuePool)
        if self._deep or pool.checkedout() or self.dice.random() >= MEANWHILE:
            return
        self._deep = True
        try:
            bell = self.broker.next() if self.dice.random() < 0.5 else None
            if bell is None:
                self._decide()
            else:
                self.made[f"another worker at {event}"] += 1
                self._try(lambda: FLOWS[bell[0]](self.house.ctx, bell[1]))
        finally:
            self._deep = False

    def _decide(self) -> None:
        there = [one for one in self.given if one.ulid]
        if not there:
            return
        one, verb = self.dice.choice(there), self.dice.choice(VERBS)
        if verb == "cancel" and self.dice.random() < 0.7:
            return
        try:
            self._try(lambda: self._say(one, verb))
        except (InputError, StagingError):
            return
        self.made[f"{verb} by a person"] += 1

    def _say(self, one: Given, verb: str) -> None:
        ctx = self.house.ctx
        if verb == "pause":
            control.pause(ctx, one.ulid, "anna")
        elif verb == "cancel":
            control.cancel(ctx, one.ulid, "anna")
        elif verb == "withdraw":
            row = self.dice.choice(sorted(one.people))
            one.wished.add(row)
            withdraw.ask(ctx, one.ulid, [row], "anna", "asked by mail")
        else:
            one.decided_at.append(self.house.now)
            control.resume(ctx, one.ulid, "anna", accept_rejects=True)


def four(house: House, dice: Random) -> list[Given]:
    """Two at one account, one of them for later; one that is compared before it starts; one bound to calling hours."""
    rows = house.account.chunk_rows = dice.randint(*CHUNK)
    house.account.lists, house.account.list_rows = dice.choice((1, 2, 3)), rows
    key = {"api_key_env": None, "api_key_file": SAMPLES / "sandbox.key"}
    verified = house.account.model_copy(update={"start": "verified", **key})
    house.ctx.settings.accounts["verified"] = verified
    later = (house.now + timedelta(seconds=dice.randint(30, 5400))).isoformat()
    past = (house.now - timedelta(seconds=dice.randint(60, 10_000))).isoformat()
    return [
        written(house, dice, 0, ROWS),
        written(house, dice, 1, ROWS, starts_at=dice.choice((later, past))),
        written(house, dice, 2, ROWS, account="verified"),
        written(house, dice, 3, ROWS, window=dice.choice(("legal", "09:00-18:00", "any")), starts_at=later),
    ]


def begins(dice: Random) -> datetime:
    """Any day, and often one on which clocks change in the United States."""
    changes = (datetime(2030, 3, 10, 6, 30, tzinfo=START.tzinfo), datetime(2030, 11, 3, 5, 30, tzinfo=START.tzinfo))
    return dice.choice((*changes, START + timedelta(hours=dice.randint(0, 7000))))
