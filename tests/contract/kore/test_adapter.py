"""Kore.ai's adapter against the sandbox, which was written from the documents: lists, contacts, and who may ask."""

import re
import time
from typing import Any

import pytest

from tests.contract.kore_case import (
    IID,
    NAME,
    OPTIONS,
    TOKEN,
    V2,
    MakingRoom,
    adapter_at,
    create,
    headers,
    payload,
    place,
    refusal,
    step,
    submit,
    switch,
    who,
)
from tests.house import Provider, some_numbers
from tests.patience import until
from tests.unit.wire_server import says, serving, status
from worker.errors import AccountRefused, ConfigError, NotSent, Refused, Throttled, Unknown
from worker.providers.base import Accepted, Made, Opening
from worker.providers.kore import KIND, Kore

V1 = f"/agentassist/api/v1/public/{IID}/campaign"


def everybody(rows: int, first: int = 0) -> list[tuple[str, int]]:
    numbers = some_numbers(rows, first)
    return [(f"{TOKEN}:{row}", int(number)) for row, number in enumerate(numbers, first + 1)]


def raw_list(provider: Provider, reference: str) -> dict[str, Any]:
    answer = provider.client.get(f"{V2}/contactList/{reference}", headers=headers())
    found: dict[str, Any] = answer.json()["data"]
    return found


class TestSteps:
    def test_a_list_is_made_and_then_filled(self, adapter: Kore, provider: Provider) -> None:
        made = step(adapter, "create_list")
        assert isinstance(made, Made)
        assert [(one["reference"], one["name"]) for one in provider.ledger["lists"]] == [(made.reference, NAME)]
        assert step(adapter, "add_contacts", made.reference) == Accepted(made.reference, None)
        until(lambda: who(adapter, made.reference) == everybody(3))

    def test_how_it_is_made(self, newer: Kore, provider: Provider) -> None:
        told = raw_list(provider, create(newer))
        assert told["description"] == f"Uploaded by Rollcall as {NAME}"
        assert (told["allowDuplicates"], told["totalRecordCount"]) == (False, 0)

    def test_chunk_after_chunk(self, adapter: Kore) -> None:
        reference = submit(adapter, payload(30))
        assert submit(adapter, payload(20, first=30), reference) == reference
        assert who(adapter, reference) == everybody(50)

    def test_adding_goes_on_after_the_answer(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, add_delay_ms=300)
        reference = create(adapter)
        step(adapter, "add_contacts", reference)
        assert who(adapter, reference) == []
        until(lambda: len(who(adapter, reference)) == 3)

    def test_the_older_answer(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, add_answer="status_and_message")
        assert len(who(adapter, submit(adapter))) == 3

    def test_what_the_columns_hold_arrives(self, newer: Kore, provider: Provider) -> None:
        content = payload(1, firstName='"Zoë, ""Z"""', timeZone="Europe/Madrid", email="z@example.org", lastName="")
        reference = submit(newer, content)
        answer = provider.client.get(f"{V2}/contactList/{reference}/getAllContacts", headers=headers())
        [contact] = answer.json()["data"]["results"]
        told = {"phoneNumber": "12022000000", "uniqueId": f"{TOKEN}:1", "firstName": 'Zoë, "Z"'}
        assert contact.items() >= (told | {"timeZone": "Europe/Madrid", "email": "z@example.org"}).items()
        assert "lastName" not in contact

    def test_numbers_with_a_plus(self, provider: Provider) -> None:
        with adapter_at(provider, plus=True) as adapter:
            reference = submit(adapter)
            assert who(adapter, reference) == everybody(3)
        answer = provider.client.get(f"{V2}/contactList/{reference}/getAllContacts", headers=headers())
        assert {one["phoneNumber"][0] for one in answer.json()["data"]["results"]} == {"+"}

    @pytest.mark.parametrize("name", [f"Ünï ☎ «x» [{TOKEN}-1]", f"a+b & c=d?#%20/; [{TOKEN}-1]", "n" * 48])
    def test_odd_names(self, adapter: Kore, name: str) -> None:
        reference = create(adapter, list_name=name)
        assert [found.name for found in adapter.find(name)] == [name]
        step(adapter, "add_contacts", reference, list_name=name)
        until(lambda: len(who(adapter, reference)) == 3)

    def test_a_list_that_was_renamed_is_filled_under_its_new_name(self, adapter: Kore, provider: Provider) -> None:
        reference = create(adapter)
        new = f"Sommer [{TOKEN}-1]"
        provider.client.put(f"{V1}/contactList/{reference}", headers=headers(), json={"name": new})
        submit(adapter, reference=reference)
        assert [(found.reference, found.name, found.count) for found in adapter.find(NAME)] == [(reference, new, 3)]

    def test_a_list_that_is_gone(self, adapter: Kore, provider: Provider) -> None:
        reference = create(adapter)
        provider.client.delete(f"{V2}/contactList/{reference}", headers=headers())
        error = refusal(step, adapter, "add_contacts", reference)
        assert (type(error), error.code, error.http_status) == (Refused, "kore_not_found", 404)
        assert adapter.status(place(reference)) is None

    def test_too_many_at_a_time(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, max_contacts=2)
        assert type(refusal(step, adapter, "add_contacts", create(adapter))) is Refused

    def test_a_number_stands_in_a_list_once(self, adapter: Kore) -> None:
        """What may have been stored, and is added again, calls nobody twice."""
        reference = submit(adapter)
        step(adapter, "add_contacts", reference, payload(4))
        until(lambda: len(who(adapter, reference)) == 4)


