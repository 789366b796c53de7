"""The five request shapes, the method's place, and the envelope of an error, all over a real connection."""

from typing import Any

import pytest

from tests.unit.sandbox_fixtures import KEY, LIST, ROWS, Vox


def send(vox: Vox, shape: str) -> dict[str, Any]:
    scalars = {name: str(value) for name, value in (KEY | LIST).items()}
    form: dict[str, Any] = {name: (None, value) for name, value in scalars.items()}
    part = {"file_content": (None, ROWS)}
    match shape:
        case "A":
            sent = vox.http.post("/platform_api/CreateCallList", params=scalars, files={"file_content": ROWS.encode()})
        case "A with a slash":
            sent = vox.http.post("/platform_api/CreateCallList/", params=scalars, files={"file_content": ROWS.encode()})
        case "B":
            sent = vox.http.post(
                "/platform_api/CreateCallList", params=scalars, content=ROWS, headers={"content-type": "text/csv"}
            )
        case "C":
            sent = vox.http.post("/platform_api", data=scalars | {"file_content": ROWS, "cmd": "CreateCallList"})
        case "D":
            sent = vox.http.post("/platform_api", files={"cmd": (None, "CreateCallList")} | form | part)
        case "E as PHP":
            file = {"file_content": ("stream", ROWS.encode(), "application/octet-stream")}
            sent = vox.http.post("/platform_api/CreateCallList", files=form | file)
        case "E as Go":
            sent = vox.http.post("/platform_api/CreateCallList", files=form | part)
        case _:
            sent = vox.http.get("/platform_api/CreateCallList", params=scalars | {"file_content": ROWS})
    answer: dict[str, Any] = sent.json()
    return answer


@pytest.mark.parametrize("shape", ["A", "A with a slash", "B", "C", "D", "E as PHP", "E as Go", "everything in a GET"])
def test_every_shape_stores_the_same_list(vox: Vox, shape: str) -> None:
    answer = send(vox, shape)
    assert answer["result"] is True
    assert answer["count"] == 3
    assert len(answer["batch_id"]) == 36
    assert [task["__task_uuid"] for task in vox.tasks(answer["list_id"])] == ["a-1", "a-2", "a-3"]
    assert vox.ledger()["contacts"] == 3


def test_a_form_keeps_the_bytes_of_another_encoding(vox: Vox) -> None:
    encoded = "phone;name\n+14155550001;Øyvind\n".encode("cp1252")
    form: dict[str, Any] = {name: (None, str(value)) for name, value in (KEY | LIST | {"encoding": "cp1252"}).items()}
    made = vox.http.post("/platform_api/CreateCallList", files=form | {"file_content": (None, encoded)}).json()
    assert vox.tasks(made["list_id"])[0]["name"] == "Øyvind"


@pytest.mark.parametrize(
    "path", ["/platform_api/GetCallLists", "/platform_api?cmd=GetCallLists", "/platform_api/?cmd=GetCallLists"]
)
def test_reads_come_by_get(vox: Vox, path: str) -> None:
    vox.create()
    url = path + ("&" if "?" in path else "?") + "account_id=12345&api_key=secret-key"
    assert vox.http.get(url).json()["total_count"] == 1


def test_no_method_is_102_and_an_unknown_one_103(vox: Vox) -> None:
    missing = vox.http.post("/platform_api", data=KEY)
    assert missing.status_code == 200
    assert missing.json() == {"error": {"msg": "Missing 'cmd' parameter", "code": 102}}
    assert vox.raw("CreateCallLists").json() == {"error": {"msg": "Unknown command", "code": 103}}


def test_an_unknown_method_is_404_by_switch(vox: Vox) -> None:
    vox.put("/switches", {"unknown_method": "404"})
    assert vox.raw("CreateCallLists").status_code == 404
    assert vox.raw("GetCallLists").status_code == 200


def test_errors_bear_an_http_status_and_a_second_envelope_by_switch(vox: Vox) -> None:
    vox.put("/switches", {"error_http_status": "4xx", "error_envelope": "error_and_errors"})
    refused = vox.raw("GetCallListDetails", list_id=1)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == 255
    assert refused.json()["errors"] == [refused.json()["error"]]
    assert vox.http.post("/platform_api/GetCallLists").status_code == 401


def test_a_form_that_is_none_is_101(vox: Vox) -> None:
    broken = vox.http.post(
        "/platform_api/CreateCallList", content=b"nonsense", headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert broken.json()["error"]["code"] == 101


def test_server_locations_stand_at_their_real_path(vox: Vox) -> None:
    locations = vox.http.get("/getServerLocations").json()["result"]
    assert vox.call("CreateCallList", ROWS, **(LIST | {"server_location": locations[0]}))["count"] == 3
    assert vox.error("CreateCallList", ROWS, **(LIST | {"server_location": "moon"})) == 496
