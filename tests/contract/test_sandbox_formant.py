"""Formant AI's batch calls as its pages write them: requests, envelope, rate headers, metrics, webhooks."""

import hmac
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.patience import until
from tests.unit.receiver import Received
from tests.unit.sandbox_stage import TOKEN, Stage

AGENT, NAME, SECRET = 456, f"March Follow Ups [{TOKEN}-1]", "whsec_1"
KEY = {"Authorization": "Bearer <token>"}
ROWS = "name,customer_phone,__task_uuid\nAnn,+14155550001,u:1\nBob,+14155550002,u:2\nCid,+14155550003,u:3\n"
METRICS = {
    "avg_duration_seconds",
    "busy_count",
    "completed_count",
    "failed_count",
    "in_progress_count",
    "no_answer_count",
    "pending_retry_count",
    "socket_failure_count",
    "success_count",
    "success_rate",
    "total_processed",
    "unreachable_count",
}


@pytest.fixture(scope="module")
def served() -> Iterator[Stage]:
    with Stage.set() as stage:
        yield stage


@pytest.fixture
def formant(served: Stage) -> Stage:
    stage = served.as_new()
    dashboard(stage)
    return stage


def dashboard(formant: Stage, **told: Any) -> None:
    agent = {"webhook_url": f"{formant.customer.url}/hook", "secret": SECRET, "retry_interval": 60}
    formant.put(f"/formant/agents/{AGENT}", agent | told)


def raw(formant: Stage, rows: str | bytes = ROWS, file_name: str = "march.csv", **fields: str) -> httpx.Response:
    """One POST of /v1/batch-call; a field given as '' is not sent."""
    told = {name: value for name, value in ({"agent_id": str(AGENT), "name": NAME} | fields).items() if value}
    content = rows.encode() if isinstance(rows, str) else rows
    return formant.http.post("/v1/batch-call", data=told, files={"file": (file_name, content)}, headers=KEY)


def create(formant: Stage, rows: str = ROWS, **fields: str) -> dict[str, Any]:
    answer = raw(formant, rows, **fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


def ask(formant: Stage, path: str = "", **query: Any) -> httpx.Response:
    return formant.http.get(f"/v1/batch-calls{path}", params=query, headers=KEY)


def error(answer: httpx.Response) -> tuple[int, str]:
    told = answer.json()
    assert list(told) == ["error"]
    assert told["error"]["message"]
    return answer.status_code, told["error"]["type"]


def events(formant: Stage, count: int) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in formant.customer.wait(count)]


class TestAsThePageWritesIt:
    def test_create(self, formant: Stage) -> None:
        files = {"file": ("customer_contacts_march.csv", ROWS.encode())}
        payload = {"agent_id": "456", "name": NAME}
        answer = formant.http.post("/v1/batch-call", data=payload, files=files, headers=KEY)
        told = answer.json()["data"]
        assert answer.status_code == 200
        assert set(told) == {
            "agent_id",
            "created_at",
            "id",
            "name",
            "scheduled_for",
            "status",
            "total_recipients",
            "updated_at",
        }
        assert (told["agent_id"], told["name"], told["status"], told["total_recipients"]) == (456, NAME, "pending", 3)
        assert isinstance(told["id"], int)
        assert datetime.fromisoformat(told["created_at"]).timestamp() == int(formant.now)
        assert [(one["provider"], one["reference"], one["contacts"]) for one in formant.ledger["lists"]] == [
            ("formant", str(told["id"]), 3)
        ]
        assert [(one["uuid"], one["number"]) for one in formant.contacts[:1]] == [("u:1", "+14155550001")]

    def test_the_body_that_the_page_spells_out(self, formant: Stage) -> None:
        edge = "---011000010111000001101001"
        parts = [
            ('name="agent_id"', "456"),
            ('name="file"; filename="march.csv"\r\nContent-Type: application/octet-stream', ROWS),
            ('name="name"', "March Follow Ups"),
        ]
        body = "".join(
            f"--{edge}\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n" for head, value in parts
        )
        headers = KEY | {"Content-Type": f"multipart/form-data; boundary={edge}"}
        answer = formant.http.post("/v1/batch-call", content=f"{body}--{edge}--\r\n".encode(), headers=headers)
        assert answer.json()["data"]["total_recipients"] == 3

    def test_list_get_and_metrics(self, formant: Stage) -> None:
        made = create(formant)
        begun = made | {"status": "in_progress"}
        assert ask(formant).json() == {"data": [begun]}
        assert ask(formant, f"/{made['id']}").json() == {"data": begun}
        metrics = ask(formant, f"/{made['id']}/metrics").json()["data"]
        assert set(metrics) == METRICS
        assert {name: value for name, value in metrics.items() if value} == {"in_progress_count": 3}

    def test_pages(self, formant: Stage) -> None:
        made = [create(formant, name=f"batch {number}")["id"] for number in range(25)]
        other = create(formant, agent_id="7")["id"]
        newest = [one["id"] for one in ask(formant).json()["data"]]
        assert newest == [other, *made[::-1]][:20]
        assert [one["id"] for one in ask(formant, agent_id=AGENT, limit=100).json()["data"]] == made[::-1]
        assert [one["id"] for one in ask(formant, agent_id=AGENT, limit=10, offset=20).json()["data"]] == made[4::-1]
        formant.switch(formant_batches_order="oldest_first", formant_list_total="told")
        told = ask(formant, agent_id=AGENT, limit=2).json()
        assert [one["id"] for one in told["data"]] == made[:2]
        assert told["pagination"] == {"limit": 2, "offset": 0, "total": 25}

    def test_status_words(self, formant: Stage) -> None:
        made = create(formant)
        path = f"/{made['id']}"
        formant.turn(1)
        assert ask(formant, path).json()["data"]["status"] == "in_progress"
        formant.turn(60)
        assert ask(formant, path).json()["data"]["status"] == "completed"
        formant.switch(formant_ended_status="done", formant_first_status="scheduled", formant_scheduled_for="absent")
        assert ask(formant, path).json()["data"]["status"] == "done"
        other = create(formant)
        assert other["status"] == "scheduled"
        assert "scheduled_for" not in other


