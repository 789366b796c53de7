"""Kore.ai's contacts in the sandbox: stored later, lost without a word, taken for duplicates; limits and faults."""

from typing import Any

import httpx
import pytest

from tests.contract.kore_caller import ACCOUNT, ADD, V2, Kore, campaign_body, headers, list_body, people, trigger_path
from tests.patience import until

NAME = "Renewal Due - July 2025"
IN_PROGRESS = {"message": "Adding contacts to public list is in progress"}
OVER_LIMIT = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."
LISTS = f"{V2}/contactList/getAllListDetails?type=call"


def adding(contacts: list[dict[str, Any]], name: str = NAME) -> dict[str, Any]:
    return {"contact_list_name": name, "data": contacts}


def stored(kore: Kore, list_id: str) -> list[str]:
    told = kore.ask("GET", f"{V2}/contactList/{list_id}/getAllContacts?accountId={ACCOUNT}")
    return [one["phoneNumber"] for one in told["data"]["results"]]


class TestStoring:
    def test_it_happens_after_the_answer(self, kore: Kore) -> None:
        kore.switch(add_delay_ms=1500)
        list_id = kore.make_list()
        assert kore.add(NAME, people(5)) == IN_PROGRESS
        assert kore.count(list_id) == 0
        assert stored(kore, list_id) == []
        until(lambda: kore.count(list_id) == 5)
        assert kore.ledger["lists"][0]["stored"] == 5

    def test_some_are_lost_and_nobody_says_so(self, kore: Kore) -> None:
        kore.put("/faults", [{"fault": "lose_contacts", "drop": 0.25, "times": 1}])
        list_id = kore.make_list()
        assert kore.add(NAME, people(40)) == IN_PROGRESS
        until(lambda: kore.count(list_id) == 30)
        kore.add(NAME, people(1, first=40))
        until(lambda: kore.count(list_id) == 31)
        assert set(stored(kore, list_id)) < {one["phoneNumber"] for one in people(41)}

    def test_late_visible(self, kore: Kore) -> None:
        kore.put("/faults", [{"fault": "late_visible", "methods": ["addContacts"], "seconds": 1.5}])
        list_id = kore.make_list()
        kore.add(NAME, people(3))
        until(lambda: kore.ledger["lists"][0]["stored"] == 3)
        assert kore.count(list_id) == 0
        until(lambda: kore.count(list_id) == 3)

    @pytest.mark.parametrize("key", ["phone", "uniqueId"])
    def test_duplicates_are_dropped_where_they_are_not_allowed(self, kore: Kore, key: str) -> None:
        kore.switch(duplicate_key=key)
        list_id = kore.make_list(allowDuplicates=False)
        one, two = people(2)
        kore.add(NAME, [one, one | {"uniqueId": "another"}])
        kore.add(NAME, [two | {"uniqueId": one["uniqueId"]}, one])
        until(lambda: kore.count(list_id) == 2)
        second = {"phone": two["phoneNumber"], "uniqueId": one["phoneNumber"]}[key]
        assert stored(kore, list_id) == [one["phoneNumber"], second]

    def test_duplicates_stay_where_they_are_allowed(self, kore: Kore) -> None:
        list_id = kore.make_list()
        kore.add(NAME, people(2) * 2)
        until(lambda: kore.count(list_id) == 4)

    @pytest.mark.parametrize(("policy", "count"), [("drop", 2), ("store", 4)])
    def test_contacts_without_a_usable_number(self, kore: Kore, policy: str, count: int) -> None:
        kore.switch(bad_phone=policy)
        sent = [*people(2), {"phoneNumber": "12"}, {"firstName": "Nobody"}]
        kore.fill(NAME, sent, stored=count)

    def test_or_the_request_is_refused(self, kore: Kore) -> None:
        kore.switch(bad_phone="refuse")
        list_id = kore.make_list()
        assert kore.refused("POST", ADD, adding([*people(2), {"phoneNumber": ""}]))[0] == 400
        kore.add(NAME, people(1))
        until(lambda: kore.count(list_id) == 1)

    def test_the_numbers_alone_come_back(self, kore: Kore) -> None:
        kore.switch(contact_fields="documented")
        list_id = kore.fill(NAME, people(1))
        told = kore.ask("GET", f"{V2}/contactList/{list_id}/getAllContacts?accountId={ACCOUNT}")["data"]["results"][0]
        assert set(told) == {"_id", "createdAt", "updatedAt", "phoneNumber"}

    def test_an_unknown_list(self, kore: Kore) -> None:
        assert kore.refused("POST", ADD, adding(people(1))) == (404, f"Contact list {NAME} not found")
        kore.switch(unknown_list="ignore")
        assert kore.add(NAME, people(1)) == IN_PROGRESS

    def test_too_many_contacts(self, kore: Kore) -> None:
        kore.switch(max_contacts=3)
        kore.fill(NAME, people(3))
        assert kore.refused("POST", ADD, adding(people(4)))[0] == 400

    @pytest.mark.parametrize("body", [{"contact_list_name": NAME}, adding([]), {"data": people(1)}])
    def test_what_is_required(self, kore: Kore, body: dict[str, Any]) -> None:
        kore.make_list()
        assert kore.refused("POST", ADD, body)[0] == 400

    def test_a_repeated_name(self, kore: Kore) -> None:
        first = kore.make_list()
        path = f"{V2}/contactList/createContactList"
        assert kore.refused("POST", path, list_body(NAME.upper()))[0] == 409
        kore.switch(repeated_list_name="accept")
        second = kore.make_list()
        kore.add(NAME, people(1))
        until(lambda: kore.count(second) == 1)
        kore.switch(list_by_name="oldest")
        kore.add(NAME, people(1))
        until(lambda: kore.count(first) == 1)

    @pytest.mark.parametrize(
        ("paging", "query", "begins"),
        [("skip", "skip=2", 2), ("page", "page=3&limit=2", 4), ("none", "skip=2&page=2", 0)],
    )
    def test_what_turns_the_page(self, kore: Kore, paging: str, query: str, begins: int) -> None:
        kore.switch(paging=paging)
        list_id = kore.fill(NAME, people(6))
        told = kore.ask("GET", f"{V2}/contactList/{list_id}/getAllContacts?{query}")["data"]
        assert told["results"][0]["phoneNumber"] == people(6)[begins]["phoneNumber"]


