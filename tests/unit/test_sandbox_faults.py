"""Every fault on a real connection: what the client sees, and what was stored all the same."""

import socket
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from sandbox.faults import OPTIONS
from tests.patience import until
from tests.unit.sandbox_fixtures import KEY, LIST, ROWS, Vox


def befall(vox: Vox, fault: str, **options: Any) -> None:
    vox.put("/faults", [{"fault": fault, "share": 1, "methods": ["CreateCallList"]} | options])


def stored(vox: Vox) -> int:
    contacts: int = vox.ledger()["contacts"]
    return contacts


def bare(vox: Vox, method: str, body: bytes = b"") -> bytes:
    """What comes over the wire until the server closes, seen by a client that knows no HTTP."""
    at = urlsplit(vox.url)
    query = "&".join(f"{name}={value}" for name, value in (KEY | LIST).items())
    head = f"POST /platform_api/{method}?{query} HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
    with socket.create_connection((at.hostname or "", at.port or 0), timeout=10) as line:
        line.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return b"".join(iter(lambda: line.recv(65_536), b""))


def test_accept_then_hang_up_stores_and_closes_without_a_byte(vox: Vox) -> None:
    befall(vox, "accept_then_hang_up")
    assert bare(vox, "CreateCallList", ROWS.encode()) == b""
    assert stored(vox) == 3
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        vox.create()
    assert stored(vox) == 6
    assert vox.http.get("/healthz").json() == {"ok": True}


def test_store_late_hangs_up_and_stores_afterwards(vox: Vox) -> None:
    befall(vox, "store_late", seconds=0.3)
    assert bare(vox, "CreateCallList", ROWS.encode()) == b""
    assert stored(vox) == 0
    until(lambda: stored(vox) == 3)


def test_what_was_to_be_stored_late_is_dropped_by_a_reset(vox: Vox) -> None:
    befall(vox, "store_late", seconds=0.2)
    bare(vox, "CreateCallList", ROWS.encode())
    vox.http.delete("/ledger")
    with pytest.raises(AssertionError, match="in vain"):
        until(lambda: stored(vox) > 0, 0.5)


def test_accept_then_500_stores(vox: Vox) -> None:
    befall(vox, "accept_then_500")
    answer = vox.raw("CreateCallList", ROWS, **LIST)
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert stored(vox) == 3


def test_no_answer_stores_nothing_and_says_nothing(vox: Vox) -> None:
    befall(vox, "no_answer")
    with httpx.Client(base_url=vox.url, timeout=0.3) as hasty, pytest.raises(httpx.ReadTimeout):
        hasty.post("/platform_api/CreateCallList", params=KEY | LIST, files={"file_content": ROWS.encode()})
    assert stored(vox) == 0
    assert vox.ledger()["requests"] == 1


@pytest.mark.parametrize(("options", "code"), [({}, 250), ({"code": 127}, 127), ({"code": 9999}, 9999)])
def test_refuse_answers_a_code_and_stores_nothing(vox: Vox, options: dict[str, int], code: int) -> None:
    befall(vox, "refuse", **options)
    assert vox.error("CreateCallList", ROWS, **LIST) == code
    assert stored(vox) == 0


@pytest.mark.parametrize(
    ("options", "status", "retry_after"),
    [({}, 429, None), ({"retry_after": 2}, 429, "2"), ({"retry_after": None}, 429, None), ({"code": 340}, 200, None)],
)
def test_throttle_with_and_without_retry_after(
    vox: Vox, options: dict[str, Any], status: int, retry_after: str | None
) -> None:
    befall(vox, "throttle", **options)
    answer = vox.raw("CreateCallList", ROWS, **LIST)
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, retry_after)
    assert answer.json()["error"]["code"] == 340
    assert stored(vox) == 0


def test_slow_stores_at_once_and_answers_late(vox: Vox) -> None:
    befall(vox, "slow", seconds=0.4)
    began = time.monotonic()
    assert vox.call("CreateCallList", ROWS, **LIST)["count"] == 3
    assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize("method", ["CreateCallList", "GetCallListDetails"])
def test_cut_body_announces_more_than_it_sends(vox: Vox, method: str) -> None:
    list_id = vox.create()
    befall(vox, "cut_body", methods=[method])
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending complete message body"):
        vox.raw(method, ROWS, **(LIST | {"list_id": list_id}))
    assert stored(vox) == (6 if method == "CreateCallList" else 3)
    if method == "CreateCallList":
        head, _, body = bare(vox, method, ROWS.encode()).partition(b"\r\n\r\n")
        announced = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        assert 0 < len(body) < announced
        assert body.startswith(b'{"result":true')


def test_not_json_stores_and_answers_html(vox: Vox) -> None:
    befall(vox, "not_json")
    answer = vox.raw("CreateCallList", ROWS, **LIST)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert stored(vox) == 3


