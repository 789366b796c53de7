"""Campaigns that dial their next contact when somebody says so."""

import pytest

from tests.house import House
from worker import by_hand, control, suppress
from worker.errors import InputError, ProviderError, Unknown

MANUAL = {"call_list_type": "manual"}


def waiting(house: House, rows: int = 3) -> str:
    house.provider.put("/outcomes", {"answered": 1.0})
    ulid = house.upload(rows, options=MANUAL)
    house.run(ulid, until=lambda s: s["state"] == "dialing", step=0.01)
    return ulid


def call_next(house: House, ulid: str) -> str:
    return by_hand.call_next(house.ctx, ulid, "anna", "agent 7")


def dialled(house: House) -> int:
    return sum(house.provider.calls.values())


def test_nobody_is_called_before_somebody_says_so(house: House) -> None:
    ulid = waiting(house)
    for _ in range(3):
        house.turn(3600)
        house.work()
    assert dialled(house) == 0
    assert house.status(ulid)["outcomes"] == {"pending": 3}


def test_each_word_dials_one_and_the_campaign_ends_with_the_last(house: House) -> None:
    ulid = waiting(house)
    for number in range(1, 4):
        assert call_next(house, ulid) == house.status(ulid)["lists"][0]["reference"]
        assert dialled(house) == number
        house.turn(120)
        house.work()
    status = house.finish(ulid, step=60, limit=7200)
    assert status["outcomes"] == {"answered": 3}
    assert max(house.provider.calls.values()) == 1
    lines = house.sql("SELECT who, result FROM attempt WHERE step = 'next'")
    assert [tuple(line) for line in lines] == [("anna", "done")] * 3


def test_where_nobody_is_left_the_providers_words_are_told(house: House) -> None:
    ulid = waiting(house, 1)
    call_next(house, ulid)
    with pytest.raises(ProviderError, match="nobody left to call"):
        call_next(house, ulid)
    assert dialled(house) == 1


def test_what_was_not_answered_is_not_asked_again(house: House) -> None:
    ulid = waiting(house)
    house.provider.faults({"fault": "accept_then_hang_up", "share": 1, "times": 1, "methods": ["StartNextCallTask"]})
    with pytest.raises(Unknown, match="may have been dialled"):
        call_next(house, ulid)
    assert dialled(house) == 1


def test_nobody_is_called_while_the_campaign_is_being_compared_with_the_do_not_call_list(house: House) -> None:
    ulid = waiting(house)
    suppress.add(house.ctx, "sandbox", [12022000000], "asked by mail", "anna")
    with pytest.raises(InputError) as raised:
        call_next(house, ulid)
    assert raised.value.code == "cannot_call_next"
    assert dialled(house) == 0
    house.work()
    call_next(house, ulid)
    assert {uuid: calls for uuid, calls in house.provider.calls.items() if calls} == {f"{ulid}:2": 1}


def test_a_paused_campaign_and_one_that_dials_by_itself_have_no_next(house: House) -> None:
    ulid = waiting(house)
    control.pause(house.ctx, ulid, "anna")
    other = house.upload(5, idempotency_key="other")
    for which, code in ((ulid, "cannot_call_next"), (other, "not_by_hand")):
        with pytest.raises(InputError) as raised:
            call_next(house, which)
        assert raised.value.code == code
    assert dialled(house) == 0
