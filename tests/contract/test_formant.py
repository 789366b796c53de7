"""The Formant adapter against the sandbox, which was written from the documents and not from the adapter."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.contract.called_back import ACCOUNT, ends, events, inbound, told
from tests.patience import until
from tests.unit.sandbox_stage import TOKEN, Stage
from worker.errors import AccountRefused, CallbackRefused, NotSent, ProviderError, Refused, Throttled, Unknown
from worker.providers.base import Accepted, Opening, Place, Provider, Submission
from worker.providers.formant import KIND
from worker.providers.formant import adapter as module

NAME = f"spring [{TOKEN}-1]"
AGENT, SECRET = 456, "whsec_1"


@pytest.fixture(scope="module")
def served() -> Iterator[Stage]:
    with Stage.set() as stage:
        yield stage


@pytest.fixture
def stage(served: Stage) -> Iterator[Stage]:
    dashboard(served.as_new())
    yield served
    served.settled()  # what is still on its way would be taken for the next test's


def dashboard(stage: Stage, **told: Any) -> None:
    agent = {"webhook_url": f"{stage.customer.url}{ACCOUNT}/formant", "secret": SECRET, "retry_interval": 60}
    stage.put(f"/formant/agents/{AGENT}", agent | told)


@contextmanager
def account(url: str, key: str = "fk_1", **changes: Any) -> Iterator[Provider]:
    usual: dict[str, Any] = {"url": url, "secret": key, "callback_secret": SECRET, "read_deadline": 10}
    usual["own"] = KIND.check_own(changes.pop("own", {}))
    made = KIND.connect(Opening(**(usual | changes)))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def formant(stage: Stage) -> Iterator[Provider]:
    with account(stage.url) as made:
        yield made


def rows(count: int = 3, **columns: str) -> bytes:
    """A call list as intake writes it, with what stands in every row of the user's own columns."""
    header = ",".join([*columns, "customer_phone", "__task_uuid"])
    lines = [",".join([*columns.values(), f"+1202{2_000_000 + n}", f"{TOKEN}:{n}"]) for n in range(1, count + 1)]
    return "".join(f"{line}\n" for line in [header, *lines]).encode()


def submit(formant: Provider, payload: bytes | None = None, seconds: float = 5, **told: Any) -> Accepted:
    payload = rows() if payload is None else payload
    usual: dict[str, Any] = {"step": "create", "upload": TOKEN, "list_name": NAME, "reference": None}
    usual |= {"payload": payload, "rows": payload.count(b"\n") - 1}
    options = KIND.check_options(told.pop("options", {"agent_id": AGENT}))
    answer = formant.submit(Submission(**(usual | {"options": options} | told)), time.monotonic() + seconds)
    assert isinstance(answer, Accepted)
    return answer


def refusal(call: Any, *args: Any, **told: Any) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        call(*args, **told)
    assert "fk_1" not in raised.value.message
    return raised.value


