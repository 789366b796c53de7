"""Rounds of chaos, each repeated by its seed: `make chaos ROUNDS=n SEED=s`.

Round number i has the seed s + i, so `ROUNDS=1 SEED=<a round's seed>` repeats that round alone. Exit 1 where a judge
found anything.
"""

import argparse
import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from random import Random

from tests.chaos import lives, storm
from tests.chaos.arena import Arena
from tests.chaos.cuts import Cuts
from tests.chaos.given import Given
from tests.chaos.judges import judge
from tests.chaos.person import Person, Stuck
from tests.chaos.weather import Weather
from tests.house import House, postgres

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


def conclude(done: Round, house: House, given: Sequence[Given], dice: Random) -> None:
    """All is mended: a person sees the uploads through, and the judges speak."""
    person = Person(house, given, dice)
    try:
        done.wrong += person.see_it_through()
    except Stuck as stuck:
        done.wrong.append(str(stuck))
    verdict = judge(house, given)
    done.wrong += verdict.wrong
    done.contacts, done.accepted = verdict.contacts, verdict.accepted
    done.lost, done.doubled = verdict.lost, verdict.doubled
    done.in_review, done.asked = person.in_review, person.reasons


KINDS: dict[str, Callable[[Arena, int], Round]] = {"crash": crash, "mixed": mixed}


def run(kind: str, database: str, rounds: int, seed: int) -> bool:
    """Print a line for every round that went wrong, and the sums; True where none did."""
    began, whole = time.monotonic(), Round(seed)
    failed = 0
    with postgres() if database == "postgres" else nullcontext(None) as server, Arena.open(server) as arena:
        for number in range(rounds):
            one = attempt(KINDS[kind], arena, seed + number)
            failed += bool(one.wrong)
            if one.wrong or rounds == 1:
                print(json.dumps({"seed": one.seed, "wrong": one.wrong, "faults": one.faults}), flush=True)
            add(whole, one)
            if (number + 1) % EVERY == 0 or number + 1 == rounds:
                print(f"{kind} on {database}, seeds {seed} to {seed + number}, {time.monotonic() - began:.0f} s")
                tell(number + 1, whole, failed)
    return not failed


def tell(rounds: int, whole: Round, failed: int) -> None:
    """The sums so far."""
    people = f"contacts {whole.contacts}, accepted {whole.accepted}, lost {whole.lost}, doubled {whole.doubled}"
    print(f"rounds {rounds}, {people}, in review {whole.in_review}, went wrong {failed}")
    print(f"  asked about: {', '.join(sorted(whole.asked)) or 'nothing'}")
    for name, times in sorted(whole.faults.items()):
        print(f"  {times:6} {name}", flush=True)


def attempt(kind: Callable[[Arena, int], Round], arena: Arena, seed: int) -> Round:
    """A round that breaks off is a round that went wrong, and the others are still to be played."""
    try:
        return kind(arena, seed)
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
    told = parser.parse_args()
    sys.exit(0 if run(told.kind, told.database, told.rounds, told.seed) else 1)


if __name__ == "__main__":
    main()
