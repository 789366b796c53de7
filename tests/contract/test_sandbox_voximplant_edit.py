"""EditCallList takes effect from the moment it is answered."""

import time
from collections import Counter
from typing import Any

import pytest

from tests.unit.sandbox_fixtures import ROWS, TOKEN, Vox


def edit(vox: Vox, list_id: int, **params: Any) -> None:
    assert vox.call("EditCallList", list_id=list_id, **params) == {"result": True}


def many(rows: int) -> str:
    return "phone;__task_uuid\n" + "".join(f"+1415{row:07d};u-{row}\n" for row in range(rows))


def under_way(vox: Vox, list_id: int) -> int:
    return Counter(vox.statuses(list_id))["In progress"]


def test_what_is_edited_is_shown_and_the_rest_stays(vox: Vox) -> None:
    list_id = vox.create(num_attempts=2, priority=3, interval_seconds=5, is_cancelled="true")
    before = vox.call("GetCallLists", list_id=list_id)["result"][0]
    edit(vox, list_id)
    assert vox.call("GetCallLists", list_id=list_id)["result"][0] == before
    told = {"name": "summer", "priority": 8, "num_attempts": 9, "max_simultaneous": 4, "interval_seconds": 0}
    more = {"ip_address": "8.8.8.8", "server_location": "eu", "list_custom_data": "{}", "call_list_type": "PREDICTIVE"}
    edit(vox, list_id, **told, **more, task_priority_strategy="repeated_attempts")
    after = vox.call("GetCallLists", list_id=list_id)["result"][0]
    told["list_name"] = told.pop("name")
    assert after == before | told | {"task_priority_strategy": "repeated_attempts"}


def test_a_new_name_finds_the_list_and_the_ledger_keeps_the_old(vox: Vox) -> None:
    list_id = vox.create(name=f"spring [{TOKEN}-1]")
    edit(vox, list_id, name="summer")
    assert vox.call("AppendToCallList", ROWS, list_name="summer")["list_id"] == list_id
    assert vox.call("GetCallLists", name=f"spring [{TOKEN}-1]")["total_count"] == 0
    book = vox.ledger()
    assert (book["lists"][0]["name"], book["called_twice"]) == (f"spring [{TOKEN}-1]", 6)
    assert len(vox.http.get("/ledger/contacts").text.splitlines()) == 7


def test_max_simultaneous_is_how_many_calls_run_at_once(vox: Vox) -> None:
    list_id = vox.create(many(400), max_simultaneous=3)
    assert under_way(vox, list_id) == 3
    edit(vox, list_id, max_simultaneous=12)
    assert under_way(vox, list_id) == 12
    edit(vox, list_id, max_simultaneous=2)
    assert under_way(vox, list_id) == 12  # calls that run are not cut
    for _ in range(5):
        vox.advance(20)
        assert under_way(vox, list_id) == 2


def test_the_interval_holds_for_the_next_wait(vox: Vox) -> None:
    vox.put("/outcomes", {"busy": 1})
    list_id = vox.create("phone\n+14155550001\n", num_attempts=3, interval_seconds=600)
    vox.advance(5)
    edit(vox, list_id, interval_seconds=10)
    vox.advance(500)
    assert vox.tasks(list_id)[0]["attmepts_left"] == "2"  # the wait that had begun
    vox.advance(130)
    assert vox.tasks(list_id)[0]["attmepts_left"] == "0"


@pytest.mark.parametrize("attempts", [5, 2, 1])
def test_the_number_of_attempts_holds_for_open_tasks(vox: Vox, attempts: int) -> None:
    vox.put("/outcomes", {"busy": 1})
    list_id = vox.create("phone;__task_uuid\n+14155550001;a-1\n", num_attempts=3, interval_seconds=600)
    vox.advance(30)
    vox.advance(600)  # two attempts have failed
    edit(vox, list_id, num_attempts=attempts)
    vox.advance(3600)
    [task] = vox.tasks(list_id)
    assert (task["status"], task["attmepts_left"]) == ("Error", "0")
    made = vox.http.get("/ledger/calls").text.splitlines()[1].split(",")[3]
    assert int(made) == max(2, attempts)
    assert vox.status(list_id) == "Completed"


