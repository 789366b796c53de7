"""What Plum's answer proves, in whatever form it comes; and that no cut answer is ever taken for a whole one."""

import json
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.errors import AccountRefused, ProviderError, Refused, Unknown
from worker.providers.base import Accepted
from worker.providers.plum.answers import Answers
from worker.providers.plum.document import LARGEST
from worker.providers.plum.settings import Own

LOGIN, PIN, NAME = "acme-sender", "8642", "spring [01JD3K5M7N8P9QRSTVWXYZ0123-1]"
ANSWERS = Answers(Own(), (LOGIN, PIN))
ECHO = {"login": LOGIN, "pin": PIN, "start_url": "http://voice.example/failed?status=failed"}


def xml(attributes: dict[str, str], children: dict[str, str]) -> bytes:
    head = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    body = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in children.items())
    return f'<?xml version="1.0"?><queuecalls{head}>{body}</queuecalls>'.encode()


def said(body: bytes) -> Accepted | ProviderError:
    try:
        return ANSWERS.accepted(body, NAME)
    except ProviderError as error:
        refusal = error
    assert LOGIN not in refusal.message
    assert PIN not in refusal.message
    return refusal


ACCEPTED: list[tuple[bytes, Accepted]] = [
    (xml({"status": "queued", "campaign_id": "77"}, ECHO), Accepted("77", None)),
    (xml({"status": "queued", "id": "78", "count": "12"}, {}), Accepted("78", 12)),
    (xml({"status": "Queued "}, ECHO), Accepted(NAME, None)),
    (xml({}, {"status": "queued", "campaign_id": "79"}), Accepted("79", None)),
    (xml({"status": "queued", "count": "many"}, {}), Accepted(NAME, None)),
    (b"\xef\xbb\xbf  " + xml({"status": "queued"}, ECHO)[21:] + b"\n", Accepted(NAME, None)),
    (xml({"status": "queued"}, {"error": ""}), Accepted(NAME, None)),
    (b"<status>queued</status>", Accepted(NAME, None)),
    (json.dumps({"status": "queued", "campaign_id": 80, "count": 3, **ECHO}).encode(), Accepted("80", 3)),
    (json.dumps({"queuecalls": {"status": "queued", "error": None}}).encode(), Accepted(NAME, None)),
    (
        b'<queuecalls status="queued" campaign_id="81"><call status="queued" id="1"/><call status="queued" id="2"/>'
        b"</queuecalls>",
        Accepted("81", None),
    ),
]

REFUSED: list[tuple[bytes, str]] = [
    (xml({"status": "failed"}, {"error": "start_url is required", **ECHO}), "failed: start_url is required"),
    (xml({"status": "failed"}, {"message": "no phone numbers"}), "failed: no phone numbers"),
    (b"<error>the file is not CSV</error>", "the file is not CSV"),
    (b'{"status": "failed", "error": "retry_interval is too small"}', "failed: retry_interval is too small"),
    (b'{"error": "the file is empty"}', "the file is empty"),
    (b"failed", "failed"),
    (b"\n FAILED: result_url did not return HTTP 200\n", "FAILED: result_url did not return HTTP 200"),
    (b"Failure - bad file", "Failure - bad file"),
    (b"<queuecalls>failed: bad file</queuecalls>", "failed: bad file"),
]

ACCOUNT: list[bytes] = [
    xml({"status": "failed"}, {"error": "login or pin is not valid", **ECHO}),
    b"failed: invalid PIN",
    b'{"status": "rejected", "message": "not authorized"}',
    b"failed: authentication",
]

UNKNOWN: list[bytes] = [
    b"",
    b"   ",
    b"queued",
    b'"queued"',
    b"[]",
    b"{}",
    b"null",
    b"OK",
    b"<queuecalls/>",
    b"<queuecalls><campaign_id>77</campaign_id></queuecalls>",
    xml({"status": "received"}, {}),
    xml({"status": "queued"}, {"error": "3 lines were left out"}),
    xml({"status": "queued"}, {"result": "failed"}),
    b'<queuecalls status="queued"><call status="queued"/><call status="failed"/></queuecalls>',
    b'<queuecalls><call status="queued"/></queuecalls>',
    b'{"status": ["queued", "failed"]}',
    b'{"status": true}',
    b'{"result": true, "count": 5}',
    b"failed: 0, queued: 300",
    b"failed: 0",
    b"0 failed, 300 queued",
    b"it has not failed",
    b"failed " + b"x" * 3000,
    b"<html><body>failed</body></html>",
    b"<html>failed</html>",
    b"<!DOCTYPE html><html><p>failed",
    b"<br>failed",
    b'<!DOCTYPE q [<!ENTITY a "queued">]><q status="queued"/>',
    b'<!DOCTYPE q SYSTEM "file:///etc/passwd"><q status="queued"/>',
    b'<?xml version="1.0" encoding="no-such"?><q status="queued"/>',
    b'<q status="queued"/>trailing',
    b'<q status="queued"/><q status="queued"/>',
    b'{"status": "queued"} {"status": "failed"}',
    b"<a>" * 30 + b"<q status='failed'/>" + b"</a>" * 30,
    b'{"a":' * 50_000,
    b"{" + b" " * LARGEST + b'"status": "queued"}',
    b"\xff\xfe<\x00",
]


