"""Every request of the reference page "CallLists" as the page writes it, in the shapes that clients send it in."""

from typing import Any

import httpx
import pytest

from tests.unit.sandbox_fixtures import KEY, ROWS, Vox

LIST = {"rule_id": "1", "priority": "0", "max_simultaneous": "2", "num_attempts": "1", "name": "page"}
MORE = "phone;__task_uuid;name\n+14155550009;b-1;Dan\n"


def send(vox: Vox, shape: str, method: str, file: str | None = None, **params: Any) -> httpx.Response:
    """A: scalars in the query, the file a part. D and E: everything a part, the method as `cmd` or in the path."""
    scalars = {name: str(value) for name, value in (KEY | params).items()}
    content: dict[str, Any] = {} if file is None else {"file_content": (None, file)}
    if shape == "A":
        return vox.http.post(f"/platform_api/{method}", params=scalars, files=content or None)
    parts: dict[str, Any] = {name: (None, value) for name, value in scalars.items()}
    if shape == "D":
        return vox.http.post("/platform_api", files={"cmd": (None, method)} | parts | content)
    return vox.http.post(f"/platform_api/{method}", files=parts | content)


@pytest.mark.parametrize("shape", ["A", "D", "E"])
class TestThePage:
    def test_create_and_append(self, vox: Vox, shape: str) -> None:
        page = LIST | {"interval_seconds": "60", "encoding": "UTF-8", "delimiter": ";", "reference_ip": "8.8.8.8"}
        page |= {"queue_id": "5", "avg_waiting_sec": "1", "escape": "\\"}
        created = send(vox, shape, "CreateCallList", ROWS, **page).json()
        assert (created["result"], created["count"], type(created["list_id"])) == (True, 3, int)
        dialect = {"encoding": "UTF-8", "escape": "\\", "delimiter": ";"}
        by_id = send(vox, shape, "AppendToCallList", MORE, list_id=created["list_id"], **dialect).json()
        by_name = send(vox, shape, "AppendToCallList", MORE, list_name="page").json()
        for appended in (by_id, by_name):
            assert (appended["result"], appended["count"]) == (True, 1)
            assert appended["list_id"] == created["list_id"]

    def test_create_manual_and_start_the_next(self, vox: Vox, shape: str) -> None:
        page = LIST | {"interval_seconds": "0", "encoding": "UTF-8", "delimiter": ";", "reference_ip": "8.8.8.8"}
        created = send(vox, shape, "CreateManualCallList", ROWS, **page, escape="\\").json()
        assert (created["result"], created["count"], type(created["list_id"])) == (True, 3, int)
        list_id = created["list_id"]
        assert send(vox, shape, "StartNextCallTask", list_id=list_id).json() == {"result": True, "list_id": list_id}
        again = send(vox, shape, "StartNextCallTask", list_id=f"{list_id}", custom_params='{"agent": 7}').json()
        assert again == {"result": True, "list_id": list_id}

    def test_lists(self, vox: Vox, shape: str) -> None:
        automatic = send(vox, shape, "CreateCallList", ROWS, **LIST).json()["list_id"]
        manual = send(vox, shape, "CreateManualCallList", ROWS, **(LIST | {"name": "by hand"})).json()["list_id"]

        def found(**params: Any) -> list[int]:
            answer = send(vox, shape, "GetCallLists", **params).json()
            assert answer["count"] == len(answer["result"])
            return [one["list_id"] for one in answer["result"]]

        assert found() == found(list_id="all") == found(list_id=f"{automatic};{manual}") == [automatic, manual]
        assert found(type_list="AUTOMATIC") == found(name="page") == [automatic]
        assert found(type_list="MANUAL") == found(count=1, offset=1) == [manual]
        dates = {"from_date": "2020-01-01 00:00:00", "to_date": "2099-01-01 00:00:00"}
        assert found(is_active="true", application_id="all", **dates) == found(application_id="1;2") == found()
        assert found(application_name="sales;support", rule_name="outbound") == found()
        assert send(vox, shape, "GetCallLists", count=1).json()["total_count"] == 2

    def test_details(self, vox: Vox, shape: str) -> None:
        list_id = send(vox, shape, "CreateCallList", ROWS, **LIST).json()["list_id"]
        told = send(vox, shape, "GetCallListDetails", list_id=list_id, output="JSON", count=2, offset=1).json()
        assert [task["task_uuid"] for task in told["result"]] == ["a-2", "a-3"]
        assert told["count"] == 2
        as_csv = send(vox, shape, "GetCallListDetails", list_id=list_id, encoding="UTF-8", delimiter=",")
        assert [line.split(",")[1] for line in as_csv.text.splitlines()[1:]] == ["a-1", "a-2", "a-3"]

    def test_stop_and_recover(self, vox: Vox, shape: str) -> None:
        list_id = send(vox, shape, "CreateCallList", ROWS, **LIST).json()["list_id"]
        stopped = send(vox, shape, "StopCallListProcessing", list_id=list_id).json()
        assert (stopped["result"], type(stopped["msg"])) == (True, str)
        recovered = send(vox, shape, "RecoverCallList", list_id=list_id).json()
        assert recovered == {"result": True, "count_recovery": 1}  # two are being called

    def test_edit_and_cancel(self, vox: Vox, shape: str) -> None:
        """Those of the newer pages."""
        made = send(vox, shape, "CreateCallList", ROWS, **(LIST | {"is_cancelled": "true"})).json()
        list_id = made["list_id"]
        assert send(vox, shape, "EditCallList", list_id=list_id, max_simultaneous=9).json() == {"result": True}
        canceled = send(vox, shape, "CancelCallListTask", list_id=list_id, tasks_uuids="a-1;a-3").json()
        assert [(line["task_uuid"], line["result"]) for line in canceled["result"]] == [("a-1", True), ("a-3", True)]
        batch = send(vox, shape, "CancelCallListBatch", list_id=list_id, batch_ids=made["batch_id"]).json()
        assert batch == {"result": True}


