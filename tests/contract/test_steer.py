"""Lists are stopped and let go: never after a cancel, never late, and by one worker at a time."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.test_control import provider_status
from tests.contract.test_interleaved import at, first_list
from tests.house import FLOWS, House
from worker import accounts, control
from worker.providers.base import Place
from worker.states import Blocked

ROWS = 5
KORE, PLAY = "kore", "triggerCampaign"
HOUR = timedelta(hours=1)


def filled(house: House, account: str = KORE) -> str:
    """A list that is compared next, and then let go."""
    house.provider.put("/kore/limits", {"requests_per_minute": 0})
    house.provider.put("/switches", {"kore_add_delay_ms": 0, "kore_prepare_delay_ms": 0})
    house.account.start = "verified"
    ulid = house.upload(ROWS, account=account)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == ROWS, step=0.01)
    return ulid


def compare(house: House) -> None:
    """The list is let go, and its bell not answered yet."""
    house.lose_bells()
    FLOWS["verify"](house.ctx, first_list(house))
    house.lose_bells()


def steer(house: House) -> None:
    FLOWS["steer"](house.ctx, first_list(house))


def steps(house: House) -> list[str]:
    query = "SELECT step, result FROM attempt WHERE step IN ('create_campaign', 'play', 'recover', 'stop') ORDER BY id"
    return [f"{step}: {result}" for step, result in house.sql(query)]


def campaign_status(house: House) -> str | None:
    [(reference, campaign)] = house.sql("SELECT reference, campaign FROM call_list")
    found = house.ctx.provider(KORE).status(Place(reference, campaign))
    return None if found is None else found.status


def fault(house: House, name: str, method: str, **more: Any) -> None:
    house.provider.faults({"fault": name, "share": 1, "methods": [method], "times": 1, **more})


def settle(house: House) -> None:
    """Nobody's time passes but ours."""
    for _ in range(8):
        house.now += timedelta(seconds=10)
        house.work()


def test_a_play_that_arrives_after_the_cancel_is_stopped(house: House) -> None:
    ulid = filled(house)
    compare(house)
    fault(house, "store_late", PLAY, seconds=2)
    steer(house)
    assert steps(house) == ["create_campaign: done", "play: Unknown"]
    control.cancel(house.ctx, ulid, "anna")
    house.work()
    assert steps(house)[2:] == ["stop: done"]
    house.wait(lambda: campaign_status(house) == "Active")
    settle(house)
    assert campaign_status(house) == "Stopped"
    assert steps(house)[2:] == ["stop: done", "stop: done"]


def test_a_recovery_that_arrives_after_the_cancel_is_stopped(house: House) -> None:
    ulid = filled(house, "sandbox")
    compare(house)
    fault(house, "store_late", "RecoverCallList", seconds=3)
    steer(house)
    control.cancel(house.ctx, ulid, "anna")
    for _ in range(3):
        house.now += timedelta(seconds=2)
        house.work()
    assert steps(house) == ["recover: Unknown", "stop: done"]
    assert house.status(ulid)["outcomes"] == {"cancelled": ROWS}
    house.wait(lambda: provider_status(house) == ["In progress"])
    settle(house)
    assert provider_status(house) == ["Canceled"]


def test_a_list_that_may_have_been_stopped_goes_on_when_it_is_resumed(house: House) -> None:
    ulid = house.upload(ROWS)
    house.run(ulid, until=lambda s: s["state"] == "dialing", step=0.01)
    house.provider.faults({"fault": "accept_then_500", "share": 1, "methods": ["StopCallListProcessing"]})
    control.pause(house.ctx, ulid, "anna")
    house.work()
    assert provider_status(house) == ["Canceled"]
    control.resume(house.ctx, ulid, "anna")
    house.work()
    assert provider_status(house) == ["In progress"]


def test_what_was_cancelled_before_it_dialled_comes_to_an_end(small_house: House) -> None:
    ulid = filled(small_house)
    control.cancel(small_house.ctx, ulid, "anna")
    small_house.work()
    small_house.now += 100 * HOUR
    small_house.work()
    assert small_house.status(ulid)["outcomes"] == {"no_outcome": ROWS}
    assert small_house.sql("SELECT count(*) FROM upload WHERE ended_at IS NOT NULL") == [(1,)]


@pytest.mark.parametrize("column", ["token", "campaign"])
def test_who_steers_a_list_that_became_another_workers_plays_nothing(small_house: House, column: str) -> None:
    filled(small_house)
    compare(small_house)

    def lose() -> None:
        with small_house.ctx.db.write() as session:
            session.connection().exec_driver_sql(f"UPDATE call_list SET {column} = 'another'")

    with at("steer.sending", lose):
        steer(small_house)
    assert steps(small_house) == ["create_campaign: done"]


def hold(house: House, ulid: str) -> None:
    accounts.close(house.ctx, "sandbox", Blocked.PROVIDER_DOWN, "Another upload could not connect.")


def pause(house: House, ulid: str) -> None:
    control.pause(house.ctx, ulid, "anna")


@pytest.mark.parametrize("act", [hold, pause])
def test_a_list_does_not_start_while_its_upload_is_held_back(
    small_house: House, act: Callable[[House, str], None]
) -> None:
    ulid = filled(small_house, "sandbox")
    with at("verify.approved", lambda: act(small_house, ulid)):
        FLOWS["verify"](small_house.ctx, first_list(small_house))
    steer(small_house)
    assert steps(small_house) in ([], ["stop: done"])
    assert provider_status(small_house) == ["Canceled"]
    if act is pause:
        control.resume(small_house.ctx, ulid, "anna")
    assert sum(small_house.finish(ulid)["outcomes"].values()) == ROWS


def test_what_became_late_between_two_steps_does_not_start(small_house: House) -> None:
    ulid = filled(small_house)
    compare(small_house)

    def dawdle() -> None:
        small_house.now += 2 * HOUR

    with at("steer.answered", dawdle):
        steer(small_house)
    assert steps(small_house) == ["create_campaign: done"]
    assert small_house.status(ulid)["blocked"] == "late"


@pytest.mark.parametrize(
    ("name", "state"), [("accept_then_hang_up", "dialing"), ("no_answer", "blocked"), ("refuse", "paused")]
)
def test_what_may_dial_is_not_called_late_and_what_does_not_is_not_started_late(
    small_house: House, name: str, state: str
) -> None:
    small_house.hurry()
    ulid = filled(small_house)
    compare(small_house)
    fault(small_house, name, PLAY)
    steer(small_house)
    played = steps(small_house)
    small_house.now += 2 * HOUR
    small_house.work()
    assert small_house.status(ulid)["state"] == state
    assert steps(small_house) == played
