"""Plum Voice's webservice as its page writes it: every field, every answer, and what it posts to result_url."""

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from tests.patience import until
from tests.unit.sandbox_stage import TOKEN, Stage

START = "https://example.com/outbound/start.php"
NAME = f"spring [{TOKEN}-1]"
ROWS = "16175551234,ref-1,gold\n16175551235,ref-2,\n16175551236\n"


@pytest.fixture(scope="module")
def served() -> Iterator[Stage]:
    with Stage.set() as stage:
        yield stage


@pytest.fixture
def plum(served: Stage) -> Iterator[Stage]:
    yield served.as_new()
    served.put("/plum/accounts/user", {"pin": None})


def raw(plum: Stage, rows: str | bytes = ROWS, *, file_field: str = "file", **fields: str) -> httpx.Response:
    """One POST of queuecalls.php; a field given as '' is not sent."""
    told = {"login": "user", "pin": "1234", "campaign_name": NAME, "start_url": START} | fields
    told = {name: value for name, value in told.items() if value}
    content = rows.encode() if isinstance(rows, str) else rows
    files = {file_field: ("numbers.txt", content, "text/plain")}
    return plum.http.post("/webservice/queuecalls.php", data=told, files=files)


def queue(plum: Stage, rows: str | bytes = ROWS, **fields: str) -> ElementTree.Element:
    answer = raw(plum, rows, **fields)
    assert answer.status_code == 200
    return ElementTree.fromstring(answer.text)


def results(plum: Stage, count: int) -> list[dict[str, str]]:
    return [one.form for one in plum.customer.wait(count)]


def result_url(plum: Stage) -> str:
    return f"{plum.customer.url}/result?account=plum"


class TestAsThePageWritesIt:
    def test_every_field_of_queuecalls(self, plum: Stage) -> None:
        at = int(plum.now)
        fields = {
            "message_reference": "all",
            "call_parameters": "lang=en",
            "result_url": result_url(plum),
            "max_retries": "10",
            "retry_interval": "60",
            "scheduled_timestamp": str(at + 100),
            "expiration_timestamp": str(at + 200_000),
            "scheduled_time": "now",
            "expiration_time": "+3 days",
            "secure": "0",
            "anything_else": "is ignored",
        }
        told = queue(plum, **fields)
        assert (told.tag, told.get("status")) == ("queuecalls", "queued")
        assert told.get("campaign_id", "").isdigit()
        echoed = {child.tag: child.text for child in told}
        del fields["anything_else"]
        assert echoed == {
            "login": "user",
            "pin": "1234",
            "campaign_name": NAME,
            "start_url": START,
            **fields,
        }
        assert [(one["provider"], one["name"], one["contacts"]) for one in plum.ledger["lists"]] == [("plum", NAME, 3)]
        booked = [(one["uuid"], one["number"]) for one in plum.contacts]
        assert booked == [("ref-1", "16175551234"), ("ref-2", "16175551235"), ("all", "16175551236")]

    def test_queuecall_answers_as_its_page_shows(self, plum: Stage) -> None:
        fields = {"login": "user", "pin": "1234", "phone_number": "tel:+16175551234;postd=99", "start_url": START}
        answer = plum.http.post("/webservice/queuecall.php", data=fields)
        assert answer.text.startswith('<?xml version="1.0"?><queuecall status="queued" call_id="')
        told = ElementTree.fromstring(answer.text)
        assert {child.tag: child.text for child in told} == fields
        assert [one["number"] for one in plum.contacts] == ["16175551234"]

    def test_queuecalls_takes_multipart_only(self, plum: Stage) -> None:
        fields = {"login": "user", "pin": "1234", "start_url": START, "file": ROWS}
        answer = plum.http.post("/webservice/queuecalls.php", data=fields)
        assert "failed" in answer.text
        assert "multipart/form-data" in answer.text
        assert "failed" in plum.http.post("/webservice/queuecalls.php", content=b"{}").text
        assert plum.ledger["contacts"] == 0

    @pytest.mark.parametrize("field", ["file", "csv", "phone_number_list", "text_file"])
    def test_the_file_under_any_plausible_name(self, plum: Stage, field: str) -> None:
        assert queue(plum, file_field=field).get("status") == "queued"

    @pytest.mark.parametrize("field", ["campaign_name", "campaign", "name"])
    def test_the_campaign_under_any_plausible_name(self, plum: Stage, field: str) -> None:
        queue(plum, **({"campaign_name": ""} | {field: NAME}))
        assert [one["name"] for one in plum.ledger["lists"]] == [NAME]

    def test_the_names_can_be_fixed(self, plum: Stage) -> None:
        plum.switch(plum_file_field="csv", plum_campaign_field="campaign")
        assert queue(plum).get("status") == "failed"
        assert queue(plum, file_field="csv", campaign="other").get("status") == "queued"
        assert [one["name"] for one in plum.ledger["lists"]] == ["other"]


