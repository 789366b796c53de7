"""Posts to result_url: an address that proves itself, bodies of any form, words read leniently."""

import json
from typing import Any
from urllib.parse import urlencode

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.errors import CallbackRefused
from worker.providers.base import TASKS, Event, Inbound
from worker.providers.plum.results import DISPOSITIONS, LONGEST_VALUE, Results
from worker.providers.plum.settings import Own

BASE = "https://rollcall.example/callbacks/us%20team"
UPLOAD, OTHER = "01JD3K5M7N8P9QRSTVWXYZ0123", "01JD3K5M7N8P9QRSTVWXYZ0124"
UUID = f"{UPLOAD}:17"
RESULTS = Results(BASE, "s3cret", Own())
FORM = "application/x-www-form-urlencoded"


def path_of(upload: str = UPLOAD, attempts: int = 1, results: Results = RESULTS) -> tuple[str, ...]:
    url = results.url(upload, attempts)
    assert url.startswith(f"{BASE}/")
    return tuple(url.removeprefix(f"{BASE}/").split("/"))


def posted(body: bytes, content_type: str = FORM, attempts: int = 1, results: Results = RESULTS) -> Event:
    path = path_of(attempts=attempts, results=results)
    return results.receive(Inbound(path, {"content-type": content_type}, body, at=0.0))


def form(**fields: str) -> bytes:
    return urlencode({"message_reference": UUID, **fields}).encode()


def row(attempts: int = 1, results: Results = RESULTS, /, **fields: str) -> dict[str, Any]:
    [one] = results.read([posted(form(**fields), attempts=attempts, results=results).body]).to_dicts()
    return one


def refusal(path: tuple[str, ...], body: bytes = b"a=b", content_type: str = FORM) -> str:
    with pytest.raises(CallbackRefused) as raised:
        RESULTS.receive(Inbound(path, {"content-type": content_type}, body, at=0.0))
    assert raised.value.message.endswith(".")
    return raised.value.code


class TestAddress:
    def test_it_proves_itself(self) -> None:
        assert RESULTS.greet(path_of())
        assert posted(form(status="completed")).upload == UPLOAD

    @pytest.mark.parametrize(
        "path",
        [
            (),
            ("plum",),
            ("formant",),
            ("plum", UPLOAD, "1"),
            ("plum", UPLOAD, "12", "0" * 64),
            ("plum", UPLOAD, "0", "0" * 64),
            ("plum", UPLOAD.lower(), "1", "0" * 64),
            ("plum", "../../etc", "1", "0" * 64),
            (*path_of(), "more"),
        ],
    )
    def test_there_is_no_such_address(self, path: tuple[str, ...]) -> None:
        assert not RESULTS.greet(path)
        assert refusal(path) == "unknown_callback"

    @pytest.mark.parametrize(
        "path",
        [
            ("plum", UPLOAD, "1", "0" * 64),
            ("plum", UPLOAD, "1", ""),
            ("plum", UPLOAD, "1", "ü\udcff"),
            ("plum", OTHER, *path_of()[2:]),
            ("plum", UPLOAD, "2", path_of()[3]),
            ("plum", UPLOAD, "1", path_of()[3].upper()),
            path_of(results=Results(BASE, "another", Own())),
        ],
    )
    def test_a_forged_address(self, path: tuple[str, ...]) -> None:
        assert not RESULTS.greet(path)
        assert refusal(path) == "forged_callback"


