"""What goes out to Formant AI, what its answers and errors prove, and how batches are found on any page."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.wire_server import Behaviour, Line, says, serving, status
from worker.errors import AccountRefused, ConfigError, NotSent, ProviderError, Refused, Throttled, Unknown
from worker.providers.base import Accepted, Found, Opening, Place, Provider, Submission
from worker.providers.formant import KIND
from worker.providers.formant import adapter as module
from worker.providers.formant.verdicts import UNTOLD, moment

UPLOAD = "01JD3K5M7N8P9QRSTVWXYZ0123"
NAME = f"spring [{UPLOAD}-1]"
BATCH = {"id": 7890, "name": NAME, "agent_id": 456, "status": "pending", "total_recipients": 2}
PAYLOAD = b"customer_phone,__task_uuid\n+13347938701,a\n+13347938702,b\n"
KEY = "fk_live_17"
SOON = 5


def opening(**told: Any) -> Opening:
    return Opening(**({"url": None, "secret": KEY} | told))


@contextmanager
def opened(**told: Any) -> Iterator[Provider]:
    told["own"] = KIND.check_own(told.get("own", {}))
    provider = KIND.connect(opening(**told))
    try:
        yield provider
    finally:
        provider.close()


@contextmanager
def facing(behave: Behaviour, **told: Any) -> Iterator[tuple[Provider, list[bytes]]]:
    """An account whose server behaves so, and the requests that arrived."""
    with serving(behave) as server, opened(url=server.url, **told) as formant:
        yield formant, server.requests


def submission(**told: Any) -> Submission:
    usual: dict[str, Any] = {"step": "create", "upload": UPLOAD, "list_name": NAME, "reference": None}
    return Submission(**(usual | {"payload": PAYLOAD, "rows": 2, "options": {"agent_id": 456}} | told))


def said(document: Any, code: int = 200, **headers: str) -> bytes:
    return status(code, json.dumps(document).encode(), **headers)


def error(kind: str, message: str = "Words.", **more: Any) -> dict[str, Any]:
    return {"error": {"type": kind, "message": message, **more}}


def fails(answer: bytes, ask: Callable[[Provider], Any] | None = None) -> ProviderError:
    with facing(says(answer)) as (formant, _), pytest.raises(ProviderError) as raised:
        (ask or (lambda one: one.submit(submission(), time.monotonic() + SOON)))(formant)
    assert KEY not in raised.value.message
    return raised.value


def pages(batches: Callable[[int], list[dict[str, Any]]]) -> Behaviour:
    """Answers a list's request by its offset."""

    def behave(line: Line) -> None:
        while request := line.request():
            offset = int(request.split(b"offset=")[1].split(b" ")[0].split(b"&")[0])
            line.answer(said({"data": batches(offset)}))

    return behave


