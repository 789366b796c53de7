"""Tasks and batches that are canceled: who was is not called, and the ledger can prove it."""

import csv
import io
from typing import Any

import pytest

from tests.unit.sandbox_fixtures import LIST, ROWS, TOKEN, Vox


def cancel(vox: Vox, list_id: int, **tasks: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = vox.call("CancelCallListTask", list_id=list_id, **tasks)["result"]
    return lines


def done(lines: list[dict[str, Any]]) -> list[bool]:
    assert all(bool(line["error_msg"]) is not line["result"] for line in lines)
    return [line["result"] for line in lines]


def calls(vox: Vox) -> dict[str, int]:
    rows = csv.DictReader(io.StringIO(vox.http.get("/ledger/calls").text))
    return {row["uuid"]: int(row["calls"]) for row in rows}


def many(rows: int, letter: str = "u") -> str:
    return "phone;__task_uuid\n" + "".join(f"+1415{row:07d};{letter}-{row}\n" for row in range(rows))


def test_who_is_canceled_is_never_called_and_stays_accepted(vox: Vox) -> None:
    list_id = vox.create(name=f"spring [{TOKEN}-1]", is_cancelled="true")
    [line] = cancel(vox, list_id, tasks_uuids="a-2")
    [shown] = [
        task
        for task in vox.call("GetCallListDetails", list_id=list_id, output="json")["result"]
        if task["task_uuid"] == "a-2"
    ]
    assert line == {"task_id": shown["task_id"], "task_uuid": "a-2", "result": True, "error_msg": ""}
    vox.call("RecoverCallList", list_id=list_id)
    vox.advance(3600)
    assert [(task["status_id"], task["status"]) for task in vox.tasks(list_id)] == [
        ("2", "Processed"),
        ("4", "Canceled"),
        ("2", "Processed"),
    ]
    assert vox.status(list_id) == "Completed"
    assert calls(vox) == {"a-1": 1, "a-2": 0, "a-3": 1}
    book = vox.ledger()
    assert (book["contacts"], book["called_twice"]) == (3, 0)


def test_the_ledger_tells_calls_beside_what_it_told_before(vox: Vox) -> None:
    vox.put("/outcomes", {"busy": 1})
    list_id = vox.create(num_attempts=2)
    vox.append(list_id, many(1))
    vox.advance(60)
    lines = vox.http.get("/ledger/calls").text.splitlines()
    assert lines == [
        "list_reference,uuid,number,calls",
        *(f"{list_id},a-{one},+1415555000{one},2" for one in (1, 2, 3)),
        f"{list_id},u-0,+14150000000,2",
    ]
    header = vox.http.get("/ledger/contacts").text.splitlines()[0]
    assert header == "list_reference,uuid,number,accepted_at,times,accepted_at_real"
    assert vox.http.get("/ledger/calls?format=xml").status_code == 400


def test_tasks_are_named_by_id_too_over_batches(vox: Vox) -> None:
    list_id = vox.create(is_cancelled="true")
    vox.append(list_id, "phone;name\n+14155550009;Dan\n")
    tasks = vox.call("GetCallListDetails", list_id=list_id, output="json")["result"]
    wanted = [tasks[3]["task_id"], tasks[0]["task_id"]]
    lines = cancel(vox, list_id, tasks_ids=";".join(map(str, wanted)))
    assert [line["task_id"] for line in lines] == wanted
    assert [line["task_uuid"] for line in lines] == [tasks[3]["task_uuid"], "a-1"]
    assert done(lines) == [True, True]
    assert done(cancel(vox, list_id, tasks_uuids=f"{tasks[3]['task_uuid']};a-2")) == [False, True]


def test_a_uuid_that_stands_twice_is_canceled_twice(vox: Vox) -> None:
    list_id = vox.create(is_cancelled="true")
    vox.append(list_id, ROWS)
    assert done(cancel(vox, list_id, tasks_uuids="a-1;nobody;a-2")) == [True, True, False, True, True]
    vox.append(list_id, ROWS)
    assert done(cancel(vox, list_id, tasks_uuids="a-1")) == [False, False, True]


def test_tasks_that_cannot_be_canceled_say_why(vox: Vox) -> None:
    list_id = vox.create(max_simultaneous=1)
    vox.advance(1)  # the first is being called
    lines = cancel(vox, list_id, tasks_uuids="a-1;a-3;nobody")
    assert done(lines) == [False, True, False]
    assert [line["error_msg"] for line in lines] == ["The task is in progress", "", "The task is not found"]
    assert lines[2]["task_id"] is None
    vox.advance(60)
    lines = cancel(vox, list_id, tasks_uuids="a-1;a-2;a-3")
    assert {line["error_msg"] for line in lines[:2]} == {"The task has been completed"}
    assert lines[2]["error_msg"] == "The task has been canceled"
    assert calls(vox) == {"a-1": 1, "a-2": 1, "a-3": 0}
    [unknown] = cancel(vox, list_id, tasks_ids="1")
    assert (unknown["task_id"], unknown["task_uuid"], unknown["result"]) == (1, None, False)


def test_a_task_between_two_attempts_is_not_called_again(vox: Vox) -> None:
    vox.put("/outcomes", {"busy": 1})
    list_id = vox.create(num_attempts=3, interval_seconds=600)
    vox.advance(60)
    assert done(cancel(vox, list_id, tasks_uuids="a-1")) == [True]
    vox.advance(3600)
    assert calls(vox) == {"a-1": 1, "a-2": 3, "a-3": 3}
    assert vox.statuses(list_id) == ["Canceled", "Error", "Error"]


def test_a_task_in_a_call_may_be_canceled_after_it_by_switch(vox: Vox) -> None:
    vox.put("/switches", {"cancel_task_in_call": "after_the_call"})
    vox.put("/outcomes", {"busy": 1})
    list_id = vox.create(num_attempts=3)
    vox.advance(0.5)
    assert done(cancel(vox, list_id, tasks_uuids="a-1")) == [True]
    assert done(cancel(vox, list_id, tasks_uuids="a-1")) == [False]
    assert vox.statuses(list_id)[0] == "In progress"
    vox.advance(3600)
    assert calls(vox) == {"a-1": 1, "a-2": 3, "a-3": 3}
    assert vox.statuses(list_id) == ["Canceled", "Error", "Error"]


@pytest.mark.parametrize(("policy", "restored", "called"), [("stay", 2, 0), ("come_back", 3, 1)])
def test_recovering_leaves_canceled_tasks_or_brings_them_back(
    vox: Vox, policy: str, restored: int, called: int
) -> None:
    vox.put("/switches", {"recover_cancelled_tasks": policy})
    list_id = vox.create(is_cancelled="true")
    cancel(vox, list_id, tasks_uuids="a-2")
    assert vox.call("RecoverCallList", list_id=list_id)["count_recovery"] == restored
    vox.advance(3600)
    assert calls(vox) == {"a-1": 1, "a-2": called, "a-3": 1}


def test_a_list_that_ran_out_may_be_brought_back(vox: Vox) -> None:
    vox.put("/switches", {"recover_cancelled_tasks": "come_back"})
    list_id = vox.create(max_simultaneous=1)
    vox.advance(1)
    cancel(vox, list_id, tasks_uuids="a-2;a-3")
    vox.advance(3600)
    assert vox.status(list_id) == "Completed"
    assert vox.call("RecoverCallList", list_id=list_id)["count_recovery"] == 2
    assert vox.status(list_id) == "In progress"
    vox.advance(3600)
    assert calls(vox) == {"a-1": 1, "a-2": 1, "a-3": 1}


def test_the_answer_may_be_a_bare_array(vox: Vox) -> None:
    vox.put("/switches", {"cancel_task_answer": "bare"})
    answer = vox.raw("CancelCallListTask", list_id=vox.create(is_cancelled="true"), tasks_uuids="a-1").json()
    assert [(line["task_uuid"], line["result"]) for line in answer] == [("a-1", True)]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"tasks_uuids": None}, 485),
        ({"tasks_ids": "1"}, 458),
        ({"tasks_uuids": None, "tasks_ids": "a-1"}, 496),
        ({"tasks_uuids": ";".join(f"u-{one}" for one in range(1001))}, 497),
        ({"list_id": 7}, 255),
        ({"list_id": None}, 134),
        ({"account_id": "777", "list_id": None}, 134),
    ],
)
def test_a_bad_request_cancels_nobody(vox: Vox, params: dict[str, Any], code: int) -> None:
    list_id = vox.create(is_cancelled="true")
    told: dict[str, Any] = {"list_id": list_id, "tasks_uuids": "a-1"}
    assert vox.error("CancelCallListTask", **(told | params)) == code
    vox.call("RecoverCallList", list_id=list_id)
    assert vox.statuses(list_id) == ["In progress"] * 3


