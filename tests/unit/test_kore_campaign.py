"""A campaign as it is asked for, in both versions, and the token that asks."""

from typing import Any

import jwt
import pytest

from tests.unit.test_kore_options import HOURS, LEAST
from worker.errors import NotSent
from worker.providers.kore import campaign
from worker.providers.kore.options import Options
from worker.providers.kore.paths import Paths
from worker.providers.kore.settings import Own
from worker.providers.kore.token import Credential

NAME = "spring [01JD3K5M7N8P9QRSTVWXYZ0123-1]"
SECRET = "a client secret of more than thirty-two characters"
AGENTS: dict[str, Any] = {
    "caller_id": "15551230000",
    "calling_hours": HOURS,
    "dialing_mode": "Preview",
    "queue_name": "Sales",
}


def asked(*, api: str = "v2", **told: Any) -> dict[str, Any]:
    options = told if "dialing_mode" in told else {**LEAST, **told}
    return campaign.body(Options(**options), NAME, "the list", api)


class TestBody:
    def test_version_2(self) -> None:
        told: dict[str, Any] = {"num_attempts": 3, "interval_seconds": 600, "priority": 0, "description": "Feedback."}
        assert asked(**told) == {
            "name": NAME,
            "description": "Feedback.",
            "contactLists": ["the list"],
            "dncLists": {"name": "Default Global DNC"},
            "priority": "5",
            "dialingMode": "Agentless",
            "dialingStrategy": {
                "callerId": {"phoneNumber": "+15551230000"},
                "callingHours": HOURS,
                "dialingOrder": "FIFO",
                "maxAttemptsPerRecord": 3,
                "defaultRetryPeriod": 10,
                "maxRingTime": 30,
            },
            "schedule": {"isSchedulingEnabled": False},
            "experienceFlowName": "Survey",
            "enableMachineDetect": "no",
            "campaignType": "voice",
        }

    @pytest.mark.parametrize(
        ("ours", "theirs"), [(0, "5"), (1, "4"), (2, "3"), (3, "2"), (4, "1"), (5, "1"), (2**31, "1")]
    )
    def test_priority_runs_the_other_way(self, ours: int, theirs: str) -> None:
        assert asked(priority=ours)["priority"] == theirs

    def test_with_agents(self) -> None:
        told = asked(**AGENTS, max_skips=2)
        assert (told["queue_name"], told["maxSkips"], told["dialingMode"]) == ("Sales", 2, "Preview")
        assert not {"experienceFlowName", "enableMachineDetect"} & set(told)

    @pytest.mark.parametrize(("word", "flag"), [(None, False), ("no", False), ("detect", True)])
    def test_version_1_knows_no_dnc_list_and_no_words(self, word: str | None, flag: bool) -> None:
        told = asked(api="v1", machine_detect=word)
        assert "dncLists" not in told
        assert told["enableMachineDetect"] is flag

    def test_a_description_is_made_where_none_is_given(self) -> None:
        assert campaign.description(Options(**LEAST), NAME) == f"Uploaded by Rollcall as {NAME}"
        assert len(campaign.description(Options(**LEAST), "n" * 300)) == 256

    @pytest.mark.parametrize("told", [{"machine_detect": "disconnect"}, {"dnc_list": "Opt-outs"}])
    def test_what_version_1_cannot_do_is_refused_before_anything_is_sent(self, told: dict[str, Any]) -> None:
        options = Options(**{**LEAST, **told})
        campaign.check_version(options, "v2")
        with pytest.raises(NotSent, match=next(iter(told))) as raised:
            campaign.check_version(options, "v1")
        assert raised.value.fault


class TestToken:
    def own(self, **more: Any) -> Own:
        return Own(iid="st-1", client_id="cs-1", **more)

    def test_it_holds_sub_and_app_id_and_nothing_else(self) -> None:
        headers = Credential("acc", SECRET, self.own()).headers()
        assert (headers["iid"], headers["accountId"]) == ("st-1", "acc")
        assert jwt.get_unverified_header(headers["auth"])["alg"] == "HS256"
        assert jwt.decode(headers["auth"], SECRET, ["HS256"]) == {"sub": "1234567890", "appId": "cs-1"}

    def test_an_id_of_its_own_where_the_app_enforces_it(self) -> None:
        credential = Credential("acc", SECRET, self.own(enforce_jti=True, subject="rollcall"))
        first, second = (jwt.decode(credential.headers()["auth"], SECRET, ["HS256"]) for _ in range(2))
        assert set(first) == {"sub", "appId", "jti"}
        assert first["sub"] == "rollcall"
        assert first["jti"] != second["jti"]


class TestPaths:
    def test_version_1(self) -> None:
        paths = Paths("st-1", "v1")
        assert paths.create_list == "/agentassist/api/v1/public/st-1/campaign/contactList/createContactList"
        assert paths.trigger("cd-1") == "/campaign/api/v1/public/st-1/campaign/cd-1"

    def test_version_2(self) -> None:
        paths = Paths("st-1", "v2")
        assert paths.contacts("cl-1") == "/campaign/api/v2/public/st-1/campaign/contactList/cl-1/getAllContacts"
        assert paths.trigger("cd-1") == "/api/v2/public/st-1/campaign/trigger/cd-1"

    def test_contacts_are_added_in_one_place(self) -> None:
        place = "/api/1.1/public/st-1/campaign/contactList/addContacts"
        assert [Paths("st-1", "v1").add_contacts, Paths("st-1", "v2").add_contacts] == [place, place]

    def test_an_id_leads_nowhere_else(self) -> None:
        assert Paths("st-1", "v2").status("../x?y#z").endswith("/campaign/..%2Fx%3Fy%23z/status")