class TestRefusals:
    @pytest.mark.parametrize(
        "fields",
        [
            {"login": ""},
            {"pin": ""},
            {"start_url": ""},
            {"login": "l" * 129},
            {"pin": "p" * 17},
            {"start_url": "https://example.com/" + "s" * 240},
            {"start_url": "example.com"},
            {"result_url": "ftp://example.com"},
            {"message_reference": "m" * 256},
            {"call_parameters": "c" * 256},
            {"max_retries": "11"},
            {"max_retry": "11"},
            {"max_retries": "-1"},
            {"max_retries": "1.5"},
            {"retry_interval": "59"},
            {"retry_interval": "172801"},
            {"scheduled_timestamp": "soon"},
            {"scheduled_time": "the day after never"},
            {"scheduled_time": "+1 " + " " * 80 + "day"},
            {"expiration_time": "+3 fortnights"},
            {"secure": "2"},
        ],
    )
    def test_a_field_outside_the_document(self, plum: Stage, fields: dict[str, str]) -> None:
        told = queue(plum, **fields)
        assert (told.tag, told.get("status")) == ("queuecalls", "failed")
        assert told.findtext("error")
        assert plum.ledger["contacts"] == 0

    @pytest.mark.parametrize(
        "rows",
        [
            "",
            "6175551234,a,b\n",
            "phone,reference\n16175551234,a\n",
            "26175551234\n",
            "1617555123\n",
            "161755512345\n",
            "16175551234,a,b,c\n",
            f"16175551234,{'m' * 129},b\n",
            f"16175551234,a,{'c' * 256}\n",
            b"\xff\xfe\x00",
            "١6175551234\n",
        ],
    )
    def test_a_file_outside_the_document(self, plum: Stage, rows: str | bytes) -> None:
        assert queue(plum, rows).get("status") == "failed"
        assert plum.ledger["contacts"] == 0

    def test_bad_rows_may_be_left_out_in_silence(self, plum: Stage) -> None:
        plum.switch(plum_bad_rows="skip")
        assert queue(plum, "6175551234\n" + ROWS).get("status") == "queued"
        assert plum.ledger["contacts"] == 3

    def test_a_pin_that_is_not_the_accounts(self, plum: Stage) -> None:
        plum.put("/plum/accounts/user", {"pin": "1234"})
        assert queue(plum).get("status") == "queued"
        assert queue(plum, pin="4321").get("status") == "failed"
        assert queue(plum, login="nobody").get("status") == "failed"

    def test_a_preflight_that_gets_no_200(self, plum: Stage) -> None:
        assert queue(plum, result_url=result_url(plum)).get("status") == "queued"
        assert [(one.method, one.path) for one in plum.customer.asked] == [("GET", "/result?account=plum")]
        plum.customer.answers.append(204)
        assert queue(plum, result_url=result_url(plum)).get("status") == "failed"
        assert queue(plum, result_url="http://127.0.0.1:9/result").get("status") == "failed"
        assert queue(plum, result_url="http://192.0.2.1/result").get("status") == "failed"
        plum.switch(plum_preflight_result_url="off", plum_preflight_start_url="on")
        assert queue(plum, start_url="http://127.0.0.1:9/start").get("status") == "failed"
        assert queue(plum, start_url=plum.customer.url, result_url="http://127.0.0.1:9/").get("status") == "queued"
        assert plum.ledger["contacts"] == 6

    def test_a_repeated_name(self, plum: Stage) -> None:
        assert [queue(plum).get("status") for _ in range(2)] == ["queued"] * 2
        plum.switch(plum_repeated_name="fail")
        assert queue(plum).get("status") == "failed"
        assert queue(plum, campaign_name="other").get("status") == "queued"


