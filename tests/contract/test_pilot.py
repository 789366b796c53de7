"""A pilot: the first contacts are called, and nobody else before a person has seen what became of them."""

from datetime import timedelta
from typing import Any

import pytest

from tests.chaos.dying_worker import dies
from tests.contract.test_faults import CREATE, all_accepted_once, once
from tests.house import START, House, adds_up, some_numbers
from worker import accounts, control, review, suppress, withdraw
from worker.errors import InputError
from worker.states import Blocked

FIRST, ALL = 5, 120


def asks(status: dict[str, Any]) -> bool:
    return (status["state"], status.get("blocked")) == ("blocked", "pilot")


def only_the_pilot(house: House, ulid: str, first: int = FIRST) -> bool:
    """By the sandbox's ledger."""
    assert adds_up(house.status(ulid))
    return {one["uuid"] for one in house.provider.contacts} == {f"{ulid}:{row}" for row in range(1, first + 1)}


def until_it_asks(house: House, ulid: str, step: float = 5, limit: float = 600) -> dict[str, Any]:
    status: dict[str, Any] = house.run(ulid, until=asks, step=step, limit=limit)
    return status


def piloted(house: House, **job: Any) -> str:
    return house.upload(ALL, pilot=FIRST, **job)


def on_the_way(house: House) -> str:
    """The pilot dials."""
    ulid = piloted(house)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == FIRST, step=0.1)
    return ulid


def accept(house: House, ulid: str) -> None:
    control.resume(house.ctx, ulid, "anna", accept_pilot=True)


def test_the_rest_is_sent_when_a_person_has_seen_the_pilots_end(house: House) -> None:
    ulid = on_the_way(house)
    assert house.status(ulid)["state"] == "submitting"
    assert house.status(ulid)["pilot"] == {"contacts": FIRST, "rest": ALL - FIRST}
    status = until_it_asks(house, ulid)
    assert sum(status["outcomes"].values()) == FIRST
    assert "pending" not in status["outcomes"]
    ends = ", ".join(f"{count} {end}" for end, count in status["outcomes"].items())
    assert status["needs_person"].startswith(f"The pilot of 5 contacts has ended: {ends}. 115 contacts wait;")
    assert f"`rollcall resume {ulid} --accept-pilot` sends them" in status["needs_person"]
    house.turn(3 * 3600)
    house.work()
    assert asks(house.status(ulid))
    assert only_the_pilot(house, ulid)
    accept(house, ulid)
    status = house.finish(ulid)
    all_accepted_once(house, status, rows=ALL)
    assert [one["rows"] for one in status["lists"]] == [FIRST, ALL - FIRST]
    assert "pilot" not in status


def test_a_pilot_that_was_everybody_asks_nothing(small_house: House) -> None:
    all_accepted_once(small_house, small_house.finish(small_house.upload(5, pilot=5)), rows=5)


def test_a_pause_and_its_end_concern_the_pilot_alone(house: House) -> None:
    ulid = on_the_way(house)
    control.pause(house.ctx, ulid, "anna")
    house.work()
    house.turn(3600)
    house.work()
    assert house.status(ulid)["state"] == "paused"
    control.resume(house.ctx, ulid, "anna")
    until_it_asks(house, ulid)
    assert only_the_pilot(house, ulid)
    with pytest.raises(InputError, match="blocked"):
        control.pause(house.ctx, ulid, "anna")
    accept(house, ulid)
    all_accepted_once(house, house.finish(ulid), rows=ALL)


@pytest.mark.parametrize("flags", [{}, {"accept_rejects": True}], ids=["plain", "with rejects"])
def test_a_resume_that_is_repeated_does_not_release_the_rest(small_house: House, flags: dict[str, bool]) -> None:
    """The pilot ends while the upload is paused, so the first resume lays its end before a person, unseen."""
    house = small_house
    ulid = on_the_way(house)
    house.turn(3600)  # everybody of it was called, and nobody has asked yet
    control.pause(house.ctx, ulid, "anna")
    house.run(ulid, until=lambda s: bool(house.sql("SELECT 1 FROM call_list WHERE state = 'finished'")), step=5)
    control.resume(house.ctx, ulid, "anna", **flags)
    told = house.status(ulid)
    assert asks(told)
    with pytest.raises(InputError) as raised:
        control.resume(house.ctx, ulid, "bert", **flags)
    assert (raised.value.code, raised.value.message) == ("pilot_not_accepted", told["needs_person"])
    house.work()
    assert house.status(ulid) == told
    assert only_the_pilot(house, ulid)
    for _ in range(2):
        accept(house, ulid)
    assert house.finish(ulid)["rows"]["accepted"] == ALL


