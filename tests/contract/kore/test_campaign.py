"""Kore.ai's adapter against the sandbox: a campaign's life, and that nobody is ever dialled by a second play."""

from typing import Any

import pytest

from tests.contract.kore_case import (
    ALWAYS,
    IID,
    NAME,
    OPTIONS,
    TOKEN,
    V2,
    campaigns,
    headers,
    payload,
    place,
    playing,
    ready,
    refusal,
    status,
    submit,
    switch,
    tasks,
    turn,
)
from tests.house import Provider, some_numbers
from tests.patience import until
from worker import retry
from worker.errors import NotSent, Refused, Unknown
from worker.providers.base import TASKS
from worker.providers.kore import KIND, Kore

LOST = ("accept_then_hang_up", "accept_then_500", "cut_body", "not_json")


def trigger(provider: Provider, campaign: str, word: str) -> int:
    """Somebody presses a button over there."""
    path = f"/api/v2/public/{IID}/campaign/trigger/{campaign}?campaignType=voice&trigger={word}"
    return provider.client.post(path, headers=headers(), json={}).status_code


def somebodys(provider: Provider, name: str, *lists: str) -> None:
    """A campaign that was made over there by hand."""
    strategy = {"callerId": {"phoneNumber": "+15551230000"}, "callingHours": ALWAYS, "dialingOrder": "FIFO"}
    strategy |= {"maxAttemptsPerRecord": 1, "defaultRetryPeriod": 1, "maxRingTime": 30}
    body = {"name": name, "description": "d", "contactLists": lists, "dncLists": {"name": "Default Global DNC"}}
    body |= {"priority": "5", "dialingMode": "Agentless", "dialingStrategy": strategy, "campaignType": "voice"}
    body |= {"experienceFlowName": "Flow", "enableMachineDetect": "no"}
    answer = provider.client.post(f"{V2}?campaignType=voice", json=body, headers=headers())
    assert answer.status_code == 200, answer.text


def called(provider: Provider) -> list[str]:
    return sorted(one["number"] for one in provider.contacts)