class TestSpellings:
    @pytest.mark.parametrize(("key", "source"), [("name", "passiveApi"), ("name1", "passiveApiIntegration")])
    @pytest.mark.parametrize("api", ["v1", "v2"])
    def test_each_of_the_pages(self, provider: Provider, key: str, source: str, api: str) -> None:
        switch(provider, list_name_key=key, source=source)
        with adapter_at(provider, api=api, name_field=key, source=source) as adapter:
            assert len(who(adapter, submit(adapter))) == 3

    @pytest.mark.parametrize("told", [{"name_field": "name1"}, {"source": "passiveApiIntegration"}])
    def test_the_wrong_one_is_refused(self, provider: Provider, told: dict[str, Any]) -> None:
        switch(provider, list_name_key="name", source="passiveApi")
        with adapter_at(provider, **told) as adapter:
            assert type(refusal(create, adapter)) is Refused

    def test_the_contacts_id_under_another_name(self, provider: Provider) -> None:
        with adapter_at(provider, unique_id_field="customerRef") as adapter:
            assert who(adapter, submit(adapter)) == everybody(3)


class TestDoubt:
    """A list may be made again only where a complete look does not show it."""

    @pytest.mark.parametrize("fault", ["accept_then_hang_up", "accept_then_500", "cut_body", "not_json"])
    def test_a_list_that_was_made_is_adopted(self, adapter: Kore, provider: Provider, fault: str) -> None:
        provider.faults({"fault": fault, "methods": ["createContactList"], "times": 1})
        assert type(refusal(create, adapter)) is Unknown
        reference = create(adapter)
        assert [one["reference"] for one in provider.ledger["lists"]] == [reference]

    def test_several_are_for_a_person(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, repeated_list_name="accept")
        body = {"name": NAME, "description": "d", "source": "passiveApi"}
        for _ in range(2):
            provider.client.post(f"{V2}/contactList/createContactList", json=body, headers=headers())
        error = refusal(create, adapter)
        assert isinstance(error, NotSent)
        assert (error.code, error.fault) == ("several_lists", True)
        assert len(adapter.find(NAME)) == 2

    def test_a_name_that_exists_and_is_not_seen_yet(self, adapter: Kore, provider: Provider) -> None:
        provider.faults({"fault": "late_visible", "seconds": 0.5, "methods": ["createContactList"], "times": 1})
        reference = create(adapter)
        assert adapter.find(NAME) == []
        assert type(refusal(create, adapter)) is Unknown
        until(lambda: [one.reference for one in adapter.find(NAME)] == [reference])
        assert create(adapter) == reference

    def test_a_name_that_exists_and_is_refused_as_http_200(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, error_http_status="200")
        provider.faults({"fault": "late_visible", "seconds": 60, "methods": ["createContactList"], "times": 1})
        create(adapter)
        error = refusal(create, adapter)
        assert (type(error), error.code) == (Unknown, "kore_already")

    @pytest.mark.parametrize("method", ["getAllContactLists", "getContactList"])
    def test_a_failed_look_leaves_nothing_in_doubt(self, adapter: Kore, provider: Provider, method: str) -> None:
        reference = create(adapter, list_name="another")
        provider.faults({"fault": "accept_then_500", "methods": [method]})
        name = "create_list" if method == "getAllContactLists" else "add_contacts"
        error = refusal(step, adapter, name, reference)
        assert isinstance(error, NotSent)
        assert not error.ours
        assert "nothing was sent" in error.message
        assert len(provider.ledger["lists"]) == 1

    @pytest.mark.parametrize("fault", ["accept_then_hang_up", "accept_then_500", "cut_body", "not_json"])
    def test_contacts_that_may_have_arrived(self, adapter: Kore, provider: Provider, fault: str) -> None:
        reference = create(adapter)
        provider.faults({"fault": fault, "methods": ["addContacts"], "times": 1})
        assert type(refusal(step, adapter, "add_contacts", reference)) is Unknown
        until(lambda: len(who(adapter, reference)) == 3)

    def test_silence(self, adapter: Kore, provider: Provider) -> None:
        reference = create(adapter)
        provider.faults({"fault": "no_answer", "methods": ["addContacts"]})
        began = time.monotonic()
        error = refusal(step, adapter, "add_contacts", reference, seconds=0.4)
        assert (type(error), error.code) == (Unknown, "read_timeout")
        assert time.monotonic() - began < 3

    @pytest.mark.parametrize("told", [{"machine_detect": "disconnect"}, {"dnc_list": "Opt-outs"}])
    def test_what_version_1_cannot_do_is_said_first(self, provider: Provider, told: dict[str, Any]) -> None:
        with adapter_at(provider, api="v1") as adapter:
            error = refusal(create, adapter, options=OPTIONS | told)
        assert (type(error), error.code) == (NotSent, "needs_version_2")
        assert provider.ledger["lists"] == []


