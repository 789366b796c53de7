"""The provider's state: who may log in, the campaigns that exist, and how a request becomes calls."""

import time
from collections.abc import Mapping
from hmac import compare_digest

from sandbox.callbacks import Callbacks
from sandbox.campaign import Call, Campaign, Contact, Dialling
from sandbox.clock import Clock
from sandbox.dialer import Pace
from sandbox.faults import Methods
from sandbox.ledger import Ledger
from sandbox.odds import Odds
from sandbox.plum.fields import LENGTHS, Failed, Order
from sandbox.plum.results import result, shown_phone
from sandbox.refusals import ControlError, known_keys
from sandbox.switches import Switches

PROVIDER = "plum"
CALLS, CALL = "queuecalls", "queuecall"
FAULT_METHODS = Methods(known=frozenset({CALLS, CALL}), content={"short_count": frozenset({CALLS})})
IDS_SINCE = 1_700_000_000


class Webservice:
    def __init__(self, clock: Clock, switches: Switches, ledger: Ledger, odds: Odds, callbacks: Callbacks) -> None:
        self.clock, self.switches, self.ledger, self.odds, self.callbacks = clock, switches, ledger, odds, callbacks
        self.dialling = Dialling(clock, ledger, callbacks)
        self._pins: dict[str, str] = {}
        # Ids begin at the time, so that a restarted sandbox gives no old id to a new campaign.
        self._next_id = int(time.time() - IDS_SINCE) * 10
        self.clear()

    def clear(self) -> None:
        self.dialling.clear()
        self._names: set[tuple[str, str]] = set()

    async def play(self) -> None:
        await self.dialling.play()

    def put_account(self, login: str, document: Mapping[str, object]) -> None:
        """From the first pair on, only configured pairs are accepted; a PIN of null takes a pair back."""
        known_keys(document, {"pin"}, "PUT /plum/accounts")
        pin = document.get("pin")
        if pin is None:
            self._pins.pop(login, None)
        elif isinstance(pin, str) and 0 < len(pin) <= LENGTHS["pin"]:
            self._pins[login] = pin
        else:
            raise ControlError("bad_value", f"'pin' must be a text of 1 to {LENGTHS['pin']} characters, or null.")

    def admit(self, login: str, pin: str) -> None:
        """Raises Failed."""
        if self._pins and not compare_digest(self._pins.get(login, "").encode(), pin.encode()):
            raise Failed("login or pin is not valid")

    async def preflight(self, order: Order) -> None:
        """Both URLs must answer before anything is queued. Raises Failed."""
        for name, url in (("start_url", order.start_url), ("result_url", order.result_url)):
            asked = url and self.switches.choice(f"plum_preflight_{name}") == "on"
            if asked and not await self.callbacks.answers_200(url):
                raise Failed(f"{name} did not return HTTP 200")

    def claim_name(self, login: str, name: str) -> None:
        """Raises Failed."""
        if name and self.switches.choice("plum_repeated_name") == "fail" and (login, name) in self._names:
            raise Failed("campaign name is not unique")
        self._names.add((login, name))

    async def queue(self, name: str, order: Order, contacts: list[Contact]) -> int:
        """Books the contacts and lets them be dialled; returns the campaign's id. The ids after it are its calls'."""
        now, campaign_id = self.clock.now(), self._next_id
        self._next_id += len(contacts) + 1
        ports = self.switches.limit("plum_ports") or len(contacts)
        pace = Pace(ports, order.retries + 1, order.retry_interval, repeated_first=False)

        def told(call: Call) -> None:
            self._tell(call, campaign, order, campaign_id + 1 + call.row)

        campaign = Campaign(contacts, pace, self.odds, now, told, order.expires_at)
        campaign.start(order.starts_at, now)
        await self.dialling.take(campaign, self.ledger.open(PROVIDER, str(campaign_id), name))
        return campaign_id

    def _tell(self, call: Call, campaign: Campaign, order: Order, call_id: int) -> None:
        quiet = not call.final and self.switches.choice("plum_result_posts") == "final"
        if not order.result_url or quiet:
            return
        contact = campaign.contacts[call.row]
        phone = shown_phone(contact.cells[0], contact.number, self.switches)
        most = campaign.pace.num_attempts
        told = result(order.result_url, call, call_id, phone, contact.uuid, most, self.switches)
        self.callbacks.send(told)
