"""What a person may do to lists at Voximplant: dial the next contact, change a list, take contacts back, look around.

The judge is the sandbox's own count of the calls that it began.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.contract.adapter_case import (
    NAME,
    OPTIONS,
    TOKEN,
    adapter_at,
    payload,
    refusal,
    submit,
    tasks,
    turn,
)
from tests.house import Provider
from tests.unit.keys import credentials, public_pem, rsa_key
from tests.unit.wire_server import says, serving, status
from worker.errors import AccountRefused, LowBalance, ProviderError, Refused, Throttled, Unknown
from worker.providers.base import Hands, Place
from worker.providers.voximplant import KIND, Voximplant
from worker.providers.voximplant.auth import ApiKey, ServiceAccount

BY_HAND = {"rule_id": 1, "priority": 1, "max_simultaneous": 10, "num_attempts": 1, "call_list_type": "manual"}


@pytest.fixture
def hands(adapter: Voximplant) -> Hands:
    assert adapter.hands is not None
    return adapter.hands


def listed(adapter: Voximplant, content: bytes | None = None, **told: Any) -> Place:
    """A list that was made; its options are `options`, or usual."""
    return Place(submit(adapter, content, **told).reference, options=told.get("options", OPTIONS))


def calls(provider: Provider) -> list[int]:
    """How many calls of each contact have begun, in the order in which they were accepted."""
    return list(provider.calls.values())


def asked(provider: Provider, method: str) -> int:
    return sum(one["method"] == method for one in provider.client.get("/ledger/requests").json())


def raw_list(provider: Provider, reference: str) -> dict[str, Any]:
    """What GetCallLists tells of a list, asked without the adapter."""
    query = {"account_id": "1", "api_key": "sandbox", "list_id": reference}
    [found] = provider.client.get("/platform_api/GetCallLists", params=query).json()["result"]
    return dict(found)


class TestByHand:
    def test_a_manual_list_dials_only_when_it_is_told_to(
        self, adapter: Voximplant, hands: Hands, provider: Provider
    ) -> None:
        place = listed(adapter, options=BY_HAND)
        turn(provider, 86400)
        assert calls(provider) == [0, 0, 0]
        hands.next(place, None)
        turn(provider, 600)
        assert calls(provider) == [1, 0, 0]
        hands.next(place, json.dumps({"agent": "Ana; 2"}))
        turn(provider, 600)
        assert calls(provider) == [1, 1, 0]
        assert tasks(adapter, place.reference)["phase"].to_list() == ["done", "done", "open"]

    def test_as_many_attempts_as_are_wanted(self, adapter: Voximplant, hands: Hands, provider: Provider) -> None:
        provider.put("/outcomes", {"busy": 1})
        options = KIND.check_options({"rule_id": 1, "num_attempts": 7, "call_list_type": "manual"})
        place = listed(adapter, payload(1), options=options)
        for _ in range(7):
            hands.next(place, None)
            turn(provider, 600)
        assert calls(provider) == [7]
        assert tasks(adapter, place.reference)["disposition"].to_list() == ["failed"]
        assert refusal(hands.next, place, None).code == "voximplant_251"

    def test_its_options_arrive(self, adapter: Voximplant, provider: Provider) -> None:
        options = {**BY_HAND, "priority": 3, "max_simultaneous": 4, "num_attempts": 9, "interval_seconds": 90}
        place = listed(adapter, options={**options, "reference_ip": "192.0.2.1"})
        told = raw_list(provider, place.reference)
        assert {name: told[name] for name in options if name != "call_list_type"}.items() <= options.items()
        assert told["list_name"] == NAME
        assert [one.reference for one in adapter.find(NAME)] == [place.reference]
        assert asked(provider, "CreateManualCallList") == 1

    def test_contacts_can_be_added(self, adapter: Voximplant, hands: Hands, provider: Provider) -> None:
        place = listed(adapter, payload(1), options=BY_HAND)
        assert submit(adapter, payload(1, first=1), reference=place.reference, options=BY_HAND).count == 1
        for _ in range(2):
            hands.next(place, None)
        assert calls(provider) == [1, 1]

    def test_one_that_was_never_stopped_is_not_recovered(
        self, adapter: Voximplant, hands: Hands, provider: Provider
    ) -> None:
        place = listed(adapter, options=BY_HAND, stopped=True)
        adapter.start("recover", place)
        assert asked(provider, "RecoverCallList") == 0
        hands.next(place, None)
        assert calls(provider) == [1, 0, 0]

    def test_one_that_was_stopped_is(self, adapter: Voximplant, hands: Hands, provider: Provider) -> None:
        place = listed(adapter, options=BY_HAND)
        adapter.stop(place)
        assert refusal(hands.next, place, None).code == "voximplant_251"
        adapter.start("recover", place)
        hands.next(place, None)
        assert calls(provider) == [1, 0, 0]

    def test_an_empty_balance(self, adapter: Voximplant, hands: Hands, provider: Provider) -> None:
        place = listed(adapter, options=BY_HAND)
        provider.put("/balance", {"balance": 0.5})
        assert type(refusal(hands.next, place, None)) is LowBalance


CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"priority": 0, "max_simultaneous": 7, "num_attempts": 9, "interval_seconds": 33}),
    ({}, {"task_priority_strategy": "repeated_attempts", "server_location": "eu", "ip_address": "192.0.2.1"}),
    ({}, {"list_custom_data": "spring; wave 2 & more"}),
    (
        {"call_list_type": "predictive", "queue_id": 9},
        {
            "predictive_type": "AR_OPTIMIZED",
            "maximum_error_rate": 0.05,
            "minimum_busy_factor": 0.8,
            "avg_dial_time_sec": 12,
            "avg_time_talk_sec": 80.5,
            "avg_total_time_sec": 120,
            "percent_successful": 0.4,
        },
    ),
    (
        {"call_list_type": "progressive", "queue_id": 9},
        {"task_multiplier": 2, "is_personal_campaign": True, "personal_campaign_type": "strict"},
    ),
]


class TestEdit:
    @pytest.mark.parametrize(("options", "changes"), CHANGES)
    def test_every_option_that_can_be_changed(
        self, adapter: Voximplant, hands: Hands, provider: Provider, options: dict[str, Any], changes: dict[str, Any]
    ) -> None:
        place = listed(adapter, options=KIND.check_options({"rule_id": 1, **options}))
        before = raw_list(provider, place.reference)
        for _ in range(2):
            hands.edit(place, changes)
        after = raw_list(provider, place.reference)
        shown = {name: value for name, value in changes.items() if name in after}
        assert {name: after[name] for name in shown} == shown
        assert {name for name in before if before[name] != after[name]} <= set(shown)

    def test_these_are_all_there_are(self) -> None:
        assert KIND.capabilities.edits == {name for _, changes in CHANGES for name in changes}

    def test_it_dials_faster_from_now_on(self, adapter: Voximplant, hands: Hands, provider: Provider) -> None:
        place = listed(adapter, payload(10), options={**OPTIONS, "max_simultaneous": 1})
        turn(provider, 1)
        assert sum(calls(provider)) == 1
        hands.edit(place, {"max_simultaneous": 5})
        turn(provider, 1)
        assert sum(calls(provider)) == 5

    def test_a_list_that_is_not_there(self, hands: Hands) -> None:
        error = refusal(hands.edit, Place("424242"), {"priority": 1})
        assert (type(error), error.code) == (Unknown, "voximplant_251")

    def test_what_the_provider_refuses(self, adapter: Voximplant, hands: Hands) -> None:
        error = refusal(hands.edit, listed(adapter), {"server_location": "moon"})
        assert (type(error), error.code) == (Refused, "voximplant_496")
        assert "getServerLocations" in error.message


class TestWithdraw:
    def test_whoever_is_taken_back_is_never_called(self, adapter: Voximplant, hands: Hands, provider: Provider) -> None:
        place = listed(adapter, payload(5), options={**OPTIONS, "max_simultaneous": 1})
        assert hands.withdraw(place, [f"{TOKEN}:2", f"{TOKEN}:4"]) == {f"{TOKEN}:2": None, f"{TOKEN}:4": None}
        turn(provider, 86400)
        assert calls(provider) == [1, 0, 1, 0, 1]
        assert tasks(adapter, place.reference)["phase"].to_list() == ["done", "cancelled", "done", "cancelled", "done"]

    def test_the_reasons_of_the_others_are_kept(self, adapter: Voximplant, hands: Hands, provider: Provider) -> None:
        place = listed(adapter)
        turn(provider, 3600)
        told = hands.withdraw(place, [f"{TOKEN}:1", "nobody"])
        assert told == {f"{TOKEN}:1": "The task has been completed", "nobody": "The task is not found"}

    def test_a_thousand_at_once(self, adapter: Voximplant, hands: Hands) -> None:
        place = listed(adapter, payload(1001), stopped=True)
        uuids = tasks(adapter, place.reference)["uuid"].to_list()
        told = hands.withdraw(place, uuids[: KIND.capabilities.withdraws])
        assert list(told) == uuids[:1000]
        assert set(told.values()) == {None}
        error = refusal(hands.withdraw, place, uuids)
        assert (type(error), error.code) == (Refused, "voximplant_497")

    def test_nobody(self, adapter: Voximplant, hands: Hands, provider: Provider) -> None:
        assert hands.withdraw(listed(adapter), []) == {}
        assert asked(provider, "CancelCallListTask") == 0

    def test_of_a_list_that_is_not_there(self, hands: Hands) -> None:
        assert refusal(hands.withdraw, Place("424242"), ["u"]).code == "voximplant_255"


class TestLists:
    def shown(self, hands: Hands, **filters: Any) -> list[str]:
        return [found.name for found in hands.lists(KIND.check_filters(filters))]

    def test_by_whatever_they_differ_in(self, adapter: Voximplant, hands: Hands, provider: Provider) -> None:
        first = listed(adapter, list_name="first", options={**OPTIONS, "rule_id": 5})
        turn(provider, 7200)
        between = provider.client.get("/clock").json()["now"] - 3600
        second = listed(adapter, list_name="second", options=BY_HAND)
        third = listed(adapter, list_name="third")
        adapter.stop(third)
        moment = datetime.fromtimestamp(between, UTC).isoformat()
        for filters, names in (
            ({}, ["first", "second", "third"]),
            ({"list_id": f"{first.reference};{third.reference}"}, ["first", "third"]),
            ({"list_id": "all", "type_list": "automatic"}, ["first", "third"]),
            ({"type_list": "manual"}, ["second"]),
            ({"name": "second"}, ["second"]),
            ({"rule_id": [5]}, ["first"]),
            ({"is_active": True}, ["second"]),
            ({"status": "completed"}, ["first"]),
            ({"status": "canceled"}, ["third"]),
            ({"from_date": moment}, ["second", "third"]),
            ({"to_date": moment}, ["first"]),
            ({"name": "second", "list_id": third.reference}, []),
        ):
            assert self.shown(hands, **filters) == names, filters
        [found] = hands.lists(KIND.check_filters({"list_id": second.reference}))
        assert (found.reference, found.name, found.status, found.complete) == (
            second.reference,
            "second",
            "In progress",
            False,
        )

    def test_on_whatever_page_they_lie(
        self, adapter: Voximplant, hands: Hands, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("worker.providers.voximplant.adapter.PAGE", 3)
        names = [listed(adapter, payload(1), list_name=f"list {i}") and f"list {i}" for i in range(8)]
        assert sorted(self.shown(hands)) == names

    def test_a_list_that_two_pages_show_is_one(self) -> None:
        page = {"result": [{"list_id": 1, "list_name": "a"}, {"list_id": 2}], "total_count": 4}
        with serving(says(*[status(200, json.dumps(page).encode())] * 2)) as server:
            made = Voximplant(server.url, ApiKey("1", "k"), 5)
            assert made.hands is not None
            assert [found.reference for found in made.hands.lists({})] == ["1", "2"]
            made.close()


def verbs(hands: Hands, place: Place) -> dict[str, Callable[[], Any]]:
    return {
        "StartNextCallTask": lambda: hands.next(place, "agent"),
        "EditCallList": lambda: hands.edit(place, {"priority": 1}),
        "CancelCallListTask": lambda: hands.withdraw(place, [f"{TOKEN}:1"]),
        "GetCallLists": lambda: list(hands.lists({})),
    }


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("accept_then_hang_up", Unknown),
        ("accept_then_500", Unknown),
        ("cut_body", Unknown),
        ("not_json", Unknown),
        ("throttle", Throttled),
        ("refuse", Refused),
    ],
)
def test_what_a_failed_request_proves(
    adapter: Voximplant, hands: Hands, provider: Provider, fault: str, kind: type[ProviderError]
) -> None:
    place = listed(adapter, options=BY_HAND)
    provider.faults({"fault": fault})
    for verb in verbs(hands, place).values():
        assert type(refusal(verb)) is kind


def test_a_next_call_that_was_not_answered_was_made_once(adapter: Voximplant, hands: Hands, provider: Provider) -> None:
    place = listed(adapter, options=BY_HAND)
    provider.faults({"fault": "accept_then_hang_up", "methods": ["StartNextCallTask"], "times": 1})
    assert type(refusal(hands.next, place, None)) is Unknown
    assert calls(provider) == [1, 0, 0]


def test_an_account_that_is_refused(adapter: Voximplant, hands: Hands, provider: Provider) -> None:
    place = listed(adapter, options=BY_HAND)
    provider.put("/accounts/1", {"active": False})
    for verb in verbs(hands, place).values():
        assert type(refusal(verb)) is AccountRefused


def test_the_account_of_a_service_account_is_told(sandbox: Provider) -> None:
    sandbox.put("/keys/12345", {"key_id": "k1", "public_key": public_pem(rsa_key("first"))})
    with adapter_at(sandbox, ServiceAccount(credentials())) as made:
        assert made.hands is not None
        place = listed(made, stopped=True)
        assert made.hands.withdraw(place, [f"{TOKEN}:1"]) == {f"{TOKEN}:1": None}