class TestRate:
    def test_sixty_a_minute(self) -> None:
        with Kore.running() as own:
            assert own.client.get("/kore/limits").json() == {"requests_per_minute": 60}
            assert [own.send("POST", LISTS).status_code for _ in range(60)] == [200] * 60
            over = own.send("POST", LISTS)
            assert (over.status_code, over.json()["message"]) == (429, OVER_LIMIT)
            assert "retry-after" not in over.headers
            assert own.send("POST", LISTS, headers=headers(accountId="another")).status_code == 200

    @pytest.mark.parametrize("status", ["400", "429", "200"])
    def test_how_it_is_told(self, kore: Kore, status: str) -> None:
        kore.switch(rate_status=status, retry_after="present")
        kore.put("/kore/limits", {"requests_per_minute": 1})
        kore.client.delete("/ledger")
        assert kore.send("POST", LISTS).status_code == 200
        over = kore.send("POST", ADD, adding(people(1)))
        assert (over.status_code, over.json()["message"]) == (int(status), OVER_LIMIT)
        assert 1 <= int(over.headers["retry-after"]) <= 60


class TestErrors:
    @pytest.mark.parametrize(
        ("form", "body"),
        [
            ("failure", {"status": "failure", "message": "Contact list not found"}),
            ("error", {"status": "error", "message": "Contact list not found"}),
            ("errors", {"errors": [{"msg": "Contact list not found", "code": 404}]}),
        ],
    )
    def test_the_forms_of_an_error(self, kore: Kore, form: str, body: dict[str, Any]) -> None:
        kore.switch(error_body=form)
        told = kore.send("GET", f"{V2}/contactList/cl-nowhere")
        assert (told.status_code, told.json()) == (404, body)
        kore.switch(error_http_status="200")
        assert kore.send("GET", f"{V2}/contactList/cl-nowhere").status_code == 200


