"""What the provider may do with something that comes twice: uuids, names, whole requests. All of it is by switch."""

import pytest

from tests.unit.sandbox_fixtures import LIST, ROWS, Vox

TWICE = "phone;__task_uuid\n+14155550001;a-1\n+14155550002;a-2\n+14155550003;a-1\n"


def test_repeats_are_accepted_by_default(vox: Vox) -> None:
    list_id = vox.create(TWICE)
    assert vox.append(list_id, TWICE)["count"] == 3
    assert vox.create(TWICE) != list_id
    assert vox.ledger()["contacts"] == 9


@pytest.mark.parametrize(("policy", "counts"), [("skip_row", 2), ("reject_file", 493)])
def test_a_repeated_uuid_within_a_file(vox: Vox, policy: str, counts: int) -> None:
    vox.put("/switches", {"repeated_uuid": policy})
    answer = vox.call("CreateCallList", TWICE, **LIST)
    assert answer.get("count", answer.get("error", {}).get("code")) == counts
    assert vox.ledger()["contacts"] == (2 if policy == "skip_row" else 0)


@pytest.mark.parametrize(("policy", "expected"), [("skip_row", 1), ("reject_file", 493)])
def test_a_repeated_uuid_across_an_append(vox: Vox, policy: str, expected: int) -> None:
    list_id = vox.create()
    vox.append(list_id, "phone;__task_uuid\n+14155550008;b-1\n")
    vox.put("/switches", {"repeated_uuid_across_append": policy})
    answer = vox.append(list_id, "phone;__task_uuid\n+14155550001;b-1\n+14155550009;b-2\n")
    assert answer.get("count", answer.get("error", {}).get("code")) == expected
    again = vox.append(list_id, "phone;__task_uuid\n+14155550009;b-2\n")
    assert ("error" in again) is False if policy == "reject_file" else again["count"] == 0


def test_rows_without_a_uuid_never_repeat(vox: Vox) -> None:
    vox.put("/switches", {"repeated_uuid": "reject_file", "repeated_uuid_across_append": "reject_file"})
    list_id = vox.create("phone;__task_uuid\n+1415;\n+1416;\n")
    assert vox.append(list_id, "phone;__task_uuid\n+1415;\n")["count"] == 1


def test_a_repeated_name_is_refused_by_switch(vox: Vox) -> None:
    vox.create()
    vox.put("/switches", {"repeated_list_name": "reject"})
    assert vox.error("CreateCallList", ROWS, **LIST) == 493
    assert vox.call("CreateCallList", ROWS, **(LIST | {"name": "other"}))["count"] == 3


@pytest.mark.parametrize(("policy", "reached"), [("newest", 1), ("oldest", 0)])
def test_an_append_by_a_name_that_several_bear(vox: Vox, policy: str, reached: int) -> None:
    lists = [vox.create(), vox.create()]
    vox.put("/switches", {"append_by_repeated_name": policy})
    assert vox.call("AppendToCallList", ROWS, list_name="spring")["list_id"] == lists[reached]
    vox.put("/switches", {"append_by_repeated_name": "refused"})
    assert vox.error("AppendToCallList", ROWS, list_name="spring") == 255


def test_an_append_to_a_completed_list_is_dialled_by_default(vox: Vox) -> None:
    list_id = vox.create()
    vox.advance(60)
    assert vox.status(list_id) == "Completed"
    vox.append(list_id, ROWS)
    assert vox.status(list_id) == "In progress"
    vox.advance(60)
    assert vox.statuses(list_id) == ["Processed"] * 6


def test_an_append_to_a_completed_list_may_be_ignored_or_refused(vox: Vox) -> None:
    list_id = vox.create()
    vox.advance(60)
    vox.put("/switches", {"append_to_completed": "ignored"})
    assert vox.append(list_id, ROWS)["count"] == 3
    vox.advance(3600)
    assert vox.statuses(list_id) == ["Processed"] * 3 + ["New"] * 3
    assert vox.status(list_id) == "Completed"
    vox.put("/switches", {"append_to_completed": "refused"})
    assert vox.error("AppendToCallList", ROWS, list_id=list_id) == 251


def test_a_list_that_is_not_completed_takes_appends_under_every_policy(vox: Vox) -> None:
    list_id = vox.create()
    vox.put("/switches", {"append_to_completed": "refused"})
    assert vox.append(list_id, ROWS)["count"] == 3


@pytest.mark.parametrize("code", ["484", "515"])
def test_the_resend_guard_refuses_the_same_upload_for_a_while(vox: Vox, code: str) -> None:
    vox.put("/switches", {"resend_guard": code})
    list_id = vox.create()
    assert vox.error("CreateCallList", ROWS, **LIST) == int(code)
    assert vox.append(list_id, ROWS)["count"] == 3
    assert vox.error("AppendToCallList", ROWS, list_id=list_id) == int(code)
    vox.put("/switches", {"resend_window": 0})
    assert vox.append(list_id, ROWS)["count"] == 3


def test_the_batch_id_takes_its_shape_by_switch(vox: Vox) -> None:
    list_id = vox.create()
    vox.put("/switches", {"batch_id": "number_on_append"})
    numbered = vox.append(list_id, "phone;__task_uuid\n+1415;b-1\n")["batch_id"]
    assert isinstance(numbered, int)
    assert [task["__task_uuid"] for task in vox.tasks(list_id, batch_id=numbered)] == ["b-1"]
    vox.put("/switches", {"batch_id": "absent"})
    assert "batch_id" not in vox.append(list_id, ROWS)
