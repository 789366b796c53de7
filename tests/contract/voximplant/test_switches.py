"""The adapter under every behaviour that the documents leave open, and under every fault."""

from typing import Any, ClassVar

import pytest

from sandbox.voximplant.errors import MESSAGES
from sandbox.voximplant.switches import SWITCHES
from tests.contract.adapter_case import (
    NAME,
    OPTIONS,
    payload,
    refusal,
    submit,
    switch,
    tasks,
    turn,
)
from tests.house import Provider
from worker.errors import LowBalance, NotSent, ProviderError, Refused, Throttled, Unknown
from worker.providers.base import Account, Hands, Place
from worker.providers.voximplant import Voximplant, verdicts

SENDING = ["CreateCallList", "AppendToCallList"]
# Switches that nothing the adapter sends can reach, each for its reason.
OUT_OF_REACH = {
    "blank_rows": "intake writes none",
    "bom": "intake writes none",
    "crlf": "intake writes LF",
    "append_by_repeated_name": "appends go by id",
    "resend_window": "only how long the guard remembers",
    "unknown_method": "every method we use is documented",
    "count_over_maximum": "we never ask for more than 1000",
    "lists_default_count": "we always say how many",
    "edit_start_at": "a start is never edited",
}
tried: set[str] = set()


def choose(provider: Provider, **values: Any) -> None:
    tried.update(values)
    switch(provider, **values)


def fault(provider: Provider, name: str, *methods: str, **more: Any) -> None:
    provider.faults({"fault": name, "share": 1, "methods": list(methods), **more})


MAIN_JOB = [
    ("name_filter", ["exact", "substring"]),
    ("lists_order", ["oldest_first", "newest_first"]),
    ("batch_id", ["string", "number_on_append", "absent"]),
    ("attempts_left_key", ["attmepts_left", "attempts_left"]),
    ("details_count", ["returned", "total"]),
    ("details_content_type", ["application/octet-stream", "text/csv"]),
    ("details_task_uuid", ["always", "as_sent"]),
    ("execution_time_format", ["time", "datetime"]),
    ("error_http_status", ["200", "4xx"]),
    ("error_envelope", ["error", "error_and_errors"]),
    ("account_info_api_key", ["with_api_key", "always", "never"]),
    ("repeated_uuid", ["accept", "skip_row", "reject_file"]),
    ("repeated_uuid_across_append", ["accept", "skip_row", "reject_file"]),
    ("ragged_rows", ["refuse", "skip_row", "accept"]),
    ("append_to_completed", ["dials", "ignored", "refused"]),
    ("low_balance_status", ["Canceled", "Suspended", "In progress"]),
]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in MAIN_JOB for value in values])
def test_the_main_job_goes_through(adapter: Voximplant, provider: Provider, name: str, value: str) -> None:
    choose(provider, **{name: value})
    for number in (11, 12):
        submit(adapter, list_name=NAME.replace("-1]", f"-{number}]"))
    created = submit(adapter, payload(3))
    appended = submit(adapter, payload(2, first=3), reference=created.reference)
    assert (created.count, appended.count) == (3, 2)
    assert [found.reference for found in adapter.find(NAME)] == [created.reference]
    turn(provider, 3600)
    found = tasks(adapter, created.reference)
    assert found["uuid"].n_unique() == 5
    assert set(found["phase"]) == {"done"}
    assert set(found["attempts_left"]) == {0}
    assert adapter.account() == Account(100.0, "USD")
    status = adapter.status(Place(created.reference))
    assert status is not None
    assert status.complete


