"""The Voximplant adapter against the sandbox, which was written from the documents and not from the adapter."""

import json
from typing import Any

import polars as pl
import pytest

from tests.contract.adapter_case import (
    NAME,
    OPTIONS,
    TOKEN,
    adapter_at,
    payload,
    refusal,
    submit,
    switch,
    tasks,
    turn,
)
from tests.house import Provider
from tests.unit.wire_server import says, serving, status
from worker.errors import AccountRefused, Refused, Unknown
from worker.providers.base import TASKS, Accepted, Account, Place
from worker.providers.voximplant import Voximplant
from worker.providers.voximplant import adapter as module
from worker.providers.voximplant.auth import ApiKey


def raw_list(provider: Provider, reference: str) -> dict[str, Any]:
    """What GetCallLists tells of a list, asked without the adapter."""
    query = {"account_id": "1", "api_key": "sandbox", "list_id": reference}
    found: dict[str, Any] = provider.client.get("/platform_api/GetCallLists", params=query).json()["result"][0]
    return found


class TestSubmit:
    def test_create(self, adapter: Voximplant, provider: Provider) -> None:
        accepted = submit(adapter, payload(7))
        assert accepted == Accepted(accepted.reference, 7, accepted.batch)
        assert accepted.batch
        assert [(one["reference"], one["name"], one["contacts"]) for one in provider.ledger["lists"]] == [
            (accepted.reference, NAME, 7)
        ]
        assert [row["uuid"] for row in provider.contacts] == [f"{TOKEN}:{row}" for row in range(1, 8)]

    def test_every_option_arrives(self, adapter: Voximplant, provider: Provider) -> None:
        options = {
            "rule_id": 77,
            "priority": 2**31,
            "max_simultaneous": 12,
            "num_attempts": 5,
            "interval_seconds": 90,
            "reference_ip": "192.0.2.1",
            "server_location": "eu",
            "task_priority_strategy": "repeated_attempts",
            "name": "the token's name wins",
        }
        told = raw_list(provider, submit(adapter, options=options).reference)
        del options["reference_ip"], options["server_location"], options["name"]
        assert {name: told[name] for name in options} == options
        assert told["list_name"] == NAME

    def test_append(self, adapter: Voximplant, provider: Provider) -> None:
        created = submit(adapter, payload(3))
        appended = submit(adapter, payload(2, first=3), reference=created.reference)
        assert (appended.reference, appended.count) == (created.reference, 2)
        assert appended.batch != created.batch
        assert provider.ledger["called_twice"] == 0
        assert [one["contacts"] for one in provider.ledger["lists"]] == [5]

    @pytest.mark.parametrize("name", [f"Ünï ☎ «{TOKEN}»", "a+b & c=d?#%20;", "n" * 255])
    def test_a_name_arrives_as_it_is(self, adapter: Voximplant, provider: Provider, name: str) -> None:
        submit(adapter, list_name=name)
        assert provider.ledger["lists"][0]["name"] == name
        assert [found.name for found in adapter.find(name)] == [name]

    def test_quotes_newlines_and_letters_of_the_world_arrive(self, adapter: Voximplant) -> None:
        content = f'phone;note;__task_uuid\n+12022000000;"a;""b""\nc ünï";{TOKEN}:1\n'.encode()
        accepted = submit(adapter, content, rows=1)
        assert accepted.count == 1
        assert tasks(adapter, accepted.reference)["uuid"].to_list() == [f"{TOKEN}:1"]

    @pytest.mark.parametrize(
        ("told", "code"),
        [
            ({"options": {**OPTIONS, "rule_id": 0}}, 147),
            ({"options": {**OPTIONS, "num_attempts": 9}}, 249),
            ({"options": {}}, 134),
            ({"list_name": "a/b"}, 253),
            ({"reference": "424242"}, 255),
            ({"content": b"phone;__task_uuid\n"}, 250),
            ({"content": b"phone;__task_uuid\n1;2;3\n"}, 250),
        ],
    )
    def test_what_the_provider_refuses(self, adapter: Voximplant, told: dict[str, Any], code: int) -> None:
        error = refusal(submit, adapter, **told)
        assert (type(error), error.code, error.http_status) == (Refused, f"voximplant_{code}", 200)


