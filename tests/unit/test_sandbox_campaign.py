"""A campaign dialled by the clock: every contact ends once, none is called before its start or after its expiry."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.campaign import EXPIRED, Call, Campaign, Contact
from sandbox.dialer import Pace
from sandbox.odds import DEFAULT_MIX, Odds

BEGIN = 1_700_000_000.0


def played(
    people: int, *, attempts: int = 1, start: float = 0, expiry: float = inf, steps: list[float], **mix: float
) -> list[Call]:
    odds = Odds(7)
    told: list[Call] = []
    odds.put({word.replace("_", " "): share for word, share in mix.items()} or DEFAULT_MIX)
    contacts = [Contact(f"1617555{1000 + row}", f"u:{row}") for row in range(people)]
    campaign = Campaign(contacts, Pace(5, attempts, 60, False), odds, BEGIN, told.append, BEGIN + expiry)
    campaign.start(BEGIN + start, BEGIN)
    for step in steps:
        while not campaign.play(BEGIN + step, 3):
            pass
    return told


@settings(max_examples=60, deadline=None)
@given(
    people=st.integers(0, 30),
    attempts=st.integers(1, 11),
    start=st.floats(0, 500),
    expiry=st.one_of(st.just(inf), st.floats(-100, 1500)),
    cuts=st.lists(st.floats(0, 3000), max_size=6),
)
def test_every_contact_ends_once(people: int, attempts: int, start: float, expiry: float, cuts: list[float]) -> None:
    told = played(people, attempts=attempts, start=start, expiry=expiry, steps=[*sorted(cuts), 1e6])
    assert sorted(call.row for call in told if call.final) == list(range(people))
    for call in told:
        if call.word != EXPIRED:
            assert BEGIN + int(start) <= call.began <= BEGIN + expiry
            assert 1 <= call.attempt <= attempts
    for row in range(people):
        made = [call.attempt for call in told if call.row == row and call.word != EXPIRED]
        assert made == list(range(1, len(made) + 1))


def test_how_often_the_clock_is_looked_at_changes_nothing() -> None:
    told = played(40, attempts=3, steps=[1e6])
    assert told == played(40, attempts=3, steps=[*range(0, 900, 7), 1e6])


def test_a_call_under_way_at_the_expiry_ends_and_no_other_follows() -> None:
    [call] = played(1, attempts=3, expiry=1, steps=[1e6], no_answer=1)
    assert (call.word, call.final, call.attempt) == ("no answer", True, 1)


@pytest.mark.parametrize("expiry", [-5, 0])
def test_nobody_is_called_once_it_has_expired(expiry: float) -> None:
    assert [(call.word, call.attempt) for call in played(3, expiry=expiry, steps=[10])] == [(EXPIRED, 0)] * 3
