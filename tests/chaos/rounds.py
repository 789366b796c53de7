"""Rounds of chaos, each repeated by its seed: `make chaos ROUNDS=n SEED=s`.

Round number i has the seed s + i, so `ROUNDS=1 SEED=<a round's seed>` repeats that round alone. Exit 1 where a judge
found anything.
"""

import argparse
import json
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from tests.chaos import abroad as places
from tests.chaos import ambush as traps
from tests.chaos import lives, raids, storm
from tests.chaos.arena import Arena
from tests.chaos.camp import Camp, pitched
from tests.chaos.cuts import Cuts
from tests.chaos.given import Given
from tests.chaos.hard_storm import HardStorm
from tests.chaos.judges import judge
from tests.chaos.machine import Machine
from tests.chaos.person import LONGEST, Person, Stuck
from tests.chaos.weather import Weather
from tests.databases import postgres
from tests.house import PATIENT, House

EVERY = 50  # rounds after which the sums are told


@dataclass
class Round:
    """What a round came to. `faults` are what befell it, `asked` why a person was asked."""

    seed: int
    contacts: int = 0
    accepted: int = 0
    lost: int = 0
    doubled: int = 0
    in_review: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    asked: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


def crash(arena: Arena, seed: int) -> Round:
    """Workers die or freeze at any moment of one upload."""
    dice, done = Random(seed), Round(seed)
    with arena.round(lives.begins(dice)) as house, lives.life(house, dice) as life:
        weather = Weather(house, dice, dice.randint(0, 3), 2, person=dice.random() < 0.2)
        done.wrong += life.live(weather)
        weather.clear()
        done.faults = life.deaths + Counter(weather.names)
        conclude(done, house, [life.given], dice)
    return done


def abroad(arena: Arena, seed: int) -> Round:
    """The same at another provider."""
    dice, done = Random(seed), Round(seed)
    account = dice.choice(sorted(places.ACCOUNTS))
    with (
        arena.round(lives.begins(dice)) as house,
        places.reachable(house, dice),
        lives.life(house, dice, account) as life,
    ):
        ways, lines, ask = places.ACCOUNTS[account], dice.randint(0, 3), dice.random() < 0.2
        weather = Weather(house, dice, lines, 2, person=ask, of=ways)
        done.wrong += life.live(weather)
        weather.clear()
        done.faults = Counter(f"{account}, {name}" for name in (*life.deaths.elements(), *weather.names))
        conclude(done, house, [life.given], dice)
    return done


def mixed(arena: Arena, seed: int) -> Round:
    """Four uploads at once in a storm."""
    dice, done = Random(seed), Round(seed)
    cuts = Cuts(dice)
    with arena.round(storm.begins(dice)) as house, cuts.into(arena.db.engine):
        house.hurry()
        given = storm.four(house, dice)
        weather = Weather(house, dice, dice.randint(1, 5), 3, person=dice.random() < 0.5)
        raging = storm.Storm(house, given, dice, cuts, weather)
        raging.rage()
        done.wrong += sorted(raging.wrong)
        done.faults = raging.made
        conclude(done, house, given, dice)
    return done


def machine(arena: Arena, seed: int) -> Round:
    """The same on a machine that fails, too: full disks, locks that are held, a database that restarts."""
    dice, done = Random(seed), Round(seed)
    cuts = Cuts(dice)
    with (
        arena.round(storm.begins(dice)) as house,
        Machine.under(house, Random(f"machine {seed}")) as below,
        cuts.into(arena.db.engine),
    ):
        house.hurry()
        given = storm.four(house, dice)
        weather = Weather(house, dice, dice.randint(0, 2), 3)
        raging = HardStorm(house, given, dice, cuts, weather, below)
        raging.rage()
        done.wrong += sorted(raging.wrong)
        done.faults = raging.made
        conclude(done, house, given, dice)
    return done


def fleet(camp: Camp, seed: int) -> Round:
    """Four uploads at once while processes are killed and frozen, in real time: it cannot be repeated to the letter."""
    dice, done = Random(seed), Round(seed)
    camp.provider.client.delete("/ledger")
    raid = raids.Raid(camp, dice)
    given = raid.give(4 * seed % raids.FILES)
    raid.rage()
    done.faults = raid.made
    conclude(done, camp, given, dice, raids.LONGEST, "accepted_at_real")  # type: ignore[arg-type]  # as a house
    return done