def test_the_account_must_be_named_by_its_id(vox: Vox) -> None:
    list_id = vox.create(is_cancelled="true")
    query: dict[str, Any] = {
        "api_key": "secret-key",
        "account_name": "account-12345",
        "list_id": list_id,
        "tasks_uuids": "a-1",
    }
    answer = vox.http.post("/platform_api/CancelCallListTask", params=query).json()
    assert (answer["error"]["code"], answer["error"]["field_name"]) == (134, "account_id")


def test_a_thousand_tasks_at_a_time(vox: Vox) -> None:
    list_id = vox.create(many(2500), is_cancelled="true")
    uuids = [f"u-{one}" for one in range(500, 1500)]
    assert done(cancel(vox, list_id, tasks_uuids=";".join(uuids))) == [True] * 1000
    vox.call("RecoverCallList", list_id=list_id)
    vox.advance(86_400)
    told = calls(vox)
    assert {uuid for uuid, times in told.items() if not times} == set(uuids)
    assert set(told.values()) == {0, 1}


class TestBatches:
    def test_one_upload_is_canceled_and_the_others_go_on(self, vox: Vox) -> None:
        list_id = vox.create(max_simultaneous=1)
        batch_id = vox.append(list_id, many(4))["batch_id"]
        assert vox.call("CancelCallListBatch", list_id=list_id, batch_ids=batch_id) == {"result": True}
        assert {task["status"] for task in vox.tasks(list_id, batch_id=batch_id)} == {"Canceled"}
        vox.advance(3600)
        assert calls(vox) == {"a-1": 1, "a-2": 1, "a-3": 1} | dict.fromkeys(("u-0", "u-1", "u-2", "u-3"), 0)
        assert vox.status(list_id) == "Completed"

    def test_several_at_a_time_by_the_lists_name(self, vox: Vox) -> None:
        made = vox.call("CreateCallList", ROWS, **(LIST | {"is_cancelled": "true"}))
        more = vox.append(made["list_id"], many(2))
        batches = f"{made['batch_id']};{more['batch_id']}"
        assert vox.call("CancelCallListBatch", list_name="spring", batch_ids=batches) == {"result": True}
        assert vox.call("RecoverCallList", list_id=made["list_id"])["count_recovery"] == 0
        vox.advance(3600)
        assert set(calls(vox).values()) == {0}

    def test_a_batch_told_as_a_number_is_canceled_by_it(self, vox: Vox) -> None:
        vox.put("/switches", {"batch_id": "number_on_append"})
        list_id = vox.create(is_cancelled="true")
        number = vox.append(list_id, many(2))["batch_id"]
        assert vox.call("CancelCallListBatch", list_id=list_id, batch_ids=number) == {"result": True}
        assert vox.call("RecoverCallList", list_id=list_id)["count_recovery"] == 3

    def test_what_is_under_way_goes_on(self, vox: Vox) -> None:
        made = vox.call("CreateCallList", ROWS, **(LIST | {"max_simultaneous": 1}))
        vox.advance(1)
        vox.call("CancelCallListBatch", list_id=made["list_id"], batch_ids=made["batch_id"])
        vox.advance(60)
        assert vox.statuses(made["list_id"]) == ["Processed", "Canceled", "Canceled"]

    @pytest.mark.parametrize(("batches", "code"), [(None, 134), ("no-such-batch", 496)])
    def test_an_unknown_batch_cancels_nothing(self, vox: Vox, batches: str | None, code: int) -> None:
        made = vox.call("CreateCallList", ROWS, **(LIST | {"is_cancelled": "true"}))
        both = batches and f"{made['batch_id']};{batches}"
        assert vox.error("CancelCallListBatch", list_id=made["list_id"], batch_ids=both) == code
        assert vox.call("RecoverCallList", list_id=made["list_id"])["count_recovery"] == 3
        assert vox.error("CancelCallListBatch", list_id=1, batch_ids="x") == 255