class TestFaults:
    """Each general fault, on a request that stores and on one that dials."""

    def requests(self, kore: Kore, method: str) -> tuple[str, dict[str, Any]]:
        list_id = kore.make_list()
        if method == "addContacts":
            return ADD, adding(people(5))
        kore.add(NAME, people(5))
        until(lambda: kore.count(list_id) == 5)
        return trigger_path(kore.make_campaign(NAME), "play"), {}

    def done(self, kore: Kore, method: str) -> bool:
        told = kore.ledger["lists"][0]
        return bool(told["stored" if method == "addContacts" else "contacts"] == 5)

    @pytest.mark.parametrize("method", ["addContacts", "triggerCampaign"])
    @pytest.mark.parametrize("fault", ["accept_then_hang_up", "accept_then_500", "cut_body", "not_json", "store_late"])
    def test_carried_out_and_not_told(self, kore: Kore, fault: str, method: str) -> None:
        path, body = self.requests(kore, method)
        more = {"seconds": 0.3} if fault == "store_late" else {}
        kore.put("/faults", [{"fault": fault, "methods": [method], "times": 1, **more}])
        if fault in ("accept_then_hang_up", "cut_body", "store_late"):
            with pytest.raises(httpx.RemoteProtocolError):
                kore.send("POST", path, body)
        else:
            told = kore.send("POST", path, body)
            assert told.status_code == (500 if fault == "accept_then_500" else 200)
            assert ("message" in told.text) == (fault == "accept_then_500")
        until(lambda: self.done(kore, method))

    @pytest.mark.parametrize("method", ["addContacts", "triggerCampaign"])
    @pytest.mark.parametrize("fault", ["refuse", "throttle", "no_answer"])
    def test_not_carried_out(self, kore: Kore, fault: str, method: str) -> None:
        path, body = self.requests(kore, method)
        more = {"retry_after": 7} if fault == "throttle" else {}
        kore.put("/faults", [{"fault": fault, "methods": [method], "times": 1, **more}])
        if fault == "no_answer":
            with pytest.raises(httpx.ReadTimeout):
                kore.send("POST", path, body, timeout=0.3)
        else:
            told = kore.send("POST", path, body)
            assert told.json()["status"] == "failure"
            assert told.status_code == {"refuse": 400, "throttle": 429}[fault]
            assert told.headers.get("retry-after") == {"refuse": None, "throttle": "7"}[fault]
        assert not self.done(kore, method)
        kore.ask("POST", path, body)
        until(lambda: self.done(kore, method))

    @pytest.mark.parametrize("method", ["createContactList", "createCampaign"])
    def test_what_is_visible_late(self, kore: Kore, method: str) -> None:
        kore.put("/faults", [{"fault": "late_visible", "methods": [method], "seconds": 1.5}])
        list_id = kore.make_list()
        if method == "createContactList":
            assert kore.send("GET", f"{V2}/contactList/{list_id}").status_code == 404
            assert kore.ask("POST", LISTS)["data"] == []
            until(lambda: kore.send("GET", f"{V2}/contactList/{list_id}").status_code == 200)
            return
        campaign = kore.ask("POST", f"{V2}?campaignType=voice", campaign_body(NAME))["data"]["id"]
        assert kore.send("GET", f"{V2}/{campaign}").status_code == 404
        assert kore.ask("POST", f"{V2}/getAllCampaignDetails", {"type": "voice"})["data"]["results"] == []
        until(lambda: kore.send("GET", f"{V2}/{campaign}").status_code == 200)

    def test_partial_details(self, kore: Kore) -> None:
        list_id = kore.fill(NAME, people(40))
        campaign = kore.make_campaign(NAME)
        kore.trigger(campaign)
        kore.turn(60)
        kore.put("/faults", [{"fault": "partial_details", "part": 0.5}])
        assert 10 < len(stored(kore, list_id)) < 30
        assert 10 < len(kore.outcomes(campaign)) < 30

    def test_requests_are_booked_with_their_moment(self, kore: Kore) -> None:
        kore.make_list()
        kore.add(NAME, people(1))
        booked = [(one["provider"], one["method"]) for one in kore.client.get("/ledger/requests").json()]
        assert booked == [("kore", "createContactList"), ("kore", "addContacts")]
