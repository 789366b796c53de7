"""Kore.ai's campaigns in the sandbox: when they dial, whom, and what the ledger makes of a second time."""

from typing import Any

import pytest

from tests.contract.kore_caller import ALWAYS, OFFICE, TOKEN, V2, Kore, campaign_body, people, trigger_path
from tests.patience import until

NAME = f"Renewal Due [{TOKEN}-1]"
HOUR = 3600
MONDAY, FRIDAY, SATURDAY = 0, 4, 5


def attempts(kore: Kore, campaign: str) -> list[int]:
    return [one["numberOfAttemptsSoFar"] for one in kore.outcomes(campaign)]


def called(kore: Kore, campaign: str) -> list[str]:
    return [one["phoneNumber"] for one in kore.outcomes(campaign)]


def played(kore: Kore, *lists: str, **more: Any) -> str:
    campaign = kore.make_campaign(*(lists or (NAME,)), **more)
    kore.trigger(campaign)
    return campaign


class TestLedger:
    def test_a_list_that_is_never_played_calls_nobody(self, kore: Kore) -> None:
        kore.fill(NAME, people(4))
        kore.make_campaign(NAME)
        kore.turn(HOUR)
        told = kore.ledger
        assert (told["contacts"], told["called_twice"]) == (0, 0)
        assert [(one["name"], one["stored"], one["contacts"]) for one in told["lists"]] == [(NAME, 4, 0)]

    def test_one_play_calls_each_once(self, kore: Kore) -> None:
        kore.fill(NAME, people(4))
        campaign = played(kore)
        kore.turn(HOUR)
        assert kore.status(campaign) == "Completed"
        assert (kore.ledger["contacts"], kore.ledger["called_twice"]) == (4, 0)
        lines = kore.client.get("/ledger/contacts").text.splitlines()
        assert [line.split(",")[1] for line in lines[1:]] == [one["uniqueId"] for one in people(4)]

    def test_the_same_person_twice_in_a_list(self, kore: Kore) -> None:
        one, two = people(2)
        kore.fill(NAME, [one, two, one])
        played(kore)
        assert kore.ledger["called_twice"] == 2  # the person's id and the person's number

    def test_the_same_person_in_two_lists_of_one_upload(self, kore: Kore) -> None:
        kore.fill(NAME, people(3))
        other = NAME.replace("-1]", "-2]")
        kore.fill(other, people(3, first=2))
        played(kore, NAME, other)
        assert (kore.ledger["contacts"], kore.ledger["called_twice"]) == (6, 2)

    def test_two_campaigns_over_one_list(self, kore: Kore) -> None:
        kore.fill(NAME, people(3))
        played(kore)
        assert kore.ledger["called_twice"] == 0
        played(kore, name="Another")
        assert (kore.ledger["contacts"], kore.ledger["called_twice"]) == (6, 6)

    @pytest.mark.parametrize("ended", ["Completed", "Stopped"])
    def test_playing_once_more_calls_everybody_once_more(self, kore: Kore, ended: str) -> None:
        kore.fill(NAME, people(3))
        campaign = played(kore)
        kore.turn(HOUR)
        assert kore.status(campaign) == "Completed"
        if ended == "Stopped":
            kore.trigger(campaign)
            kore.trigger(campaign, "stop")
        before = kore.ledger["contacts"]
        again = kore.trigger(campaign)
        assert again["status"] == kore.status(campaign) == "Active"
        assert kore.ledger["contacts"] == before + 3
        assert kore.ledger["called_twice"] == 6
        kore.turn(HOUR)
        assert attempts(kore, campaign) == [1, 1, 1]

    def test_unless_it_is_refused(self, kore: Kore) -> None:
        kore.switch(play_again="refused")
        kore.fill(NAME, people(3))
        campaign = played(kore)
        assert kore.refused("POST", trigger_path(campaign, "play"), {})[1] == "Campaign is already active"
        kore.turn(HOUR)
        assert kore.refused("POST", trigger_path(campaign, "play"), {})[1] == "Campaign is already completed"
        assert (kore.ledger["contacts"], kore.ledger["called_twice"]) == (3, 0)

    def test_an_active_campaign_may_be_begun_again_too(self, kore: Kore) -> None:
        kore.switch(play_active="dials_again")
        kore.fill(NAME, people(3))
        campaign = played(kore)
        kore.trigger(campaign)
        assert kore.ledger["called_twice"] == 6

    def test_whom_a_dnc_list_names_is_not_called(self, kore: Kore) -> None:
        kore.put("/kore/dnc/Do not call", {"numbers": [people(3)[1]["phoneNumber"]]})
        kore.fill(NAME, people(3))
        campaign = played(kore, dncLists={"name": "Do not call"})
        kore.turn(HOUR)
        assert called(kore, campaign) == [people(3)[0]["phoneNumber"], people(3)[2]["phoneNumber"]]
        assert kore.ledger["contacts"] == 2

    @pytest.mark.parametrize(("policy", "count"), [("at_create", 2), ("at_play", 4), ("live", 6)])
    def test_which_contacts_a_run_takes(self, kore: Kore, policy: str, count: int) -> None:
        kore.switch(call_list=policy)
        list_id = kore.fill(NAME, people(2))
        campaign = kore.make_campaign(NAME)
        kore.add(NAME, people(2, first=2))
        until(lambda: kore.count(list_id) == 4)
        kore.trigger(campaign)
        kore.add(NAME, people(2, first=4))
        until(lambda: kore.count(list_id) == 6)
        kore.turn(HOUR)
        assert len(called(kore, campaign)) == kore.ledger["contacts"] == count