@pytest.mark.parametrize("number", ["1", "0.5", "many"])
def test_a_bad_filter_of_applications_has_its_code(vox: Vox, number: str) -> None:
    answer = vox.call("GetCallLists", application_id=number)
    assert answer.get("error", {}).get("code") == (None if number == "1" else 116)


@pytest.mark.parametrize(
    ("method", "file"),
    [
        ("CreateManualCallList", ROWS),
        ("StartNextCallTask", None),
        ("EditCallList", None),
        ("CancelCallListTask", None),
        ("CancelCallListBatch", None),
    ],
)
def test_a_lost_answer_is_an_act_all_the_same(vox: Vox, method: str, file: str | None) -> None:
    """And a refused one is none."""
    made = vox.call("CreateManualCallList", ROWS, **LIST)
    asked: dict[str, dict[str, Any]] = {
        "StartNextCallTask": {},
        "EditCallList": {"num_attempts": 7},
        "CancelCallListTask": {"tasks_uuids": "a-1"},
        "CancelCallListBatch": {"batch_ids": made["batch_id"]},
    }
    params = asked[method] | {"list_id": made["list_id"]} if method in asked else LIST

    def state() -> Any:
        lists = vox.call("GetCallLists")["result"]
        return lists, vox.ledger()["contacts"], vox.statuses(made["list_id"])

    before = state()
    vox.put("/faults", [{"fault": "refuse", "methods": [method], "code": 251}])
    assert vox.error(method, file, **params) == 251
    assert state() == before
    vox.put("/faults", [{"fault": "accept_then_hang_up", "methods": [method]}])
    with pytest.raises(httpx.RemoteProtocolError):
        vox.raw(method, file, **params)
    assert state() != before


def test_a_manual_upload_may_be_short_and_late(vox: Vox) -> None:
    vox.put("/faults", [{"fault": "short_count", "drop": 0.5}, {"fault": "late_visible", "seconds": 60}])
    assert vox.call("CreateManualCallList", ROWS, **LIST)["count"] == 2
    assert vox.call("GetCallLists")["total_count"] == 0


def test_a_role_without_uploads_creates_no_manual_list(vox: Vox) -> None:
    vox.put("/accounts/31", {"roles": {"no_uploads": True}})
    assert vox.error("CreateManualCallList", ROWS, **LIST, account_id="31") == 100