class TestReceive:
    def test_the_same_twice_is_one(self) -> None:
        one = posted(form(status="failed", attempts="1"), attempts=3)
        assert posted(form(status="failed", attempts="1"), attempts=3) == one
        assert posted(form(status="failed", attempts="2"), attempts=3).id != one.id
        assert len(one.id) == 64

    def test_the_same_words_about_another_upload_are_another(self) -> None:
        inbound = Inbound(path_of(OTHER), {}, form(status="failed"), at=0.0)
        assert RESULTS.receive(inbound).id != posted(form(status="failed")).id

    def test_no_number_and_no_secret_is_kept(self) -> None:
        fields = {"phone_number": "12025550123", "PIN": "8642", "login": "me", "ani": "12025550199", "to": "1202"}
        event = posted(form(status="completed", odd_word="kept", **fields))
        assert json.loads(event.body) == {
            "attempts": 1,
            "told": {"message_reference": UUID, "status": "completed", "odd_word": "kept"},
        }

    def test_a_field_that_was_chosen_is_kept_whatever_its_name(self) -> None:
        results = Results(BASE, "s", Own.model_validate({"result_fields": {"reference": ["Phone_Ref"]}}))
        event = posted(b"phone_ref=x1&status=completed", results=results)
        assert results.read([event.body])["uuid"].to_list() == ["x1"]

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (form(status="completed", result="answered"), FORM),
            (form(status="completed", result="answered"), ""),
            (urlencode({"MESSAGE_REFERENCE": UUID, "Status": "completed", "Result": "answered"}).encode(), FORM),
            (
                json.dumps({"message_reference": UUID, "status": "completed", "result": "answered"}).encode(),
                "text/json",
            ),
            (
                json.dumps(
                    {"call_details": {"message_reference": UUID, "status": "completed", "result": "answered"}}
                ).encode(),
                "application/json",
            ),
            (
                f'<a status="completed" result="answered"><message_reference>{UUID}</message_reference></a>'.encode(),
                "text/xml",
            ),
            (
                (
                    f'--b\r\nContent-Disposition: form-data; name="message_reference"\r\n\r\n{UUID}\r\n--b\r\n'
                    'Content-Disposition: form-data; name="status"\r\n\r\ncompleted\r\n--b\r\n'
                    'Content-Disposition: form-data; name="result"\r\n\r\nanswered\r\n--b--\r\n'
                ).encode(),
                "multipart/form-data; boundary=b",
            ),
        ],
    )
    def test_whatever_its_form(self, body: bytes, content_type: str) -> None:
        [told] = RESULTS.read([posted(body, content_type).body]).to_dicts()
        assert (told["uuid"], told["phase"], told["disposition"]) == (UUID, "done", "answered")

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (b"", FORM),
            (b"&&", FORM),
            (b"&".join(b"a%d=1" % n for n in range(200)), FORM),
            (b"<cut status='completed'>", "text/xml"),
            (b'{"status": "comp', "application/json"),
            (b'<!DOCTYPE a [<!ENTITY b "c">]><a status="&b;"/>', "text/xml"),
            (b"--b\r\nnothing", "multipart/form-data; boundary=b"),
            (b"--b--", "multipart/form-data"),
        ],
    )
    def test_what_cannot_be_read(self, body: bytes, content_type: str) -> None:
        assert refusal(path_of(), body, content_type) == "unreadable_callback"

    @given(body=st.binary(max_size=300), content_type=st.sampled_from([FORM, "multipart/form-data; boundary=b", ""]))
    @settings(max_examples=300, deadline=None)
    def test_noise_is_refused_or_can_be_read_later(self, body: bytes, content_type: str) -> None:
        try:
            event = posted(body, content_type)
        except CallbackRefused:
            assert refusal(path_of(), body, content_type) == "unreadable_callback"
            return
        assert RESULTS.read([event.body]).schema == TASKS
        assert "\x00" not in event.body

    def test_a_huge_value_is_cut(self) -> None:
        assert len(posted(form(odd="x" * 60_000)).body) < LONGEST_VALUE + 200