@pytest.mark.parametrize(("status", "envelope"), [("200", "error"), ("4xx", "error_and_errors")])
@pytest.mark.parametrize("code", [*sorted(verdicts.LISTED & set(MESSAGES)), 314, 493])
def test_an_error_proves_the_same_under_any_http_status(
    adapter: Voximplant, provider: Provider, status: str, envelope: str, code: int
) -> None:
    """With one exception: a code that no table lists proves nothing, and a 4xx that the provider said no."""
    choose(provider, error_http_status=status, error_envelope=envelope)
    fault(provider, "refuse", code=code)
    with pytest.raises(ProviderError) as expected:
        verdicts.raise_error({"code": code})
    listed = code in verdicts.LISTED
    for call in (lambda: submit(adapter), lambda: adapter.find(NAME), lambda: tasks(adapter, "1")):
        error = refusal(call)
        if listed or status == "200":
            assert (type(error), error.code) == (type(expected.value), f"voximplant_{code}")
        else:
            assert (type(error), error.code) == (Refused, "http_400")
        assert error.http_status is not None
        assert (error.http_status == 200) == (status == "200")
    assert provider.ledger["lists"] == []


@pytest.mark.parametrize("status", ["200", "4xx"])
@pytest.mark.parametrize(("code", "retry_after"), [(None, None), (None, 7), (340, None), (416, None), (162, None)])
def test_throttled(
    adapter: Voximplant, provider: Provider, status: str, code: int | None, retry_after: float | None
) -> None:
    choose(provider, error_http_status=status)
    fault(provider, "throttle", code=code, retry_after=retry_after)
    for call in (lambda: submit(adapter), lambda: adapter.find(NAME), lambda: tasks(adapter, "1")):
        error = refusal(call)
        assert isinstance(error, Throttled)
        assert error.retry_after == retry_after
    assert provider.ledger["lists"] == []


class TestUploads:
    @pytest.mark.parametrize("status", ["200", "4xx"])
    def test_an_empty_balance(self, adapter: Voximplant, provider: Provider, status: str) -> None:
        choose(provider, low_balance_create="refuses", error_http_status=status)
        provider.put("/balance", {"balance": 0.5})
        error = refusal(submit, adapter)
        assert (type(error), error.code) == (LowBalance, "voximplant_127")

    @pytest.mark.parametrize("shown", ["Canceled", "Suspended", "In progress"])
    def test_a_list_that_waits_for_money_is_not_complete(
        self, adapter: Voximplant, provider: Provider, shown: str
    ) -> None:
        choose(provider, low_balance_create="accepts", low_balance_status=shown)
        provider.put("/balance", {"balance": 0.5})
        reference = submit(adapter).reference
        turn(provider, 3600)
        status = adapter.status(Place(reference))
        assert status is not None
        assert (status.status, status.complete) == (shown, False)
        assert "done" not in set(tasks(adapter, reference)["phase"])

    def test_a_name_that_is_taken_proves_nothing(self, adapter: Voximplant, provider: Provider) -> None:
        choose(provider, repeated_list_name="reject")
        reference = submit(adapter).reference
        assert type(refusal(submit, adapter)) is Unknown
        assert [found.reference for found in adapter.find(NAME)] == [reference]

    @pytest.mark.parametrize("code", ["484", "515"])
    def test_a_guard_against_resending_proves_nothing(self, adapter: Voximplant, provider: Provider, code: str) -> None:
        choose(provider, resend_guard=code)
        submit(adapter)
        error = refusal(submit, adapter)
        assert (type(error), error.code) == (Unknown, f"voximplant_{code}")

    @pytest.mark.parametrize(("policy", "kind"), [("dials", None), ("ignored", None), ("refused", Unknown)])
    def test_an_append_to_a_completed_list(
        self, adapter: Voximplant, provider: Provider, policy: str, kind: type[ProviderError] | None
    ) -> None:
        choose(provider, append_to_completed=policy)
        reference = submit(adapter).reference
        turn(provider, 3600)
        late = payload(1, first=3)
        if kind is not None:
            assert type(refusal(submit, adapter, late, reference=reference)) is kind
            return
        assert submit(adapter, late, reference=reference).count == 1
        turn(provider, 3600)
        assert ("open" in set(tasks(adapter, reference)["phase"])) == (policy == "ignored")

    @pytest.mark.parametrize(("limit", "value"), [("max_rows", 2), ("max_bytes", 20)])
    def test_a_file_that_is_too_large(self, adapter: Voximplant, provider: Provider, limit: str, value: int) -> None:
        choose(provider, **{limit: value})
        error = refusal(submit, adapter)
        assert (type(error), error.code) == (Refused, "voximplant_250")

    @pytest.mark.parametrize(("policy", "count"), [("refuse", None), ("accept", 0)])
    def test_a_header_alone(self, adapter: Voximplant, provider: Provider, policy: str, count: int | None) -> None:
        choose(provider, header_alone=policy)
        content = b"phone;__task_uuid\n"
        if count is None:
            assert type(refusal(submit, adapter, content)) is Refused
            return
        accepted = submit(adapter, content)
        assert accepted.count == count
        assert list(adapter.tasks(Place(accepted.reference))) == []

    @pytest.mark.parametrize(
        ("policy", "before", "after"),
        [("honoured", "cancelled", "done"), ("ignored", "done", "done"), ("not_recoverable", "cancelled", "cancelled")],
    )
    def test_a_list_created_stopped(
        self, adapter: Voximplant, provider: Provider, policy: str, before: str, after: str
    ) -> None:
        choose(provider, is_cancelled=policy)
        reference = submit(adapter, stopped=True).reference
        turn(provider, 3600)
        assert set(tasks(adapter, reference)["phase"]) == {before}
        adapter.start("recover", Place(reference))
        turn(provider, 3600)
        assert set(tasks(adapter, reference)["phase"]) == {after}

    @pytest.mark.parametrize("policy", ["skip_row", "reject_file"])
    def test_a_uuid_that_comes_twice(self, adapter: Voximplant, provider: Provider, policy: str) -> None:
        choose(provider, repeated_uuid_across_append=policy)
        reference = submit(adapter).reference
        if policy == "skip_row":
            assert submit(adapter, payload(4), reference=reference).count == 1
        else:
            assert type(refusal(submit, adapter, payload(4), reference=reference)) is Unknown
        assert tasks(adapter, reference)["uuid"].n_unique() >= 3