class TestSubmit:
    def test_a_batch(self, stage: Stage, formant: Provider) -> None:
        accepted = submit(formant, rows(7))
        assert accepted == Accepted(accepted.reference, 7)
        lists = [(one["provider"], one["reference"], one["name"], one["contacts"]) for one in stage.ledger["lists"]]
        assert lists == [("formant", accepted.reference, NAME, 7)]
        assert [one["uuid"] for one in stage.contacts] == [f"{TOKEN}:{n}" for n in range(1, 8)]
        assert stage.ledger["called_twice"] == 0

    @pytest.mark.parametrize("region", ["global", "india"])
    def test_either_region_by_its_url(self, stage: Stage, region: str) -> None:
        with account(stage.url, own={"region": region}) as formant:
            assert submit(formant).count == 3

    @pytest.mark.parametrize(
        "name", [f"Ünï ☎ «x» [{TOKEN}-1]", f"a+b & c=d?#%20; [{TOKEN}-1]", f"<b>'\"/\\ [{TOKEN}-1]"]
    )
    def test_a_name_arrives_as_it_is_and_is_found(self, stage: Stage, formant: Provider, name: str) -> None:
        reference = submit(formant, list_name=name).reference
        assert stage.ledger["lists"][0]["name"] == name
        assert [(one.reference, one.name) for one in formant.find(name)] == [(reference, name)]

    def test_cells_of_any_kind(self, stage: Stage, formant: Provider) -> None:
        payload = f'note,customer_phone,__task_uuid\n"a, ""b""\nc ünï",+12022000001,{TOKEN}:1\n'.encode()
        assert submit(formant, payload, rows=1).count == 1
        assert [one["uuid"] for one in stage.contacts] == [f"{TOKEN}:1"]

    @pytest.mark.parametrize(
        ("told", "code"),
        [
            ({"list_name": " "}, "formant_invalid_request"),
            ({"payload": b"phone,__task_uuid\n+12022000001,x\n"}, "formant_invalid_request"),
            ({"payload": b"customer_phone,__task_uuid\n"}, "formant_invalid_request"),
        ],
    )
    def test_what_the_provider_refuses(self, formant: Provider, told: dict[str, Any], code: str) -> None:
        error = refusal(submit, formant, **told)
        assert (type(error), error.code, error.http_status) == (Refused, code, 400)

    def test_an_agent_that_the_key_does_not_reach(self, stage: Stage, formant: Provider) -> None:
        stage.put("/formant/keys", {"key": "fk_1", "agents": [7]})
        error = refusal(submit, formant)
        assert (type(error), error.code, error.http_status) == (Refused, "formant_not_found", 404)

    def test_a_refused_key(self, stage: Stage, formant: Provider) -> None:
        stage.put("/formant/keys", {"key": "another"})
        for call in (lambda: submit(formant), formant.account, lambda: formant.find(NAME)):
            error = refusal(call)
            assert (type(error), error.code) == (AccountRefused, "formant_authentication_error")

    def test_a_good_key_has_no_balance(self, formant: Provider) -> None:
        assert formant.account() is None

    def test_a_name_that_is_taken_may_be_ours(self, stage: Stage, formant: Provider) -> None:
        stage.switch(formant_repeated_name="409")
        submit(formant)
        error = refusal(submit, formant)
        assert (type(error), error.code) == (Unknown, "formant_duplicate_request")
        assert len(formant.find(NAME)) == 1

    def test_rows_that_were_left_out_show_in_the_count(self, stage: Stage, formant: Provider) -> None:
        stage.fault("short_count", share=1, drop=0.5)
        assert submit(formant, rows(10)).count == stage.ledger["contacts"] == 5


class TestFaults:
    @pytest.mark.parametrize("fault", ["accept_then_hang_up", "accept_then_500", "cut_body", "not_json"])
    def test_stored_and_not_said_is_found(self, stage: Stage, formant: Provider, fault: str) -> None:
        stage.fault(fault, share=1, methods=["batch-call"])
        assert type(refusal(submit, formant)) is Unknown
        [found] = formant.find(NAME)
        assert (found.name, found.count, found.complete) == (NAME, 3, False)
        assert stage.ledger["contacts"] == 3

    @pytest.mark.parametrize("fault", ["no_answer", "slow"])
    def test_too_late(self, stage: Stage, formant: Provider, fault: str) -> None:
        stage.fault(fault, share=1)
        assert type(refusal(submit, formant, seconds=0.3)) is Unknown

    @pytest.mark.parametrize(
        ("code", "kind"),
        [(None, Refused), (404, Refused), (401, AccountRefused), (409, Unknown), (500, Unknown), (503, Unknown)],
    )
    def test_refused(self, stage: Stage, formant: Provider, code: int | None, kind: type[ProviderError]) -> None:
        stage.fault("refuse", share=1, code=code)
        assert type(refusal(submit, formant)) is kind
        assert stage.ledger["contacts"] == 0

    def test_a_batch_that_is_visible_late(self, stage: Stage, formant: Provider) -> None:
        stage.fault("late_visible", share=1, seconds=0.3)
        reference = submit(formant).reference
        assert formant.find(NAME) == []
        assert formant.status(Place(reference)) is None
        until(lambda: [one.reference for one in formant.find(NAME)] == [reference])

    @pytest.mark.parametrize("fault", ["cut_body", "not_json", "accept_then_500", "accept_then_hang_up"])
    def test_a_read_that_fails_is_no_read(self, stage: Stage, formant: Provider, fault: str) -> None:
        place = Place(submit(formant).reference)
        stage.fault(fault, share=1, methods=["batch-calls", "batch-call-get", "batch-call-metrics"])
        for read in (lambda: formant.find(NAME), lambda: formant.status(place), lambda: formant.tallies(place)):
            assert type(refusal(read)) is Unknown

    def test_nobody_there(self) -> None:
        with account("http://127.0.0.1:9") as formant:
            assert type(refusal(submit, formant)) is NotSent


