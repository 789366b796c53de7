"""Callbacks that are doubled, late, out of order, lost, early or held; and who may be called back."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.callbacks import reachable
from tests.unit.sandbox_stage import Stage


@pytest.fixture(scope="module")
def served() -> Iterator[Stage]:
    with Stage.set() as stage:
        yield stage


@pytest.fixture
def stage(served: Stage) -> Stage:
    return served.as_new()


def queue(stage: Stage, people: int = 3, **fields: str) -> None:
    """A campaign of Plum's whose results are posted to the customer."""
    rows = "".join(f"1617555{1000 + row},{row}\n" for row in range(people))
    told = {"login": "user", "pin": "1", "start_url": "https://example.com", "result_url": stage.customer.url + "/"}
    answer = stage.http.post("/webservice/queuecalls.php", data=told | fields, files={"file": rows.encode()})
    assert 'status="queued"' in answer.text, answer.text


def references(stage: Stage, count: int) -> list[int]:
    return [int(one.form["message_reference"]) for one in stage.customer.wait(count)]


def test_each_comes_once(stage: Stage) -> None:
    queue(stage)
    stage.turn(60)
    assert sorted(references(stage, 3)) == [0, 1, 2]
    assert stage.settled() | {"hosts": []} == {
        "queued": 0,
        "delivered": 3,
        "failed": 0,
        "dropped": 0,
        "retried": 0,
        "last_error": None,
        "times": 1,
        "delay": 0.0,
        "drop": 0.0,
        "shuffle": False,
        "before_answer": False,
        "hold": False,
        "timeout": 10.0,
        "tries": 6,
        "backoff": 1.0,
        "hosts": [],
    }


def test_three_times(stage: Stage) -> None:
    stage.put("/callbacks", {"times": 3})
    queue(stage)
    stage.turn(60)
    assert sorted(references(stage, 9)) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert stage.settled()["delivered"] == 9


def test_late(stage: Stage) -> None:
    stage.put("/callbacks", {"delay": 0.5})
    queue(stage, 1)
    began = time.time()
    stage.turn(60)
    assert stage.callbacks["queued"] == 1
    assert stage.customer.wait(1)[0].at - began >= 0.5


def test_out_of_order(stage: Stage) -> None:
    queue(stage, 60, max_retries="0")
    stage.put("/callbacks", {"hold": True})
    stage.turn(60)
    stage.put("/callbacks", {})
    in_order = references(stage, 60)
    stage.as_new()
    queue(stage, 60)
    stage.put("/callbacks", {"hold": True, "shuffle": True})
    stage.turn(60)
    assert not stage.customer.posts
    assert stage.callbacks["queued"] == 60
    stage.put("/callbacks", {"shuffle": True})
    shuffled = references(stage, 60)
    assert sorted(shuffled) == sorted(in_order) == list(range(60))
    # several deliver at a time, so also what is in order may be off by a few places
    assert displaced(in_order, shuffled) > 60 * 8


def displaced(one: list[int], other: list[int]) -> int:
    return sum(abs(one.index(reference) - at) for at, reference in enumerate(other))


def test_dropped(stage: Stage) -> None:
    stage.put("/callbacks", {"drop": 0.5})
    queue(stage, 100)
    stage.turn(60)
    counts = stage.settled()
    assert counts["delivered"] + counts["dropped"] == 100
    assert 30 < counts["dropped"] < 70
    assert len(stage.customer.posts) == counts["delivered"]


def test_before_the_submission_is_answered(stage: Stage) -> None:
    stage.put("/callbacks", {"before_answer": True, "times": 3})
    queue(stage)
    assert len(stage.customer.posts) == 9
    stage.turn(60)
    assert stage.settled()["delivered"] == 9


def test_nobody_is_called_before_the_start_for_the_sake_of_an_early_callback(stage: Stage) -> None:
    stage.put("/callbacks", {"before_answer": True})
    queue(stage, scheduled_timestamp=str(int(stage.now) + 10))
    assert stage.callbacks["queued"] + stage.callbacks["delivered"] == 0


def test_what_gets_no_2xx_is_tried_again(stage: Stage) -> None:
    stage.switch(plum_preflight_result_url="off")
    stage.put("/callbacks", {"backoff": 0.01})
    stage.customer.answers += [500, 302, 404]
    queue(stage, 1)
    stage.turn(60)
    assert references(stage, 4) == [0] * 4
    assert {one.body for one in stage.customer.posts} == {stage.customer.posts[0].body}
    counts = stage.settled()
    assert (counts["delivered"], counts["retried"], counts["failed"]) == (1, 3, 0)
    assert counts["last_error"] == "HTTP 404"


def test_what_gets_no_answer_in_time_is_tried_again(stage: Stage) -> None:
    stage.switch(plum_preflight_result_url="off")
    stage.put("/callbacks", {"backoff": 0.01, "timeout": 0.3})
    stage.customer.answers.append(0)
    queue(stage, 1)
    stage.turn(60)
    assert references(stage, 2) == [0, 0]
    assert stage.settled()["last_error"] == "no answer within 0.3 s"


def test_what_is_never_taken_is_given_up(stage: Stage) -> None:
    stage.switch(plum_preflight_result_url="off")
    stage.put("/callbacks", {"backoff": 0.01, "tries": 3})
    stage.customer.answers += [503] * 9
    queue(stage)
    stage.turn(60)
    counts = stage.settled()
    assert (counts["failed"], counts["delivered"], len(stage.customer.posts)) == (3, 0, 9)


def test_a_host_that_was_not_named_is_never_called(stage: Stage) -> None:
    stage.switch(plum_preflight_result_url="off")
    queue(stage, result_url="http://192.0.2.1/result")
    stage.turn(60)
    counts = stage.settled()
    assert (counts["failed"], counts["retried"]) == (3, 0)
    assert counts["last_error"] == "the host is neither this machine nor among 'hosts'"


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("http://127.0.0.1:8000/x", True),
        ("http://127.9.9.9/x", True),
        ("http://[::1]:80/x", True),
        ("http://localhost/x", True),
        ("http://WEB:8000/x", True),
        ("http://10.0.0.5/x", False),
        ("http://localhost.example.com/x", False),
        ("http://127.0.0.1.example.com/x", False),
        ("http://user@127.0.0.1@example.com/x", False),
        ("http://[::1/x", False),
        ("/x", False),
    ],
)
def test_who_may_be_called(url: str, may: bool) -> None:
    assert reachable(url, ("web",)) is may


def test_a_reset_forgets_what_was_not_delivered(stage: Stage) -> None:
    stage.put("/callbacks", {"hold": True})
    queue(stage)
    stage.turn(60)
    assert stage.callbacks["queued"] == 3
    stage.http.delete("/ledger")
    stage.put("/callbacks", {})
    assert stage.callbacks["queued"] == 0
    stage.turn(60)
    assert not stage.customer.posts


def test_a_running_clock_calls_back_by_itself(stage: Stage) -> None:
    queue(stage)
    stage.put("/clock", {"speed": 600})
    assert sorted(references(stage, 3)) == [0, 1, 2]
    stage.put("/clock", {"speed": 0})


@pytest.mark.parametrize(
    "document",
    [
        {"times": 0},
        {"delay": -1},
        {"drop": 2},
        {"shuffle": "yes"},
        {"hosts": "web"},
        {"tries": 0},
        {"timeout": 0},
        {"sing": True},
    ],
)
def test_a_mistake_is_said(stage: Stage, document: dict[str, Any]) -> None:
    refused = stage.http.put("/callbacks", json=document)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] in ("bad_value", "unknown_key")