def hands(adapter: Voximplant) -> Hands:
    assert adapter.hands is not None
    return adapter.hands


class TestByHand:
    MANUAL: ClassVar = {
        "rule_id": 1,
        "priority": 1,
        "max_simultaneous": 1,
        "num_attempts": 1,
        "call_list_type": "manual",
    }

    @pytest.mark.parametrize("result", ["true", "1"])
    @pytest.mark.parametrize("empty", ["refuse", "accept"])
    def test_the_next_one_until_nobody_is_left(
        self, adapter: Voximplant, provider: Provider, result: str, empty: str
    ) -> None:
        choose(provider, start_next_result=result, start_next_empty=empty)
        place = Place(submit(adapter, options=self.MANUAL).reference)
        for _ in range(3):
            hands(adapter).next(place, None)
            turn(provider, 600)
        assert set(tasks(adapter, place.reference)["phase"]) == {"done"}
        if empty == "accept":
            hands(adapter).next(place, None)
        else:
            error = refusal(hands(adapter).next, place, None)
            assert (type(error), error.code) == (Unknown, "voximplant_251")

    @pytest.mark.parametrize("answer", ["wrapped", "bare"])
    @pytest.mark.parametrize("in_call", ["refuse", "after_the_call"])
    def test_who_is_taken_back(self, adapter: Voximplant, provider: Provider, answer: str, in_call: str) -> None:
        choose(provider, cancel_task_answer=answer, cancel_task_in_call=in_call)
        place = Place(submit(adapter, options={**OPTIONS, "max_simultaneous": 1}).reference)
        turn(provider, 1)
        calling, *others = tasks(adapter, place.reference)["uuid"]
        told = hands(adapter).withdraw(place, [calling, others[0]])
        assert told == {calling: "The task is in progress" if in_call == "refuse" else None, others[0]: None}
        turn(provider, 3600)
        assert tasks(adapter, place.reference)["phase"].to_list() == ["done", "cancelled", "done"]

    @pytest.mark.parametrize(("policy", "phase"), [("stay", "cancelled"), ("come_back", "done")])
    def test_who_was_taken_back_before_a_recovery(
        self, adapter: Voximplant, provider: Provider, policy: str, phase: str
    ) -> None:
        choose(provider, recover_cancelled_tasks=policy)
        place = Place(submit(adapter, stopped=True).reference)
        uuids = tasks(adapter, place.reference)["uuid"].to_list()
        assert hands(adapter).withdraw(place, uuids[:1]) == {uuids[0]: None}
        adapter.start("recover", place)
        turn(provider, 3600)
        assert tasks(adapter, place.reference)["phase"].to_list() == [phase, "done", "done"]