class TestFind:
    def test_none_and_one(self, adapter: Kore) -> None:
        for number in (2, 11):
            create(adapter, list_name=f"spring [{TOKEN}-{number}]")
        assert adapter.find(NAME) == []
        reference = submit(adapter)
        [found] = adapter.find(NAME)
        assert (found.reference, found.name, found.status, found.complete, found.count) == (
            reference,
            NAME,
            "Ready",
            False,
            3,
        )

    def test_by_the_token_at_the_end(self, adapter: Kore) -> None:
        reference = create(adapter, list_name=f"spr?ng [{TOKEN}-1]")
        assert [one.reference for one in adapter.find(f"sprüng [{TOKEN}-1]")] == [reference]

    def test_status_and_numbers(self, adapter: Kore) -> None:
        reference = submit(adapter)
        found = adapter.status(place(reference))
        assert found is not None
        assert (found.reference, found.status, found.complete, found.count) == (reference, "Ready", False, 3)
        assert adapter.tallies(place(reference)) == {"totalRecordCount": 3}

    @pytest.mark.parametrize("body", ["failure", "error", "errors"])
    @pytest.mark.parametrize("code", ["4xx", "200"])
    def test_none_in_every_form_of_an_error(self, adapter: Kore, provider: Provider, body: str, code: str) -> None:
        switch(provider, error_body=body, error_http_status=code)
        assert adapter.status(place("cl-424242")) is None
        assert type(refusal(who, adapter, "cl-424242")) is Refused
        assert type(refusal(create, adapter, list_name="n" * 49)) is Refused


class TestContacts:
    def test_page_after_page(self, adapter: Kore) -> None:
        assert who(adapter, submit(adapter, payload(120))) == everybody(120)

    def test_nobody(self, adapter: Kore) -> None:
        assert who(adapter, create(adapter)) == []

    def test_smaller_pages_than_asked_for(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, contacts_max_limit=7)
        assert who(adapter, submit(adapter, payload(30))) == everybody(30)

    def test_by_pages(self, provider: Provider) -> None:
        switch(provider, paging="page")
        with adapter_at(provider, paging="page") as adapter:
            assert who(adapter, submit(adapter, payload(120))) == everybody(120)

    @pytest.mark.parametrize("paging", ["page", "none"])
    def test_pages_that_do_not_move_are_no_whole_read(self, adapter: Kore, provider: Provider, paging: str) -> None:
        reference = submit(adapter, payload(120))
        switch(provider, paging=paging)
        error = refusal(who, adapter, reference)
        assert type(error) is Unknown
        assert "own.paging" in error.message

    def test_the_documented_fields_alone(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, contact_fields="documented")
        found = who(adapter, submit(adapter))
        assert sorted(number for _, number in found) == [number for _, number in everybody(3)]
        assert {uuid for uuid, _ in found} == {None}

    def test_a_silent_loss_shows(self, adapter: Kore, provider: Provider) -> None:
        provider.faults({"fault": "lose_contacts", "drop": 0.2, "methods": ["addContacts"], "times": 1})
        reference = create(adapter)
        assert step(adapter, "add_contacts", reference, payload(20)) == Accepted(reference, None)
        until(lambda: len(who(adapter, reference)) == 16)
        assert set(who(adapter, reference)) < set(everybody(20))

    def test_a_chunk_that_is_lost_whole_shows(self, adapter: Kore, provider: Provider) -> None:
        reference = create(adapter)
        provider.faults({"fault": "lose_contacts", "drop": 1, "methods": ["addContacts"], "times": 1})
        step(adapter, "add_contacts", reference)
        submit(adapter, payload(2, first=10), reference)
        assert who(adapter, reference) == everybody(2, first=10)

    def test_a_read_takes_its_time_in_all_and_no_more(self, provider: Provider) -> None:
        with adapter_at(provider) as adapter:
            reference = submit(adapter, payload(120))
        provider.faults({"fault": "slow", "seconds": 0.3, "methods": ["getAllContacts"]})
        began = time.monotonic()
        with adapter_at(provider, read_deadline=0.5) as hurried:
            error = refusal(who, hurried, reference)
        assert error.code in ("read_timeout", "deadline_passed")
        assert time.monotonic() - began < 3