@pytest.mark.parametrize(("rows", "kept"), [(1, 0), (3, 2), (100, 90), (2500, 2250)])
def test_short_count_drops_rows_and_says_so(vox: Vox, rows: int, kept: int) -> None:
    befall(vox, "short_count")
    file = "phone;__task_uuid\n" + "".join(f"+1415{row:07d};u-{row}\n" for row in range(rows))
    answer = vox.call("CreateCallList", file, **LIST)
    assert answer["count"] == stored(vox) == len(vox.tasks(answer["list_id"])) == kept


def test_late_visible_hides_a_list_from_reads(vox: Vox) -> None:
    befall(vox, "late_visible", seconds=60)
    list_id = vox.create()
    assert stored(vox) == 3
    assert vox.call("GetCallLists")["total_count"] == 0
    assert vox.error("GetCallListDetails", list_id=list_id) == 255
    befall(vox, "late_visible", seconds=0.2)
    vox.create()
    until(lambda: vox.call("GetCallLists")["total_count"] == 1)


def test_late_visible_hides_appended_rows(vox: Vox) -> None:
    list_id = vox.create()
    for seconds in (60, 0.2):
        befall(vox, "late_visible", seconds=seconds, methods=["AppendToCallList"])
        assert vox.append(list_id, ROWS)["count"] == 3
    assert stored(vox) == 9
    until(lambda: len(vox.tasks(list_id)) == 6)


def test_partial_details_show_a_part_until_cleared(vox: Vox) -> None:
    list_id = vox.create("phone\n" + "+1415\n" * 1000)
    vox.put("/faults", [{"fault": "partial_details", "share": 1, "part": 0.25}])
    assert 200 < len(vox.tasks(list_id)) < 300
    page = vox.call("GetCallListDetails", list_id=list_id, output="json", offset=10)
    assert page["count"] == len(vox.tasks(list_id)) - 10
    vox.put("/faults", [])
    assert len(vox.tasks(list_id)) == 1000


def test_a_fault_of_the_answer_and_one_of_the_content_befall_together(vox: Vox) -> None:
    once = {"share": 1, "times": 1, "methods": ["CreateCallList"]}
    late = {"fault": "late_visible", "seconds": 30} | once
    vox.put("/faults", [{"fault": "accept_then_hang_up"} | once, late, {"fault": "accept_then_500"} | once])
    assert bare(vox, "CreateCallList", ROWS.encode()) == b""
    assert (stored(vox), vox.call("GetCallLists")["total_count"]) == (3, 0)
    assert vox.raw("CreateCallList", ROWS, **LIST).status_code == 500
    assert [rule["left"] for rule in vox.http.get("/faults").json()] == [0, 0, 0]


def test_a_fault_keeps_to_its_methods_and_its_times(vox: Vox) -> None:
    befall(vox, "refuse", times=2)
    list_id = vox.append(0, ROWS)["error"]["code"]
    assert list_id == 255
    assert [vox.call("CreateCallList", ROWS, **LIST).get("count") for _ in range(4)] == [None, None, 3, 3]


def test_a_share_is_drawn_from_the_seed(vox: Vox) -> None:
    def run(seed: int) -> list[bool]:
        answer = vox.http.put(f"/faults?seed={seed}", json=[{"fault": "refuse", "share": 0.3}])
        assert answer.status_code == 200
        return ["error" in vox.call("GetCallLists") for _ in range(60)]

    assert run(5) == run(5) != run(6)
    assert 6 <= Counter(run(5))[True] <= 32
    vox.put("/faults", {"faults": [{"fault": "refuse", "share": 0.3}], "seed": 5})
    assert ["error" in vox.call("GetCallLists") for _ in range(60)] == run(5)


def test_every_fault_is_shown_as_it_was_put(vox: Vox) -> None:
    shown = vox.put("/faults", [{"fault": name} for name in OPTIONS])
    assert [one["fault"] for one in shown] == list(OPTIONS)
    assert all(one["share"] == 1 and one["methods"] is None for one in shown)
    assert vox.http.get("/faults").json() == shown
    assert vox.put("/faults", []) == []


@pytest.mark.parametrize(
    "document",
    [
        "refuse",
        {"fault": "refuse"},
        [{"fault": "explode"}],
        [{"share": 1}],
        [{"fault": "refuse", "share": 2}],
        [{"fault": "refuse", "seconds": 2}],
        [{"fault": "slow", "seconds": -1}],
        [{"fault": "refuse", "methods": ["CreateList"]}],
        [{"fault": "refuse", "times": 0}],
        {"faults": [], "seed": "x"},
    ],
)
def test_a_mistake_in_the_faults_is_said_in_one_sentence(vox: Vox, document: Any) -> None:
    befall(vox, "refuse")
    refused = vox.http.put("/faults", json=document)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"]
    assert refused.json()["error"]["message"].endswith(".")
    assert len(vox.http.get("/faults").json()) == 1
