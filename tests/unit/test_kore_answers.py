"""What an answer of Kore.ai proves. No page shows an error, so every likely form and wording is read."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.wire_server import Line, serving, status
from worker.errors import AccountRefused, ProviderError, Refused, Throttled, Unknown
from worker.providers.kore import answers
from worker.providers.kore.requests import Requests
from worker.providers.kore.settings import Own

TOKEN = "01JD3K5M7N8P9QRSTVWXYZ0123"
RATE = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."

WORDS: list[tuple[str, type[ProviderError], str]] = [
    (RATE, Throttled, "kore_rate_limit"),
    ("Rate-limit was exceeded", Throttled, "kore_rate_limit"),
    ("Too many requests", Throttled, "kore_rate_limit"),
    ("Invalid JWT token", AccountRefused, "kore_account"),
    ("Unauthorized", AccountRefused, "kore_account"),
    ("Not authorized for this account", AccountRefused, "kore_account"),
    ("auth header is required", AccountRefused, "kore_account"),
    ("Unknown appId", AccountRefused, "kore_account"),
    ("Contact list not found", Refused, "kore_not_found"),
    ("Campaign doesn't exist", Refused, "kore_not_found"),
    ("phoneNumber is required", Refused, "kore_refused"),
    ("name must be at most 48 characters", Refused, "kore_refused"),
    ("Maximum of contacts exceeded", Refused, "kore_refused"),
    ("Contact list spring already exists", Unknown, "kore_already"),
    ("Campaign is already active", Unknown, "kore_already"),
    ("Duplicate request", Unknown, "kore_already"),
    ("Something went wrong", Unknown, "kore_unclear"),
    ("", Unknown, "kore_unclear"),
]


def said(body: Any, code: int = 200, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.Response(code, content=content, headers={k.replace("_", "-"): v for k, v in headers.items()})


def forms(words: str) -> list[dict[str, Any]]:
    return [
        {"status": "failure", "message": words},
        {"status": "error", "message": words},
        {"errors": [{"msg": words, "code": 4002}]},
        {"errors": {"message": words}, "status": "Failed"},
        {"error": words or "?"} if words else {"status": "failure"},
    ]


@pytest.mark.parametrize("form", range(5))
@pytest.mark.parametrize(("words", "kind", "code"), WORDS)
def test_a_refusal_within_http_200(words: str, kind: type[ProviderError], code: str, form: int) -> None:
    with pytest.raises(ProviderError) as raised:
        answers.read(said(forms(words)[form]))
    assert (type(raised.value), raised.value.code, raised.value.http_status) == (kind, code, 200)
    assert raised.value.message.startswith("Kore.ai says: ")
    assert raised.value.message.endswith(".")


@pytest.mark.parametrize(
    ("status", "words", "kind", "code"),
    [
        (400, RATE, Throttled, "kore_rate_limit"),
        (429, RATE, Throttled, "kore_rate_limit"),
        (429, "", Throttled, "kore_rate_limit"),
        (401, "Invalid JWT token", AccountRefused, "kore_account"),
        (403, "spring is not yours", AccountRefused, "kore_account"),
        (400, "Invalid JWT token", AccountRefused, "kore_account"),
        (400, "Something is wrong with it", Refused, "kore_refused"),
        (400, "A list of that name exists", Unknown, "kore_already"),
        (404, "Campaign not found", Refused, "kore_not_found"),
    ],
)
def test_a_refusal_by_its_status(status: int, words: str, kind: type[ProviderError], code: str) -> None:
    with pytest.raises(ProviderError) as raised:
        answers.said_no(said({"status": "failure", "message": words}, status))
    assert (type(raised.value), raised.value.code, raised.value.http_status) == (kind, code, status)


@pytest.mark.parametrize(("status", "body"), [(404, b"<html>nginx"), (400, b""), (401, b""), (409, b"{}"), (408, b"")])
def test_without_words_the_status_alone_counts(status: int, body: bytes) -> None:
    answers.said_no(said(body, status))


@pytest.mark.parametrize("status", [408, 409])
def test_what_leaves_open_whether_it_was_done_is_not_judged_by_words(status: int) -> None:
    answers.said_no(said({"status": "failure", "message": "name is invalid"}, status))


class TestWait:
    def wait(self, status: int = 200, **headers: str) -> float | None:
        with pytest.raises(Throttled) as raised:
            answers.read(said({"status": "failure", "message": RATE}, status, **headers))
        return raised.value.retry_after

    def test_as_the_header_says(self) -> None:
        assert self.wait(retry_after="42") == 42

    def test_some_seconds_where_it_does_not(self) -> None:
        assert self.wait() == answers.WAIT


class TestWords:
    def message(self, words: str) -> tuple[type[ProviderError], str]:
        with pytest.raises(ProviderError) as raised:
            answers.read(said({"status": "failure", "message": words}))
        return type(raised.value), raised.value.message

    def test_numbers_are_cut_out(self) -> None:
        kind, message = self.message("phoneNumber +1 (202) 555-0123 is invalid")
        assert (kind, message) == (Refused, "Kore.ai says: phoneNumber [number] is invalid.")

    @pytest.mark.parametrize("name", ["Unauthorized", "Invalid token", "rate limit exceeded", "not found"])
    def test_a_campaign_may_be_called_anything(self, name: str) -> None:
        kind, _ = self.message(f"Contact list {name} [{TOKEN}-1] already exists")
        assert kind is Unknown

    def test_long_ones_are_cut(self) -> None:
        assert len(self.message("x" * 100_000)[1]) < 600


@pytest.mark.parametrize("body", [b"", b"OK", b"[]", b"null", b'"success"', b"<html></html>", b"[" * 100_000])
def test_what_is_no_object_proves_nothing(body: bytes) -> None:
    with pytest.raises(Unknown) as raised:
        answers.read(said(body))
    assert raised.value.code == "broken_answer"


ADDED = json.dumps({"message": "Adding contacts to public list is in progress"}).encode()
MADE = json.dumps({"status": "success", "message": "Contact list x created", "data": {"_id": "cl-1"}}).encode()
QUEUED = b'{"status":"success","message":"Contacts queued for addition."}'
PLAYED = json.dumps({"status": "Active", "message": "Campaign Started", "campaignInstanceId": "cid-1"}).encode()


@dataclass
class Wire:
    """The requests as they are, before a server that answers each with `body`."""

    requests: Requests
    body: bytes = b""

    def says(self, body: bytes) -> Requests:
        self.body = body
        return self.requests


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    def behave(line: Line) -> None:
        while line.request():
            line.answer(status(200, made.body))

    with serving(behave) as server:
        made = Wire(Requests(server.url, "acc", "s" * 40, Own(iid="st-1", client_id="cs-1"), None))
        yield made
        made.requests.close()


def soon() -> float:
    return time.monotonic() + 5


class TestCut:
    @given(st.integers(min_value=0, max_value=len(ADDED) - 1))
    def test_no_part_of_an_answer_says_that_contacts_are_added(self, wire: Wire, length: int) -> None:
        with pytest.raises(Unknown):
            wire.says(ADDED[:length]).add_contacts("list", [], soon())

    @given(st.integers(min_value=0, max_value=len(MADE) - 1))
    def test_no_part_of_an_answer_is_a_list(self, wire: Wire, length: int) -> None:
        with pytest.raises(Unknown):
            wire.says(MADE[:length]).create_list("list", "d", soon())

    @given(st.integers(min_value=0, max_value=len(PLAYED) - 1))
    def test_no_part_of_an_answer_is_a_start(self, wire: Wire, length: int) -> None:
        with pytest.raises(Unknown):
            wire.says(PLAYED[:length]).trigger("cd-1", "play", soon())

    def test_whole_ones_are_taken(self, wire: Wire) -> None:
        wire.says(ADDED).add_contacts("list", [], soon())
        wire.says(QUEUED).add_contacts("list", [], soon())
        assert wire.says(MADE).create_list("list", "d", soon()) == "cl-1"
        assert wire.says(PLAYED).trigger("cd-1", "play", soon()) == "Active"

    @pytest.mark.parametrize("body", [b"{}", b'{"message":"Hello"}', b'{"message":7}'])
    def test_what_does_not_say_that_contacts_are_added(self, wire: Wire, body: bytes) -> None:
        with pytest.raises(Unknown):
            wire.says(body).add_contacts("list", [], soon())

    @pytest.mark.parametrize("body", [b"{}", b'{"data":[]}', b'{"data":{}}', b'{"data":{"name":"x"}}'])
    def test_a_list_without_an_id(self, wire: Wire, body: bytes) -> None:
        with pytest.raises(Unknown):
            wire.says(body).create_list("list", "d", soon())
