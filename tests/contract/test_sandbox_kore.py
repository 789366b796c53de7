"""Kore.ai's contact lists and who may ask for them: each request as its page writes it gets the documented answer."""

import re
from typing import Any

import httpx
import pytest

from tests.contract.kore_caller import (
    ACCOUNT,
    ADD,
    CLIENT,
    IID,
    SECRET,
    V1,
    V2,
    Kore,
    headers,
    list_body,
    people,
    token,
)
from tests.patience import until

NAME = "Renewal Due - July 2025"
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CREATE_KEYS = {
    *("isActive", "name", "description", "totalRecordCount", "status", "createdBy", "updatedBy", "mapping"),
    *("isListInUse", "listType", "campaignInUse", "source", "apiConfigurations", "files", "createdAt", "updatedAt"),
    *("_id", "allowDuplicates"),
}
LISTED_KEYS = CREATE_KEYS - {"isActive", "createdBy", "updatedBy", "createdAt", "allowDuplicates"}
OF_V2 = {"isGlobalDNC", "isDefault", "columns"}


class TestLists:
    def test_create_version_1_as_its_sample_writes_it(self, kore: Kore) -> None:
        body = {
            "name1": NAME,
            "description": "This list contains customers with services expiring in July 2025.",
            "source": "passiveApiIntegration",
            "allowDuplicates": True,
        }
        told = kore.ask("POST", f"{V1}/contactList/createContactList", body)
        assert (told["status"], told["message"]) == ("success", f"Contact list {NAME} created successfully")
        data = told["data"]
        assert set(data) == CREATE_KEYS
        assert data["mapping"] == {one: one for one in ("firstName", "lastName", "phoneNumber", "timeZone", "uniqueId")}
        assert (data["totalRecordCount"], data["status"], data["listType"]) == (0, "Ready", "call")
        assert (data["source"], data["apiConfigurations"]) == ("passiveApi", {"dataSyncMode": "allowDuplicates"})
        assert data["_id"].startswith("cl-")
        assert ISO.fullmatch(data["createdAt"])

    def test_create_version_2(self, kore: Kore) -> None:
        told = kore.ask("POST", f"{V2}/contactList/createContactList?accountId={ACCOUNT}", list_body())
        assert set(told["data"]) == CREATE_KEYS | OF_V2
        assert told["data"]["mapping"]["contactPriority"] == "contactPriority"
        assert told["data"]["allowDuplicates"] is True

    def test_duplicates_are_not_allowed_unless_told(self, kore: Kore) -> None:
        body = list_body()
        del body["allowDuplicates"]
        made = kore.ask("POST", f"{V2}/contactList/createContactList", body)["data"]
        assert made["allowDuplicates"] is False

    def test_one_list(self, kore: Kore) -> None:
        list_id = kore.make_list()
        first = kore.ask("GET", f"{V1}/contactList/{list_id}")
        assert first["message"] == ""
        assert set(first["data"]) == CREATE_KEYS - {"allowDuplicates"} | {"orgId", "lname", "iId", "accountId"}
        assert (first["data"]["iId"], first["data"]["lname"]) == (IID, NAME.lower())
        assert first["data"]["source"] == "passiveApiIntegration"
        second = kore.ask("GET", f"{V2}/contactList/{list_id}?accountId={ACCOUNT}")["data"]
        assert set(second) == CREATE_KEYS | OF_V2
        assert second["source"] == "passiveApi"

    def test_all_lists_are_one_array_newest_first(self, kore: Kore) -> None:
        ids = [kore.make_list(f"List {number}") for number in range(60)]
        first = kore.send("POST", f"{V1}/contactList/getAllListDetails?type=call", None, json=None).json()
        assert isinstance(first["data"], list)
        assert len(first["data"]) == 60
        assert all(set(one) == LISTED_KEYS for one in first["data"])
        kore.turn(1)
        kore.add("List 7", people(2))
        until(lambda: kore.count(ids[7]) == 2)
        second = kore.ask("POST", f"{V2}/contactList/getAllListDetails?accountId={ACCOUNT}&type=call")["data"]
        assert set(second[0]) == LISTED_KEYS | {"columns"}
        assert (second[0]["_id"], second[0]["totalRecordCount"]) == (ids[7], 2)

    def test_update_and_delete(self, kore: Kore) -> None:
        list_id = kore.make_list()
        told = kore.ask("PUT", f"{V1}/contactList/{list_id}", {"name": "Renewal Due - August 2025"})
        assert told["data"]["contactListId"] == list_id
        assert set(told["data"]["body"]) == {"name", "orgId", "iId", "listType", "accountId", "updatedBy"}
        gone = kore.send("DELETE", f"{V2}/contactList/{list_id}?accountId={ACCOUNT}", content=b"").json()
        assert gone["message"] == "Contact list Renewal Due - August 2025 deleted successfully"
        assert kore.refused("GET", f"{V1}/contactList/{list_id}") == (404, "Contact list not found")

    @pytest.mark.parametrize(
        ("change", "blamed"),
        [
            ({"name": "n" * 49}, "name must be at most 48"),
            ({"name": " "}, "name is required"),
            ({"description": "d" * 257}, "description must be at most 256"),
            ({"description": None}, "description is required"),
            ({"source": "localDrive"}, "source must be"),
            ({"allowDuplicates": "yes"}, "allowDuplicates must be a boolean"),
        ],
    )
    def test_what_a_new_list_must_be(self, kore: Kore, change: dict[str, Any], blamed: str) -> None:
        status, message = kore.refused("POST", f"{V2}/contactList/createContactList", list_body() | change)
        assert status == 400
        assert message.startswith(blamed)
        assert kore.ledger["lists"] == []

    def test_48_and_256_characters_are_enough(self, kore: Kore) -> None:
        kore.make_list("n" * 48, description="d" * 256)


