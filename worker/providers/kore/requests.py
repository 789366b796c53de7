"""Kore.ai's requests, one by one: what goes out, and what of the answer counts. Nothing is decided here."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from worker.errors import Throttled, Unknown
from worker.providers.base import Found, Pace
from worker.providers.http import Client
from worker.providers.kore import answers, pages
from worker.providers.kore.paths import Paths
from worker.providers.kore.settings import Own
from worker.providers.kore.token import Credential

CALL_DEADLINE = 30.0
AGAIN = 1.0  # seconds until we ask again where we are not told when
CONTACTS_PAGE, CAMPAIGNS_PAGE, RECORDS_PAGE = 50, 50, 100
Item = dict[str, Any]


class Requests:
    """One account. Every request has a deadline, a moment of `time.monotonic()`."""

    def __init__(self, url: str, account_id: str, secret: str, own: Own, pace: Pace | None) -> None:
        self._client = Client(url, answers.said_no, pace)
        self._pace = pace
        self._paths = Paths(own.iid, own.api)
        self._credential = Credential(account_id, secret, own)
        self._account_id, self._own = account_id, own

    def create_list(self, name: str, description: str, deadline: float) -> str:
        """The id of the list that was made; a number stands in it once."""
        told = {"description": description, "source": self._own.source, "allowDuplicates": False}
        answer = self._post(self._paths.create_list, deadline, {self._own.name_field: name, **told})
        return _made(answer, "contact list")

    def every_list(self, deadline: float) -> list[Found]:
        data = self._post(self._paths.every_list, deadline, None, type="call").get("data")
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            raise Unknown("broken_answer", "Kore.ai answered without a list of contact lists.")
        return [found_list(item) for item in data]

    def contact_list(self, reference: str, deadline: float) -> Item:
        return _data(self._get(self._paths.contact_list(reference), deadline), "contact list")

    def add_contacts(self, list_name: str, contacts: list[dict[str, str]], deadline: float) -> None:
        """They are stored after the answer, which names no number and no failure."""
        body = {"contact_list_name": list_name, "data": contacts}
        answer = self._post(self._paths.add_contacts, deadline, body)
        words = str(answer.get("message", "")).lower()
        if answer.get("status") != "success" and not any(word in words for word in ("in progress", "queued")):
            raise Unknown("broken_answer", "Kore.ai did not say that contacts are being added; they may be.")

    def contacts(self, reference: str, deadline: float) -> list[Item]:
        path = self._paths.contacts(reference)

        def fetch(behind: int, number: int) -> Any:
            place = {"skip": behind} if self._own.paging == "skip" else {"page": number}
            ask = partial(self._get, path, **place, limit=CONTACTS_PAGE)
            return self._patiently(ask, deadline).get("data")

        return pages.whole(fetch, "contacts")

    def create_campaign(self, body: Item, deadline: float) -> str:
        return _made(self._post(self._paths.campaigns, deadline, body, campaignType="voice"), "campaign")

    def every_campaign(self, deadline: float) -> list[Found]:
        """The oldest first, so that one which is made meanwhile moves no other."""

        def fetch(behind: int, number: int) -> Any:
            body = self._campaigns(CAMPAIGNS_PAGE, behind, number)
            return self._patiently(partial(self._post, self._paths.every_campaign, body=body), deadline).get("data")

        return [found_campaign(item) for item in pages.whole(fetch, "campaigns")]

    def one_campaign(self, deadline: float) -> None:
        """A page of one: the smallest question that an account is asked."""
        self._post(self._paths.every_campaign, deadline, self._campaigns(1, 0, 1))

    def trigger(self, campaign: str, word: Literal["play", "stop"], deadline: float) -> str:
        """The campaign's status from now on."""
        path = self._paths.trigger(campaign)
        return _status(self._post(path, deadline, {}, campaignType="voice", trigger=word))

    def campaign_status(self, campaign: str, deadline: float) -> str:
        answer = self._post(self._paths.status(campaign), deadline, {}, view="status")
        return _status(_data(answer, "campaign"))

    def records(self, campaign: str, deadline: float) -> list[Item]:
        path = self._paths.status(campaign)

        def fetch(_behind: int, number: int) -> Any:
            body = {"page": number, "limit": RECORDS_PAGE}
            return self._patiently(partial(self._post, path, body=body, view="contacts"), deadline).get("data")

        return pages.records(fetch, "contacts of the campaign")

    def close(self) -> None:
        self._client.close()

    def _campaigns(self, limit: int, behind: int, number: int) -> Item:
        told = {"limit": limit, "skip": behind, "page": number}
        return {**told, "type": "voice", "sortBy": {"createdAt": "asc"}}

    def _patiently(self, ask: Callable[..., Item], deadline: float) -> Item:
        """One page of a long read. Told to come again later we wait: else the pages before it were read in vain."""
        while True:
            try:
                return ask(deadline=min(deadline, time.monotonic() + CALL_DEADLINE))
            except Throttled as said:
                again = time.monotonic() + (said.retry_after or AGAIN)
                if self._pace is None or again >= deadline:
                    raise
                self._pace(again + (again - time.monotonic()) + AGAIN)  # it waits for half of the time it is given

    def _get(self, path: str, deadline: float, **query: Any) -> Item:
        params = {"accountId": self._account_id, **query}
        return answers.read(self._client.get(path, deadline, params=params, headers=self._credential.headers()))

    def _post(self, path: str, deadline: float, body: Item | None, **query: Any) -> Item:
        request: Item = {"params": {"accountId": self._account_id, **query}, "headers": self._credential.headers()}
        request |= {} if body is None else {"json": body}
        return answers.read(self._client.post(path, deadline, **request))


def found_list(item: Item) -> Found:
    count = item.get("totalRecordCount")
    name, status = str(item.get("name", "")), str(item.get("status", ""))
    return Found(_id(item, "contact list"), name, status, complete=False, count=count if type(count) is int else None)


def found_campaign(item: Item) -> Found:
    return Found(_id(item, "campaign"), str(item.get("name", "")), str(item.get("status", "")), complete=False)


def _id(item: Item, what: str) -> str:
    found = pages.identity(item)
    if not found:
        raise Unknown("broken_answer", f"Kore.ai answered with a {what} that has no id.")
    return found


def _data(answer: Item, what: str) -> Item:
    data = answer.get("data")
    if not isinstance(data, dict):
        raise Unknown("broken_answer", f"Kore.ai answered without the {what}.")
    return data


def _made(answer: Item, what: str) -> str:
    return _id(_data(answer, what), what)


def _status(told: Item) -> str:
    status = told.get("status")
    if not isinstance(status, str) or not status:
        raise Unknown("broken_answer", "Kore.ai answered without the campaign's status.")
    return status