class TestRates:
    @pytest.mark.parametrize("words", ["rate_limit_exceeded", "concurrent_call_limit_exceeded"])
    @pytest.mark.parametrize("header", ["seconds", "absent"])
    def test_how_long_to_wait(self, stage: Stage, formant: Provider, words: str, header: str) -> None:
        stage.switch(formant_throttle=words, formant_retry_after=header)
        stage.fault("throttle", share=1, retry_after=40)
        error = refusal(submit, formant)
        assert isinstance(error, Throttled)
        assert error.code == f"formant_{words}"
        assert error.retry_after is not None
        assert 37 <= error.retry_after <= 42
        assert stage.ledger["contacts"] == 0

    @pytest.mark.parametrize("header", ["seconds", "absent"])
    def test_a_limit_that_was_reached(self, stage: Stage, formant: Provider, header: str) -> None:
        stage.switch(formant_retry_after=header)
        stage.put("/formant/limits", {"requests_per_minute": 2})
        submit(formant)
        formant.account()
        error = refusal(submit, formant)
        assert isinstance(error, Throttled)
        assert error.retry_after is not None
        assert 50 <= error.retry_after <= 63  # the dates on both sides are whole seconds

    def test_too_many_calls_at_a_time(self, stage: Stage, formant: Provider) -> None:
        stage.put("/formant/limits", {"concurrent_calls": 2})
        submit(formant)
        stage.turn(1)
        error = refusal(submit, formant)
        assert (type(error), error.code) == (Throttled, "formant_concurrent_call_limit_exceeded")


class TestFind:
    def test_none_and_several(self, formant: Provider) -> None:
        submit(formant, list_name=f"spring [{TOKEN}-11]")
        assert formant.find(NAME) == []
        references = {submit(formant).reference for _ in range(3)}
        assert {one.reference for one in formant.find(NAME)} == references

    def test_a_name_that_the_provider_changed_is_found_by_its_token(self, formant: Provider) -> None:
        reference = submit(formant, list_name=f"spr?ng [{TOKEN}-1]").reference
        submit(formant, list_name="another campaign")
        assert [one.reference for one in formant.find(f"sprüng [{TOKEN}-1]")] == [reference]

    @pytest.mark.parametrize("order", ["newest_first", "oldest_first"])
    @pytest.mark.parametrize("total", ["absent", "told"])
    def test_on_whatever_page(
        self, stage: Stage, formant: Provider, monkeypatch: pytest.MonkeyPatch, order: str, total: str
    ) -> None:
        monkeypatch.setattr(module, "PAGE", 4)
        stage.switch(formant_batches_order=order, formant_list_total=total)
        made = [submit(formant, list_name=NAME if n % 3 else f"other {n}").reference for n in range(11)]
        found = [one.reference for one in formant.find(NAME)]
        assert sorted(found) == sorted(one for n, one in enumerate(made) if n % 3)

    def test_of_every_agent(self, formant: Provider) -> None:
        submit(formant, options={"agent_id": 7})
        assert len(formant.find(NAME)) == 1

    def test_page_after_page_as_many_as_are_allowed(self, stage: Stage, formant: Provider) -> None:
        for n in range(105):
            submit(formant, rows(1), list_name=f"other {n}")
        submit(formant)
        stage.switch(formant_batches_order="oldest_first")
        assert len(formant.find(NAME)) == 1


class TestStatus:
    def test_of_nothing(self, formant: Provider) -> None:
        assert formant.status(Place("424242")) is None
        assert formant.tallies(Place("424242")) is None

    @pytest.mark.parametrize(("word", "own"), [("completed", []), ("finished", ["finished"]), ("done", ["Done"])])
    def test_until_it_is_complete(self, stage: Stage, word: str, own: list[str]) -> None:
        stage.switch(formant_ended_status=word)
        with account(stage.url, own={"complete_states": own} if own else {}) as formant:
            place = Place(submit(formant).reference)
            before = formant.status(place)
            stage.turn(3600)
            after = formant.status(place)
        assert before is not None
        assert after is not None
        assert (before.complete, before.count, before.name) == (False, 3, NAME)
        assert (after.complete, after.status) == (True, word)

    def test_tallies_are_what_was_dialled(self, stage: Stage, formant: Provider) -> None:
        stage.put("/outcomes", {"answered": 1, "busy": 1})
        place = Place(submit(formant, rows(40)).reference)
        stage.turn(3600)
        tallies = formant.tallies(place)
        assert tallies is not None
        assert tallies["total_processed"] == tallies["completed_count"] + tallies["busy_count"] == 40
        assert {"success_rate", "avg_duration_seconds"}.isdisjoint(tallies)


