"""The provider's state: contact lists, campaigns, DNC lists, and the runs that dial.

All of it is touched from one event loop, by code that does not await in the middle of a change: that loop is the lock.
"""

import asyncio
import time
import uuid
from collections.abc import Iterator, Sequence
from math import inf

from sandbox.clock import Clock
from sandbox.dialer import Pace
from sandbox.kore.access import Apps
from sandbox.kore.campaign import Campaign
from sandbox.kore.contactlist import Contact, ContactList
from sandbox.kore.errors import not_found
from sandbox.kore.rates import Rates
from sandbox.kore.run import ACTIVE, COMPLETED, STOPPED, Run
from sandbox.ledger import Acceptance, Ledger, Row
from sandbox.misfortune import Background
from sandbox.odds import Odds
from sandbox.phones import number_of, numbers_of
from sandbox.switches import Switches

PROVIDER = "kore"
CALLS_AT_A_TIME = 20_000
GLOBAL_DNC = "Default Global DNC"


def new_id(kind: str) -> str:
    """Like the pages' ids: a kind, and a UUID that lost its first digit."""
    return f"{kind}-{str(uuid.uuid4())[1:]}"


def stable_id(kind: str, *words: str) -> str:
    """The same id for the same words."""
    return f"{kind}-{uuid.uuid5(uuid.NAMESPACE_OID, '/'.join(words))}"


class Platform:
    def __init__(self, clock: Clock, switches: Switches, ledger: Ledger, odds: Odds, background: Background) -> None:
        self.clock, self.switches, self.ledger, self.odds = clock, switches, ledger, odds
        self.background = background
        self.apps, self.rates = Apps(), Rates()
        self.dnc: dict[str, frozenset[int]] = {GLOBAL_DNC: frozenset()}
        self._playing = asyncio.Lock()
        self.clear()

    def clear(self) -> None:
        """Forgets lists and campaigns; applications, limits and DNC lists go on."""
        self.lists: dict[str, ContactList] = {}
        self.campaigns: dict[str, Campaign] = {}
        self._runs: list[tuple[Campaign, Run]] = []
        self.rates.clear()

    def put_dnc(self, name: str, numbers: Sequence[str]) -> None:
        self.dnc[name] = frozenset(number for number in map(number_of, numbers) if number is not None)

    def numbers_not_to_call(self, dnc_name: str | None) -> frozenset[int]:
        """The global DNC list holds for every campaign, named or not."""
        return self.dnc[GLOBAL_DNC] | self.dnc.get(dnc_name or GLOBAL_DNC, frozenset())

    def list_of(self, iid: str, list_id: str) -> ContactList:
        """Raises KoreError 404."""
        found = self.lists.get(list_id)
        if found is None or found.iid != iid or found.visible_from > time.monotonic():
            raise not_found("Contact list")
        return found

    def lists_named(self, iid: str) -> dict[str, ContactList]:
        """By name; where several bear one, the one that the switch says is meant."""
        mine = [one for one in self.lists.values() if one.iid == iid]
        if self.switches.choice("kore_list_by_name") == "oldest":
            mine.reverse()
        return {one.name: one for one in mine}

    def campaign_of(self, iid: str, campaign_id: str) -> Campaign:
        """Raises KoreError 404."""
        found = self.campaigns.get(campaign_id)
        if found is None or found.iid != iid or found.visible_from > time.monotonic():
            raise not_found("Campaign")
        return found

    def campaigns_over(self, target: ContactList) -> list[Campaign]:
        return [one for one in self.campaigns.values() if target in one.lists]

    def store(self, target: ContactList, contacts: Sequence[Contact]) -> None:
        """Puts contacts into a list. Runs that follow their lists dial them too."""
        added = target.add(contacts, self.switches.choice("kore_duplicate_key"), self.clock.now())
        if self.switches.choice("kore_call_list") == "live":
            for campaign, run in self._runs:
                if target in campaign.lists and run.state == ACTIVE:
                    fresh = [one for one in added if one.number not in campaign.scrubbed]
                    self._accept(run, target, fresh, self.clock.now())

    def begin(self, campaign: Campaign, at: float) -> Run:
        """Begins a run: every contact it is to call counts as accepted. A run before it ends."""
        if campaign.run is not None and campaign.run.state != COMPLETED:
            campaign.run.state = STOPPED
        brief = campaign.brief
        places = self.switches.limit("kore_simultaneous") or 1
        pace = Pace(places, brief.attempts, brief.retry_minutes * 60, repeated_first=False)
        run = Run(new_id("cid"), brief.hours, pace, self.odds, at, self.switches.choice("kore_outside_hours"))
        campaign.run, campaign.updated = run, at
        self._runs.append((campaign, run))
        as_created = self.switches.choice("kore_call_list") == "at_create"
        for target in campaign.lists:
            self._accept(run, target, campaign.dialled(target, as_created), at)
        return run

    def resume(self, campaign: Campaign, run: Run) -> None:
        """A run that was stopped goes on with whom it has not reached."""
        while not run.advance(self.clock.now(), -inf, CALLS_AT_A_TIME):
            pass  # halted as it is it begins no call: it only comes up to the present
        run.state = ACTIVE
        self._runs = [one for one in self._runs if one[1] is not run] + [(campaign, run)]

    def _accept(self, run: Run, target: ContactList, contacts: Sequence[Contact], at: float) -> None:
        if not contacts:
            return
        run.add(contacts, at)

        def rows() -> Iterator[Row]:
            return ((one.unique_id, one.phone) for one in contacts)

        uuids = [one.unique_id for one in contacts if one.unique_id]
        numbers = numbers_of([one.phone for one in contacts])
        self.ledger.accept(Acceptance(target.entry, at, time.time(), rows), len(contacts), uuids, numbers)

    async def play(self) -> None:
        """Begins the runs that are due and plays all calls, until now."""
        async with self._playing:
            now = self.clock.now()
            while (due := self._due(now)) is not None:
                at, campaign = due
                await self._advance(at)
                # advancing let requests in: one of them may have taken the schedule or the campaign away
                if campaign.next_at == at and campaign.campaign_id in self.campaigns:
                    campaign.next_at = campaign.schedule.next_after(at) if campaign.schedule else None
                    self.begin(campaign, at)
            await self._advance(now)

    def _due(self, now: float) -> tuple[float, Campaign] | None:
        due = [(one.next_at, one) for one in self.campaigns.values() if one.next_at is not None and one.next_at <= now]
        return min(due, key=lambda one: one[0], default=None)

    async def _advance(self, to: float) -> None:
        """Plays every run until `to`, the more urgent first. Lets other requests in while it does."""
        in_order = self.switches.choice("kore_priority") == "higher_first"
        self._runs.sort(key=lambda one: (one[0].iid, one[0].brief.priority), reverse=True)
        level, free_from, busy_until = ("", ""), -inf, -inf
        for campaign, run in list(self._runs):
            if (campaign.iid, campaign.brief.priority) != level:
                free_from = busy_until if in_order and campaign.iid == level[0] else -inf
                busy_until = free_from
                level = (campaign.iid, campaign.brief.priority)
            while not run.advance(to, free_from, CALLS_AT_A_TIME):
                await asyncio.sleep(0)
            busy_until = max(busy_until, run.busy_until)
        self._runs = [one for one in self._runs if one[1].unfinished]
