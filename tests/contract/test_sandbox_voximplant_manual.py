"""Manual call lists: nothing is dialled but by StartNextCallTask."""

import csv
import io
from typing import Any

from tests.unit.sandbox_fixtures import LIST, ROWS, Vox


def create(vox: Vox, file: str = ROWS, **params: Any) -> int:
    return int(vox.call("CreateManualCallList", file, **(LIST | params))["list_id"])


def start(vox: Vox, list_id: int | str, **params: Any) -> dict[str, Any]:
    return vox.call("StartNextCallTask", list_id=list_id, **params)


def refused(vox: Vox, list_id: int | str) -> int:
    return vox.error("StartNextCallTask", list_id=list_id)


def calls(vox: Vox) -> dict[str, int]:
    """Calls begun by uuid, as the ledger has them."""
    rows = csv.DictReader(io.StringIO(vox.http.get("/ledger/calls").text))
    return {row["uuid"]: int(row["calls"]) for row in rows}


def test_nobody_is_called_unasked(vox: Vox) -> None:
    list_id = create(vox)
    vox.advance(7 * 86_400)
    assert vox.statuses(list_id) == ["New"] * 3
    assert calls(vox) == {"a-1": 0, "a-2": 0, "a-3": 0}


def test_each_request_starts_one_task_and_nobody_is_called_twice(vox: Vox) -> None:
    list_id = create(vox)
    for done in range(1, 4):
        assert start(vox, list_id, custom_params="agent 7") == {"result": True, "list_id": list_id}
        assert sum(calls(vox).values()) == done
    assert refused(vox, list_id) == 251
    vox.advance(60)
    assert vox.status(list_id) == "Completed"
    assert refused(vox, list_id) == 251
    assert calls(vox) == {"a-1": 1, "a-2": 1, "a-3": 1}


def test_a_failed_task_may_be_started_again_while_it_has_attempts(vox: Vox) -> None:
    vox.put("/outcomes", {"busy": 1})
    list_id = create(vox, "phone;__task_uuid\n+14155550001;a-1\n", num_attempts=3, interval_seconds=600)
    for attempt in range(1, 4):
        start(vox, list_id)
        vox.advance(30)
        assert refused(vox, list_id) == 251  # the interval runs
        vox.advance(600)
        assert calls(vox) == {"a-1": attempt}
    assert refused(vox, list_id) == 251
    [task] = vox.tasks(list_id)
    assert (task["status"], task["attmepts_left"]) == ("Error", "0")


def test_attempts_have_no_upper_end(vox: Vox) -> None:
    vox.put("/outcomes", {"busy": 1})
    list_id = create(vox, "phone;__task_uuid\n+14155550001;a-1\n", num_attempts=1_000_000)
    for _ in range(120):
        start(vox, list_id)
        vox.advance(10)
    assert calls(vox) == {"a-1": 120}
    assert vox.tasks(list_id)[0]["attmepts_left"] == "999880"
    assert vox.error("CreateManualCallList", ROWS, **(LIST | {"num_attempts": 0})) == 249


def test_a_task_waits_for_its_start_and_its_window(vox: Vox) -> None:
    midnight = (int(vox.now()) // 86_400 + 2) * 86_400
    file = (
        "phone;__task_uuid;__start_at;__start_execution_time;__end_execution_time\n"
        f"+14155550001;late;{midnight + 3600};;\n"
        f"+14155550002;office;{midnight};09:00:00;10:00:00\n"
    )
    list_id = create(vox, file)
    vox.advance(midnight + 60 - vox.now())
    assert refused(vox, list_id) == 251
    vox.advance(3600)
    start(vox, list_id)
    assert calls(vox) == {"late": 1, "office": 0}
    assert refused(vox, list_id) == 251
    vox.advance(8 * 3600)
    start(vox, list_id)
    assert calls(vox) == {"late": 1, "office": 1}


def test_the_more_urgent_task_is_started_first(vox: Vox) -> None:
    file = "phone;__task_uuid;task_priority\n+14155550001;calm;\n+14155550002;urgent;0\n+14155550003;soon;10\n"
    list_id = create(vox, file)
    order = []
    for _ in range(3):
        before = calls(vox)
        start(vox, list_id)
        order += [uuid for uuid, times in calls(vox).items() if times > before[uuid]]
    assert order == ["urgent", "soon", "calm"]


def test_of_several_lists_one_task_is_started(vox: Vox) -> None:
    """Of the most urgent list that has one."""
    one = "phone;__task_uuid\n+1415555000{0};{0}\n"
    calm, urgent = create(vox, one.format(1), priority=9), create(vox, one.format(2), priority=1)
    assert start(vox, f"{calm};{urgent}")["list_id"] == urgent
    assert start(vox, f"{calm};{urgent}")["list_id"] == calm
    assert refused(vox, f"{calm};{urgent}") == 251
    assert refused(vox, f"{calm};1") == refused(vox, "all") == 255


def test_max_simultaneous_is_kept(vox: Vox) -> None:
    list_id = create(vox, max_simultaneous=2)
    assert [start(vox, list_id)["result"] for _ in range(2)] == [True, True]
    assert refused(vox, list_id) == 251
    vox.advance(60)
    assert start(vox, list_id)["result"] is True


def test_a_stopped_list_starts_nothing_until_it_is_recovered(vox: Vox) -> None:
    list_id, other = create(vox), create(vox, name="other")
    vox.call("StopCallListProcessing", list_id=list_id)
    vox.put("/switches", {"start_next_empty": "accept"})
    assert refused(vox, list_id) == 251
    assert start(vox, f"{list_id};{other}")["list_id"] == other
    assert vox.call("RecoverCallList", list_id=list_id)["count_recovery"] == 3
    assert start(vox, list_id)["list_id"] == list_id


def test_it_is_for_manual_lists_with_money(vox: Vox) -> None:
    assert refused(vox, vox.create()) == 251
    list_id = create(vox)
    vox.put("/balance", {"balance": 0.5})
    assert refused(vox, list_id) == 127


def test_what_the_page_leaves_open(vox: Vox) -> None:
    vox.put("/switches", {"start_next_empty": "accept", "start_next_result": "1"})
    list_id = create(vox, "phone;__task_uuid\n+14155550001;a-1\n")
    for _ in range(2):
        answer = start(vox, list_id)
        assert answer["list_id"] == list_id
        assert answer["result"] == 1
        assert answer["result"] is not True
    assert calls(vox) == {"a-1": 1}


def test_an_append_joins_the_queue(vox: Vox) -> None:
    list_id = create(vox, "phone;__task_uuid\n+14155550001;a-1\n")
    start(vox, list_id)
    vox.advance(60)
    assert vox.append(list_id, "phone;__task_uuid\n+14155550002;a-2\n")["count"] == 1
    start(vox, list_id)
    assert calls(vox) == {"a-1": 1, "a-2": 1}
