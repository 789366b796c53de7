"""Lists that were made elsewhere and whose outcomes are collected by us."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.chaos.crash_points import lose
from tests.house import House
from worker import adopt, control, sizes
from worker.errors import InputError

WHO = {"account_id": "1", "api_key": "sandbox"}
CALL_LIST = {**WHO, "rule_id": 1, "priority": 1, "max_simultaneous": 10, "num_attempts": 2, "name": "by hand"}


def made(house: House, rows: int = 120, **more: Any) -> str:
    """A list that somebody uploaded without us."""
    sheet = "__task_uuid;phone\n" + "".join(f"x-{row};+1202{2000000 + row}\n" for row in range(rows))
    body = {**CALL_LIST, **more, "file_content": sheet}
    return str(house.provider.client.post("/platform_api/CreateCallList", data=body).json()["list_id"])


def take(house: House, reference: str, **options: Any) -> str:
    return adopt.adopt(house.ctx, "sandbox", reference, options, "anna")


def test_every_outcome_of_it_is_collected(house: House) -> None:
    reference = made(house)
    house.account.options = {**house.account.options, "reference_ip": "10.0.0.1"}
    ulid = take(house, reference)
    assert house.status(ulid)["state"] == "dialing"
    status = house.finish(ulid, step=60, limit=24 * 3600)
    assert status["rows"] == {**dict.fromkeys(status["rows"], 0), "total": 120, "accepted": 120}
    assert status["lists"] == [{"reference": reference, "rows": 120}]
    (job,) = house.sql("SELECT job FROM upload")[0]
    told = (json.loads(job) if isinstance(job, str) else job)["options"]
    assert (told["max_simultaneous"], told["reference_ip"]) == (10, "10.0.0.1")  # the list's own, and the account's
    assert sum(status["outcomes"].values()) == 120
    assert not {"pending", "no_outcome"} & set(status["outcomes"])
    assert house.provider.ledger["contacts"] == 120


@pytest.mark.parametrize(("asked", "wanted"), [(50, [50, 50, 20]), (None, [70, 50])])
def test_it_is_kept_in_chunks_like_any_other(
    house: House, monkeypatch: pytest.MonkeyPatch, asked: int | None, wanted: list[int]
) -> None:
    monkeypatch.setattr("worker.adopt.USUAL", sizes.USUAL._replace(first=70))
    house.account.chunk_rows = asked
    take(house, made(house))
    assert house.sql("SELECT rows FROM chunk ORDER BY seq") == [(rows,) for rows in wanted]


def test_it_is_adopted_once_and_ours_never(house: House) -> None:
    reference = made(house, 3)
    ulid = take(house, reference)
    ours = house.upload(5)
    house.run(ours, until=lambda s: s["rows"]["accepted"] == 5)
    for mine in (reference, house.status(ours)["lists"][0]["reference"]):
        with pytest.raises(InputError, match="upload") as raised:
            take(house, mine)
        assert raised.value.code == "already_ours"
    assert house.sql("SELECT count(*) FROM upload")[0][0] == 2
    assert ulid in str(house.sql("SELECT ulid FROM upload"))


def test_it_is_asked_for_as_long_as_it_dials_and_never_stopped(house: House) -> None:
    house.provider.put("/outcomes", {"busy": 1.0})
    ulid = take(house, made(house, 3, num_attempts=5, interval_seconds=3000), num_attempts=1, interval_seconds=0)
    house.now += timedelta(seconds=2 * house.ctx.settings.timing.outcome_grace)
    house.work()
    assert house.status(ulid)["state"] == "dialing"
    assert status_at_provider(house) == "In progress"
    assert house.finish(ulid, step=600, limit=24 * 3600)["outcomes"] == {"busy": 3}


def test_its_owner_may_stop_it_and_we_do_not_start_it_again(house: House) -> None:
    reference = made(house, 30, max_simultaneous=1)
    take(house, reference)
    house.work()
    house.provider.client.post("/platform_api/StopCallListProcessing", data={**WHO, "list_id": reference})
    house.provider.faults({"fault": "throttle", "share": 0.5, "methods": ["GetAccountInfo"]})
    for _ in range(20):
        house.turn(10)
        house.work()
    assert status_at_provider(house) == "Canceled"
    assert house.sql("SELECT count(*) FROM attempt WHERE step = 'recover'") == [(0,)]


def test_a_list_of_ours_whose_making_is_in_doubt_is_ours(house: House) -> None:
    lose(house, "CreateCallList")
    ulid = house.upload(5)
    house.run(ulid, until=lambda s: s["rows"]["unknown"] == 5, step=0.01)
    (one,) = house.provider.client.post("/platform_api/GetCallLists", data=WHO).json()["result"]
    with pytest.raises(InputError, match=ulid) as raised:
        take(house, str(one["list_id"]))
    assert raised.value.code == "already_ours"


def status_at_provider(house: House) -> str:
    (one,) = house.provider.client.post("/platform_api/GetCallLists", data=WHO).json()["result"]
    return str(one["status"])


def test_a_person_may_stop_it_through_us(house: House) -> None:
    ulid = take(house, made(house, 30, max_simultaneous=1))
    control.cancel(house.ctx, ulid, "anna")
    status = house.run(ulid, until=lambda s: sum(s["outcomes"].values()) == 30, step=30)
    assert status["state"] == "cancelled"
    assert status["outcomes"]["cancelled"] > 0


@pytest.mark.parametrize(
    ("account", "reference", "code"),
    [
        ("sandbox", "7", "no_such_list"),
        ("sandbox", "abc", "no_such_list"),
        ("sandbox", "9" * 24, "no_such_list"),
        ("plum", "7", "cannot_adopt"),
        ("kore", "7", "cannot_adopt"),
    ],
)
def test_what_cannot_be_adopted_is_refused(house: House, account: str, reference: str, code: str) -> None:
    with pytest.raises(InputError) as raised:
        adopt.adopt(house.ctx, account, reference, {}, "anna")
    assert raised.value.code == code
    assert house.sql("SELECT count(*) FROM upload") == [(0,)]


def test_a_list_whose_contacts_cannot_be_told_apart_is_refused(house: House) -> None:
    sheet = "__task_uuid;phone\na;+12022000000\na;+12022000001\n"
    body = {**CALL_LIST, "file_content": sheet}
    reference = str(house.provider.client.post("/platform_api/CreateCallList", data=body).json()["list_id"])
    with pytest.raises(InputError) as raised:
        take(house, reference)
    assert raised.value.code == "no_uuids"