class TestForms:
    def test_json(self, plum: Stage) -> None:
        plum.switch(plum_answer="json", plum_count="told")
        told = raw(plum).json()
        assert (told["status"], told["count"], told["pin"]) == ("queued", "3", "1234")
        assert raw(plum, pin="").json() == {"status": "failed", "error": "pin is required"}

    def test_without_id_and_echo(self, plum: Stage) -> None:
        plum.switch(plum_campaign_id="absent", plum_echo="nothing")
        assert raw(plum).text == '<?xml version="1.0"?><queuecalls status="queued"></queuecalls>'

    @pytest.mark.parametrize(("form", "status"), [("text", 200), ("http_400", 400)])
    def test_failures(self, plum: Stage, form: str, status: int) -> None:
        plum.switch(plum_failure=form)
        answer = raw(plum, pin="")
        assert (answer.status_code, answer.text) == (status, "failed: pin is required")

    def test_quotes_are_csv_or_letters(self, plum: Stage) -> None:
        rows = '16175551234,"a,b",c\n'
        queue(plum, rows)
        assert plum.contacts[0]["uuid"] == "a,b"
        plum.switch(plum_quoting="none")
        assert queue(plum, rows).get("status") == "failed"

    def test_what_stands_in_a_name_is_escaped(self, plum: Stage) -> None:
        name = 'Ünï <&> "q"'
        assert queue(plum, campaign_name=name).findtext("campaign_name") == name
        assert plum.ledger["lists"][0]["name"] == name


class TestResults:
    def test_a_post_after_each_call(self, plum: Stage) -> None:
        began = int(plum.now)
        queue(plum, result_url=result_url(plum), call_parameters="lang=en")
        plum.turn(60)
        told = {one["phone_number"]: one for one in results(plum, 3)}
        assert sorted(told) == ["16175551234", "16175551235", "16175551236"]
        one = told["16175551234"]
        assert int(one.pop("call_id")) > 0
        assert began <= int(one.pop("timestamp")) <= began + 60
        assert 3 <= int(one.pop("duration")) <= 8
        assert one == {
            "phone_number": "16175551234",
            "message_reference": "ref-1",
            "status": "completed",
            "result": "answered",
            "attempts": "1",
            "max_attempts": "1",
        }
        assert plum.customer.posts[0].headers["content-type"] == "application/x-www-form-urlencoded"
        assert plum.settled()["delivered"] == 3

    @pytest.mark.parametrize(
        ("word", "status", "said"),
        [
            ("answered", "completed", "answered"),
            ("voicemail", "completed", "machine"),
            ("no answer", "failed", "no-answer"),
            ("busy", "failed", "busy"),
            ("declined", "rejected", "declined"),
            ("invalid number", "failed", "invalid-number"),
            ("failed", "failed", "error"),
        ],
    )
    def test_words(self, plum: Stage, word: str, status: str, said: str) -> None:
        plum.put("/outcomes", {word: 1})
        queue(plum, "16175551234\n", result_url=result_url(plum))
        plum.turn(60)
        [told] = results(plum, 1)
        assert (told["status"], told["result"]) == (status, said)

    def test_attempts_are_told_one_by_one_and_by_switch_only_the_last(self, plum: Stage) -> None:
        plum.put("/outcomes", {"busy": 1})
        options = {"result_url": result_url(plum), "max_retry": "2", "retry_interval": "60"}
        queue(plum, "16175551234\n", **options)
        plum.turn(50)
        assert [one["attempts"] for one in results(plum, 1)] == ["1"]
        plum.turn(300)
        told = {(one["attempts"], one["max_attempts"]) for one in results(plum, 3)}
        assert told == {("1", "3"), ("2", "3"), ("3", "3")}
        plum.switch(plum_result_posts="final")
        queue(plum, "16175551234\n", **options)
        plum.turn(300)
        assert results(plum, 4)[3]["attempts"] == "3"
        assert plum.settled()["delivered"] == 4

    def test_the_other_spelling(self, plum: Stage) -> None:
        plum.switch(plum_result_fields="short", plum_result_phone="e164")
        queue(plum, "16175551234,r\n", result_url=result_url(plum))
        plum.turn(60)
        [told] = results(plum, 1)
        assert (told["phone"], told["reference"], told["call_status"]) == ("+16175551234", "r", "completed")

    def test_nobody_is_called_before_the_start(self, plum: Stage) -> None:
        queue(plum, result_url=result_url(plum), scheduled_timestamp=str(int(plum.now) + 1000))
        plum.turn(900)
        assert plum.callbacks["queued"] + plum.callbacks["delivered"] == 0
        plum.turn(200)
        results(plum, 3)

    def test_nobody_is_called_after_the_expiry(self, plum: Stage) -> None:
        plum.put("/outcomes", {"busy": 1})
        options = {"result_url": result_url(plum), "max_retries": "10", "retry_interval": "3600"}
        queue(plum, "16175551234\n", **options, expiration_time="+30 minutes")
        plum.turn(86_400)
        told = {(one["status"], one["result"], one["attempts"]) for one in results(plum, 2)}
        assert told == {("failed", "busy", "1"), ("canceled", "expired", "1")}

    @pytest.mark.parametrize("expiry", [{"expiration_timestamp": "1600000000"}, {"expiration_time": "2020-01-01"}])
    def test_an_expiry_in_the_past_calls_nobody(self, plum: Stage, expiry: dict[str, str]) -> None:
        queue(plum, result_url=result_url(plum), **expiry)
        plum.turn(1)
        assert {(one["result"], one["attempts"]) for one in results(plum, 3)} == {("expired", "0")}