@pytest.mark.parametrize(("body", "accepted"), ACCEPTED)
def test_accepted(body: bytes, accepted: Accepted) -> None:
    assert said(body) == accepted


@pytest.mark.parametrize(("body", "words"), REFUSED)
def test_refused(body: bytes, words: str) -> None:
    error = said(body)
    assert isinstance(error, Refused)
    assert (error.code, error.message) == ("plum_failed", f"Plum Voice: {words}")


@pytest.mark.parametrize("body", ACCOUNT)
def test_the_account_is_refused(body: bytes) -> None:
    error = said(body)
    assert isinstance(error, AccountRefused)
    assert error.code == "plum_account"


@pytest.mark.parametrize("body", UNKNOWN, ids=[str(body[:30]) for body in UNKNOWN])
def test_all_else_may_have_been_stored(body: bytes) -> None:
    error = said(body)
    assert isinstance(error, Unknown)
    assert error.code == "broken_answer"


@pytest.mark.parametrize(
    "words", ["campaign name is not unique", "a campaign of this name exists", "duplicate campaign", "already queued"]
)
def test_a_name_that_is_taken_may_have_been_taken_by_us(words: str) -> None:
    error = said(xml({"status": "failed"}, {"error": words}))
    assert isinstance(error, Unknown)
    assert error.code == "plum_name_taken"


def test_a_refusal_keeps_no_number_no_secret_and_no_address() -> None:
    words = f"line 3: +1 (202) 555-0123 of {LOGIN} ({PIN}) for https://me.example/callbacks/a/plum/X/1/abc"
    error = said(xml({"status": "failed"}, {"error": words}))
    assert isinstance(error, Refused)
    assert error.message == "Plum Voice: failed: line 3: [number] of [secret] ([secret]) for [url]"


def test_an_address_with_login_in_it_is_no_refused_login() -> None:
    error = said(b"failed: https://voice.example/login/pin.php did not return HTTP 200")
    assert type(error) is Refused


def test_other_words_for_yes_are_a_setting() -> None:
    answers = Answers(Own(accepted_words=["Success", "queued"], id_fields=["ref"], count_fields=["stored"]), ())
    assert answers.accepted(b'{"status": "success", "REF": "9", "stored": 4}', NAME) == Accepted("9", 4)


def test_entities_are_not_expanded() -> None:
    bombs = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    body = f'<!DOCTYPE q [<!ENTITY e0 "queued">{bombs}]><q status="queued">&e9;</q>'.encode()
    assert isinstance(said(body), Unknown)


TEXTS = st.text(alphabet=st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc", "Cn", "Co")), max_size=20)
FIELDS = st.dictionaries(
    st.sampled_from(["login", "pin", "start_url", "campaign_name", "message_reference", "note"]), TEXTS, max_size=4
)


@given(echo=FIELDS, in_root=st.booleans(), as_json=st.booleans(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_no_part_of_an_answer_is_taken_for_the_whole(
    echo: dict[str, str], in_root: bool, as_json: bool, data: Any
) -> None:
    stated = {"status": "queued", "campaign_id": "123456"}
    whole = (
        json.dumps(stated | echo).encode() if as_json else xml(*((stated, echo) if in_root else ({}, stated | echo)))
    )
    assert isinstance(said(whole), Accepted)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert type(said(whole[:cut])) is Unknown


@pytest.mark.parametrize("whole", [body.rstrip() for body, _ in ACCEPTED], ids=range(len(ACCEPTED)))
def test_no_prefix_of_these_either(whole: bytes) -> None:
    assert {type(said(whole[:cut])) for cut in range(len(whole))} == {Unknown}


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_noise_is_never_an_acceptance(body: bytes) -> None:
    assert isinstance(said(body), ProviderError)
