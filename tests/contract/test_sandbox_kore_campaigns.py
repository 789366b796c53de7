"""Kore.ai's voice campaigns: each request as its page writes it gets the documented answer from the sandbox."""

import re
from typing import Any

import pytest

from tests.contract.kore_caller import ACCOUNT, IID, OFFICE, V1, V2, Kore, campaign_body, people, trigger_path
from tests.patience import until

NAME = "Renewal Due - July 2025"
CAMPAIGN_KEYS = {
    *("name", "lname", "description", "priority", "dialingMode", "dialingStrategy", "experienceFlow", "status"),
    *("createdAt", "updatedAt", "contactLists", "enableMachineDetect"),
}


def test_create_version_1_and_read_it(kore: Kore) -> None:
    kore.make_list("Recent Buyers - Q2 2025")
    body = campaign_body("Recent Buyers - Q2 2025", days=OFFICE, zone="Asia/Kolkata", enableMachineDetect=False)
    del body["dncLists"]
    kore.switch(prepare_delay_ms=1000)
    told = kore.ask("POST", f"{V1}?campaignType=voice", body)
    assert told["message"] == "Campaign Product Feedback Voice Campaign creation in progress"
    assert set(told["data"]) == CAMPAIGN_KEYS | {"id"}
    assert told["data"]["status"] == "Preparing"
    assert told["data"]["dialingStrategy"] == body["dialingStrategy"]
    campaign = told["data"]["id"]
    assert campaign.startswith("cd-")
    until(lambda: kore.status(campaign) == "Ready")
    for read in (kore.ask("GET", f"{V1}/{campaign}"), kore.send("PUT", f"{V1}/{campaign}", json=None).json()):
        assert read["message"] == "Campaign Product Feedback Voice Campaign retrieved successfully"
        assert read["data"]["_id"] == campaign
        assert read["data"]["schedule"] == {"isSchedulingEnabled": False, "isRecurrenceEnabled": False}


@pytest.mark.parametrize("mode", ["Agentless", "Progressive", "Preview"])
def test_create_version_2(kore: Kore, mode: str) -> None:
    kore.put("/kore/dnc/DNC CL Dec 4", {"numbers": []})
    kore.make_list("CL Only 2020 Dec 4")
    body = campaign_body("CL Only 2020 Dec 4", dncLists={"name": "DNC CL Dec 4"}, dialingMode=mode)
    if mode != "Agentless":
        del body["experienceFlowName"], body["enableMachineDetect"]
        body["queue_name"] = "Default Queue"
    told = kore.ask("POST", f"{V2}?accountId={ACCOUNT}&campaignType=voice", body)["data"]
    absent = set() if mode == "Agentless" else {"experienceFlow", "enableMachineDetect"}
    assert set(told) == CAMPAIGN_KEYS - absent | {"id", "dncLists", "isFiltersEnabled"}
    assert told["dialingStrategy"] == body["dialingStrategy"] | {"useSystemMappings": False}
    assert told["dncLists"]["name"] == "DNC CL Dec 4"


def test_update_and_delete(kore: Kore) -> None:
    kore.make_list(NAME)
    campaign = kore.make_campaign(NAME)
    body = campaign_body(NAME, name="Product Feedback Voice Campaign-3.5")
    told = kore.ask("PUT", f"{V2}/{campaign}?accountId={ACCOUNT}&campaignType=sms", body)
    assert told["message"] == "Campaign Product Feedback Voice Campaign-3.5 details updated successfully"
    assert told["id"] == told["data"]["_id"] == campaign
    gone = kore.ask("DELETE", f"{V2}/{campaign}?accountId={ACCOUNT}&campaignType=voice")
    assert gone["message"] == "Campaign Product Feedback Voice Campaign-3.5 deleted successfully"
    assert kore.refused("GET", f"{V2}/{campaign}")[0] == 404


def test_start_stop_and_status_in_both_versions(kore: Kore) -> None:
    kore.fill(NAME, people(3))
    campaign = kore.make_campaign(NAME)
    old_path = f"/campaign/api/v1/public/{IID}/campaign/{campaign}?campaignType=voice&trigger="
    for start, stop in (
        (old_path + "play", old_path + "stop"),
        (trigger_path(campaign, "play"), trigger_path(campaign, "stop")),
    ):
        begun = kore.ask("POST", start, {})
        assert set(begun) == {"status", "message", "totalCallsCompleted", "updatedAt", "campaignInstanceId"}
        assert (begun["status"], begun["message"]) == ("Active", "Campaign Started")
        assert begun["totalCallsCompleted"] == 0
        assert begun["campaignInstanceId"].startswith("cid-")
        told = kore.send("POST", f"{V1}/{campaign}/status?view=status", json=None).json()
        assert told == {
            "status": "success",
            "data": {"id": campaign, "status": "Active", "name": "Product Feedback Voice Campaign"},
        }
        ended = kore.ask("POST", stop, {})
        assert set(ended) == {"status", "message", "updatedAt", "campaignInstanceId"}
        assert (ended["status"], ended["message"]) == ("Stopped", "Campaign Stopped")
        assert ended["campaignInstanceId"] == begun["campaignInstanceId"]
    path = f"{V2}/{campaign}/status?accountId={ACCOUNT}&view=status"
    assert kore.ask("POST", path, {})["data"]["status"] == "Stopped"


