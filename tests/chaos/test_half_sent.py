"""Troubles that begin when one chunk of a campaign was sent and others were not. The judges have the last word."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.chaos.arena import one_clock
from tests.chaos.given import Given, written
from tests.chaos.judges import judge
from tests.chaos.person import Person
from tests.house import House
from worker import telemetry

ROWS, CHUNK = 90, 40
SENT_BEFORE = 40  # contacts that were accepted when the trouble begins
Mend = Callable[[], object]


def nothing() -> None:
    """It mends itself, or a person does it."""


def key_is_refused(house: House) -> Mend:
    house.provider.put("/accounts/1", {"api_key": "another"})
    return partial(house.provider.put, "/accounts/1", {"api_key": None})


def money_is_gone(house: House) -> Mend:
    house.provider.put("/balance", {"balance": 0})
    return partial(house.provider.put, "/balance", {"balance": 100})


def count_is_short_by_one(house: House) -> Mend:
    fault = {"fault": "short_count", "share": 1, "methods": ["AppendToCallList"], "times": 1, "drop": 1 / CHUNK}
    house.provider.faults(fault)
    return nothing


def object_is_missing(house: House) -> Mend:
    path, right = second_object(house)
    path.unlink()
    return partial(path.write_bytes, right)


def object_is_altered(house: House) -> Mend:
    path, right = second_object(house)
    path.chmod(0o644)
    path.write_bytes(right.replace(b"+12", b"+13", 1))
    return partial(path.write_bytes, right)


def second_object(house: House) -> tuple[Path, bytes]:
    digest = house.sql("SELECT digest FROM chunk WHERE seq = 2")[0][0]
    path = house.ctx.settings.home / "staging" / digest
    return path, path.read_bytes()


@dataclass(frozen=True)
class Trouble:
    """`says` is the code that the upload or its chunk bears meanwhile; `asks`: a person decides about the chunk."""

    befalls: Callable[[House], Mend]
    says: str
    asks: bool = False

    def __str__(self) -> str:
        return self.befalls.__name__


TROUBLES = [
    Trouble(key_is_refused, "credential"),
    Trouble(money_is_gone, "balance"),
    Trouble(count_is_short_by_one, "short_count", asks=True),
    Trouble(object_is_missing, "staged_object_missing", asks=True),
    Trouble(object_is_altered, "staged_object_altered", asks=True),
]


@contextmanager
def befallen(house: House, trouble: Trouble) -> Iterator[list[Mend]]:
    """It begins when the first chunk is settled. What mends it is in the list then."""
    mends: list[Mend] = []

    def heard(event: str, fields: telemetry.Fields) -> None:
        if event == "submit.settled" and not mends:
            assert house.provider.ledger["contacts"] == SENT_BEFORE
            mends.append(trouble.befalls(house))

    stop = telemetry.listen(heard)
    yield mends
    stop()


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_what_begins_when_a_campaign_is_half_sent(small_house: House, trouble: Trouble) -> None:
    house = small_house
    one_clock(house)
    house.account.chunk_rows = CHUNK
    given: Given = written(house, Random(2), 0, (ROWS, ROWS))
    given.give(house)

    def said(_status: object) -> bool:
        codes = house.sql("SELECT code FROM upload UNION SELECT code FROM chunk")
        return trouble.says in [code for (code,) in codes]

    with befallen(house, trouble) as mends:
        house.run(given.ulid, until=said, step=1, limit=120)
    mends[0]()
    person = Person(house, [given], Random(2))
    wrong = person.see_it_through()
    verdict = judge(house, [given])
    assert [*wrong, *verdict.wrong] == []
    assert (verdict.lost, verdict.doubled) == (0, 0)
    assert verdict.accepted == len(given.people)
    assert person.reasons == ({trouble.says} if trouble.asks else set())
