"""The adapter: a contact list that is filled by name, and a campaign that dials it once it is told to.

Contacts are stored after the answer, without a count and without a word about those that are not. So a chunk that was
accepted is not proved by that: a list is compared whole before its campaign is made. A campaign is played once: a
second play dials everybody again.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from worker.errors import NotSent, Refused, Unknown
from worker.providers import named
from worker.providers.base import (
    Accepted,
    Account,
    Capabilities,
    Found,
    Frames,
    Hands,
    Inbox,
    Made,
    Pace,
    Place,
    Step,
    Submission,
)
from worker.providers.kore import campaign, contacts, outcomes, requests
from worker.providers.kore.options import LIST_NAME_LIMIT, Options
from worker.providers.kore.outcomes import ACTIVE, COMPLETED, OVER
from worker.providers.kore.requests import Requests
from worker.providers.kore.settings import Own

READY, PREPARING, PAUSED = "Ready", "Preparing", "Paused"
STARTED = (ACTIVE, COMPLETED, PAUSED)
CREATE_LIST, ADD_CONTACTS = Step("create_list", carries=False), Step("add_contacts")
CREATE_CAMPAIGN, PLAY = "create_campaign", "play"

CAPABILITIES = Capabilities(
    max_rows=500,  # no page names a limit; JSON of such a chunk stays near 100 kB, which servers commonly take
    max_bytes=50_000,
    appends=True,
    counts=False,
    finds_by_reference=True,
    shows_contacts=True,
    proves_absence=True,
    results="poll",
    starts="when_told",
    stops=True,
    resumes=False,
    joins_by_number=True,
    name_limit=LIST_NAME_LIMIT,
    roles={
        "API scope Campaign Management": "makes, fills and reads contact lists and campaigns, starts and stops them"
    },
    requests_per_second=1.0,
)


def steps(reference: str | None) -> tuple[Step, ...]:
    return (CREATE_LIST, ADD_CONTACTS) if reference is None else (ADD_CONTACTS,)


def starts(campaign: str | None) -> tuple[str, ...]:
    return (CREATE_CAMPAIGN, PLAY) if campaign is None else (PLAY,)


class Kore:
    """One account at Kore.ai. `read_deadline` is in seconds, for one reading of a whole list or campaign."""

    hands: Hands | None = None
    inbox: Inbox | None = None

    def __init__(
        self, url: str, account_id: str, secret: str, own: Own, read_deadline: float, pace: Pace | None = None
    ) -> None:
        self._ask = Requests(url, account_id, secret, own, pace)
        self._own = own
        self._read_deadline = read_deadline

    def submit(self, submission: Submission, deadline: float) -> Made | Accepted:
        if submission.step == CREATE_LIST.name:
            return self._create_list(submission, deadline)
        return self._add_contacts(submission, deadline)

    def find(self, list_name: str) -> list[Found]:
        return named.bearing(list_name, self._ask.every_list(self._soon()))

    def status(self, place: Place) -> Found | None:
        """The list, with the status of its campaign where it has one."""
        try:
            told = requests.found_list(self._ask.contact_list(place.reference, self._soon()))
        except Refused as error:
            if error.code == "kore_not_found":
                return None
            raise
        if place.campaign is None:
            return told
        status = self._ask.campaign_status(place.campaign, self._soon())
        return Found(told.reference, told.name, status, status in OVER, told.count, dials=status in STARTED)

    def contacts(self, reference: str) -> Iterator[pl.DataFrame]:
        items = self._ask.contacts(reference, self._by_the_end())
        yield contacts.named(items, self._own.unique_id_field)

    def tasks(self, place: Place) -> Frames:
        """Those that the campaign shows and, once it is over, the others of the list.

        The campaign's status is read first: only what is read after it was over is final.
        """
        if place.campaign is None:
            return
        deadline = self._by_the_end()
        status = self._ask.campaign_status(place.campaign, self._soon())
        records = self._ask.records(place.campaign, deadline)
        shown = outcomes.frame(records, status, place.options.get("num_attempts", 1), self._own.unique_id_field)
        yield shown
        if status in OVER and all(_tells_who(record, self._own.unique_id_field) for record in records):
            listed = self._ask.contacts(place.reference, deadline)
            yield outcomes.never_dialled(contacts.named(listed, self._own.unique_id_field), shown, status)

    def tallies(self, place: Place) -> dict[str, int] | None:
        count = requests.found_list(self._ask.contact_list(place.reference, self._soon())).count
        return None if count is None else {"totalRecordCount": count}

    def stop(self, place: Place) -> None:
        """Only what dials, or may be made to go on by somebody, can be stopped; a list by itself calls nobody."""
        if place.campaign is None:
            return
        deadline = self._soon()
        if self._ask.campaign_status(place.campaign, deadline) not in (ACTIVE, PAUSED):
            return
        status = self._ask.trigger(place.campaign, "stop", deadline)
        if status not in OVER:
            raise Unknown("broken_answer", f"Kore.ai did not say that the campaign is stopped ({status}).")

    def start(self, step: str, place: Place) -> str | None:
        if step == CREATE_CAMPAIGN:
            return self._create_campaign(place)
        self._play(place)
        return None

    def account(self) -> Account | None:
        """There is no balance; the question shows whether the credential is taken."""
        self._ask.one_campaign(self._soon())
        return None

    def close(self) -> None:
        self._ask.close()

    def _create_list(self, submission: Submission, deadline: float) -> Made:
        """The list of this name, which an earlier request may have made."""
        options, name = Options(**submission.options), submission.list_name
        campaign.check_version(options, self._own.api)
        with _only_looking():
            found = named.bearing(name, self._ask.every_list(deadline))
        if len(found) > 1:
            references = ", ".join(one.reference for one in found)
            text = f"{len(found)} contact lists bear the name of this one ({references}); decide which holds."
            raise NotSent("several_lists", text, fault=True)
        if found:
            return Made(found[0].reference)
        return Made(self._ask.create_list(name, campaign.description(options, name), deadline))

    def _add_contacts(self, submission: Submission, deadline: float) -> Accepted:
        """Contacts are added by the name that the list has over there, which need not be the one that we gave it."""
        reference = submission.reference
        assert reference is not None
        with _only_looking():
            there = requests.found_list(self._ask.contact_list(reference, deadline))
        sent = contacts.outgoing(submission.payload, self._own.unique_id_field, self._own.plus)
        self._ask.add_contacts(there.name or submission.list_name, sent, deadline)
        return Accepted(reference, count=None)

    def _create_campaign(self, place: Place) -> str:
        """The campaign over this list, which an earlier request may have made.

        Looking and making have one deadline: a worker that was frozen in between finds its time over.
        """
        options, end = Options(**place.options), self._by_the_end()
        with _only_looking():
            there = self._ask.contact_list(place.reference, min(self._soon(), end))
            every = self._ask.every_campaign(end)
        uses = _campaigns_over(there)
        ours = named.bearing(place.list_name, [*every, *uses])
        strangers = {one.reference for one in uses} - {one.reference for one in ours}
        if strangers or len(ours) > 1:
            references = ", ".join(sorted(strangers | {one.reference for one in ours}))
            text = f"Several campaigns use this contact list or bear its name ({references}); remove all but ours."
            raise Refused("several_campaigns", text)
        if ours:
            return ours[0].reference
        list_name = str(there.get("name") or place.list_name)
        body = campaign.body(options, place.list_name, list_name, self._own.api)
        return self._ask.create_campaign(body, min(self._soon(), end))

    def _play(self, place: Place) -> None:
        """Look, then play, under one deadline: a worker that was frozen in between finds its time over."""
        assert place.campaign is not None
        deadline = self._soon()
        with _only_looking():
            status = self._ask.campaign_status(place.campaign, deadline)
        if status in STARTED:
            return
        if status == PREPARING:
            raise NotSent(
                "campaign_preparing", "Kore.ai is still preparing the campaign; it is started then.", ours=True
            )
        if status != READY:
            raise Refused("campaign_not_ready", f"The campaign is {status}; a play from there may dial people again.")
        status = self._ask.trigger(place.campaign, "play", deadline)
        if status not in (ACTIVE, COMPLETED):
            raise Unknown("broken_answer", f"Kore.ai did not say that the campaign was started ({status}).")

    def _soon(self) -> float:
        return time.monotonic() + min(requests.CALL_DEADLINE, self._read_deadline)

    def _by_the_end(self) -> float:
        return time.monotonic() + self._read_deadline


@contextmanager
def _only_looking() -> Iterator[None]:
    """What fails while one looks, before anything is asked for, leaves nothing in doubt."""
    try:
        yield
    except Unknown as error:
        words = error.code.replace("_", " ")
        text = f"Kore.ai gave no clear answer when asked what is there ({words}); nothing was sent."
        raise NotSent(error.code, text) from error


def _campaigns_over(there: requests.Item) -> list[Found]:
    """The campaigns that a list says it is used by; the page writes them as objects and calls them ids."""
    used = there.get("campaignInUse")
    items = [one if isinstance(one, dict) else {"id": one} for one in used] if isinstance(used, list) else []
    return [requests.found_campaign(item) for item in items]


def _tells_who(record: requests.Item, unique_id_field: str) -> bool:
    known = contacts.text_of(record, unique_id_field), contacts.number_of(record.get(contacts.PHONE))
    return known != (None, None)