class TestErrors:
    @pytest.mark.parametrize(
        ("rows", "fields"),
        [
            (ROWS, {"agent_id": ""}),
            (ROWS, {"agent_id": "many"}),
            (ROWS, {"agent_id": "0"}),
            (ROWS, {"name": ""}),
            (ROWS, {"file_name": "march.xlsx"}),
            ("", {}),
            ("phone\n+14155550001\n", {}),
            ("customer_phone\n", {}),
            ("customer_phone,a,a\n+14155550001,1,2\n", {}),
            (b"customer_phone\n\xff\n", {}),
        ],
    )
    def test_400(self, formant: Stage, rows: str | bytes, fields: dict[str, Any]) -> None:
        assert error(raw(formant, rows, **fields)) == (400, "invalid_request")
        assert formant.ledger["contacts"] == 0

    def test_400_for_what_is_no_multipart(self, formant: Stage) -> None:
        for told in ({"json": {"agent_id": 456}}, {"data": {"agent_id": "456", "name": "x"}}, {}):
            answer = formant.http.post("/v1/batch-call", headers=KEY, **told)
            assert error(answer) == (400, "invalid_request")
        for query in ({"limit": 101}, {"limit": 0}, {"limit": "x"}, {"offset": -1}, {"agent_id": "x"}):
            assert error(ask(formant, **query)) == (400, "invalid_request")
        formant.switch(formant_limit_over_maximum="clamp")
        assert ask(formant, limit=101).status_code == 200

    def test_401(self, formant: Stage) -> None:
        for headers in ({}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer"}):
            answer = formant.http.get("/v1/batch-calls", headers=headers)
            assert error(answer) == (401, "authentication_error")
            assert answer.headers["x-ratelimit-limit"]
        formant.put("/formant/keys", {"key": "right"})
        assert error(raw(formant)) == (401, "authentication_error")
        assert formant.ledger["contacts"] == 0

    def test_404(self, formant: Stage) -> None:
        made = create(formant)
        for path in ("/1", "/1/metrics", "/none"):
            assert error(ask(formant, path)) == (404, "not_found")
        formant.put("/formant/keys", {"key": "<token>", "agents": [7]})
        assert error(raw(formant)) == (404, "not_found")
        assert error(ask(formant, f"/{made['id']}")) == (404, "not_found")
        assert error(ask(formant, agent_id=AGENT)) == (404, "not_found")
        assert ask(formant).json() == {"data": []}

    def test_409_by_switch(self, formant: Stage) -> None:
        create(formant)
        create(formant)
        formant.switch(formant_repeated_name="409")
        assert error(raw(formant)) == (409, "duplicate_request")

    @pytest.mark.parametrize(("policy", "count"), [("accept", 3), ("skip", 1), ("refuse", 0)])
    def test_rows_that_cannot_be_called(self, formant: Stage, policy: str, count: int) -> None:
        formant.switch(formant_bad_rows=policy)
        answer = raw(formant, "customer_phone,name\n+14155550001,Ann\nNOT AVAILABLE,Bob\n+14155550002\n")
        assert answer.json().get("data", {"total_recipients": 0})["total_recipients"] == count
        assert formant.ledger["contacts"] == count

    def test_the_most_rows(self, formant: Stage) -> None:
        formant.switch(formant_max_rows=2)
        assert error(raw(formant)) == (400, "invalid_request")


class TestLimits:
    def test_every_answer_tells_what_is_left(self, formant: Stage) -> None:
        formant.put("/formant/limits", {"requests_per_minute": 3})
        left = [ask(formant).headers["x-ratelimit-remaining"] for _ in range(2)]
        assert left == ["2", "1"]
        assert raw(formant).headers["x-ratelimit-remaining"] == "0"
        refused = raw(formant)
        assert error(refused) == (429, "rate_limit_exceeded")
        assert refused.headers["x-ratelimit-limit"] == "3"
        reset = datetime.fromisoformat(refused.headers["x-ratelimit-reset"])
        assert 0 < (reset - datetime.now(UTC)).total_seconds() <= 61
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert formant.ledger["contacts"] == 3
        assert formant.http.get("/v1/batch-calls", headers={"Authorization": "Bearer other"}).status_code == 200

    def test_too_many_calls(self, formant: Stage) -> None:
        formant.put("/formant/limits", {"concurrent_calls": 3})
        create(formant)
        formant.turn(1)
        refused = raw(formant)
        assert error(refused) == (429, "concurrent_call_limit_exceeded")
        assert (refused.json()["error"]["current_calls"], refused.json()["error"]["max_calls"]) == (3, 3)
        formant.turn(60)
        create(formant)


class TestWebhooks:
    def test_an_event_is_signed_over_its_body(self, formant: Stage) -> None:
        create(formant)
        formant.turn(60)
        told = formant.customer.wait(3)
        for one in told:
            signed = hmac.new(SECRET.encode(), one.body, "sha256").hexdigest()
            assert one.headers["x-formantai-signature"] == f"sha256={signed}"
            event = json.loads(one.body)
            assert one.headers["x-formantai-event-id"] == event["event_id"]
            assert one.headers["x-formantai-event-type"] == event["event_type"] == "call.completed"
            assert abs(stamp(one).timestamp() - one.at) < 5
        first = next(event for event in events(formant, 3) if "u:1" in str(event))
        call, retry = first["data"]["call"], first["data"]["retry"]
        assert call["agent_id"] == AGENT
        assert call["call_parameters"] == {"name": "Ann", "__task_uuid": "u:1"}
        assert (call["status"], call["to_phone"]) == ("completed", "+14155550001")
        assert call["conversation_id"]
        assert call["trace_id"]
        assert retry == {"attempt_number": 1, "is_final_attempt": True, "max_attempts": 1, "next_retry_at": None}
        assert "batch" not in str(first)

    def test_the_timestamp_in_seconds_and_of_the_event(self, formant: Stage) -> None:
        formant.switch(formant_webhook_timestamp="unix", formant_webhook_stamped="event")
        formant.put("/callbacks", {"delay": 1.2})
        create(formant)
        formant.turn(60)
        told = formant.customer.wait(3)[0]
        assert told.at - int(told.headers["x-formantai-timestamp"]) >= 1.2

    def test_attempts_and_what_follows(self, formant: Stage) -> None:
        dashboard(formant, max_attempts=3)
        formant.put("/outcomes", {"no answer": 1})
        create(formant, "customer_phone\n+14155550001\n")
        formant.turn(30)
        [first] = events(formant, 1)
        assert (first["event_type"], first["data"]["retry"]["is_final_attempt"]) == ("call.no_answer", False)
        again = datetime.fromisoformat(first["data"]["retry"]["next_retry_at"])
        assert 25 <= again.timestamp() - formant.now <= 60
        formant.turn(300)
        last = max((one["data"]["retry"] for one in events(formant, 3)), key=lambda retry: retry["attempt_number"])
        assert last == {"attempt_number": 3, "is_final_attempt": True, "max_attempts": 3, "next_retry_at": None}

    def test_a_final_attempt_may_mean_the_last_of_all(self, formant: Stage) -> None:
        formant.switch(formant_final_attempt="last_of_max")
        dashboard(formant, max_attempts=2)
        create(formant, "customer_phone\n+14155550001\n")
        formant.turn(60)
        assert events(formant, 1)[0]["data"]["retry"]["is_final_attempt"] is False

    def test_an_agent_without_a_url_is_silent(self, formant: Stage) -> None:
        create(formant, agent_id="99")
        formant.turn(60)
        assert formant.callbacks["queued"] + formant.callbacks["delivered"] == 0

    def test_metrics_are_what_was_dialled(self, formant: Stage) -> None:
        dashboard(formant, max_attempts=2)
        words = ("answered", "voicemail", "no answer", "busy", "declined", "invalid number", "failed")
        formant.put("/outcomes", dict.fromkeys(words, 1))
        rows = "customer_phone,__task_uuid\n" + "".join(f"+1415555{1000 + row},u:{row}\n" for row in range(200))
        path = f"/{create(formant, rows)['id']}/metrics"
        formant.turn(20)
        during = ask(formant, path).json()["data"]
        assert during["total_processed"] + during["pending_retry_count"] + during["in_progress_count"] == 200
        assert during["pending_retry_count"] > 0
        formant.turn(600)
        told = ask(formant, path).json()["data"]
        formant.settled()
        said = [json.loads(one.body) for one in formant.customer.posts]
        ends = Counter(one["event_type"] for one in said if one["data"]["retry"]["is_final_attempt"])
        assert sum(ends.values()) == told["total_processed"] == 200
        assert told["completed_count"] == ends["call.completed"]
        assert told["busy_count"] == ends["call.busy"]
        assert told["no_answer_count"] == ends["call.no_answer"]
        assert told["unreachable_count"] == ends["call.unreachable"]
        assert told["socket_failure_count"] == ends["call.socket_failure"]
        assert told["failed_count"] == ends["call.failed"] + ends["call.telephony_failed"]
        assert min(ends.values()) > 0
        assert told["success_rate"] == told["success_count"] / 200
        assert told["pending_retry_count"] == told["in_progress_count"] == 0


class TestFaults:
    def test_500_after_storing(self, formant: Stage) -> None:
        formant.fault("accept_then_500", methods=["batch-call"])
        answer = raw(formant)
        assert error(answer) == (500, "internal_error")
        assert answer.headers["x-ratelimit-remaining"]
        assert formant.ledger["contacts"] == 3
        assert [one["name"] for one in ask(formant).json()["data"]] == [NAME]

    @pytest.mark.parametrize("fault", ["accept_then_hang_up", "cut_body"])
    def test_stored_and_not_answered(self, formant: Stage, fault: str) -> None:
        formant.fault(fault, methods=["batch-call"])
        with pytest.raises(httpx.RemoteProtocolError):
            raw(formant)
        assert formant.ledger["contacts"] == 3

    @pytest.mark.parametrize("method", ["batch-call", "batch-calls", "batch-call-get", "batch-call-metrics"])
    @pytest.mark.parametrize(
        ("fault", "told"), [("refuse", (400, "invalid_request")), ("throttle", (429, "rate_limit_exceeded"))]
    )
    def test_each_request_can_be_refused(self, formant: Stage, method: str, fault: str, told: tuple[int, str]) -> None:
        path = f"/{create(formant)['id']}"
        formant.fault(fault, methods=[method], **({"retry_after": 9} if fault == "throttle" else {}))
        answers: dict[str, Callable[[], httpx.Response]] = {
            "batch-call": lambda: raw(formant),
            "batch-calls": lambda: ask(formant),
            "batch-call-get": lambda: ask(formant, path),
            "batch-call-metrics": lambda: ask(formant, f"{path}/metrics"),
        }
        statuses = {name: answer().status_code for name, answer in answers.items() if name != method}
        assert set(statuses.values()) == {200}
        refused = answers[method]()
        assert error(refused) == told
        if fault == "throttle":
            assert refused.headers["retry-after"] == "9"
            assert refused.headers["x-ratelimit-remaining"] == "0"

    def test_codes_and_words(self, formant: Stage) -> None:
        formant.fault("refuse", code=409)
        assert error(raw(formant)) == (409, "duplicate_request")
        formant.switch(formant_throttle="concurrent_call_limit_exceeded", formant_retry_after="absent")
        formant.fault("throttle")
        refused = raw(formant)
        assert error(refused) == (429, "concurrent_call_limit_exceeded")
        assert {"current_calls", "max_calls"} <= set(refused.json()["error"])
        assert "retry-after" not in refused.headers

    def test_lost_rows_are_told_by_the_total(self, formant: Stage) -> None:
        formant.fault("short_count", drop=0.3)
        assert create(formant)["total_recipients"] == 2
        assert formant.ledger["contacts"] == 2

    def test_visible_late(self, formant: Stage) -> None:
        formant.fault("late_visible", seconds=0.3)
        path = f"/{create(formant)['id']}"
        assert error(ask(formant, path)) == (404, "not_found")
        assert ask(formant).json() == {"data": []}
        until(lambda: len(ask(formant).json()["data"]) == 1)
        assert ask(formant, path).status_code == 200

    def test_called_twice(self, formant: Stage) -> None:
        create(formant)
        create(formant)
        assert formant.ledger["called_twice"] == 6  # three numbers, three uuids


def stamp(one: Received) -> datetime:
    return datetime.fromisoformat(one.headers["x-formantai-timestamp"])