class TestSubmit:
    def test_what_is_sent(self) -> None:
        with facing(says(said({"data": BATCH}))) as (formant, requests):
            assert formant.submit(submission(), time.monotonic() + SOON) == Accepted("7890", 2)
        head, _, body = requests[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /v1/batch-call HTTP/1.1\r\n")
        assert f"\r\nAuthorization: Bearer {KEY}\r\n".encode() in head
        assert b'name="agent_id"\r\n\r\n456\r\n' in body
        assert f'name="name"\r\n\r\n{NAME}\r\n'.encode() in body
        assert b'name="file"; filename="call_list.csv"\r\nContent-Type: text/csv\r\n\r\n' + PAYLOAD in body

    @pytest.mark.parametrize(
        "document",
        [
            None,
            [],
            "queued",
            {},
            {"data": None},
            {"data": []},
            {"data": {}},
            {"data": {**BATCH, "id": None}},
            {"data": {**BATCH, "id": True}},
            {"data": {**BATCH, "id": ""}},
            {"data": {**BATCH, "total_recipients": None}},
            {"data": {**BATCH, "total_recipients": True}},
            {"data": {**BATCH, "total_recipients": -1}},
            {"data": {**BATCH, "total_recipients": "2"}},
        ],
    )
    def test_an_answer_that_is_none(self, document: Any) -> None:
        failed = fails(said(document))
        assert (type(failed), failed.code) == (Unknown, "broken_answer")

    @given(data=st.data())
    @settings(max_examples=60, deadline=None)
    def test_no_part_of_an_answer_is_taken_for_the_whole(self, data: Any) -> None:
        whole = json.dumps({"data": BATCH}).encode()
        cut = data.draw(st.integers(0, len(whole) - 1))
        assert type(fails(status(200, whole[:cut]))) is Unknown


class TestErrors:
    @pytest.mark.parametrize(
        ("code", "kind", "proves"),
        [
            (400, "invalid_request", Refused),
            (404, "not_found", Refused),
            (422, "invalid_request", Refused),
            (401, "authentication_error", AccountRefused),
            (403, "authentication_error", AccountRefused),
            (409, "duplicate_request", Unknown),
            (408, "invalid_request", Unknown),
            (409, "invalid_request", Unknown),
            (400, "duplicate_request", Unknown),
            (400, "internal_error", Unknown),
            (429, "rate_limit_exceeded", Throttled),
            (429, "concurrent_call_limit_exceeded", Throttled),
        ],
    )
    def test_the_documented_envelope(self, code: int, kind: str, proves: type[ProviderError]) -> None:
        failed = fails(said(error(kind), code))
        assert (type(failed), failed.code, failed.http_status) == (proves, f"formant_{kind}", code)
        assert failed.message == "Formant AI: Words."

    @pytest.mark.parametrize(
        ("code", "body", "proves"),
        [
            (400, b"", Refused),
            (400, b'{"error": "text"}', Refused),
            (400, b'{"error": {"type": ["a"]}}', Refused),
            (401, b"<html>", AccountRefused),
            (404, b"not here", Refused),
            (409, b"", Unknown),
            (418, b'{"error": {"type": "teapot"}}', Refused),
            (500, b'{"error": {"type": "internal_error", "message": "x"}}', Unknown),
            (500, b'{"error": {"type": "invalid_request", "message": "x"}}', Unknown),
            (503, b"", Unknown),
            (201, b'{"data": {"id": 1, "total_recipients": 2}}', Unknown),
        ],
    )
    def test_without_it_the_status_decides(self, code: int, body: bytes, proves: type[ProviderError]) -> None:
        failed = fails(status(code, body))
        assert (type(failed), failed.code) == (proves, f"http_{code}")

    @pytest.mark.parametrize("code", [500, 503])
    def test_a_5xx_keeps_its_words_without_numbers_and_the_key(self, code: int) -> None:
        failed = fails(said(error("internal_error", f"no route to +12025550123 for {KEY}"), code))
        assert (type(failed), failed.code, failed.http_status) == (Unknown, f"http_{code}", code)
        assert failed.message.endswith("it may have been stored. Formant AI: no route to [number] for [secret]")

    def test_a_429_is_one_whatever_it_says(self) -> None:
        failed = fails(status(429, b"<html>slow down</html>"))
        assert (type(failed), failed.code) == (Throttled, "formant_rate_limit_exceeded")

    @pytest.mark.parametrize("number", ["+12025550123", "(202) 555-0123"])
    def test_numbers_are_taken_out_of_the_words(self, number: str) -> None:
        failed = fails(said(error("invalid_request", f"row 3: '{number}' is no number"), 400))
        assert failed.message == "Formant AI: row 3: '[number]' is no number"

    @pytest.mark.parametrize("message", [None, "", 5, ["a"], {}])
    def test_words_of_any_kind(self, message: Any) -> None:
        assert type(fails(said({"error": {"type": "invalid_request", "message": message}}, 400))) is Refused


class TestWaiting:
    DATE = "Mon, 07 Jan 2030 09:00:00 GMT"

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"Retry_After": "12"}, 12),
            ({"Retry_After": "99999"}, 3600),
            ({"Retry_After": "12", "X_RateLimit_Reset": "2030-01-07T09:59:00Z", "Date": DATE}, 12),
            ({"X_RateLimit_Reset": "2030-01-07T09:00:41Z", "Date": DATE}, 41),
            ({"X_RateLimit_Reset": "2030-01-07T10:00:41+01:00", "Date": DATE}, 41),
            ({"X_RateLimit_Reset": "2030-01-07T09:00:41", "Date": DATE}, 41),
            ({"X_RateLimit_Reset": "2030-01-07T08:59:00Z", "Date": DATE}, 0),
            ({"X_RateLimit_Reset": "2031-01-07T09:00:00Z", "Date": DATE}, 3600),
            ({"X_RateLimit_Reset": "soon", "Date": DATE}, UNTOLD),
            ({}, UNTOLD),
        ],
    )
    @pytest.mark.parametrize("kind", ["rate_limit_exceeded", "concurrent_call_limit_exceeded"])
    def test_how_long(self, headers: dict[str, str], seconds: float, kind: str) -> None:
        failed = fails(said(error(kind, current_calls=5, max_calls=5), 429, **headers))
        assert isinstance(failed, Throttled)
        assert failed.retry_after == seconds

    def test_by_our_clock_where_the_answer_has_none(self) -> None:
        reset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 100))
        failed = fails(said(error("rate_limit_exceeded"), 429, X_RateLimit_Reset=reset))
        assert isinstance(failed, Throttled)
        assert failed.retry_after is not None
        assert 90 < failed.retry_after <= 100

    @pytest.mark.parametrize("text", ["", "now", "2030", "0001-01-01T00:00:00+23:59", "9" * 400])
    def test_what_is_no_moment(self, text: str) -> None:
        assert moment(text) is None or text == "0001-01-01T00:00:00+23:59"