LOST = ["accept_then_hang_up", "accept_then_500", "cut_body", "not_json", "store_late", "no_answer"]


class TestFaults:
    @pytest.mark.parametrize("name", LOST)
    @pytest.mark.parametrize("method", SENDING)
    def test_an_answer_that_is_lost_proves_nothing(
        self, adapter: Voximplant, provider: Provider, name: str, method: str
    ) -> None:
        reference = submit(adapter).reference if method == "AppendToCallList" else None
        fault(provider, name, method, **({"seconds": 0.05} if name == "store_late" else {}))
        error = refusal(submit, adapter, payload(2, first=3), seconds=0.4, reference=reference)
        assert type(error) is Unknown

    @pytest.mark.parametrize("name", [name for name in LOST if name != "no_answer"])
    def test_a_reading_that_is_lost_is_no_reading(self, adapter: Voximplant, provider: Provider, name: str) -> None:
        reference = submit(adapter, payload(50)).reference
        fault(provider, name)
        for call in (adapter.account, lambda: adapter.find(NAME), lambda: adapter.status(Place(reference))):
            assert type(refusal(call)) is Unknown
        handed_out: list[object] = []
        assert type(refusal(lambda: handed_out.extend(adapter.tasks(Place(reference))))) is Unknown
        assert handed_out == []

    def test_an_answer_that_is_slow_is_an_answer(self, adapter: Voximplant, provider: Provider) -> None:
        fault(provider, "slow", seconds=0.1)
        assert submit(adapter).count == 3

    def test_an_answer_after_the_deadline_proves_nothing(self, adapter: Voximplant, provider: Provider) -> None:
        fault(provider, "slow", seconds=1)
        assert type(refusal(submit, adapter, seconds=0.2)) is Unknown

    def test_no_time_left_is_not_sent(self, adapter: Voximplant, provider: Provider) -> None:
        before = provider.ledger["requests"]
        assert type(refusal(submit, adapter, seconds=0)) is NotSent
        assert provider.ledger["requests"] == before

    def test_a_short_count_is_told(self, adapter: Voximplant, provider: Provider) -> None:
        fault(provider, "short_count", drop=0.5)
        assert submit(adapter, payload(10)).count == 5

    def test_what_is_visible_late(self, adapter: Voximplant, provider: Provider) -> None:
        fault(provider, "late_visible", seconds=30)
        accepted = submit(adapter)
        assert adapter.find(NAME) == []
        assert type(refusal(tasks, adapter, accepted.reference)) is Refused

    def test_what_is_partly_visible(self, adapter: Voximplant, provider: Provider) -> None:
        reference = submit(adapter, payload(60)).reference
        fault(provider, "partial_details", part=0.5)
        assert 0 < tasks(adapter, reference).height < 60

    @pytest.mark.parametrize("uuids", [True, False])
    def test_details_that_break_on_a_later_page(
        self, adapter: Voximplant, provider: Provider, monkeypatch: pytest.MonkeyPatch, uuids: bool
    ) -> None:
        """A JSON page that is lost makes the whole read one that cannot be had."""
        monkeypatch.setattr("worker.providers.voximplant.adapter.PAGE", 10)
        choose(provider, details_task_uuid="as_sent")
        reference = submit(adapter, payload(25, uuids=uuids)).reference
        frames = adapter.tasks(Place(reference))
        assert next(frames).height == (25 if uuids else 10)
        fault(provider, "accept_then_500", "GetCallListDetails")
        if uuids:
            assert list(frames) == []
        else:
            assert type(refusal(lambda: list(frames))) is Unknown


def test_every_switch_was_tried() -> None:
    there_are = {switch.name for switch in SWITCHES}
    assert there_are - tried == set(OUT_OF_REACH)