def test_nobody_accepts_what_nobody_can_have_seen(small_house: House) -> None:
    house = small_house
    unread = house.upload(ALL, pilot=FIRST)
    for flag in ("accept_pilot", "accept_rejects"):
        with pytest.raises(InputError, match="still to be read"):
            control.resume(house.ctx, unread, "anna", **{flag: True})
    control.cancel(house.ctx, unread, "anna")
    ulid = on_the_way(house)
    for _ in ("on its way", "paused"):
        with pytest.raises(InputError) as raised:
            accept(house, ulid)
        assert raised.value.code == "pilot_not_ended"
        control.pause(house.ctx, ulid, "anna")
    control.resume(house.ctx, ulid, "anna")
    until_it_asks(house, ulid)
    assert only_the_pilot(house, ulid)


@pytest.mark.parametrize("when", ["on its way", "at its end"])
def test_cancel_drops_the_rest(house: House, when: str) -> None:
    ulid = on_the_way(house)
    if when == "at its end":
        until_it_asks(house, ulid)
    control.cancel(house.ctx, ulid, "anna")
    for _ in range(3):
        house.work()
        house.turn(600)
    status = house.status(ulid)
    assert (status["state"], status["rows"]["accepted"], status["rows"]["cancelled"]) == ("cancelled", 5, 115)
    assert house.sql("SELECT ended_at FROM upload")[0][0] is not None
    assert only_the_pilot(house, ulid)


def test_accepted_rejects_send_the_pilot_first(house: House) -> None:
    ulid = house.upload([*some_numbers(5), *["NOT AVAILABLE"] * 5], pilot=2)
    house.run(ulid, until=lambda s: s.get("blocked") == "rejects")
    control.resume(house.ctx, ulid, "anna", accept_rejects=True)
    until_it_asks(house, ulid)
    assert only_the_pilot(house, ulid, 2)
    accept(house, ulid)
    assert house.finish(ulid)["rows"]["accepted"] == 5
    assert house.provider.ledger["called_twice"] == 0


def test_who_withdraws_while_rejects_wait_leaves_a_pilot_that_is_everybody(small_house: House) -> None:
    house = small_house
    ulid = house.upload([*some_numbers(5), *["NOT AVAILABLE"] * 5], pilot=5)
    house.run(ulid, until=lambda s: s.get("blocked") == "rejects")
    withdraw.ask(house.ctx, ulid, [2], "anna", "asked by mail")
    status = house.run(ulid, until=lambda s: s["rows"]["suppressed"] == 1)
    assert status["blocked"] == "rejects"
    control.resume(house.ctx, ulid, "anna", accept_rejects=True)
    assert house.finish(ulid)["rows"]["accepted"] == 4
    assert house.provider.ledger["contacts"] == 4


@pytest.mark.parametrize("event", ["collect.asking", "collect.stored"])
def test_the_worker_that_should_ask_dies(house: House, event: str) -> None:
    ulid = on_the_way(house)
    house.turn(3600)
    house.lose_bells()
    (list_id,) = house.sql("SELECT list_id FROM chunk WHERE pilot")[0]
    dies(house, "collect", list_id, event)
    until_it_asks(house, ulid, step=60, limit=4 * 3600)
    assert only_the_pilot(house, ulid)
    accept(house, ulid)
    all_accepted_once(house, house.finish(ulid), rows=ALL)


def test_a_pilot_that_ends_while_the_account_is_held_is_asked_about_later(house: House) -> None:
    """Nobody rings for it then: the sweep finds it standing."""
    ulid = on_the_way(house)
    accounts.close(house.ctx, "sandbox", Blocked.BALANCE, "There is no money.", by_itself=False)
    house.run(ulid, until=lambda s: bool(house.sql("SELECT 1 FROM call_list WHERE state = 'finished'")), step=5)
    assert house.status(ulid)["blocked"] == "balance"
    control.resume(house.ctx, ulid, "anna")
    until_it_asks(house, ulid)
    assert only_the_pilot(house, ulid)


