"""Each fault of the provider, on a create and on an append: nobody is called twice, nobody is lost."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.house import House, adds_up
from tests.patience import until
from worker.cli import show

CREATE, APPEND = "CreateCallList", "AppendToCallList"
STEPS = [CREATE, APPEND]


def once(fault: str, method: str, **more: Any) -> dict[str, Any]:
    return {"fault": fault, "share": 1, "methods": [method], "times": 1, **more}


def attempts(house: House, ulid: str) -> list[str]:
    query = "SELECT a.result FROM attempt a JOIN upload u ON u.id = a.upload_id WHERE u.ulid = :ulid ORDER BY a.id"
    return [row[0] for row in house.sql(query, ulid=ulid)]


def looked(house: House, ulid: str) -> bool:
    """Once, in vain or on a busy machine not: what takes its time at the provider takes real time."""
    return bool({"not_seen", "found"} & set(attempts(house, ulid)))


def all_accepted_once(house: House, status: dict[str, Any], rows: int = 250) -> None:
    assert status["state"] == "finished"
    assert status["rows"] == {**dict.fromkeys(status["rows"], 0), "total": rows, "accepted": rows}
    assert sum(status["outcomes"].values()) == rows
    assert house.provider.ledger["contacts"] == rows
    assert house.provider.ledger["called_twice"] == 0


@pytest.mark.parametrize("method", STEPS)
@pytest.mark.parametrize("fault", ["accept_then_hang_up", "accept_then_500", "cut_body", "not_json"])
def test_stored_but_not_answered_is_found(house: House, fault: str, method: str) -> None:
    house.provider.faults(once(fault, method))
    ulid = house.upload(250)
    all_accepted_once(house, house.finish(ulid))
    assert attempts(house, ulid).count("Unknown") == 1
    assert "found" in attempts(house, ulid)


@pytest.mark.parametrize("method", STEPS)
def test_what_is_stored_after_we_hung_up_is_found(house: House, method: str) -> None:
    house.provider.faults(once("store_late", method, seconds=2))
    ulid = house.upload(250)
    house.run(ulid, until=lambda s: looked(house, ulid), step=0.6)
    before = 200 if method == APPEND else 100
    until(lambda: bool(house.provider.ledger["contacts"] >= before))
    all_accepted_once(house, house.finish(ulid))
    assert "absent" not in attempts(house, ulid)


@pytest.mark.parametrize("method", STEPS)
def test_what_never_arrived_is_sent_again_after_two_reads_settle_apart(house: House, method: str) -> None:
    house.hurry()
    house.provider.faults(once("no_answer", method))
    ulid = house.upload(250)
    house.run(ulid, until=lambda s: "not_seen" in attempts(house, ulid), step=0.5)
    seen_at = house.now
    house.run(ulid, until=lambda s: "absent" in attempts(house, ulid), step=0.5)
    assert (house.now - seen_at).total_seconds() >= house.account.settle - 1
    all_accepted_once(house, house.finish(ulid))


def test_what_never_arrives_again_and_again_is_a_matter_for_a_person(house: House) -> None:
    house.hurry()
    house.provider.faults({"fault": "no_answer", "share": 1, "methods": [CREATE]})
    status = house.run(house.upload(250), until=lambda s: "needs_person" in s, step=2)
    assert (status["rows"]["unknown"], status["rows"]["waiting"]) == (100, 150)
    assert house.sql("SELECT code FROM chunk WHERE state = 'review'") == [("kept_vanishing",)]
    assert house.provider.ledger["contacts"] == 0


@pytest.mark.parametrize("method", STEPS)
def test_refused_is_final_and_its_words_are_kept(house: House, method: str) -> None:
    house.provider.faults(once("refuse", method))
    status = house.finish(house.upload(250))
    assert status["rows"]["refused"] == 100
    assert status["rows"]["accepted"] == 150
    assert adds_up(status)
    assert house.provider.ledger["contacts"] == 150
    code, message = house.sql("SELECT code, message FROM chunk WHERE state = 'refused'")[0]
    assert code.startswith("voximplant_")
    assert message


@pytest.mark.parametrize("method", STEPS)
@pytest.mark.parametrize("retry_after", [None, 1, 40])
def test_throttled_is_sent_again_later(house: House, method: str, retry_after: float | None) -> None:
    house.provider.faults(once("throttle", method, retry_after=retry_after))
    all_accepted_once(house, house.finish(house.upload(250), step=20))


def test_what_is_tried_again_later_says_when_and_why(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.provider.faults(once("throttle", CREATE, retry_after=240))
    ulid = house.upload(250)
    house.work()
    status = house.status(ulid)
    [wait] = status["waits"]
    assert (wait["code"], wait["chunks"], wait["contacts"]) == ("voximplant_340", 1, 100)
    assert house.now < datetime.fromisoformat(wait["until"]) <= house.now + timedelta(seconds=240)
    show.status(status)
    assert "100 contacts in 1 chunk, held back until 2030-01-07 09:0" in capsys.readouterr().out
    status = house.finish(ulid)
    all_accepted_once(house, status)
    assert "waits" not in status


@pytest.mark.parametrize("method", STEPS)
def test_a_slow_answer_within_the_deadline_is_an_answer(house: House, method: str) -> None:
    house.provider.faults(once("slow", method, seconds=0.3))
    ulid = house.upload(250)
    all_accepted_once(house, house.finish(ulid))
    assert "Unknown" not in attempts(house, ulid)


@pytest.mark.parametrize("method", STEPS)
def test_a_slow_answer_past_the_deadline_is_looked_up(house: House, method: str) -> None:
    house.hurry()
    house.provider.faults(once("slow", method, seconds=2))
    ulid = house.upload(250)
    all_accepted_once(house, house.finish(ulid))
    assert "found" in attempts(house, ulid)


@pytest.mark.parametrize("method", STEPS)
def test_contacts_that_become_visible_late_are_waited_for(house: House, method: str) -> None:
    house.provider.faults(once("late_visible", method, seconds=0.4))
    all_accepted_once(house, house.finish(house.upload(250)))


@pytest.mark.parametrize("method", STEPS)
def test_what_is_in_doubt_and_becomes_visible_late_is_found(house: House, method: str) -> None:
    house.provider.faults(once("accept_then_hang_up", method), once("late_visible", method, seconds=2))
    ulid = house.upload(250)
    house.run(ulid, until=lambda s: looked(house, ulid), step=0.6)
    until(lambda: visible(house) >= (100 if method == CREATE else 200))
    all_accepted_once(house, house.finish(ulid))
    assert "absent" not in attempts(house, ulid)


def visible(house: House) -> int:
    """How many tasks the provider shows in all its lists."""
    who = {"account_id": "1", "api_key": "sandbox", "count": "1000"}
    lists = house.provider.client.post("/platform_api/GetCallLists", data=who).json()["result"]
    tasks = ({**who, "list_id": str(one["list_id"]), "output": "json"} for one in lists)
    return sum(house.provider.client.post("/platform_api/GetCallListDetails", data=t).json()["count"] for t in tasks)


@pytest.mark.parametrize("method", STEPS)
def test_a_short_count_goes_to_review_and_holds_only_itself(house: House, method: str) -> None:
    house.provider.faults(once("short_count", method))
    ulid = house.upload(250)
    status = house.run(ulid, until=lambda s: "needs_person" in s, step=5)
    assert status["rows"]["unknown"] == 100
    assert status["rows"]["accepted"] == 150
    assert adds_up(status)
    assert house.provider.ledger["called_twice"] == 0


def test_details_that_stay_partial_go_to_review_with_the_missing_rows_named(house: House) -> None:
    house.provider.faults(once("accept_then_hang_up", CREATE), {"fault": "partial_details", "share": 1})
    ulid = house.upload(90)
    status = house.run(ulid, until=lambda s: "needs_person" in s, step=2)
    assert status["rows"]["unknown"] == 90
    evidence = house.sql("SELECT evidence FROM chunk WHERE state = 'review'")[0][0]
    evidence = json.loads(evidence) if isinstance(evidence, str) else evidence
    assert evidence["rows"]
    assert evidence["missing"] + evidence["present"] == 90
    assert house.provider.ledger["called_twice"] == 0


def test_details_that_become_whole_are_believed(house: House) -> None:
    house.provider.faults(once("accept_then_hang_up", CREATE), {"fault": "partial_details", "share": 1})
    ulid = house.upload(90)
    house.run(ulid, until=lambda s: "in_part" in attempts(house, ulid), step=1)
    house.provider.faults()
    all_accepted_once(house, house.finish(ulid), rows=90)