class TestCreate:
    def test_steps_towards_dialling(self) -> None:
        assert KIND.starts(None) == ("create_campaign", "play")
        assert KIND.starts("cd-1") == ("play",)
        assert [one.carries for one in KIND.steps(None)] == [False, True]
        assert [one.name for one in KIND.steps("cl-1")] == ["add_contacts"]

    def test_it_bears_the_lists_name_and_dials_nobody(self, adapter: Kore, provider: Provider) -> None:
        made = ready(adapter, submit(adapter))
        [there] = campaigns(provider)
        assert (there["name"], there["contactLists"]) == (NAME, [NAME])
        turn(provider)
        assert status(adapter, made) == "Ready"
        assert provider.contacts == []

    def test_every_option_arrives(self, newer: Kore, provider: Provider) -> None:
        more = {"num_attempts": 7, "interval_seconds": 1800, "priority": 0, "dialing_order": "LIFO"}
        more |= {"max_ring_time": 45, "machine_detect": "detect", "description": "Feedback, ünd more."}
        made = ready(newer, submit(newer), options=KIND.check_options(OPTIONS | more))
        told = provider.client.get(f"{V2}/{made.campaign}", headers=headers()).json()["data"]
        assert (told["description"], told["priority"], told["dialingMode"]) == ("Feedback, ünd more.", "5", "Agentless")
        assert (told["enableMachineDetect"], told["dncLists"]["name"]) == (True, "Default Global DNC")
        strategy = told["dialingStrategy"]
        assert (strategy["maxAttemptsPerRecord"], strategy["defaultRetryPeriod"]) == (7, 30)
        assert (strategy["maxRingTime"], strategy["dialingOrder"]) == (45, "LIFO")
        assert strategy["callingHours"] == ALWAYS
        assert strategy["callerId"] == {"phoneNumber": "+15551230000"}

    @pytest.mark.parametrize(("mode", "more"), [("Progressive", {}), ("Preview", {"max_skips": 2})])
    def test_with_agents(self, adapter: Kore, provider: Provider, mode: str, more: dict[str, Any]) -> None:
        told = {"caller_id": "15551230000", "calling_hours": ALWAYS, "dialing_mode": mode, "queue_name": "Sales"}
        ready(adapter, submit(adapter), options=KIND.check_options(told | more))
        assert [(one["dialingMode"], one["connection"]) for one in campaigns(provider)] == [(mode, "Sales")]

    def test_once_more_is_the_same_one(self, adapter: Kore, provider: Provider) -> None:
        made = ready(adapter, submit(adapter))
        assert adapter.start("create_campaign", place(made.reference)) == made.campaign
        assert len(campaigns(provider)) == 1

    @pytest.mark.parametrize("fault", LOST)
    def test_one_that_was_made_in_doubt_is_found(self, adapter: Kore, provider: Provider, fault: str) -> None:
        reference = submit(adapter)
        provider.faults({"fault": fault, "methods": ["createCampaign"], "times": 1})
        assert type(refusal(adapter.start, "create_campaign", place(reference))) is Unknown
        campaign = adapter.start("create_campaign", place(reference))
        assert [one["_id"] for one in campaigns(provider)] == [campaign]

    def test_among_more_than_a_page_of_others(self, adapter: Kore, provider: Provider) -> None:
        submit(adapter, list_name="other", content=payload(1))
        for number in range(55):
            somebodys(provider, f"campaign {number}", "other")
        made = ready(adapter, submit(adapter))
        assert adapter.start("create_campaign", place(made.reference)) == made.campaign

    def test_a_stranger_over_our_list_is_for_a_person(self, adapter: Kore, provider: Provider) -> None:
        reference = submit(adapter)
        somebodys(provider, "made by hand", NAME)
        error = refusal(adapter.start, "create_campaign", place(reference))
        assert (type(error), error.code) == (Refused, "several_campaigns")
        assert len(campaigns(provider)) == 1

    def test_two_of_our_name_are_for_a_person(self, adapter: Kore, provider: Provider) -> None:
        made = ready(adapter, submit(adapter))
        somebodys(provider, f"copy [{TOKEN}-1]", NAME)
        assert refusal(adapter.start, "create_campaign", place(made.reference)).code == "several_campaigns"

    @pytest.mark.parametrize("method", ["getContactList", "getCampaigns"])
    def test_a_failed_look_makes_nothing(self, adapter: Kore, provider: Provider, method: str) -> None:
        reference = submit(adapter)
        provider.faults({"fault": "accept_then_500", "methods": [method], "times": 1})
        assert type(refusal(adapter.start, "create_campaign", place(reference))) is NotSent
        assert campaigns(provider) == []

    def test_what_the_provider_refuses(self, newer: Kore) -> None:
        reference = submit(newer)
        error = refusal(newer.start, "create_campaign", place(reference, options=OPTIONS | {"dnc_list": "Nobody's"}))
        assert type(error) is Refused