class TestFind:
    def batches(self, count: int) -> list[dict[str, Any]]:
        return [{**BATCH, "id": n, "name": NAME if n % 50 == 7 else f"other {n}"} for n in range(count)]

    def test_on_whatever_page(self) -> None:
        every = self.batches(250)
        with facing(pages(lambda at: every[at : at + module.PAGE])) as (formant, requests):
            assert [one.reference for one in formant.find(NAME)] == ["7", "57", "107", "157", "207"]
        assert len(requests) == 4
        assert all(request.startswith(b"GET /v1/batch-calls?limit=100&offset=") for request in requests)

    def test_a_provider_that_gives_fewer_than_asked_for(self) -> None:
        every = self.batches(60)
        with facing(pages(lambda at: every[at : at + 20])) as (formant, _):
            assert [one.reference for one in formant.find(NAME)] == ["7", "57"]

    def test_pages_that_overlap_while_batches_are_made(self) -> None:
        every = self.batches(250)
        with facing(pages(lambda at: every[max(0, at - 30) : at + 70])) as (formant, _):
            assert len(formant.find(NAME)) == 5

    def test_by_the_token_of_a_name_that_was_changed(self) -> None:
        changed = [{**BATCH, "id": 1, "name": f"spr?ng [{UPLOAD}-1]"}, {**BATCH, "id": 2, "name": f"x [{UPLOAD}-11]"}]
        with facing(pages(lambda at: changed[at:])) as (formant, _):
            assert [one.reference for one in formant.find(NAME)] == ["1"]

    def test_a_list_that_does_not_go_on_is_no_whole_read(self) -> None:
        every = self.batches(100)
        with facing(pages(lambda _at: every)) as (formant, _), pytest.raises(Unknown) as raised:
            formant.find(NAME)
        assert raised.value.code == "broken_answer"

    @pytest.mark.parametrize("document", [{}, {"data": None}, {"data": {"a": 1}}, {"data": [1]}, {"data": [{}]}])
    def test_a_page_that_is_none(self, document: Any) -> None:
        assert fails(said(document), lambda one: one.find(NAME)).code == "broken_answer"

    def test_a_page_that_fails_is_no_whole_read(self) -> None:
        answers = said({"data": self.batches(100)}), status(500)
        with facing(says(*answers)) as (formant, _), pytest.raises(Unknown):
            formant.find(NAME)

    def test_the_time_for_all_pages_is_bounded(self) -> None:
        def endless(offset: int) -> list[dict[str, Any]]:
            time.sleep(0.02)
            return [{**BATCH, "id": offset + 1}]

        with facing(pages(endless), read_deadline=0.3) as (formant, requests), pytest.raises(ProviderError):
            formant.find(NAME)
        assert 1 < len(requests) < 30