class TestFaults:
    @pytest.mark.parametrize("fault", ["accept_then_hang_up", "cut_body"])
    def test_stored_and_not_answered(self, plum: Stage, fault: str) -> None:
        plum.fault(fault, methods=["queuecalls"])
        with pytest.raises(httpx.RemoteProtocolError):
            raw(plum)
        assert plum.ledger["contacts"] == 3

    def test_stored_and_answered_with_500(self, plum: Stage) -> None:
        plum.fault("accept_then_500")
        assert raw(plum).status_code == 500
        assert plum.ledger["contacts"] == 3

    @pytest.mark.parametrize(("fault", "status"), [("refuse", 200), ("throttle", 429)])
    def test_not_stored(self, plum: Stage, fault: str, status: int) -> None:
        plum.fault(fault)
        answer = raw(plum)
        assert (answer.status_code, ElementTree.fromstring(answer.text).get("status")) == (status, "failed")
        assert plum.ledger["contacts"] == 0

    def test_a_wait_may_be_named(self, plum: Stage) -> None:
        plum.fault("throttle", retry_after=7)
        assert raw(plum).headers["retry-after"] == "7"

    def test_rows_may_be_lost_in_silence(self, plum: Stage) -> None:
        plum.fault("short_count", drop=0.3)
        told = queue(plum)
        assert (told.get("status"), told.get("count")) == ("queued", None)
        assert plum.ledger["contacts"] == 2

    def test_stored_late(self, plum: Stage) -> None:
        plum.fault("store_late", seconds=0.2)
        with pytest.raises(httpx.RemoteProtocolError):
            raw(plum)
        until(lambda: plum.ledger["contacts"] == 3)


class TestLedger:
    def test_the_same_person_twice_in_one_upload(self, plum: Stage) -> None:
        queue(plum)
        queue(plum, campaign_name=f"spring [{TOKEN}-2]")
        assert plum.ledger["called_twice"] == 5  # three numbers, two references
        assert {one["times"] for one in plum.contacts} == {"2"}

    def test_a_campaign_without_a_token_is_its_own_upload(self, plum: Stage) -> None:
        for _ in range(2):
            queue(plum, campaign_name="spring")
        assert plum.ledger["called_twice"] == 0

    def test_requests_and_their_moments(self, plum: Stage) -> None:
        raw(plum)
        raw(plum, pin="")
        told: list[Any] = plum.get("/ledger/requests")
        assert [(one["provider"], one["method"]) for one in told] == [("plum", "queuecalls")] * 2
        assert 0 < told[1]["at"] - told[0]["at"] < 20
        assert plum.ledger["requests"] == 2
        plum.http.delete("/ledger")
        assert plum.get("/ledger/requests") == []
