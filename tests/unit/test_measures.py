"""What a worker counts of its own work, and how Prometheus gets it."""

from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.fleet import LOOPBACK, free_port
from worker import measures, telemetry
from worker.errors import Throttled


def value(name: str, **labels: str) -> float:
    return measures.REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
def told() -> Iterator[None]:
    before = telemetry.listeners()
    measures.tell(None)
    yield
    telemetry._listeners[:] = before


def test_events_are_counted_for_what_they_tell(told: None) -> None:
    names = {
        "late": ("rollcall_lateness_seconds_sum", {}),
        "accepted": ("rollcall_answers_total", {"account": "acme", "answer": "Accepted"}),
        "asked": ("rollcall_reviews_total", {"code": "several_lists"}),
        "outcomes": ("rollcall_outcomes_total", {}),
        "taken": ("rollcall_rows_total", {"verdict": "taken"}),
        "rejected": ("rollcall_rows_total", {"verdict": "rejected"}),
        "other": ("rollcall_events_total", {"event": "sweep.late"}),
    }
    before = {key: value(name, **labels) for key, (name, labels) in names.items()}
    telemetry.emit("submit.sending", upload="1", chunk=1, rows=10, late=2.5)
    telemetry.emit("submit.settled", upload="1", account="acme", chunk=1, answer="Accepted")
    telemetry.emit("chunk.review", upload="1", chunk=1, code="several_lists")
    telemetry.emit("collect.stored", upload="1", list=1, changed=7)
    telemetry.emit("ingest.finished", upload="1", rows=12, rejected=2)
    telemetry.emit("sweep.late", upload_id=1)
    grown = {key: value(name, **labels) - before[key] for key, (name, labels) in names.items()}
    assert grown == {"late": 2.5, "accepted": 1, "asked": 1, "outcomes": 7, "taken": 10, "rejected": 2, "other": 1}


def test_a_request_is_measured_by_what_came_of_it() -> None:
    def count(result: str) -> float:
        return value("rollcall_request_seconds_count", host="measured.example", result=result)

    with measures.request("measured.example"):
        pass
    with pytest.raises(Throttled), measures.request("measured.example"):
        raise Throttled("http_429", "Too many.")
    assert (count("done"), count("Throttled")) == (1, 1)


def test_a_port_tells_it_and_a_taken_one_stops_nobody(told: None, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    measures.tell(port)
    measures.tell(port)
    assert "port" in caplog.text
    text = httpx.get(f"http://{LOOPBACK}:{port}/metrics").text
    assert "rollcall_lateness_seconds_bucket" in text