class TestStatus:
    def test_of_a_batch(self) -> None:
        with facing(says(said({"data": BATCH}), said({"data": {**BATCH, "status": "Completed"}}))) as (
            formant,
            requests,
        ):
            assert formant.status(Place("7890")) == Found("7890", NAME, "pending", False, 2)
            assert formant.status(Place("7890")) == Found("7890", NAME, "Completed", True, 2)
        assert requests[0].startswith(b"GET /v1/batch-calls/7890 HTTP/1.1")

    def test_other_words_for_complete_are_a_setting(self) -> None:
        own = {"complete_states": ["Done", "failed"]}
        answers = [said({"data": {**BATCH, "status": word}}) for word in ("done", "failed", "completed")]
        with facing(says(*answers), own=own) as (formant, _):
            found = [formant.status(Place("7890")) for _ in answers]
        assert [one.complete for one in found if one] == [True, True, False]

    def test_of_nothing(self) -> None:
        with facing(says(*[said(error("not_found"), 404)] * 2)) as (formant, _):
            assert formant.status(Place("1")) is None
            assert formant.tallies(Place("1")) is None

    def test_a_404_that_is_not_the_providers_proves_nothing(self) -> None:
        assert fails(status(404, b"<html>"), lambda one: one.status(Place("1"))).code == "http_404"

    def test_a_reference_stays_within_the_path(self) -> None:
        with facing(says(said(error("not_found"), 404))) as (formant, requests):
            assert formant.status(Place("../1?a=b")) is None
        assert requests[0].startswith(b"GET /v1/batch-calls/..%2F1%3Fa%3Db HTTP/1.1")

    def test_tallies_are_the_whole_numbers(self) -> None:
        metrics = {
            "avg_duration_seconds": 12,
            "busy_count": 1,
            "completed_count": 0,
            "success_rate": 1,
            "total_processed": 5,
            "odd": "x",
            "flag": True,
            "none": None,
        }
        with facing(says(said({"data": metrics}))) as (formant, requests):
            assert formant.tallies(Place("7890")) == {"busy_count": 1, "completed_count": 0, "total_processed": 5}
        assert requests[0].startswith(b"GET /v1/batch-calls/7890/metrics HTTP/1.1")


class TestAccount:
    def test_there_is_no_balance(self) -> None:
        with facing(says(said({"data": []}))) as (formant, _):
            assert formant.account() is None

    def test_a_refused_key_shows(self) -> None:
        failed = fails(said(error("authentication_error"), 401), lambda one: one.account())
        assert isinstance(failed, AccountRefused)


class TestOpening:
    @pytest.mark.parametrize(
        ("own", "host"),
        [
            ({}, "api.voice.formantai.com"),
            ({"region": "global"}, "api.voice.formantai.com"),
            ({"region": "india"}, "api.in.voice.formantai.com"),
        ],
    )
    def test_the_region_picks_the_host(self, own: dict[str, str], host: str) -> None:
        with opened(own=own) as formant, pytest.raises(NotSent) as raised:
            formant.submit(submission(), time.monotonic() - 1)
        assert f" {host}." in raised.value.message

    def test_a_url_wins(self) -> None:
        with opened(own={"region": "india"}, url="http://127.0.0.1:9") as formant, pytest.raises(NotSent) as raised:
            formant.submit(submission(), time.monotonic() + SOON)
        assert "127.0.0.1" in raised.value.message

    @pytest.mark.parametrize(
        ("key", "code"),
        [(None, "no_credentials"), ("", "no_credentials"), ("ü", "bad_credentials"), ("a\nb", "bad_credentials")],
    )
    def test_a_key_that_cannot_be(self, key: str | None, code: str) -> None:
        with pytest.raises(ConfigError) as raised:
            KIND.connect(opening(secret=key))
        assert raised.value.code == code

    def test_webhooks_are_heard_with_a_secret(self) -> None:
        with opened() as deaf, opened(callback_secret="s") as hearing:
            assert deaf.inbox is None
            assert hearing.inbox is not None
