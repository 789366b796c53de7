"""Events that cannot break the work, and JSON lines that name their upload and nobody's number."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from tests.contract.adapter_case import adapter_at, submit
from tests.house import House, Provider, some_numbers
from worker import logs, telemetry

Event = tuple[str, dict[str, object]]
ULID = "01JD3K5M7N8P9QRSTVWXYZ0123"


@pytest.fixture
def heard() -> Iterator[list[Event]]:
    events: list[Event] = []
    off = telemetry.listen(lambda event, fields: events.append((event, fields)))
    yield events
    off()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a worker would write to stderr. Everything is as it was afterwards."""
    text = io.StringIO()
    before, level = logging.root.handlers[:], logging.root.level
    levels = {name: logging.getLogger(name).level for name in logs.QUIET}
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", text)
        logs.configure()
    yield text
    logging.root.handlers[:], logging.root.level = before, level
    logging.root.setLevel(level)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)
    telemetry._listeners.remove(logs._hear)
    structlog.contextvars.clear_contextvars()


def parsed(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


class TestTelemetry:
    def test_everybody_hears_every_event(self, heard: list[Event]) -> None:
        telemetry.emit("flow.step", upload=ULID, rows=3)
        assert heard == [("flow.step", {"upload": ULID, "rows": 3})]

    @pytest.mark.parametrize("trouble", [RuntimeError("boom"), ValueError(), KeyError("x"), AssertionError()])
    def test_a_listener_that_raises_breaks_nothing(
        self, heard: list[Event], caplog: pytest.LogCaptureFixture, trouble: Exception
    ) -> None:
        def raises(event: str, fields: telemetry.Fields) -> None:
            raise trouble

        later: list[str] = []
        offs = [telemetry.listen(raises), telemetry.listen(lambda event, _: later.append(event))]
        telemetry.emit("flow.step", number="+12025550123")
        for off in offs:
            off()
        assert later == ["flow.step"]
        assert "a listener failed on flow.step" in caplog.text
        assert "+12025550123" not in caplog.text

    def test_who_registers_twice_hears_each_event_once(self) -> None:
        told: list[str] = []

        def hear(event: str, fields: telemetry.Fields) -> None:
            told.append(event)

        before = telemetry.listeners()
        off, _ = telemetry.listen(hear), telemetry.listen(hear)
        telemetry.emit("flow.step")
        off()
        assert told == ["flow.step"]
        assert telemetry.listeners() == before

    def test_a_listener_may_take_itself_off_while_it_is_told(self, heard: list[Event]) -> None:
        told: list[str] = []

        def once(event: str, fields: telemetry.Fields) -> None:
            told.append(event)
            off()

        off = telemetry.listen(once)
        telemetry.emit("a.first")
        telemetry.emit("a.second")
        assert told == ["a.first"]
        assert [event for event, _ in heard] == ["a.first", "a.second"]


class TestLines:
    def test_an_event_is_one_line_with_its_fields(self, lines: io.StringIO) -> None:
        telemetry.emit("submit.sending", upload=ULID, chunk=4, rows=100)
        [line] = parsed(lines)
        assert line.pop("timestamp").endswith("Z")
        assert line == {
            "event": "submit.sending",
            "level": "info",
            "logger": "rollcall.events",
            "upload": ULID,
            "chunk": 4,
            "rows": 100,
        }

    def test_what_a_person_should_see_is_a_warning(self, lines: io.StringIO) -> None:
        for event in logs.LOUD:
            telemetry.emit(event, upload=ULID, message="a whole sentence")
        assert [line["level"] for line in parsed(lines)] == ["warning"] * len(logs.LOUD)
        assert "a whole sentence" not in lines.getvalue()

    def test_what_is_logged_about_an_upload_names_it(self, lines: io.StringIO) -> None:
        log = logging.getLogger("rollcall.any")
        log.warning("before")
        telemetry.emit("submit.running", upload=ULID)
        log.warning("with %s", "arguments", extra={"list": 2})
        logs.new_task()
        log.warning("after")
        before, _, within, after = parsed(lines)
        assert (within["event"], within["upload"], within["list"]) == ("with arguments", ULID, 2)
        assert "upload" not in before | after

    def test_an_exception_stays_on_its_line(self, lines: io.StringIO) -> None:
        try:
            raise RuntimeError("boom")
        except RuntimeError:
            logging.getLogger("rollcall.any").exception("it failed")
        [line] = parsed(lines)
        assert line["event"] == "it failed"
        assert "RuntimeError: boom" in line["exception"]

    def test_anything_can_be_logged(self, lines: io.StringIO) -> None:
        logging.getLogger("rollcall.any").info("ünï\n%s", object, extra={"thing": {1, 2}, "text": 'a "quote"'})
        [line] = parsed(lines)
        assert line["event"].startswith("ünï\n")

    def test_configured_twice_is_heard_once(self, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", lines)
            logs.configure()
        telemetry.emit("a.step")
        assert len(parsed(lines)) == 1

    def test_a_request_line_is_not_logged(self, lines: io.StringIO, provider: Provider) -> None:
        logging.root.setLevel(logging.DEBUG)
        with adapter_at(provider) as adapter:
            submit(adapter)
        assert "platform_api" not in lines.getvalue()
        assert "HTTP" not in lines.getvalue()


def test_a_whole_campaign_shows_its_upload_and_nobodys_number(
    small_house: House, lines: io.StringIO, heard: list[Event]
) -> None:
    """Good and bad rows, a refusal, a doubt and a held account: all that is logged on the way."""
    logging.root.setLevel(logging.DEBUG)
    house, once = small_house, {"share": 1, "times": 1}
    house.provider.faults(
        {"fault": "refuse", "methods": ["AppendToCallList"], **once},
        {"fault": "accept_then_500", "methods": ["CreateCallList"], **once},
        {"fault": "not_json", "methods": ["GetCallListDetails"], **once},
    )
    ulid = house.upload([*some_numbers(250), "NOT AVAILABLE", "+1202", "(202) 555-01"])
    house.run(ulid, until=lambda status: status["state"] == "dialing", step=2)
    house.provider.put("/accounts/1", {"active": False})
    other = house.upload([*some_numbers(30, first=500)])
    house.run(other, until=lambda status: status["state"] == "blocked", step=2)
    house.provider.put("/accounts/1", {"active": True})
    for one in (ulid, other):
        house.finish(one)
    said = lines.getvalue() + json.dumps(heard, default=str)
    assert not [number for number in some_numbers(600) if number[1:] in said]
    for secret in ("NOT AVAILABLE", "(202)", "Person 1", "people.csv"):
        assert secret not in said
    flows = {event.split(".")[0] for event, _ in heard}
    assert {"producer", "ingest", "submit", "reconcile", "collect", "account"} <= flows
    nobodys = [event for event, fields in heard if fields.get("upload") not in (ulid, other)]
    assert set(nobodys) <= {"account.held", "account.released", "sweep.expired"}
    assert all(event.count(".") == 1 and event.islower() for event, _ in heard)
