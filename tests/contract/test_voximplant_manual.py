"""A whole campaign whose contacts are dialled one by one, each when somebody asks for it."""

from datetime import timedelta

import pytest

from tests.contract.test_faults import once
from tests.house import House
from worker import accounts
from worker.providers.base import Place

OPTIONS = {"rule_id": 1, "num_attempts": 8, "call_list_type": "manual", "max_simultaneous": 5}
MONTH = 30 * 86400


def dial(house: House, ulid: str) -> None:
    hands = accounts.provider(house.ctx, "sandbox").hands
    assert hands is not None
    hands.next(Place(house.status(ulid)["lists"][0]["reference"]), "agent 7")


def ready(house: House) -> bool:
    """Whether the list was compared, where it is to be, and is free to dial."""
    return bool(house.sql("SELECT 1 FROM call_list WHERE state = 'open' AND NOT held"))


@pytest.mark.parametrize("start", ["immediate", "verified"])
def test_nobody_is_called_unasked_and_everybody_in_the_end(small_house: House, start: str) -> None:
    small_house.account.start = start  # type: ignore[assignment]
    small_house.provider.put("/outcomes", {"answered": 1})
    ulid = small_house.upload(3, options=OPTIONS)
    small_house.run(ulid, until=lambda s: s["state"] == "dialing" and ready(small_house), step=1)
    for _ in range(5):
        small_house.turn(3600)
        small_house.work()
    assert set(small_house.provider.calls.values()) == {0}
    for _ in range(3):
        dial(small_house, ulid)
        small_house.turn(600)
    status = small_house.finish(ulid, step=600, limit=86400)
    assert set(small_house.provider.calls.values()) == {1}
    assert status["rows"]["accepted"] == 3
    assert "pending" not in status["outcomes"]


def test_its_outcomes_are_waited_for_a_month_longer(small_house: House) -> None:
    ulid = small_house.upload(1, options=OPTIONS)
    small_house.run(ulid, until=lambda s: s["state"] == "dialing", step=1)
    small_house.turn(MONTH - 3600)
    small_house.work()
    assert small_house.status(ulid)["outcomes"] == {"pending": 1}
    grace = timedelta(seconds=small_house.ctx.settings.timing.outcome_grace)
    status = small_house.finish(ulid, step=3600, limit=(grace + timedelta(days=1)).total_seconds())
    assert status["outcomes"] == {"no_outcome": 1}


def test_a_create_that_was_not_answered_is_looked_up(small_house: House) -> None:
    small_house.provider.faults(once("accept_then_hang_up", "CreateManualCallList"))
    ulid = small_house.upload(3, options=OPTIONS)
    small_house.run(ulid, until=lambda s: s["rows"]["accepted"] == 3, step=60, limit=7200)
    assert small_house.provider.ledger["called_twice"] == 0
    assert len(small_house.provider.ledger["lists"]) == 1