class TestFind:
    def test_none(self, adapter: Voximplant) -> None:
        submit(adapter, list_name=f"spring [{TOKEN}-2]")
        assert adapter.find(NAME) == []

    def test_one(self, adapter: Voximplant) -> None:
        for number in (2, 11):
            submit(adapter, list_name=f"spring [{TOKEN}-{number}]")
        reference = submit(adapter).reference
        [found] = adapter.find(NAME)
        assert (found.reference, found.name, found.status, found.complete) == (reference, NAME, "In progress", False)

    def test_several(self, adapter: Voximplant) -> None:
        references = {submit(adapter).reference for _ in range(3)}
        assert {found.reference for found in adapter.find(NAME)} == references

    def test_a_name_that_the_provider_changed_is_found_by_its_token(self, adapter: Voximplant) -> None:
        reference = submit(adapter, list_name=f"spr?ng [{TOKEN}-1]").reference
        submit(adapter, list_name="another campaign")
        assert [found.reference for found in adapter.find(f"sprüng [{TOKEN}-1]")] == [reference]
        assert adapter.find(f"sprüng [{TOKEN}-11]") == []

    def test_another_accounts_lists_are_not_ours(self, adapter: Voximplant, provider: Provider) -> None:
        submit(adapter)
        with adapter_at(provider, ApiKey("2", "sandbox")) as other:
            assert other.find(NAME) == []

    @pytest.mark.parametrize("order", ["oldest_first", "newest_first"])
    @pytest.mark.parametrize("wanted", ["named", "unnamed"])
    def test_on_whatever_page_they_lie(
        self, adapter: Voximplant, provider: Provider, monkeypatch: pytest.MonkeyPatch, order: str, wanted: str
    ) -> None:
        monkeypatch.setattr(module, "PAGE", 4)
        switch(provider, lists_order=order)
        references = [submit(adapter, list_name=NAME if i % 3 else f"other {i}").reference for i in range(11)]
        name = NAME if wanted == "named" else f"changed [{TOKEN}-1]"
        found = [one.reference for one in adapter.find(name)]
        assert sorted(found) == sorted(one for i, one in enumerate(references) if i % 3)


class TestStatus:
    def test_of_nothing(self, adapter: Voximplant) -> None:
        assert adapter.status(Place("424242")) is None

    def test_until_it_is_complete(self, adapter: Voximplant, provider: Provider) -> None:
        reference = submit(adapter).reference
        running = adapter.status(Place(reference))
        assert running is not None
        assert (running.status, running.complete) == ("In progress", False)
        turn(provider, 3600)
        over = adapter.status(Place(reference))
        assert over is not None
        assert (over.reference, over.name, over.status, over.complete) == (reference, NAME, "Completed", True)

    def test_stopped_and_going_on(self, adapter: Voximplant, provider: Provider) -> None:
        reference = submit(adapter, options={**OPTIONS, "max_simultaneous": 1}).reference
        for _ in range(2):
            adapter.stop(Place(reference))
        stopped = adapter.status(Place(reference))
        assert stopped is not None
        assert (stopped.status, stopped.complete) == ("Canceled", False)
        turn(provider, 3600)
        assert tasks(adapter, reference)["phase"].to_list() == ["done", "cancelled", "cancelled"]  # one was in a call
        for _ in range(2):
            adapter.start("recover", Place(reference))
        turn(provider, 3600)
        assert set(tasks(adapter, reference)["phase"]) == {"done"}

    @pytest.mark.parametrize("verb", ["stop", "resume"])
    def test_a_list_that_is_not_there(self, adapter: Voximplant, verb: str) -> None:
        place = Place("424242")
        said = refusal(adapter.stop, place) if verb == "stop" else refusal(adapter.start, "recover", place)
        assert said.code == "voximplant_255"

    def test_a_list_may_be_created_stopped(self, adapter: Voximplant, provider: Provider) -> None:
        reference = submit(adapter, stopped=True).reference
        turn(provider, 3600)
        assert set(tasks(adapter, reference)["phase"]) == {"cancelled"}
        adapter.start("recover", Place(reference))
        turn(provider, 3600)
        assert set(tasks(adapter, reference)["phase"]) == {"done"}