def test_a_task_that_ended_is_not_called_again(vox: Vox) -> None:
    vox.put("/outcomes", {"busy": 1})
    list_id = vox.create()
    vox.advance(60)
    edit(vox, list_id, num_attempts=5)
    vox.advance(3600)
    assert {(task["status"], task["attmepts_left"]) for task in vox.tasks(list_id)} == {("Error", "0")}


def test_a_later_start_holds_the_list_and_an_earlier_one_lets_it_go(vox: Vox) -> None:
    list_id = vox.create(start_at=int(vox.now()) + 600)
    edit(vox, list_id, start_at=int(vox.now()) + 3600)
    vox.advance(3590)
    assert set(vox.statuses(list_id)) == {"New"}
    edit(vox, list_id, start_at=int(time.time()) - 60)
    vox.advance(60)
    assert vox.status(list_id) == "Completed"


@pytest.mark.parametrize(("style", "codes"), [("both", []), ("unix", ["datetime"]), ("datetime", ["unix"])])
def test_a_start_comes_in_seconds_or_as_older_pages_had_it(vox: Vox, style: str, codes: list[str]) -> None:
    vox.put("/switches", {"edit_start_at": style})
    at = int(vox.now()) + 1800
    texts = {"unix": str(at), "datetime": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))}
    for name, text in texts.items():
        list_id = vox.create(is_cancelled="true")
        answer = vox.call("EditCallList", list_id=list_id, start_at=text)
        assert ("error" in answer) == (name in codes)
        vox.call("RecoverCallList", list_id=list_id)
        assert (under_way(vox, list_id) == 0) == (name not in codes)


def test_a_manual_list_becomes_automatic_and_back(vox: Vox) -> None:
    list_id = vox.create(is_cancelled="true")
    edit(vox, list_id, call_type="manual")
    vox.call("RecoverCallList", list_id=list_id)
    vox.advance(3600)
    assert vox.statuses(list_id) == ["New"] * 3
    assert vox.call("GetCallLists", type_list="MANUAL")["total_count"] == 1
    edit(vox, list_id, call_list_type="automatic", call_type="manual")
    vox.advance(60)
    assert vox.status(list_id) == "Completed"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"list_id": 7}, 251),
        ({"list_id": "x"}, 255),
        ({"list_id": None}, 134),
        ({"name": "a/b"}, 253),
        ({"name": "n" * 256}, 253),
        ({"priority": -1}, 247),
        ({"num_attempts": 0}, 249),
        ({"max_simultaneous": 0}, 248),
        ({"interval_seconds": -1}, 496),
        ({"start_at": "tomorrow"}, 496),
        ({"server_location": "moon"}, 496),
        ({"ip_address": "nowhere"}, 257),
        ({"task_priority_strategy": "random"}, 496),
        ({"call_list_type": "odd"}, 496),
        ({"predictive_type": "DEFAULT_PREDICTIVE_TYPE"}, 496),
        ({"maximum_error_rate": 2}, 496),
        ({"minimum_busy_factor": -1}, 496),
        ({"task_multiplier": -1}, 496),
        ({"personal_campaign_type": "smart", "is_personal_campaign": "false"}, 492),
        ({"avg_dial_time_sec": -1}, 496),
    ],
)
def test_a_bad_edit_has_its_code_and_changes_nothing(vox: Vox, params: dict[str, Any], code: int) -> None:
    list_id = vox.create()
    before = vox.call("GetCallLists", list_id=list_id)
    assert vox.error("EditCallList", **({"list_id": list_id, "max_simultaneous": 3} | params)) == code
    assert vox.call("GetCallLists", list_id=list_id) == before


def test_another_accounts_list_is_no_list(vox: Vox) -> None:
    assert vox.error("EditCallList", list_id=vox.create(), account_id="777") == 251


def test_a_name_that_is_taken_may_be_refused(vox: Vox) -> None:
    vox.create(name="taken")
    list_id = vox.create()
    vox.put("/switches", {"repeated_list_name": "reject"})
    assert vox.error("EditCallList", list_id=list_id, name="taken") == 493
    edit(vox, list_id, name="spring")
