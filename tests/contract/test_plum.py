"""The Plum adapter against the sandbox, which was written from the documents and not from the adapter."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.contract.called_back import ACCOUNT, ends, events, inner_path, told
from tests.unit.sandbox_stage import TOKEN, Stage
from worker.errors import AccountRefused, NotSent, ProviderError, Refused, Throttled, Unknown
from worker.providers.base import Accepted, Opening, Provider, Submission
from worker.providers.plum import KIND

NAME = f"spring [{TOKEN}-1]"
LOGIN, PIN = "acme-sender", "8642"
START = "https://voice.example/start.php"


@pytest.fixture(scope="module")
def served() -> Iterator[Stage]:
    with Stage.set() as stage:
        yield stage


@pytest.fixture
def stage(served: Stage) -> Iterator[Stage]:
    yield served.as_new()
    served.settled()  # what is still on its way would be taken for the next test's
    served.put(f"/plum/accounts/{LOGIN}", {"pin": None})


@contextmanager
def account(stage: Stage, **changes: Any) -> Iterator[Provider]:
    own = KIND.check_own(changes.pop("own", {}))
    usual: dict[str, Any] = {"url": stage.url, "account_id": LOGIN, "secret": PIN, "callback_secret": "s3cret"}
    made = KIND.connect(Opening(**(usual | {"callbacks": f"{stage.customer.url}{ACCOUNT}"} | changes), own=own))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def plum(stage: Stage) -> Iterator[Provider]:
    with account(stage) as made:
        yield made


def rows(count: int = 3, third: str = "") -> bytes:
    ending = f",{third}" if third else ""
    return "".join(f"1202{2_000_000 + n},{TOKEN}:{n}{ending}\n" for n in range(1, count + 1)).encode()


def submit(plum: Provider, payload: bytes | None = None, seconds: float = 5, **told: Any) -> Accepted:
    payload = rows() if payload is None else payload
    options = KIND.check_options({"start_url": START, **told.pop("options", {})})
    usual: dict[str, Any] = {"step": "create", "upload": TOKEN, "list_name": NAME, "reference": None}
    usual |= {"payload": payload, "rows": payload.count(b"\n"), "options": options}
    answer = plum.submit(Submission(**(usual | told)), time.monotonic() + seconds)
    assert isinstance(answer, Accepted)
    return answer


def refusal(plum: Provider, *args: Any, **told: Any) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        submit(plum, *args, **told)
    message = raised.value.message
    assert PIN not in message
    assert LOGIN not in message
    assert "/plum/" not in message
    return raised.value


class TestSubmit:
    def test_a_campaign(self, stage: Stage, plum: Provider) -> None:
        accepted = submit(plum, rows(7))
        assert accepted == Accepted(accepted.reference, None)
        lists = [(one["provider"], one["reference"], one["name"], one["contacts"]) for one in stage.ledger["lists"]]
        assert lists == [("plum", accepted.reference, NAME, 7)]
        assert [one["uuid"] for one in stage.contacts] == [f"{TOKEN}:{n}" for n in range(1, 8)]
        assert stage.ledger["called_twice"] == 0

    def test_plum_asks_our_address_first(self, stage: Stage, plum: Provider) -> None:
        submit(plum)
        [asked] = stage.customer.asked
        assert plum.inbox is not None
        assert plum.inbox.greet(inner_path(asked))

    def test_an_address_that_does_not_answer(self, stage: Stage, plum: Provider) -> None:
        stage.customer.answers.append(404)
        error = refusal(plum)
        assert isinstance(error, Refused)
        assert error.message == "Plum Voice: failed: result_url did not return HTTP 200"
        assert stage.ledger["contacts"] == 0

    @pytest.mark.parametrize(
        ("switches", "accepted"),
        [
            ({"plum_answer": "json"}, True),
            ({"plum_campaign_id": "absent"}, True),
            ({"plum_answer": "json", "plum_campaign_id": "absent", "plum_echo": "nothing"}, True),
            ({"plum_count": "told"}, True),
            ({"plum_repeated_name": "fail"}, True),
            ({"plum_file_field": "file", "plum_campaign_field": "campaign_name"}, True),
        ],
    )
    def test_whatever_form_the_answer_has(self, stage: Stage, plum: Provider, switches: Any, accepted: bool) -> None:
        stage.switch(**switches)
        answer = submit(plum)
        assert (answer.reference == NAME) == ("plum_campaign_id" in switches)
        assert answer.count == (3 if "plum_count" in switches else None)

    @pytest.mark.parametrize("field", ["csv_file", "phone_number_list", "upload"])
    def test_another_name_of_the_file_is_a_setting(self, stage: Stage, field: str) -> None:
        stage.switch(plum_file_field=field, plum_campaign_field="campaign")
        with account(stage) as unset, account(stage, own={"file_field": field, "name_field": "campaign"}) as fitting:
            assert refusal(unset).message == "Plum Voice: failed: no file was uploaded"
            submit(fitting)
        assert [one["name"] for one in stage.ledger["lists"]] == [NAME]

    @pytest.mark.parametrize("name", [f"Ünï ☎ «x» [{TOKEN}-1]", f"a+b & c=d?#%20; [{TOKEN}-1]", f"<b>'\" [{TOKEN}-1]"])
    def test_a_name_arrives_as_it_is(self, stage: Stage, plum: Provider, name: str) -> None:
        submit(plum, list_name=name)
        assert stage.ledger["lists"][0]["name"] == name

    def test_a_parameter_with_commas_and_quotes(self, stage: Stage, plum: Provider) -> None:
        payload = f'12022000001,{TOKEN}:1,"a, ""b"" ☎;c"\n'.encode()
        submit(plum, payload)
        assert stage.ledger["contacts"] == 1

    def test_where_quotes_are_letters_the_whole_is_refused_and_nobody_called(
        self, stage: Stage, plum: Provider
    ) -> None:
        stage.switch(plum_quoting="none")
        error = refusal(plum, f'12022000001,{TOKEN}:1,"a, b"\n'.encode())
        assert error.message == "Plum Voice: failed: line 1 of the file is not valid"
        assert stage.ledger["contacts"] == 0

    @pytest.mark.parametrize("form", ["as_answer", "text", "http_400"])
    @pytest.mark.parametrize("answer", ["xml", "json"])
    def test_a_refusal_in_any_form(self, stage: Stage, plum: Provider, form: str, answer: str) -> None:
        stage.switch(plum_failure=form, plum_answer=answer)
        error = refusal(plum, b"12022000001,x\n5,y\n")
        assert (type(error), error.code) == (Refused, "plum_failed")
        assert error.message.endswith("line 2 of the file is not valid")
        assert error.http_status == (400 if form == "http_400" else 200)

    @pytest.mark.parametrize("form", ["as_answer", "text", "http_400"])
    def test_a_wrong_pin(self, stage: Stage, plum: Provider, form: str) -> None:
        stage.switch(plum_failure=form)
        stage.put(f"/plum/accounts/{LOGIN}", {"pin": "another"})
        error = refusal(plum)
        assert (type(error), error.code) == (AccountRefused, "plum_account")

    def test_a_name_that_is_taken_may_be_ours(self, stage: Stage, plum: Provider) -> None:
        stage.switch(plum_repeated_name="fail")
        submit(plum)
        assert (type(refusal(plum)), stage.ledger["contacts"]) == (Unknown, 3)


class TestFaults:
    @pytest.mark.parametrize("fault", ["accept_then_hang_up", "accept_then_500", "cut_body", "not_json"])
    def test_stored_and_not_said(self, stage: Stage, plum: Provider, fault: str) -> None:
        stage.fault(fault, share=1)
        assert type(refusal(plum)) is Unknown
        assert stage.ledger["contacts"] == 3

    @pytest.mark.parametrize("answer", ["xml", "json"])
    def test_a_body_that_was_cut(self, stage: Stage, plum: Provider, answer: str) -> None:
        stage.switch(plum_answer=answer)
        stage.fault("cut_body", share=1)
        assert type(refusal(plum)) is Unknown

    @pytest.mark.parametrize("fault", ["no_answer", "slow"])
    def test_too_late(self, stage: Stage, plum: Provider, fault: str) -> None:
        stage.fault(fault, share=1)
        assert type(refusal(plum, seconds=0.3)) is Unknown

    @pytest.mark.parametrize(
        ("code", "kind"),
        [(None, Refused), (400, Refused), (403, AccountRefused), (409, Unknown), (500, Unknown), (503, Unknown)],
    )
    def test_refused(self, stage: Stage, plum: Provider, code: int | None, kind: type[ProviderError]) -> None:
        stage.fault("refuse", share=1, code=code)
        assert type(refusal(plum)) is kind
        assert stage.ledger["contacts"] == 0

    def test_throttled(self, stage: Stage, plum: Provider) -> None:
        stage.fault("throttle", share=1, retry_after=17)
        error = refusal(plum)
        assert isinstance(error, Throttled)
        assert error.retry_after == 17

    def test_rows_that_were_dropped_show_where_a_count_is_told(self, stage: Stage, plum: Provider) -> None:
        stage.fault("short_count", share=1, drop=0.5)
        stage.switch(plum_count="told")
        assert submit(plum, rows(10)).count == stage.ledger["contacts"] == 5

    def test_nobody_there(self) -> None:
        made = KIND.connect(Opening("http://127.0.0.1:9", account_id=LOGIN, secret=PIN, own=KIND.check_own({})))
        assert type(refusal(made)) is NotSent
        made.close()


MIX = {"answered": 3, "voicemail": 1, "no answer": 1, "busy": 1, "declined": 1, "invalid number": 1, "failed": 1}
EXPECTED = {"answered", "voicemail", "no_answer", "busy", "declined", "invalid_number", "failed"}


class TestResults:
    def test_what_became_of_everybody(self, stage: Stage, plum: Provider) -> None:
        stage.put("/outcomes", MIX)
        submit(plum, rows(60))
        stage.turn(3600)
        found = ends(told(plum.inbox, stage.customer.wait(60)))
        assert set(found) == {f"{TOKEN}:{n}" for n in range(1, 61)}
        assert set(found.values()) == EXPECTED

    @pytest.mark.parametrize("fields", ["long", "short"])
    def test_attempts_that_are_not_the_last_stay_open(self, stage: Stage, plum: Provider, fields: str) -> None:
        stage.put("/outcomes", {"busy": 1})
        stage.switch(plum_result_fields=fields)
        submit(plum, rows(4), options={"num_attempts": 3, "interval_seconds": 60})
        stage.turn(3600)
        frame = told(plum.inbox, stage.customer.wait(12))
        assert ends(frame) == {f"{TOKEN}:{n}": "busy" for n in range(1, 5)}
        assert sorted(frame["attempts_left"].to_list()) == [0] * 4 + [1] * 4 + [2] * 4

    def test_only_ends_are_posted(self, stage: Stage) -> None:
        stage.put("/outcomes", {"no answer": 1})
        stage.switch(plum_result_posts="final")
        with account(stage, own={"result_posts": "final"}) as plum:
            submit(plum, rows(4), options={"num_attempts": 2, "interval_seconds": 60})
            stage.turn(3600)
            assert set(ends(told(plum.inbox, stage.customer.wait(4))).values()) == {"no_answer"}

    def test_tripled_late_and_out_of_order(self, stage: Stage, plum: Provider) -> None:
        stage.put("/outcomes", MIX)
        stage.put("/callbacks", {"times": 3, "shuffle": True, "delay": 0.05})
        submit(plum, rows(20))
        stage.turn(3600)
        posts = stage.customer.wait(60)
        assert len(events(plum.inbox, posts)) == 20
        assert len(ends(told(plum.inbox, posts))) == 20

    def test_before_the_answer(self, stage: Stage, plum: Provider) -> None:
        stage.put("/callbacks", {"before_answer": True})
        submit(plum)
        assert len(ends(told(plum.inbox, stage.customer.wait(3)))) == 3

    def test_the_upload_is_told_by_the_address(self, stage: Stage, plum: Provider) -> None:
        submit(plum, b"12022000001,order 17/2\n")
        stage.turn(3600)
        [event] = events(plum.inbox, stage.customer.wait(1)).values()
        assert event.upload == TOKEN
        assert "2022000001" not in event.body
        assert set(ends(told(plum.inbox, stage.customer.posts))) == {"order 17/2"}

    def test_a_campaign_that_expired(self, stage: Stage, plum: Provider) -> None:
        stage.switch(plum_ports=1)
        at = int(stage.now)
        submit(plum, options={"scheduled_timestamp": at + 7200, "expiration_timestamp": at + 7201})
        stage.turn(7100)
        assert stage.customer.posts == []
        stage.turn(3600)
        assert "cancelled" in ends(told(plum.inbox, stage.customer.wait(3))).values()

    @pytest.mark.parametrize("words", ["now", "+3 days", "oct 14th, 2090 11:05PM EST"])
    def test_a_start_in_words(self, stage: Stage, plum: Provider, words: str) -> None:
        submit(plum, options={"scheduled_time": words, "secure": 0})
        stage.turn(3600)
        assert len(stage.customer.wait(3 if words == "now" else 0)) == (3 if words == "now" else 0)
        assert stage.settled()["delivered"] == (3 if words == "now" else 0)

    def test_results_that_the_user_wants_for_himself(self, stage: Stage, plum: Provider) -> None:
        submit(plum, options={"result_url": f"{stage.customer.url}/mine"})
        stage.turn(3600)
        assert {post.path for post in stage.customer.wait(3)} == {"/mine"}

    def test_no_results_where_nobody_listens(self, stage: Stage) -> None:
        with account(stage, callback_secret=None) as plum:
            submit(plum)
        stage.turn(3600)
        assert stage.callbacks["delivered"] == stage.callbacks["queued"] == 0