class TestRead:
    def test_one_row_for_each_body(self) -> None:
        bodies = [posted(form(status=word)).body for word in ("completed", "failed")]
        frame = RESULTS.read([*bodies, posted(b"nothing=known").body])
        assert frame.schema == pl.Schema(TASKS)
        assert frame["uuid"].to_list() == [UUID, UUID, None]
        assert frame["phase"].to_list() == ["done", "done", "open"]

    def test_no_bodies(self) -> None:
        assert RESULTS.read([]).schema == pl.Schema(TASKS)

    @pytest.mark.parametrize("word", sorted(DISPOSITIONS))
    def test_every_word_of_the_table(self, word: str) -> None:
        kind = DISPOSITIONS[word].value
        for spelt in (word, word.upper(), word.replace(" ", "-"), word.replace(" ", "_")):
            told = row(status=spelt)
            assert (told["disposition"], told["phase"]) == (kind, "open" if kind == "pending" else "done")
            assert told["status"] == told["result"] == spelt

    @pytest.mark.parametrize(
        ("fields", "disposition", "phase"),
        [
            ({"status": "completed", "result": "answered"}, "answered", "done"),
            ({"status": "completed", "result": "machine"}, "voicemail", "done"),
            ({"status": "completed"}, "processed", "done"),
            ({"status": "failed", "result": "no-answer"}, "no_answer", "done"),
            ({"status": "failed", "result": "what is this"}, "failed", "done"),
            ({"status": "what is this"}, "processed", "done"),
            ({"status": "completed", "result": "pledge made"}, "processed", "done"),
            ({"status": "retry", "result": "busy"}, "pending", "open"),
            ({"status": "failed", "result": "retry"}, "pending", "open"),
            ({}, "pending", "open"),
            ({"call_status": "rejected", "call_result": "declined"}, "declined", "done"),
        ],
    )
    def test_result_and_status(self, fields: dict[str, str], disposition: str, phase: str) -> None:
        told = row(**fields)
        assert (told["disposition"], told["phase"]) == (disposition, phase)

    @pytest.mark.parametrize(
        ("asked", "fields", "phase", "left"),
        [
            (3, {"status": "failed", "attempts": "1", "max_attempts": "3"}, "open", 2),
            (3, {"status": "failed", "attempts": "3", "max_attempts": "3"}, "done", 0),
            (3, {"status": "failed", "attempts": "2"}, "open", 1),
            (3, {"status": "failed", "attempts": "3"}, "done", 0),
            (3, {"status": "failed", "attempts": "9"}, "done", 0),
            (3, {"status": "failed"}, "open", None),
            (3, {"status": "failed", "attempts": "some"}, "open", None),
            (1, {"status": "failed"}, "done", 0),
            (3, {"status": "what is this"}, "open", None),
            (3, {"status": "rejected", "result": "declined", "attempts": "1"}, "open", 2),
            (3, {"status": "completed", "attempts": "1"}, "done", 2),
            (3, {"status": "completed", "result": "machine", "attempts": "1"}, "done", 2),
            (3, {"status": "canceled", "result": "expired", "attempts": "1"}, "done", 2),
        ],
    )
    def test_what_is_not_final_stays_open(
        self, asked: int, fields: dict[str, str], phase: str, left: int | None
    ) -> None:
        told = row(asked, **fields)
        assert (told["phase"], told["attempts_left"]) == (phase, left)
        assert (told["disposition"] == "pending") == (phase == "open")

    def test_an_account_may_say_that_only_ends_are_posted(self) -> None:
        results = Results(BASE, "s", Own(result_posts="final"))
        assert row(3, results, status="failed")["disposition"] == "failed"
        assert row(3, results, status="dialing")["phase"] == "open"

    def test_an_account_may_say_what_a_word_means(self) -> None:
        own = Own.model_validate({"result_words": {"Pledge-Made": "answered", "failed": "pending"}})
        results = Results(BASE, "s", own)
        assert row(1, results, status="completed", result="pledge made")["disposition"] == "answered"
        assert row(1, results, status="failed")["phase"] == "open"

    def test_the_moment_is_kept(self) -> None:
        assert row(status="completed", timestamp="1900000000")["last_attempt"] == "1900000000"

    @pytest.mark.parametrize("reference", ["x" * 129, ""])
    def test_nobody_of_ours(self, reference: str) -> None:
        assert row(message_reference=reference, status="completed")["uuid"] is None