class TestContacts:
    def test_add_as_its_sample_writes_it(self, kore: Kore) -> None:
        list_id = kore.make_list()
        told = kore.add(NAME, [{"phoneNumber": "9122333445566"}])
        assert told == {"message": "Adding contacts to public list is in progress"}
        until(lambda: kore.count(list_id) == 1)

    @pytest.mark.parametrize("root", [V1, V2])
    def test_read_with_the_token_alone(self, kore: Kore, root: str) -> None:
        list_id = kore.fill(NAME, [{"phoneNumber": "9122333445566"}])
        path = f"{root}/contactList/{list_id}/getAllContacts?accountId={ACCOUNT}"
        told = kore.send("GET", path, headers={"auth": token()}).json()
        assert told["message"] == "Contacts retrieved successfully"
        data = told["data"]
        assert {key: data[key] for key in data if key != "results"} == {
            "skip": 0,
            "limit": 50,
            "hasMore": False,
            "totalPages": 1,
            "totalResults": 1,
        }
        assert set(data["results"][0]) == {"_id", "createdAt", "updatedAt", "phoneNumber"}
        assert data["results"][0]["_id"].startswith("cc-")

    def test_pages_of_fifty(self, kore: Kore) -> None:
        list_id = kore.fill(NAME, people(120))
        path = f"{V2}/contactList/{list_id}/getAllContacts?accountId={ACCOUNT}"
        pages = [kore.ask("GET", f"{path}&skip={skip}&limit=1000")["data"] for skip in (0, 50, 100)]
        assert [len(page["results"]) for page in pages] == [50, 50, 20]
        assert [page["hasMore"] for page in pages] == [True, True, False]
        assert {page["totalPages"] for page in pages} == {3}
        seen = [one["uniqueId"] for page in pages for one in page["results"]]
        assert seen == [one["uniqueId"] for one in people(120)]
        assert pages[0] == kore.ask("GET", path)["data"]


class TestDoor:
    @pytest.mark.parametrize("missing", ["auth", "iid", "accountId"])
    def test_three_headers(self, kore: Kore, missing: str) -> None:
        sent = headers()
        del sent[missing]
        status, message = kore.refused("POST", f"{V1}/contactList/getAllListDetails?type=call", headers=sent)
        assert status == (401 if missing == "auth" else 400)
        assert missing in message

    @pytest.mark.parametrize(
        "auth",
        [
            "not a token",
            token(sub="1234567890"),
            token(sub="1234567890", appid=CLIENT),
            token(SECRET * 2, "HS384", sub="1", appId=CLIENT),
        ],
    )
    def test_a_token_of_another_form(self, kore: Kore, auth: str) -> None:
        path = f"{V1}/contactList/getAllListDetails?type=call"
        assert kore.refused("POST", path, headers=headers(auth=auth)) == (401, "Invalid JWT token")

    def test_the_signature_counts_once_a_secret_is_known(self, kore: Kore) -> None:
        with Kore.running() as own:
            path = f"{V1}/contactList/getAllListDetails?type=call"
            anybody = headers(auth=token("another secret, as long as it needs to be"))
            assert own.send("POST", path, headers=anybody).status_code == 200
            own.put(f"/kore/apps/{CLIENT}", {"secret": SECRET, "account_id": ACCOUNT, "iid": IID})
            assert own.send("POST", path).status_code == 200
            assert own.refused("POST", path, headers=anybody) == (401, "Invalid JWT token")
            unknown = headers(auth=token(sub="1", appId="cs-unknown"))
            assert own.refused("POST", path, headers=unknown) == (401, "Unknown appId")
            assert own.refused("POST", path.replace(IID, "st-other"), headers=headers(iid="st-other"))[0] == 401

    @pytest.mark.parametrize("body", [b"{", b"[]", b'"text"'])
    def test_a_body_that_is_no_object(self, kore: Kore, body: bytes) -> None:
        told = kore.client.post(ADD, headers=headers(), content=body)
        assert told.status_code == 400

    def test_what_is_another_applications_is_not_there(self, kore: Kore) -> None:
        list_id = kore.make_list()
        elsewhere = V2.replace(IID, "st-other")
        told = kore.refused("GET", f"{elsewhere}/contactList/{list_id}", headers=headers(iid="st-other"))
        assert told == (404, "Contact list not found")

    def test_a_path_that_is_on_no_page(self, kore: Kore) -> None:
        told: httpx.Response = kore.send("POST", f"/api/v2/public/{IID}/campaign/nothing")
        assert told.status_code == 404
