"""The provider's state: accounts, call lists, and what every method needs of the sandbox around it.

All of it is touched from one event loop, by code that does not await in the middle of a change: that loop is the lock.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable
from itertools import count

from sandbox.clock import Clock
from sandbox.dialer import Dialer
from sandbox.ledger import Acceptance, Ledger
from sandbox.odds import Odds
from sandbox.switches import Switches
from sandbox.voximplant.accounts import Account, Accounts
from sandbox.voximplant.calllist import Batch, CallList, Settings
from sandbox.voximplant.errors import ApiError
from sandbox.voximplant.sheet import Sheet

PROVIDER = "voximplant"
CALLS_AT_A_TIME = 20_000
IDS_SINCE = 1_700_000_000


class Platform:
    def __init__(
        self, clock: Clock, switches: Switches, ledger: Ledger, odds: Odds, *, balance: float, currency: str
    ) -> None:
        self.clock, self.switches, self.ledger, self.odds = clock, switches, ledger, odds
        self.accounts = Accounts(balance, currency)
        # Ids begin at the time, in tenths of a second, so that a restarted sandbox gives no old id to a new list.
        self._list_ids, self._task_ids = count(int((time.time() - IDS_SINCE) * 10)), 1
        self.clear()

    def clear(self) -> None:
        """Forgets the lists; accounts, keys and ids go on."""
        self.lists: dict[int, CallList] = {}
        self.uploads_seen: dict[bytes, float] = {}

    def list_of(self, account: Account, list_id: int | None) -> CallList:
        """Raises ApiError 255 for a list that is not there or not this account's."""
        found = self.lists.get(list_id) if list_id is not None else None
        if found is None or found.account is not account:
            raise ApiError(255, field="list_id")
        return found

    def lists_named(self, account: Account, name: str) -> list[CallList]:
        return [one for one in self.lists.values() if one.account is account and one.name == name]

    def open_list(self, account: Account, name: str, settings: Settings) -> CallList:
        list_id, now = next(self._list_ids), self.clock.now()
        entry = self.ledger.open(PROVIDER, str(list_id), name)
        dialer = Dialer(settings.pace, self.odds, now)
        opened = CallList(list_id, account, name, settings, now, dialer, entry)
        opened.low_balance_status = lambda: self.switches.choice("low_balance_status")
        policy = self.switches.choice("is_cancelled")
        opened.stopped = settings.created_cancelled and policy != "ignored"
        opened.recoverable = not (settings.created_cancelled and policy == "not_recoverable")
        opened.hold()
        self.lists[list_id] = opened
        return opened

    def store(self, target: CallList, sheet: Sheet, visible_after: float, dial: bool = True) -> Batch:
        """Books the rows in the list and in the ledger. `visible_after` is in real seconds from now."""
        now, first = self.clock.now(), target.store.total
        batch = Batch(
            batch_id=str(uuid.uuid4()),
            number=len(target.batches) + 1,
            rows=range(first, first + sheet.count),
            header=sheet.header,
            uuid_column=sheet.uuid_column,
            phone_column=sheet.phone_column,
            visible_from=time.monotonic() + visible_after if visible_after else 0.0,
            first_task_id=self._task_ids,
        )
        self._task_ids += sheet.count
        target.add(sheet, batch, now, dial)
        rows = slice(batch.rows.start, batch.rows.stop)
        acceptance = Acceptance(
            target.entry, now, time.time(), lambda: target.ledger_rows(batch), lambda: target.dialer.begun[rows]
        )
        self.ledger.accept(acceptance, sheet.count, sheet.uuids, sheet.numbers)
        return batch

    async def catch_up(self, lists: Iterable[CallList]) -> None:
        """Plays the calls of these lists until now, and lets other requests in while it does."""
        for one in lists:
            while not one.dialer.advance(self.clock.now(), CALLS_AT_A_TIME):
                await asyncio.sleep(0)

    async def play(self) -> None:
        await self.catch_up(list(self.lists.values()))

    async def change_rules(self, change: Callable[[], object]) -> None:
        """Applies a change of money, odds or switches, after playing every list until now under the old rules."""
        await self.play()
        change()
        for one in self.lists.values():
            # catch_up let requests in: a list may have grown since
            one.dialer.advance(self.clock.now())
            one.hold()