def test_who_is_listed_while_the_pilot_dials_is_not_called_afterwards(small_house: House) -> None:
    house = small_house
    ulid = on_the_way(house)
    suppress.add(house.ctx, "sandbox", [12022000000 + 99], "asked by mail", "anna")
    until_it_asks(house, ulid)
    suppress.add(house.ctx, "sandbox", [12022000000 + 109], "asked by mail", "anna")
    accept(house, ulid)
    status = house.finish(ulid)
    assert (status["rows"]["accepted"], status["rows"]["suppressed"]) == (118, 2)
    assert not {f"{ulid}:100", f"{ulid}:110"} & {one["uuid"] for one in house.provider.contacts}


def test_a_start_that_passed_meanwhile_is_now(small_house: House) -> None:
    house = small_house
    ulid = piloted(house, starts_at=(START + timedelta(seconds=20)).isoformat())
    until_it_asks(house, ulid)
    house.turn(3 * 3600)
    house.work()
    assert asks(house.status(ulid))
    accept(house, ulid)
    all_accepted_once(house, house.finish(ulid), rows=ALL)


def test_a_late_pilot_that_is_sent_after_all_is_still_a_pilot(small_house: House) -> None:
    house = small_house
    ulid = piloted(house, starts_at=(START - timedelta(hours=2)).isoformat())
    house.run(ulid, until=lambda s: s.get("blocked") == "late")
    control.resume(house.ctx, ulid, "anna")
    until_it_asks(house, ulid)
    assert only_the_pilot(house, ulid)


def test_a_pilot_of_whom_nobody_was_called_asks_too(small_house: House) -> None:
    house = small_house
    left = piloted(house, starts_at=(START + timedelta(hours=1)).isoformat())
    house.run(left, until=lambda s: s["rows"]["waiting"] == ALL)
    withdraw.ask(house.ctx, left, [1, 2, 3, 4, 5], "anna", "asked by mail")
    assert "The pilot of 5 contacts has ended: 5 left out. 115" in until_it_asks(house, left)["needs_person"]
    house.provider.faults(once("refuse", CREATE))
    refused = house.upload(some_numbers(20, first=500), pilot=3)
    assert "The pilot of 3 contacts has ended: 3 refused. 17" in until_it_asks(house, refused)["needs_person"]
    assert house.provider.ledger["contacts"] == 0
    for ulid in (left, refused):
        accept(house, ulid)
    assert house.finish(left, step=60, limit=7200)["rows"]["accepted"] == 115
    assert house.finish(refused)["rows"]["accepted"] == 17


def test_of_who_left_the_pilot_in_time_the_numbers_tell(small_house: House) -> None:
    house = small_house
    ulid = piloted(house, starts_at=(START + timedelta(hours=1)).isoformat())
    house.run(ulid, until=lambda s: s["rows"]["waiting"] == ALL)
    withdraw.ask(house.ctx, ulid, [2, 100], "anna", "asked by mail")
    told = until_it_asks(house, ulid, step=120, limit=7200)["needs_person"]
    assert told.startswith("The pilot of 5 contacts has ended: ")
    assert "1 left out. 114 contacts wait;" in told


def test_a_pilot_in_doubt_waits_for_the_decision(small_house: House) -> None:
    house = small_house
    house.provider.faults(once("short_count", CREATE))
    ulid = piloted(house)
    status = house.run(ulid, until=lambda s: "needs_person" in s, step=5)
    assert "rollcall review" in status["needs_person"]
    assert not asks(status)
    review.decide(house.ctx, ulid, 1, "give_up", "anna", "leave it")
    assert "5 refused" in until_it_asks(house, ulid)["needs_person"]


def test_a_list_that_is_compared_before_it_starts_may_be_a_pilot(small_house: House) -> None:
    house = small_house
    house.account.start = "verified"
    ulid = piloted(house)
    until_it_asks(house, ulid)
    assert only_the_pilot(house, ulid)
    accept(house, ulid)
    all_accepted_once(house, house.finish(ulid), rows=ALL)
