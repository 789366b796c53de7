"""Where each request goes. The pages use five roots; adding contacts has one of its own in both versions."""

from typing import Literal
from urllib.parse import quote


class Paths:
    def __init__(self, iid: str, api: Literal["v1", "v2"]) -> None:
        self._iid, self._api = quote(iid, safe=""), api
        product = "campaign/api/v2" if api == "v2" else "agentassist/api/v1"
        self.campaigns = f"/{product}/public/{self._iid}/campaign"
        self.every_campaign = f"{self.campaigns}/getAllCampaignDetails"
        self.create_list = f"{self.campaigns}/contactList/createContactList"
        self.every_list = f"{self.campaigns}/contactList/getAllListDetails"
        self.add_contacts = f"/api/1.1/public/{self._iid}/campaign/contactList/addContacts"

    def contact_list(self, reference: str) -> str:
        return f"{self.campaigns}/contactList/{quote(reference, safe='')}"

    def contacts(self, reference: str) -> str:
        return f"{self.contact_list(reference)}/getAllContacts"

    def status(self, campaign: str) -> str:
        return f"{self.campaigns}/{quote(campaign, safe='')}/status"

    def trigger(self, campaign: str) -> str:
        place = f"{self._iid}/campaign/trigger" if self._api == "v2" else f"{self._iid}/campaign"
        root = "/api/v2/public" if self._api == "v2" else "/campaign/api/v1/public"
        return f"{root}/{place}/{quote(campaign, safe='')}"