class TestTasks:
    def test_before_and_after_the_calls(self, adapter: Voximplant, provider: Provider) -> None:
        provider.put("/outcomes", {"answered": 1})
        reference = submit(adapter, payload(5)).reference
        before = tasks(adapter, reference)
        assert dict(before.schema) == TASKS
        assert before["uuid"].to_list() == [f"{TOKEN}:{row}" for row in range(1, 6)]
        assert set(before["phase"]) == {"open"}
        assert set(before["disposition"]) == {"pending"}
        turn(provider, 3600)
        after = tasks(adapter, reference)
        assert set(after["phase"]) == {"done"}
        assert set(after["disposition"]) == {"processed"}
        assert set(after["result"]) == {"answered"}

    def test_an_error_is_the_end_once_no_attempt_is_left(self, adapter: Voximplant, provider: Provider) -> None:
        provider.put("/outcomes", {"busy": 1})
        options = {**OPTIONS, "num_attempts": 2, "interval_seconds": 600}
        reference = submit(adapter, options=options).reference
        turn(provider, 60)
        first = tasks(adapter, reference)
        assert set(first["phase"]) == {"open"}
        assert set(first["attempts_left"]) == {1}
        turn(provider, 3600)
        last = tasks(adapter, reference)
        assert set(last["phase"]) == {"done"}
        assert set(last["disposition"]) == {"failed"}
        assert set(last["attempts_left"]) == {0}

    def test_the_users_own_columns_do_not_confuse(self, adapter: Voximplant) -> None:
        own = {"status": "gold", "result_data": "mine", "status_id": "2", "attempts_left": "9", "task_uuid": "x"}
        reference = submit(adapter, payload(2, own=own)).reference
        found = tasks(adapter, reference)
        assert set(found["phase"]) == {"open"}
        assert set(found["attempts_left"]) == {1}
        assert set(found["result"]) == {""}
        assert found["uuid"].to_list() == [f"{TOKEN}:1", f"{TOKEN}:2"]

    def test_of_a_list_that_is_not_there(self, adapter: Voximplant) -> None:
        error = refusal(tasks, adapter, "424242")
        assert (type(error), error.code, error.http_status) == (Refused, "voximplant_255", 200)

    @pytest.mark.parametrize("count", ["returned", "total"])
    @pytest.mark.parametrize("left", ["attmepts_left", "attempts_left"])
    @pytest.mark.parametrize("rows", [1, 10, 25, 30])
    def test_json_pages_show_what_the_csv_shows(
        self, adapter: Voximplant, provider: Provider, monkeypatch: pytest.MonkeyPatch, count: str, left: str, rows: int
    ) -> None:
        monkeypatch.setattr(module, "PAGE", 10)
        reference = submit(adapter, payload(rows, uuids=False)).reference
        switch(provider, details_count=count, attempts_left_key=left)
        turn(provider, 5)
        as_csv = tasks(adapter, reference)
        switch(provider, details_task_uuid="as_sent")
        as_json = tasks(adapter, reference)
        assert as_csv.height == rows
        assert as_csv["uuid"].n_unique() == rows
        assert as_json.equals(as_csv)

    def test_a_million_bytes_of_columns_come_back(self, adapter: Voximplant) -> None:
        reference = submit(adapter, payload(2000, own={"note": "x" * 500})).reference
        found = list(adapter.tasks(Place(reference)))
        assert pl.concat(found)["uuid"].n_unique() == 2000


class TestAccount:
    def test_balance(self, adapter: Voximplant, provider: Provider) -> None:
        assert adapter.account() == Account(100.0, "USD")
        provider.put("/balance", {"balance": 0.25, "currency": "EUR"})
        assert adapter.account() == Account(0.25, "EUR")

    def test_a_role_that_may_not_read_it(self, adapter: Voximplant, provider: Provider) -> None:
        provider.put("/accounts/1", {"roles": {"no_account_info": True}})
        assert adapter.account() is None
        assert submit(adapter).count == 3

    def test_a_role_that_may_not_upload(self, adapter: Voximplant, provider: Provider) -> None:
        provider.put("/accounts/1", {"roles": {"no_uploads": True}})
        error = refusal(submit, adapter)
        assert (type(error), error.code) == (AccountRefused, "voximplant_100")

    @pytest.mark.parametrize(("put", "code"), [({"api_key": "another"}, 100), ({"active": False}, 131)])
    def test_an_account_that_is_refused(
        self, adapter: Voximplant, provider: Provider, put: dict[str, Any], code: int
    ) -> None:
        provider.put("/accounts/1", put)
        for call in (adapter.account, lambda: adapter.find(NAME), lambda: tasks(adapter, "1"), lambda: submit(adapter)):
            error = refusal(call)
            assert (type(error), error.code) == (AccountRefused, f"voximplant_{code}")
            assert "sandbox" not in error.message

    @pytest.mark.parametrize(
        ("info", "account"),
        [
            ({"balance": 5}, Account(5.0, None)),
            ({"balance": "5.5", "currency": "USD"}, Account(5.5, "USD")),
            ({"balance": 5, "live_balance": 4.5}, Account(4.5, None)),
            ({"balance": 5, "live_balance": None}, Account(5.0, None)),
            ({}, Account(None, None)),
        ],
    )
    def test_what_an_info_may_hold(self, info: dict[str, Any], account: Account) -> None:
        with serving(says(status(200, json.dumps({"result": info}).encode()))) as server:
            made = Voximplant(server.url, ApiKey("1", "k"), 5)
            assert made.account() == account
            made.close()


def test_the_key_never_stands_in_an_address() -> None:
    answers = [b'{"result": {}}', b'{"result": true, "list_id": 1, "count": 3}', b'{"result": [], "total_count": 0}']
    with serving(says(*(status(200, body) for body in answers), status(500))) as server:
        made = Voximplant(server.url, ApiKey("1", "secret-key"), 5)
        made.account()
        submit(made)
        assert made.status(Place("1")) is None
        assert type(refusal(tasks, made, "1")) is Unknown
        made.close()
        heads = [request.split(b"\r\n\r\n")[0] for request in server.requests]
        assert len(heads) == 4
        assert all(b"secret-key" not in head for head in heads)
        assert all(b"secret-key" in request for request in server.requests)
        assert all(head.startswith(b"POST /platform_api/") for head in heads)