class TestPlay:
    def test_everybody_is_called_once(self, adapter: Kore, provider: Provider) -> None:
        made = playing(adapter, payload(20))
        assert status(adapter, made) == "Active"
        turn(provider)
        found = adapter.status(made)
        assert found is not None
        assert (found.status, found.complete, found.count) == ("Completed", True, 20)
        assert len(called(provider)) == 20
        assert provider.ledger["called_twice"] == 0

    def test_not_while_it_is_being_prepared(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, prepare_delay_ms=60_000, play_preparing="accept")
        reference = submit(adapter)
        campaign = adapter.start("create_campaign", place(reference))
        error = refusal(adapter.start, "play", place(reference, campaign))
        assert isinstance(error, NotSent)
        assert (error.code, error.ours, error.fault) == ("campaign_preparing", True, False)
        assert provider.contacts == []

    @pytest.mark.parametrize("when", ["active", "completed"])
    def test_never_twice(self, adapter: Kore, provider: Provider, when: str) -> None:
        switch(provider, play_active="dials_again", play_again="dials_again")
        made = playing(adapter, payload(5))
        if when == "completed":
            turn(provider)
        for _ in range(3):
            assert adapter.start("play", made) is None
        turn(provider)
        assert len(called(provider)) == 5
        assert provider.ledger["called_twice"] == 0

    @pytest.mark.parametrize("fault", LOST)
    def test_a_play_in_doubt_is_looked_at_first(self, adapter: Kore, provider: Provider, fault: str) -> None:
        switch(provider, play_active="dials_again", play_again="dials_again")
        made = ready(adapter, submit(adapter, payload(5)))
        provider.faults({"fault": fault, "methods": ["triggerCampaign"], "times": 1})
        assert type(refusal(adapter.start, "play", made)) is Unknown
        assert adapter.start("play", made) is None
        turn(provider)
        assert len(called(provider)) == 5
        assert provider.ledger["called_twice"] == 0

    def test_a_failed_look_plays_nothing(self, adapter: Kore, provider: Provider) -> None:
        made = ready(adapter, submit(adapter))
        provider.faults({"fault": "accept_then_500", "methods": ["campaignStatus"], "times": 1})
        assert type(refusal(adapter.start, "play", made)) is NotSent
        assert status(adapter, made) == "Ready"

    def test_not_after_a_stop(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, play_again="dials_again")
        made = playing(adapter, payload(5))
        adapter.stop(made)
        error = refusal(adapter.start, "play", made)
        assert (type(error), error.code) == (Refused, "campaign_not_ready")
        assert status(adapter, made) == "Stopped"
        assert provider.ledger["called_twice"] == 0

    def test_not_while_somebody_holds_it(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, pause="accept")
        made = playing(adapter)
        assert trigger(provider, made.campaign or "", "pause") == 200
        assert adapter.start("play", made) is None
        assert status(adapter, made) == "Paused"

    def test_not_one_that_is_gone(self, adapter: Kore, provider: Provider) -> None:
        made = ready(adapter, submit(adapter))
        provider.client.delete(f"{V2}/{made.campaign}?campaignType=voice", headers=headers())
        assert refusal(adapter.start, "play", made).code == "kore_not_found"


class TestStop:
    def test_what_dials(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, simultaneous=1)
        made = playing(adapter, payload(5))
        for _ in range(2):
            adapter.stop(made)
        found = adapter.status(made)
        assert found is not None
        assert (found.status, found.complete) == ("Stopped", True)

    def test_what_somebody_holds(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, pause="accept")
        made = playing(adapter)
        trigger(provider, made.campaign or "", "pause")
        adapter.stop(made)
        assert status(adapter, made) == "Stopped"

    def test_where_there_is_nothing_to_stop(self, adapter: Kore, provider: Provider) -> None:
        reference = submit(adapter)
        adapter.stop(place(reference))
        made = ready(adapter, reference)
        adapter.stop(made)
        assert status(adapter, made) == "Ready"
        assert adapter.start("play", made) is None
        turn(provider)
        adapter.stop(made)
        assert status(adapter, made) == "Completed"

    @pytest.mark.parametrize("fault", LOST)
    def test_again_where_it_is_in_doubt(self, adapter: Kore, provider: Provider, fault: str) -> None:
        made = playing(adapter)
        provider.faults({"fault": fault, "methods": ["triggerCampaign"], "times": 1})
        assert type(refusal(adapter.stop, made)) is Unknown
        adapter.stop(made)
        assert status(adapter, made) == "Stopped"