def ambush(camp: Camp, seed: int) -> Round:
    """Workers of a fleet die or freeze at any moment of their own work, in real time, too."""
    dice, done = Random(seed), Round(seed)
    camp.provider.client.delete("/ledger")
    trap = traps.Ambush(camp, dice)
    try:
        given = trap.give(traps.UPLOADS * seed)
        trap.spring()
    finally:
        trap.end()
    done.faults = trap.deaths
    conclude(done, camp, given, dice, raids.LONGEST, "accepted_at_real")  # type: ignore[arg-type]  # as a house
    return done


def conclude(
    done: Round,
    house: House,
    given: Sequence[Given],
    dice: Random,
    longest: timedelta = LONGEST,
    moment: str = "accepted_at",
) -> None:
    """All is mended: a person sees the uploads through, and the judges speak."""
    for account in house.ctx.settings.accounts.values():
        account.http_deadline = account.read_deadline = PATIENT
    person = Person(house, given, dice)
    try:
        done.wrong += person.see_it_through(longest)
    except Stuck as stuck:
        done.wrong.append(str(stuck))
    verdict = judge(house, given, moment)
    done.wrong += verdict.wrong
    done.contacts, done.accepted = verdict.contacts, verdict.accepted
    done.lost, done.doubled = verdict.lost, verdict.doubled
    done.in_review, done.asked = person.in_review, person.reasons


Place = Callable[..., AbstractContextManager[Any]]  # of a database server, and of a broker where it has one
KINDS: dict[str, tuple[Place, Callable[[Any, int], Round]]] = {
    "crash": (Arena.open, crash),
    "abroad": (Arena.open, abroad),
    "mixed": (Arena.open, mixed),
    "machine": (Arena.open, machine),
    "fleet": (pitched, fleet),
    "ambush": (traps.laid, ambush),
}
IN_REAL_TIME = ("fleet", "ambush")  # and with a broker


def run(kind: str, database: str, rounds: int, seed: int, broker: str = "valkey") -> bool:
    """Print a line for every round that went wrong, and the sums; True where none did, and something befell them."""
    began, whole = time.monotonic(), Round(seed)
    failed, (opened, play) = 0, KINDS[kind]
    if broker != "valkey":
        opened = partial(opened, broker=broker)
    with postgres() if database == "postgres" else nullcontext(None) as server, opened(server) as place:
        for number in range(rounds):
            one = attempt(play, place, seed + number)
            failed += bool(one.wrong)
            if one.wrong or rounds == 1:
                print(json.dumps({"seed": one.seed, "wrong": one.wrong, "faults": one.faults}), flush=True)
            add(whole, one)
            if (number + 1) % EVERY == 0 or number + 1 == rounds:
                print(f"{kind} on {database}, seeds {seed} to {seed + number}, {time.monotonic() - began:.0f} s")
                tell(number + 1, whole, failed)
    if not whole.faults:
        print("Nothing befell anybody: these rounds have shown nothing.")
    return not failed and bool(whole.faults)


def tell(rounds: int, whole: Round, failed: int) -> None:
    """The sums so far."""
    people = f"contacts {whole.contacts}, accepted {whole.accepted}, lost {whole.lost}, doubled {whole.doubled}"
    print(f"rounds {rounds}, {people}, in review {whole.in_review}, went wrong {failed}")
    print(f"  asked about: {', '.join(sorted(whole.asked)) or 'nothing'}")
    for name, times in sorted(whole.faults.items()):
        print(f"  {times:6} {name}", flush=True)


def attempt(play: Callable[[Any, int], Round], place: Any, seed: int) -> Round:
    """A round that breaks off is a round that went wrong, and the others are still to be played."""
    try:
        return play(place, seed)
    except Exception:
        return Round(seed, wrong=[traceback.format_exc(limit=-6)])


def add(whole: Round, one: Round) -> None:
    whole.contacts += one.contacts
    whole.accepted += one.accepted
    whole.lost += one.lost
    whole.doubled += one.doubled
    whole.in_review += one.in_review
    whole.faults.update(one.faults)
    whole.asked |= one.asked


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.rounds")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--kind", choices=sorted(KINDS), default="crash")
    parser.add_argument("--broker", choices=("valkey", "redis", "rabbitmq"), default="valkey")
    told = parser.parse_args()
    if told.broker != "valkey" and told.kind not in IN_REAL_TIME:
        parser.error(f"rounds of {told.kind} have no broker; only {' and '.join(IN_REAL_TIME)} can have {told.broker}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that servers and disks go with us
    sys.exit(0 if run(told.kind, told.database, told.rounds, told.seed, told.broker) else 1)


if __name__ == "__main__":
    main()