@pytest.mark.parametrize("root", [V1, V2])
def test_what_became_of_the_contacts(kore: Kore, root: str) -> None:
    kore.fill(NAME, people(3))
    campaign = kore.make_campaign(NAME)
    kore.trigger(campaign)
    kore.turn(60)
    told = kore.ask("POST", f"{root}/{campaign}/status?view=contacts", {"page": 2, "limit": 2})
    data = told["data"]
    assert {key: data[key] for key in data if key != "results"} == {
        "page": 2,
        "limit": 2,
        "totalPages": 2,
        "totalResults": 3,
    }
    row = data["results"][0]
    assert re.fullmatch("[0-9a-f]{24}", row.pop("botSessionId"))
    assert row == {
        "phoneNumber": "+12022000002",
        "uniqueId": people(3)[2]["uniqueId"],
        "dialerOutcome": "completed",
        "numberOfAttemptsSoFar": 1,
        "agentDispositionCodes": ["System Generated"],
        "botOutboundStatus": "userHangUp",
        "botOutboundStatusDetail": "user_hangup",
    }
    for wrong in ({"page": 0}, {"limit": 101}, {"limit": "all"}):
        assert kore.refused("POST", f"{root}/{campaign}/status?view=contacts", wrong)[0] == 400


def test_all_campaigns(kore: Kore) -> None:
    kore.make_list(NAME)
    made = []
    for number in range(3):
        made.append(kore.make_campaign(NAME, name=f"Campaign {number}", priority=str(number + 3)))
        kore.turn(60)
    asked = {"limit": 2, "skip": 0, "page": 1, "type": "voice", "sortBy": {"createdAt": "desc"}}
    told = kore.ask("POST", f"{V2}/getAllCampaignDetails?accountId={ACCOUNT}", asked)
    assert told["message"] == "Campaign  retrieved successfully"
    data = told["data"]
    assert [one["_id"] for one in data["results"]] == [made[2], made[1]]
    assert (data["hasMore"], data["totalPages"], data["totalResults"]) == (True, 2, 3)
    assert data["results"][0]["connection"] == "Voice Survey Entry Flow"
    assert data["results"][0]["contactLists"] == [NAME]
    filters = {"status": ["Ready", "Stopped"], "priority": [5], "dialingMode": ["Agentless"]}
    found = kore.ask("POST", f"{V1}/getAllCampaignDetails", {"type": "voice", "page": "", "filters": filters})
    assert [one["id"] for one in found["data"]["results"]] == [made[2]]
    ended = {"type": "voice", "endDate": "2020-01-01T00:00:00.000Z"}
    assert kore.ask("POST", f"{V2}/getAllCampaignDetails", ended)["data"]["totalResults"] == 0
    assert kore.refused("POST", f"{V2}/getAllCampaignDetails", {})[0] == 400


@pytest.mark.parametrize(
    ("change", "status", "blamed"),
    [
        ({"name": "n" * 49}, 400, "name must"),
        ({"priority": "6"}, 400, "priority must"),
        ({"priority": 5}, 400, "priority must"),
        ({"dialingMode": "Predictive"}, 400, "dialingMode must"),
        ({"contactLists": []}, 400, "contactLists must"),
        ({"contactLists": ["nowhere"]}, 404, "Contact list nowhere not found"),
        ({"dncLists": {"name": "nowhere"}}, 404, "DNC list nowhere not found"),
        ({"dncLists": None}, 400, "dncLists is required"),
        ({"experienceFlowName": ""}, 400, "experienceFlowName is required"),
        ({"enableMachineDetect": False}, 400, "enableMachineDetect must"),
        ({"campaignType": "sms"}, 400, "campaignType must"),
    ],
)
def test_what_a_campaign_must_be(kore: Kore, change: dict[str, Any], status: int, blamed: str) -> None:
    kore.make_list(NAME)
    told = kore.refused("POST", f"{V2}?campaignType=voice", campaign_body(NAME) | change)
    assert told[0] == status
    assert told[1].startswith(blamed)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("maxAttemptsPerRecord", 101),
        ("defaultRetryPeriod", 0),
        ("maxRingTime", 4),
        ("dialingOrder", "RANDOM"),
        ("callerId", {}),
        ("callingHours", {"frequency": "WEEKLY", "timezone": "Asia/Nowhere", "days": OFFICE}),
        ("callingHours", {"frequency": "HOURLY", "timezone": "UTC", "days": OFFICE}),
        ("callingHours", {"frequency": "WEEKLY", "timezone": "UTC", "days": []}),
        (
            "callingHours",
            {"frequency": "WEEKLY", "timezone": "UTC", "days": [{"day": "MO", "start": "9:00", "end": "18:00"}]},
        ),
    ],
)
def test_what_a_dialing_strategy_must_be(kore: Kore, key: str, value: Any) -> None:
    kore.make_list(NAME)
    body = campaign_body(NAME)
    body["dialingStrategy"][key] = value
    assert kore.refused("POST", f"{V2}?campaignType=voice", body)[0] == 400


def test_schedule_on_and_off(kore: Kore) -> None:
    kore.make_list(NAME)
    campaign = kore.make_campaign(NAME)
    path, name = f"{V2}/schedule", "Product Feedback Voice Campaign"
    body = {
        "startDateTime": "2099-01-27 18:29:00",
        "endDateTime": "2099-02-27 18:29:00",
        "recurrenceObject": {"recurType": "Daily", "dailyDetails": {"onceEveryNdays": 1}},
    }
    told = kore.ask("POST", f"{path}?enableSchedule=true&campaignName={name}", body)
    assert told == {"status": "success", "message": f"Campaign {name} scheduled successfully", "id": campaign}
    assert kore.status(campaign) == "Scheduled"
    assert kore.refused("POST", trigger_path(campaign, "play"), {})[0] == 400
    off = kore.ask("POST", f"{path}?enableSchedule=false&campaignName={name}", {})
    assert off["message"] == f"Campaign {name} schedule has been disabled successfully"
    assert kore.status(campaign) == "Ready"