class TestTasks:
    def test_before_there_is_a_campaign(self, adapter: Kore) -> None:
        assert list(adapter.tasks(place(submit(adapter)))) == []

    def test_before_and_after_the_calls(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, simultaneous=1)
        made = playing(adapter, payload(5))
        assert set(tasks(adapter, made)["phase"]) <= {"open"}
        turn(provider)
        after = tasks(adapter, made)
        assert list(after.columns) == [*TASKS, "number"]
        assert after["uuid"].to_list() == [f"{TOKEN}:{row}" for row in range(1, 6)]
        assert after["number"].to_list() == [int(number) for number in some_numbers(5)]
        assert set(after["phase"]) == {"done"}
        assert set(after["disposition"]) == {"answered"}
        assert set(after["result"]) == {"System Generated"}

    @pytest.mark.parametrize("spelling", ["camel", "snake"])
    @pytest.mark.parametrize(
        ("outcome", "disposition"),
        [
            ("voicemail", "voicemail"),
            ("no answer", "no_answer"),
            ("busy", "busy"),
            ("declined", "declined"),
            ("invalid number", "invalid_number"),
            ("failed", "failed"),
        ],
    )
    def test_each_outcome(self, newer: Kore, provider: Provider, outcome: str, disposition: str, spelling: str) -> None:
        switch(provider, outcome_words=spelling)
        provider.put("/outcomes", {outcome: 1})
        made = playing(newer)
        turn(provider)
        found = tasks(newer, made)
        assert set(found["disposition"]) == {disposition}
        assert set(found["phase"]) == {"done"}

    def test_while_attempts_go_on(self, adapter: Kore, provider: Provider) -> None:
        provider.put("/outcomes", {"busy": 1})
        options = KIND.check_options(OPTIONS | {"num_attempts": 3, "interval_seconds": 600})
        made = playing(adapter, options=options)
        turn(provider, 120)
        first = tasks(adapter, made)
        assert (set(first["phase"]), set(first["attempts_left"])) == ({"open"}, {2})
        turn(provider, 86_400)
        last = tasks(adapter, made)
        assert (set(last["phase"]), set(last["disposition"])) == ({"done"}, {"busy"})

    def test_page_after_page(self, adapter: Kore, provider: Provider) -> None:
        made = playing(adapter, payload(250))
        turn(provider, 86_400)
        found = tasks(adapter, made)
        assert found["number"].to_list() == [int(number) for number in some_numbers(250)]
        assert set(found["phase"]) == {"done"}

    def test_known_by_number_where_the_id_is_not_told(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, view_unique_id="blank")
        made = playing(adapter)
        turn(provider)
        found = tasks(adapter, made)
        assert set(found["uuid"]) == {None}
        assert found["number"].to_list() == [int(number) for number in some_numbers(3)]

    def test_where_the_view_shows_everybody(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, view_contacts="all", simultaneous=1)
        made = playing(adapter, payload(5))
        assert tasks(adapter, made).height == 5
        turn(provider)
        assert set(tasks(adapter, made)["phase"]) == {"done"}

    def test_whom_a_stop_spared(self, adapter: Kore, provider: Provider) -> None:
        switch(provider, simultaneous=1)
        made = playing(adapter, payload(5))
        turn(provider, 1)
        adapter.stop(made)
        turn(provider)
        found = tasks(adapter, made)
        assert found["phase"].to_list() == ["done"] + ["cancelled"] * 4  # one was in a call
        assert found["disposition"].to_list() == ["answered"] + ["cancelled"] * 4

    def test_who_is_not_to_be_called_is_not_lost(self, newer: Kore, provider: Provider) -> None:
        numbers = some_numbers(5)
        provider.put("/kore/dnc/Opt-outs", {"numbers": numbers[:2]})
        made = playing(newer, payload(5), options=KIND.check_options(OPTIONS | {"dnc_list": "Opt-outs"}))
        turn(provider)
        found = tasks(newer, made)
        assert found["disposition"].to_list() == ["no_outcome"] * 2 + ["answered"] * 3
        assert set(found["phase"]) == {"done"}
        assert called(provider) == [number.lstrip("+") for number in numbers[2:]]

    def test_of_a_campaign_that_is_gone(self, adapter: Kore, provider: Provider) -> None:
        made = playing(adapter)
        provider.client.delete(f"{V2}/{made.campaign}?campaignType=voice", headers=headers())
        assert refusal(tasks, adapter, made).code == "kore_not_found"


def test_a_slow_campaign_is_played_when_it_is_ready(adapter: Kore, provider: Provider) -> None:
    switch(provider, prepare_delay_ms=400)
    reference = submit(adapter)
    campaign = adapter.start("create_campaign", place(reference))
    made = place(reference, campaign)
    assert status(adapter, made) == "Preparing"

    def started() -> bool:
        answer = retry.as_value(lambda: adapter.start("play", made))
        return not isinstance(answer, NotSent)

    until(started)
    assert status(adapter, made) == "Active"
