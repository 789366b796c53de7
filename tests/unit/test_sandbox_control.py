"""Clock, switches, outcomes, balance: the sandbox's own endpoints and what they refuse."""

import time
from typing import Any

import pytest

from sandbox.state import SWITCHES
from tests.unit.sandbox_fixtures import Vox


def test_the_clock_stands_still_is_put_forward_and_runs(vox: Vox) -> None:
    assert vox.put("/clock", {"speed": 0})["speed"] == 0
    still = vox.now()
    assert vox.now() == still
    assert vox.put("/clock", {"advance": 86_400})["now"] == pytest.approx(still + 86_400)
    vox.put("/clock", {"speed": 1000})
    real, began = time.monotonic(), vox.now()
    time.sleep(0.1)
    passed = vox.now() - began
    assert 99 <= passed <= (time.monotonic() - real) * 1000
    stopped = vox.put("/clock", {"speed": 0})["now"]
    assert vox.now() == stopped


def test_a_running_clock_dials_by_itself(vox: Vox) -> None:
    list_id = vox.create()
    vox.put("/clock", {"speed": 600})
    time.sleep(0.1)
    assert vox.status(list_id) == "Completed"
    vox.put("/clock", {"speed": 0})


def test_the_switches_have_their_defaults_and_describe_themselves(vox: Vox) -> None:
    assert vox.http.get("/switches").json() == {switch.name: switch.default for switch in SWITCHES}
    described = vox.http.get("/switches/choices").json()
    assert described["repeated_uuid"]["choices"] == ["accept", "skip_row", "reject_file"]
    assert all(one["about"] for one in described.values())


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.name)
def test_every_choice_of_every_switch_can_be_put(vox: Vox, switch: Any) -> None:
    for value in switch.choices or (0, 5):
        assert vox.put("/switches", {switch.name: value})[switch.name] == value
    refused = vox.http.put("/switches", json={switch.name: "nonsense"})
    assert refused.status_code == 400
    assert switch.name in refused.json()["error"]["message"]
    assert vox.http.delete("/switches").json()[switch.name] == switch.default


def test_switches_are_put_all_or_none(vox: Vox) -> None:
    refused = vox.http.put("/switches", json={"bom": "refuse", "no_such_switch": 1})
    assert refused.status_code == 400
    assert refused.json()["error"] == {
        "code": "unknown_switch",
        "message": "There is no switch 'no_such_switch'; GET /switches lists them.",
    }
    assert vox.http.get("/switches").json()["bom"] == "strip"
    assert vox.put("/switches", {"error_http_status": 200})["error_http_status"] == "200"


def test_outcomes_are_shares_of_any_scale(vox: Vox) -> None:
    assert vox.put("/outcomes", {"answered": 3, "busy": 1})["answered"] == 0.75
    list_id = vox.create("phone\n" + "+1415\n" * 1000, max_simultaneous=1000)
    vox.advance(60)
    assert {task["result_data"] for task in vox.tasks(list_id)} <= {"answered", "busy"}
    vox.put("/outcomes", {"declined": 1})
    other = vox.create()
    vox.advance(60)
    assert {task["result_data"] for task in vox.tasks(other)} == {"declined"}


@pytest.mark.parametrize(
    ("path", "document", "code"),
    [
        ("/clock", {"speed": -1}, "bad_value"),
        ("/clock", {"speed": "fast"}, "bad_value"),
        ("/clock", {"advance": -5}, "bad_value"),
        ("/clock", {"now": 5}, "unknown_key"),
        ("/outcomes", {"answered": 0}, "bad_value"),
        ("/outcomes", {"sung": 1}, "unknown_key"),
        ("/outcomes", {"answered": -1}, "bad_value"),
        ("/balance", {"balance": "much"}, "bad_value"),
        ("/balance", {"currency": "USD"}, "bad_value"),
        ("/balance", {"balance": 1, "currency": "DM"}, "bad_value"),
        ("/switches", ["bom"], "not_an_object"),
        ("/keys/1", {"key": "x"}, "unknown_key"),
    ],
)
def test_a_mistake_is_said_with_a_code_and_a_sentence(vox: Vox, path: str, document: Any, code: str) -> None:
    refused = vox.http.put(path, json=document)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == code
    assert refused.json()["error"]["message"].endswith(".")


def test_a_body_that_is_no_json_is_refused(vox: Vox) -> None:
    refused = vox.http.put("/clock", content=b"{")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "not_json")


def test_control_requests_are_not_counted(vox: Vox) -> None:
    vox.http.get("/healthz")
    assert vox.http.get("/balance").json()["balance"] == 100
    assert vox.ledger()["requests"] == 0