MIX = {"answered": 3, "voicemail": 1, "no answer": 1, "busy": 1, "declined": 1, "invalid number": 1, "failed": 1}


class TestWebhooks:
    @pytest.mark.parametrize("stamp", ["iso", "unix"])
    def test_what_became_of_everybody(self, stage: Stage, formant: Provider, stamp: str) -> None:
        stage.switch(formant_webhook_timestamp=stamp)
        stage.put("/outcomes", MIX)
        submit(formant, rows(60, name="Ann"))
        stage.turn(3600)
        found = ends(told(formant.inbox, stage.customer.wait(60)))
        assert set(found) == {f"{TOKEN}:{n}" for n in range(1, 61)}
        assert set(found.values()) == {"answered", "no_answer", "busy", "failed"}

    @pytest.mark.parametrize("meaning", ["none_follows", "last_of_max"])
    def test_attempts_that_are_not_the_last_stay_open(self, stage: Stage, formant: Provider, meaning: str) -> None:
        dashboard(stage, max_attempts=3)
        stage.switch(formant_final_attempt=meaning)
        stage.put("/outcomes", {"busy": 1})
        submit(formant, rows(4))
        stage.turn(3600)
        frame = told(formant.inbox, stage.customer.wait(12))
        assert ends(frame) == {f"{TOKEN}:{n}": "busy" for n in range(1, 5)}
        assert sorted(frame["attempts_left"].to_list()) == [0] * 4 + [1] * 4 + [2] * 4

    @pytest.mark.parametrize("meaning", ["none_follows", "last_of_max"])
    def test_a_call_that_was_completed_is_over(self, stage: Stage, formant: Provider, meaning: str) -> None:
        dashboard(stage, max_attempts=3)
        stage.switch(formant_final_attempt=meaning)
        submit(formant)
        stage.turn(3600)
        assert len(ends(told(formant.inbox, stage.customer.wait(3)))) == 3

    def test_tripled_late_and_out_of_order(self, stage: Stage, formant: Provider) -> None:
        stage.put("/outcomes", MIX)
        stage.put("/callbacks", {"times": 3, "shuffle": True, "delay": 0.05})
        submit(formant, rows(20))
        stage.turn(3600)
        posts = stage.customer.wait(60)
        assert len(events(formant.inbox, posts)) == 20
        assert len(ends(told(formant.inbox, posts))) == 20

    def test_before_the_answer(self, stage: Stage, formant: Provider) -> None:
        stage.put("/callbacks", {"before_answer": True})
        submit(formant)
        assert len(ends(told(formant.inbox, stage.customer.wait(3)))) == 3

    def test_nothing_of_the_person_is_kept(self, stage: Stage, formant: Provider) -> None:
        submit(formant, rows(1, name="Ann Smith"))
        stage.turn(3600)
        [event] = events(formant.inbox, stage.customer.wait(1)).values()
        assert "2022000001" not in event.body
        assert "Ann" not in event.body

    @pytest.mark.parametrize("secret", ["another", None])
    def test_a_wrong_secret_and_none(self, stage: Stage, formant: Provider, secret: str | None) -> None:
        dashboard(stage, secret=secret)
        submit(formant, rows(1))
        stage.turn(3600)
        [post] = stage.customer.wait(1)
        assert formant.inbox is not None
        with pytest.raises(CallbackRefused) as raised:
            formant.inbox.receive(inbound(post))
        assert raised.value.code == "forged_callback"

    def test_the_same_webhook_an_hour_later(self, stage: Stage, formant: Provider) -> None:
        submit(formant, rows(1))
        stage.turn(3600)
        [post] = stage.customer.wait(1)
        late = inbound(post)
        late = type(late)(late.path, late.headers, late.body, late.at + 3600)
        assert formant.inbox is not None
        with pytest.raises(CallbackRefused) as raised:
            formant.inbox.receive(late)
        assert raised.value.code == "stale_callback"
