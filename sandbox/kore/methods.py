"""The methods the sandbox answers, and where the pages put them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sandbox.faults import Methods
from sandbox.kore.call import Call
from sandbox.kore.campaigns import create_campaign, delete_campaign, get_campaign, get_campaigns, update_campaign
from sandbox.kore.contacts import add_contacts, get_all_contacts
from sandbox.kore.lists import (
    create_contact_list,
    delete_contact_list,
    get_all_contact_lists,
    get_contact_list,
    update_contact_list,
)
from sandbox.kore.platform import Platform
from sandbox.kore.status import campaign_contacts, campaign_status
from sandbox.kore.triggers import schedule_campaign, trigger_campaign

Method = Callable[[Platform, Call], Awaitable[dict[str, object]]]

METHODS: dict[str, Method] = {
    "createContactList": create_contact_list,
    "getAllContactLists": get_all_contact_lists,
    "getContactList": get_contact_list,
    "updateContactList": update_contact_list,
    "deleteContactList": delete_contact_list,
    "addContacts": add_contacts,
    "getAllContacts": get_all_contacts,
    "createCampaign": create_campaign,
    "getCampaigns": get_campaigns,
    "getCampaign": get_campaign,
    "updateCampaign": update_campaign,
    "deleteCampaign": delete_campaign,
    "triggerCampaign": trigger_campaign,
    "scheduleCampaign": schedule_campaign,
    "campaignStatus": campaign_status,
    "campaignContacts": campaign_contacts,
}

FAULT_METHODS = Methods(
    known=frozenset(METHODS),
    content={
        "lose_contacts": frozenset({"addContacts"}),
        "late_visible": frozenset({"createContactList", "addContacts", "createCampaign"}),
        "partial_details": frozenset({"getAllContacts", "campaignContacts"}),
    },
)


@dataclass(frozen=True)
class Place:
    """Where a method stands: what asks for it, under which path, in which version of the pages."""

    verb: str
    path: str
    method: str
    version: int


ROOTS = {1: "/agentassist/api/v1/public/{iid}/campaign", 2: "/campaign/api/v2/public/{iid}/campaign"}
# Below either root. Fixed words stand before ids.
BELOW = (
    ("POST", "/contactList/createContactList", "createContactList"),
    ("POST", "/contactList/getAllListDetails", "getAllContactLists"),
    ("GET", "/contactList/{target}", "getContactList"),
    ("DELETE", "/contactList/{target}", "deleteContactList"),
    ("GET", "/contactList/{target}/getAllContacts", "getAllContacts"),
    ("POST", "", "createCampaign"),
    ("POST", "/getAllCampaignDetails", "getCampaigns"),
    ("GET", "/{target}", "getCampaign"),
    ("PUT", "/{target}", "updateCampaign"),
    ("DELETE", "/{target}", "deleteCampaign"),
    ("POST", "/{target}/status", "campaignStatus"),
)
PLACES = (
    *(Place(verb, ROOTS[version] + path, method, version) for version in ROOTS for verb, path, method in BELOW),
    Place("PUT", ROOTS[1] + "/contactList/{target}", "updateContactList", 1),
    Place("POST", ROOTS[2] + "/schedule", "scheduleCampaign", 2),
    Place("POST", "/api/1.1/public/{iid}/campaign/contactList/addContacts", "addContacts", 1),
    Place("POST", "/campaign/api/v1/public/{iid}/campaign/{target}", "triggerCampaign", 1),
    Place("POST", "/api/v2/public/{iid}/campaign/trigger/{target}", "triggerCampaign", 2),
)


async def perform(kore: Platform, call: Call) -> dict[str, object]:
    """Raises KoreError."""
    kore.apps.check(call.caller.token, call.caller.account_id, call.iid)
    return await METHODS[call.method](kore, call)