class TestLife:
    def test_preparing(self, kore: Kore) -> None:
        kore.switch(prepare_delay_ms=1500)
        kore.fill(NAME, people(1))
        campaign = kore.ask("POST", f"{V2}?campaignType=voice", campaign_body(NAME))["data"]["id"]
        assert kore.status(campaign) == "Preparing"
        assert kore.refused("POST", trigger_path(campaign, "play"), {})[0] == 400
        until(lambda: kore.status(campaign) == "Ready")
        kore.trigger(campaign)
        assert kore.status(campaign) == "Active"

    def test_a_campaign_over_an_empty_list_is_over_at_once(self, kore: Kore) -> None:
        kore.make_list(NAME)
        assert kore.status(played(kore)) == "Completed"
        assert kore.ledger["contacts"] == 0

    def test_a_list_in_use(self, kore: Kore) -> None:
        list_id = kore.fill(NAME, people(1))
        campaign = kore.make_campaign(NAME)

        def use() -> tuple[bool, list[Any]]:
            data = kore.ask("GET", f"{V2}/contactList/{list_id}")["data"]
            return data["isListInUse"], data["campaignInUse"]

        users = [{"id": campaign, "name": "Product Feedback Voice Campaign"}]
        assert use() == (False, users)
        kore.trigger(campaign)
        assert use() == (True, users)
        kore.turn(HOUR)
        assert use() == (False, users)
        assert kore.refused("DELETE", f"{V2}/contactList/{list_id}")[0] == 400
        kore.ask("DELETE", f"{V2}/{campaign}?campaignType=voice")
        assert use() == (False, [])
        kore.ask("DELETE", f"{V2}/contactList/{list_id}")

    def test_an_active_campaign_is_not_edited(self, kore: Kore) -> None:
        kore.fill(NAME, people(1))
        campaign = played(kore)
        assert kore.refused("PUT", f"{V2}/{campaign}", campaign_body(NAME))[0] == 400

    def test_stop_lets_no_call_begin(self, kore: Kore) -> None:
        kore.switch(simultaneous=2, play_again="continues")
        kore.fill(NAME, people(8))
        campaign = played(kore)
        kore.trigger(campaign, "stop")
        kore.turn(HOUR)
        assert (kore.status(campaign), attempts(kore, campaign)) == ("Stopped", [1, 1])
        assert kore.refused("POST", trigger_path(campaign, "stop"), {})[0] == 400
        first = kore.trigger(campaign)
        assert first["totalCallsCompleted"] == 2
        kore.turn(HOUR)
        assert (kore.status(campaign), attempts(kore, campaign)) == ("Completed", [1] * 8)
        assert (kore.ledger["contacts"], kore.ledger["called_twice"]) == (8, 0)

    def test_pause_where_it_is_known(self, kore: Kore) -> None:
        kore.fill(NAME, people(8))
        kore.switch(simultaneous=2)
        campaign = played(kore)
        assert kore.refused("POST", trigger_path(campaign, "pause"), {})[0] == 400
        kore.switch(pause="accept")
        assert kore.trigger(campaign, "pause")["status"] == "Paused"
        kore.turn(HOUR)
        assert (kore.status(campaign), len(called(kore, campaign))) == ("Paused", 2)
        kore.trigger(campaign)
        kore.turn(HOUR)
        assert (kore.status(campaign), len(called(kore, campaign))) == ("Completed", 8)

    def test_attempts_and_the_period_between_them(self, kore: Kore) -> None:
        kore.put("/outcomes", {"busy": 1})
        kore.fill(NAME, people(2))
        campaign = played(kore, attempts=3, retry=10)

        def told() -> list[tuple[str, int]]:
            return [(one["dialerOutcome"], one["numberOfAttemptsSoFar"]) for one in kore.outcomes(campaign)]

        kore.turn(60)
        assert told() == [("", 1)] * 2
        kore.turn(500)
        assert told() == [("", 1)] * 2
        kore.turn(60)
        assert told() == [("", 2)] * 2
        kore.turn(HOUR)
        assert told() == [("busy", 3)] * 2
        assert kore.status(campaign) == "Completed"

    @pytest.mark.parametrize(("order", "first"), [("FIFO", 0), ("LIFO", 3)])
    def test_dialing_order(self, kore: Kore, order: str, first: int) -> None:
        kore.switch(simultaneous=1)
        kore.fill(NAME, people(4))
        assert called(kore, played(kore, order=order)) == [people(4)[first]["phoneNumber"]]

    def test_the_higher_priority_goes_first(self, kore: Kore) -> None:
        kore.switch(simultaneous=1)
        kore.fill(NAME, people(20))
        kore.fill("Other", people(3, first=100))
        urgent, patient = played(kore, priority="4"), played(kore, "Other", priority="3", name="Patient")
        kore.turn(20)
        assert (len(called(kore, urgent)) > 2, called(kore, patient)) == (True, [])
        kore.turn(HOUR)
        assert (kore.status(urgent), kore.status(patient)) == ("Completed", "Completed")

    def test_outcomes_are_the_same_for_the_same_seed(self, kore: Kore) -> None:
        def told(at: Kore) -> list[str]:
            at.put("/outcomes", {"answered": 1, "busy": 1, "no answer": 1, "invalid number": 1})
            at.fill(NAME, people(60))
            campaign = played(at)
            at.turn(HOUR)
            return [one["dialerOutcome"] for one in at.outcomes(campaign)]

        first = told(kore)
        assert set(first) == {"completed", "busy", "noAnswer", "invalidNumber"}
        assert told(kore.as_new()) == first


