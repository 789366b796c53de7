"""The rest of what Kore.ai's documents leave open: each switch changes what it says."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.contract.kore_caller import (
    ADD,
    IID,
    V1,
    V2,
    Kore,
    campaign_body,
    headers,
    list_body,
    people,
    token,
    trigger_path,
)
from tests.patience import until

NAME = "Renewal Due - July 2025"
HOUR = 3600
CREATE_LIST, CREATE = f"{V2}/contactList/createContactList", f"{V2}?campaignType=voice"


def played(kore: Kore, **more: Any) -> str:
    campaign = kore.make_campaign(NAME, **more)
    kore.trigger(campaign)
    return campaign


@pytest.mark.parametrize(("key", "other"), [("name", "name1"), ("name1", "name")])
def test_the_key_of_a_lists_name(kore: Kore, key: str, other: str) -> None:
    kore.switch(list_name_key=key)
    body = list_body()
    name = body.pop("name")
    assert kore.refused("POST", CREATE_LIST, body | {other: name})[1] == f"{key} is required"
    assert kore.ask("POST", CREATE_LIST, body | {key: name})["data"]["name"] == NAME


@pytest.mark.parametrize(
    ("source", "other"), [("passiveApi", "passiveApiIntegration"), ("passiveApiIntegration", "passiveApi")]
)
def test_the_source_of_a_list(kore: Kore, source: str, other: str) -> None:
    kore.switch(source=source)
    assert kore.refused("POST", CREATE_LIST, list_body(source=other))[1] == f"source must be {source}"
    kore.make_list(source=source)


def test_the_older_answer_of_add_contacts(kore: Kore) -> None:
    kore.switch(add_answer="status_and_message")
    kore.make_list()
    assert kore.add(NAME, people(1)) == {"status": "success", "message": "Contacts queued for addition."}


def test_a_smaller_page_of_contacts(kore: Kore) -> None:
    kore.switch(contacts_max_limit=2)
    list_id = kore.fill(NAME, people(5))
    data = kore.ask("GET", f"{V2}/contactList/{list_id}/getAllContacts?limit=50")["data"]
    assert (len(data["results"]), data["limit"], data["totalPages"]) == (2, 2, 3)


def test_a_repeated_campaign_name(kore: Kore) -> None:
    kore.make_list()
    first = kore.make_campaign(NAME)
    assert kore.make_campaign(NAME) != first
    kore.switch(repeated_campaign_name="refuse")
    assert kore.refused("POST", CREATE, campaign_body(NAME))[0] == 409


def test_a_campaign_without_a_dnc_list(kore: Kore) -> None:
    kore.make_list()
    body = campaign_body(NAME)
    del body["dncLists"]
    assert kore.refused("POST", CREATE, body)[1] == "dncLists is required"
    kore.switch(dnc_list="optional")
    assert "dncLists" not in kore.ask("POST", CREATE, body)["data"]


def test_the_global_dnc_list_need_not_be_named(kore: Kore) -> None:
    with Kore.running() as own:
        own.as_new().put("/kore/dnc/Default Global DNC", {"numbers": [people(1)[0]["phoneNumber"]]})
        own.put("/kore/dnc/Other", {"numbers": []})
        own.fill(NAME, people(3))
        played(own, dncLists={"name": "Other"})
        assert own.ledger["contacts"] == 2


def test_play_while_preparing(kore: Kore) -> None:
    kore.switch(prepare_delay_ms=60_000, play_preparing="accept")
    kore.fill(NAME, people(2))
    campaign = kore.ask("POST", CREATE, campaign_body(NAME))["data"]["id"]
    assert kore.ask("POST", trigger_path(campaign, "play"), {})["status"] == "Active"


def test_what_continues_is_no_more_than_what_was_stopped(kore: Kore) -> None:
    kore.switch(play_again="continues")
    kore.fill(NAME, people(2))
    campaign = played(kore)
    kore.turn(HOUR)
    assert kore.refused("POST", trigger_path(campaign, "play"), {})[1] == "Campaign is already completed"
    assert kore.ledger["called_twice"] == 0


def test_priorities_may_mean_nothing(kore: Kore) -> None:
    kore.switch(simultaneous=1, priority="ignored")
    kore.fill(NAME, people(20))
    urgent, patient = played(kore, priority="5"), played(kore, priority="1", name="Patient")
    assert [len(kore.outcomes(one)) for one in (urgent, patient)] == [1, 1]


@pytest.mark.parametrize(("words", "said"), [("camel", "noAnswer"), ("snake", "no_answer")])
def test_the_words_of_outcomes(kore: Kore, words: str, said: str) -> None:
    kore.switch(outcome_words=words, view_unique_id="blank")
    kore.put("/outcomes", {"no answer": 1})
    kore.fill(NAME, people(1))
    campaign = played(kore)
    kore.turn(HOUR)
    told = kore.outcomes(campaign)[0]
    assert (told["dialerOutcome"], told["uniqueId"], told["botOutboundStatus"]) == (said, "", "")


@pytest.mark.parametrize(("zone", "hour"), [("campaign", 5), ("utc", 10)])
def test_the_zone_of_a_schedule(kore: Kore, zone: str, hour: int) -> None:
    kore.switch(schedule_zone=zone)
    kore.turn_to(0, 0)
    kore.fill(NAME, people(1))
    kore.make_campaign(NAME, zone="Asia/Karachi")  # five hours ahead of UTC, all year
    day = datetime.fromtimestamp(kore.client.get("/clock").json()["now"], UTC).date()
    body = {
        "startDateTime": f"{day} 10:00:00",
        "endDateTime": "2099-01-01 10:00:00",
        "recurrenceObject": {"recurType": "Daily", "dailyDetails": {"onceEveryNdays": 1}},
    }
    name = "Product Feedback Voice Campaign"
    kore.ask("POST", f"{V2}/schedule?enableSchedule=true&campaignName={name}", body)
    kore.turn(hour * HOUR - 60)
    assert kore.ledger["contacts"] == 0
    kore.turn(120)
    until(lambda: kore.ledger["contacts"] == 1)


def test_a_schedule_must_name_a_campaign_and_a_truth(kore: Kore) -> None:
    kore.make_list()
    kore.make_campaign(NAME)
    assert kore.refused("POST", f"{V2}/schedule?enableSchedule=true&campaignName=nowhere", {})[0] == 404
    name = "Product Feedback Voice Campaign"
    assert kore.refused("POST", f"{V2}/schedule?enableSchedule=perhaps&campaignName={name}", {})[0] == 400
    assert kore.refused("POST", f"{V2}/schedule?enableSchedule=true&campaignName={name}", {})[0] == 400


def test_campaigns_sorted_by_name(kore: Kore) -> None:
    kore.make_list()
    for name in ("b", "c", "a"):
        kore.make_campaign(NAME, name=name)
    asked = {"type": "voice", "sortBy": {"name": "asc"}}
    told = kore.ask("POST", f"{V2}/getAllCampaignDetails", asked)["data"]["results"]
    assert [one["name"] for one in told] == ["a", "b", "c"]
    assert kore.refused("POST", f"{V2}/getAllCampaignDetails", asked | {"sortBy": {"size": "asc"}})[0] == 400
    assert kore.ask("POST", f"{V1}/getAllCampaignDetails", {"type": "sms"})["data"]["results"] == []


def test_requests_for_another_account_than_the_headers(kore: Kore) -> None:
    path = f"{V2}/contactList/getAllListDetails"
    assert kore.refused("POST", f"{path}?accountId=another")[0] == 401
    assert kore.refused("POST", path, headers=headers(iid="st-other"))[0] == 401
    alone = {"auth": token(), "iid": IID}
    assert kore.refused("POST", path, headers=alone)[0] == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/kore/limits", {"requests_per_minute": -1}),
        ("/kore/limits", {"per_hour": 1}),
        ("/kore/apps/cs-1", {"account_id": "a"}),
        ("/kore/apps/cs-1", {"secret": "s", "iid": 7}),
        ("/kore/dnc/x", {"numbers": [1]}),
    ],
)
def test_a_control_that_is_wrong_is_refused(kore: Kore, path: str, body: dict[str, Any]) -> None:
    told = kore.client.put(path, json=body)
    assert told.status_code == 400
    assert set(told.json()["error"]) == {"code", "message"}


def test_large_lists_are_read_whole(kore: Kore) -> None:
    contacts = [{"phoneNumber": f"+1{2_022_000_000 + at}", "uniqueId": str(at)} for at in range(5000)]
    kore.switch(contacts_max_limit=1000, simultaneous=1000)
    list_id = kore.make_list()
    for first in range(0, 5000, 1000):
        kore.ask("POST", ADD, {"contact_list_name": NAME, "data": contacts[first : first + 1000]})
    until(lambda: kore.count(list_id) == 5000)
    path = f"{V2}/contactList/{list_id}/getAllContacts?limit=1000"
    pages = [kore.ask("GET", f"{path}&skip={skip}")["data"]["results"] for skip in range(0, 5000, 1000)]
    assert {one["uniqueId"] for page in pages for one in page} == {str(at) for at in range(5000)}
    campaign = played(kore)
    kore.turn(HOUR)
    told: set[str] = set()
    for page in range(1, 51):
        data = kore.ask("POST", f"{V2}/{campaign}/status?view=contacts", {"page": page, "limit": 100})["data"]
        told |= {one["uniqueId"] for one in data["results"] if one["dialerOutcome"] == "completed"}
    assert len(told) == 5000
    assert (kore.ledger["contacts"], kore.ledger["called_twice"]) == (5000, 0)