class TestAccount:
    def test_the_credential_is_asked_about(self, adapter: Kore) -> None:
        assert adapter.account() is None

    @pytest.mark.parametrize("body", ["failure", "error", "errors"])
    @pytest.mark.parametrize("code", ["4xx", "200"])
    def test_a_wrong_secret(self, provider: Provider, body: str, code: str) -> None:
        switch(provider, error_body=body, error_http_status=code)
        with adapter_at(provider, secret=f"not {'x' * 40}") as stranger:
            for call in (stranger.account, lambda: create(stranger)):
                error = refusal(call)
                assert (type(error), error.code) == (AccountRefused, "kore_account")
        assert provider.ledger["lists"] == []

    @pytest.mark.parametrize("told", [{}, {"account_id": "acc-1"}, {"secret": "s"}])
    def test_without_a_credential(self, told: dict[str, str]) -> None:
        own = KIND.check_own({"iid": IID, "client_id": "cs-1"})
        with pytest.raises(ConfigError) as raised:
            KIND.connect(Opening(url=None, own=own, **told))  # type: ignore[arg-type]
        assert raised.value.code == "no_credentials"


class TestRate:
    @pytest.mark.parametrize(("code", "header"), [("429", "absent"), ("400", "absent"), ("200", "present")])
    def test_the_limit(self, adapter: Kore, provider: Provider, code: str, header: str) -> None:
        switch(provider, rate_status=code, retry_after=header)
        reference = create(adapter)
        provider.put("/kore/limits", {"requests_per_minute": 1})
        error = refusal(step, adapter, "add_contacts", reference)
        assert isinstance(error, Throttled)
        assert (error.code, error.http_status) == ("kore_rate_limit", int(code))
        assert error.retry_after is not None
        assert 10 <= error.retry_after <= 60
        provider.put("/kore/limits", {"requests_per_minute": 0})
        assert who(adapter, reference) == []

    @pytest.mark.parametrize(("header", "least"), [("absent", 10), ("present", 50)])
    def test_a_long_read_waits_where_it_is_told_to_and_goes_on(
        self, provider: Provider, header: str, least: float
    ) -> None:
        switch(provider, retry_after=header)
        with adapter_at(provider) as adapter:
            reference = submit(adapter, payload(170))
        with adapter_at(provider, read_deadline=600, pace=(pace := MakingRoom(provider))) as limited:
            assert who(limited, reference) == everybody(170)
        assert len(pace.waits) >= 4  # one for each page
        assert all(least <= seconds <= 60 for seconds in pace.waits)

    def test_the_documented_limit_is_the_accounts(self) -> None:
        assert KIND.capabilities.requests_per_second == 1.0


def test_who_asks_stands_where_the_pages_say() -> None:
    """The account in the query and a header, the application in path and header, the token bare."""
    made = b'{"status":"success","data":{"_id":"cl-1"}}'
    answers = [
        b'{"status":"success","data":[]}',
        made,
        b'{"data":{"_id":"cl-1","name":"n"}}',
        b'{"message":"in progress"}',
    ]
    with serving(says(*[status(200, one) for one in answers])) as server, adapter_at(server) as adapter:
        reference = create(adapter)
        step(adapter, "add_contacts", reference)
    heads = [request.partition(b"\r\n\r\n")[0].decode().splitlines() for request in server.requests]
    assert [head[0].split("?")[0] for head in heads] == [
        f"POST {V2}/contactList/getAllListDetails",
        f"POST {V2}/contactList/createContactList",
        f"GET {V2}/contactList/cl-1",
        f"POST /api/1.1/public/{IID}/campaign/contactList/addContacts",
    ]
    for head in heads:
        assert "accountId=acc-1" in head[0]
        told = dict(line.split(": ", 1) for line in head[1:])
        assert (told["iid"], told["accountId"]) == (IID, "acc-1")
        assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", told["auth"])
    assert [request.count(b"application/json") for request in server.requests] == [0, 1, 0, 1]