class TestHours:
    def test_calls_begin_within_the_hours_alone(self, kore: Kore) -> None:
        kore.turn_to(SATURDAY, 12)
        kore.fill(NAME, people(100))
        campaign = played(kore, days=OFFICE, attempts=100, retry=60)
        kore.put("/outcomes", {"busy": 1})
        assert (kore.status(campaign), called(kore, campaign)) == ("Active", [])
        kore.turn_to(MONDAY, 9)
        kore.turn(60)
        assert attempts(kore, campaign) == [1] * 100
        kore.turn(9 * HOUR - 60)
        evening = attempts(kore, campaign)
        assert set(evening) == {9}
        kore.turn(15 * HOUR - 1)
        assert attempts(kore, campaign) == evening
        kore.turn(60)
        assert set(attempts(kore, campaign)) == {10}

    def test_they_are_those_of_the_campaigns_zone(self, kore: Kore) -> None:
        kore.turn_to(FRIDAY, 3)  # 8:30 in Kolkata
        kore.fill(NAME, people(2))
        campaign = played(kore, days=OFFICE, zone="Asia/Kolkata")
        kore.turn(29 * 60)
        assert called(kore, campaign) == []
        kore.turn(2 * 60)
        assert len(called(kore, campaign)) == 2

    @pytest.mark.parametrize("policy", ["skips", "waits"])
    def test_a_contact_of_another_zone(self, kore: Kore, policy: str) -> None:
        kore.switch(outside_hours=policy, view_contacts="all")
        kore.turn_to(MONDAY, 10)
        kore.fill(NAME, [*people(1), *people(1, first=1, timeZone="America/New_York")])
        campaign = played(kore, days=OFFICE)
        kore.turn(60)
        assert attempts(kore, campaign) == [1, 0]
        assert kore.status(campaign) == ("Completed" if policy == "skips" else "Active")
        kore.turn(6 * HOUR)
        assert attempts(kore, campaign) == [1, 0 if policy == "skips" else 1]
        assert kore.status(campaign) == "Completed"

    def test_each_occurrence_of_a_schedule_calls_everybody(self, kore: Kore) -> None:
        kore.turn_to(SATURDAY, 0)
        kore.fill(NAME, people(3))
        campaign = kore.make_campaign(NAME, days=ALWAYS)
        body = {
            "startDateTime": "2026-01-01 10:00:00",
            "endDateTime": "2099-01-01 10:00:00",
            "recurrenceObject": {
                "recurType": "Weekly",
                "weeklyDetails": {"onceEveryNweeks": 1, "whichDays": ["Mon", "Wed"]},
            },
        }
        path = f"{V2}/schedule?enableSchedule=true&campaignName=Product Feedback Voice Campaign"
        kore.ask("POST", path, body)
        kore.turn(2 * 24 * HOUR + 9 * HOUR)
        assert (kore.status(campaign), kore.ledger["contacts"]) == ("Scheduled", 0)
        kore.turn(HOUR)
        assert (kore.status(campaign), kore.ledger["contacts"]) == ("Active", 3)
        kore.turn(HOUR)
        assert (kore.status(campaign), kore.ledger["called_twice"]) == ("Rescheduled", 0)
        kore.turn(2 * 24 * HOUR)
        assert (kore.ledger["contacts"], kore.ledger["called_twice"]) == (6, 6)
