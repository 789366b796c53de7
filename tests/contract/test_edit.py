"""Options that are changed while a campaign runs: each list is told, and lists that come later carry them."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.chaos.crash_points import list_id
from tests.house import House
from worker import control
from worker.errors import InputError

EDIT = "EditCallList"


def running(house: House, **options: Any) -> str:
    ulid = house.upload(50, options={"max_simultaneous": 1, **options})
    house.run(ulid, until=lambda s: s["state"] == "dialing", step=0.01)
    return ulid


def at_provider(house: House) -> dict[str, Any]:
    who = {"account_id": "1", "api_key": "sandbox"}
    (one,) = house.provider.client.post("/platform_api/GetCallLists", data=who).json()["result"]
    return dict(one)


def pending(house: House) -> Any:
    return house.sql("SELECT changes FROM call_list")[0][0]


def test_the_provider_is_told_and_the_campaign_goes_on_with_it(house: House) -> None:
    ulid = running(house)
    control.edit(house.ctx, ulid, {"max_simultaneous": "5", "num_attempts": 3}, "anna")
    house.work()
    told = at_provider(house)
    assert (told["max_simultaneous"], told["num_attempts"], told["rule_id"]) == (5, 3, 1)
    assert pending(house) is None
    lines = house.sql("SELECT result, who, message FROM attempt WHERE step = 'edit' ORDER BY id")
    assert [tuple(line) for line in lines] == [
        ("decided", "anna", "max_simultaneous=5, num_attempts=3"),
        ("done", None, None),
    ]
    assert sum(house.finish(ulid, step=60, limit=24 * 3600)["outcomes"].values()) == 50


def test_a_list_that_is_made_later_carries_it(house: House) -> None:
    ulid = house.upload(50, starts_at=(house.now.timestamp() + 600) // 1)
    house.run(ulid, until=lambda s: s["rows"]["waiting"] == 50)
    control.edit(house.ctx, ulid, {"max_simultaneous": 7}, "anna")
    house.turn(600)
    house.finish(ulid)
    assert at_provider(house)["max_simultaneous"] == 7
    assert pending(house) is None


@pytest.mark.parametrize("fault", ["no_answer", "accept_then_hang_up", "throttle"])
def test_a_provider_that_does_not_answer_is_told_later(house: House, fault: str) -> None:
    house.hurry()
    ulid = running(house)
    house.provider.faults({"fault": fault, "share": 1, "times": 3, "methods": [EDIT]})
    control.edit(house.ctx, ulid, {"max_simultaneous": 5}, "anna")
    house.work()
    assert pending(house) is not None
    house.run(ulid, until=lambda s: pending(house) is None, step=20)
    assert at_provider(house)["max_simultaneous"] == 5


def test_what_the_provider_refuses_is_told_with_its_words(house: House) -> None:
    ulid = running(house)
    house.provider.faults({"fault": "refuse", "share": 1, "times": 1, "methods": [EDIT]})
    control.edit(house.ctx, ulid, {"max_simultaneous": 5}, "anna")
    house.work()
    assert pending(house) is None
    assert "Voximplant error" in house.status(ulid)["lists"][0]["changes_refused"]
    control.edit(house.ctx, ulid, {"max_simultaneous": 6}, "anna")
    house.work()
    assert "changes_refused" not in house.status(ulid)["lists"][0]


def test_what_was_refused_is_not_carried_by_a_list_that_is_made_later(house: House) -> None:
    path = house.folder / "starts.csv"
    later = int((house.now + timedelta(minutes=10)).timestamp())
    path.write_text(f"phone,__start_at\n+12022000001,\n+12022000002,{later}\n")
    ulid = house.upload(source=path, options={"max_simultaneous": 2})
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 1, step=0.01)
    house.provider.faults({"fault": "refuse", "share": 1, "methods": [EDIT]})
    control.edit(house.ctx, ulid, {"max_simultaneous": 5}, "anna")
    house.work()
    house.provider.faults()
    control.edit(house.ctx, ulid, {"num_attempts": 4}, "anna")
    house.work()
    (job,) = house.sql("SELECT job FROM upload")[0]
    told = (json.loads(job) if isinstance(job, str) else job)["options"]
    assert (told["max_simultaneous"], told["num_attempts"]) == (2, 4)
    assert house.finish(ulid, step=60, limit=3600)["rows"]["accepted"] == 2


def test_what_changes_again_meanwhile_is_told_too(house: House) -> None:
    ulid = running(house)
    control.edit(house.ctx, ulid, {"max_simultaneous": 5}, "anna")
    control.edit(house.ctx, ulid, {"interval_seconds": 60, "max_simultaneous": 6}, "bob")
    house.work()
    told = at_provider(house)
    assert (told["max_simultaneous"], told["interval_seconds"]) == (6, 60)


def test_a_paused_list_is_told_and_stays_paused(house: House) -> None:
    ulid = running(house)
    control.pause(house.ctx, ulid, "anna")
    house.work()
    control.edit(house.ctx, ulid, {"max_simultaneous": 5}, "anna")
    house.work()
    assert (at_provider(house)["max_simultaneous"], at_provider(house)["status"]) == (5, "Canceled")


def test_a_held_list_is_told_and_stays_held(house: House) -> None:
    house.account.start = "verified"
    ulid = house.upload(50)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 50, step=0.01)
    assert house.sql("SELECT held FROM call_list WHERE id = :id", id=list_id(house))[0][0]
    control.edit(house.ctx, ulid, {"max_simultaneous": 5}, "anna")
    house.work()
    assert at_provider(house)["max_simultaneous"] == 5
    assert sum(house.finish(ulid, step=60, limit=24 * 3600)["outcomes"].values()) == 50


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"max_simultaneous": 0}, "bad_option"), ({"rule_id": 2}, "cannot_edit"), ({"name": "x"}, "cannot_edit")],
)
def test_what_cannot_be_changed_is_refused_by_name(house: House, changes: dict[str, Any], code: str) -> None:
    ulid = running(house)
    with pytest.raises(InputError, match=next(iter(changes))) as raised:
        control.edit(house.ctx, ulid, changes, "anna")
    assert raised.value.code == code
    assert pending(house) is None


def test_an_upload_that_has_ended_cannot_be_changed(house: House) -> None:
    ulid = house.upload(5)
    house.finish(ulid)
    with pytest.raises(InputError) as raised:
        control.edit(house.ctx, ulid, {"max_simultaneous": 5}, "anna")
    assert raised.value.code == "cannot_edit"


def test_a_pause_does_not_wait_for_a_change_that_could_not_be_told(house: House) -> None:
    ulid = running(house)
    house.provider.faults({"fault": "accept_then_500", "share": 1, "methods": [EDIT]})
    control.edit(house.ctx, ulid, {"max_simultaneous": 5}, "anna")
    house.work()
    control.pause(house.ctx, ulid, "anna")
    house.work()
    assert at_provider(house)["status"] == "Canceled"
