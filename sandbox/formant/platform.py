"""The provider's state: keys, limits, agents and batches."""

import time
from itertools import count

from sandbox.callbacks import Callbacks
from sandbox.campaign import Call, Campaign, Dialling
from sandbox.clock import Clock
from sandbox.dialer import Pace
from sandbox.faults import Methods
from sandbox.formant.access import Keys, Limits
from sandbox.formant.agents import Agent
from sandbox.formant.batch import Batch
from sandbox.formant.errors import FormantError, missing
from sandbox.formant.sheet import Sheet, callable_number
from sandbox.formant.webhooks import event
from sandbox.ledger import Ledger
from sandbox.odds import Odds
from sandbox.switches import Switches

PROVIDER = "formant"
CREATE, LIST, GET, METRICS = "batch-call", "batch-calls", "batch-call-get", "batch-call-metrics"
FAULT_METHODS = Methods(
    known=frozenset({CREATE, LIST, GET, METRICS}),
    content={"short_count": frozenset({CREATE}), "late_visible": frozenset({CREATE})},
)
IDS_SINCE = 1_700_000_000


class Platform:
    def __init__(self, clock: Clock, switches: Switches, ledger: Ledger, odds: Odds, callbacks: Callbacks) -> None:
        self.clock, self.switches, self.ledger, self.odds, self.callbacks = clock, switches, ledger, odds, callbacks
        self.keys, self.limits = Keys(), Limits()
        self.agents: dict[int, Agent] = {}
        self.dialling = Dialling(clock, ledger, callbacks)
        # Ids begin at the time, so that a restarted sandbox gives no old id to a new batch.
        self._ids = count(int((time.time() - IDS_SINCE) * 10))
        self.clear()

    def clear(self) -> None:
        self.dialling.clear()
        self._batches: dict[int, Batch] = {}

    async def play(self) -> None:
        await self.dialling.play()

    async def create(self, agent_id: int, name: str, sheet: Sheet, visible_after: float) -> Batch:
        """Books the recipients and lets them be called. Raises FormantError 409 and 429."""
        self._admit(agent_id, name)
        now, agent = self.clock.now(), self.agents.get(agent_id, Agent())
        ports = self.switches.limit("formant_ports") or len(sheet.contacts)
        pace = Pace(ports, agent.max_attempts, int(agent.retry_interval), repeated_first=False)

        def told(call: Call) -> None:
            self._tell(batch, call)

        campaign = Campaign(sheet.contacts, pace, self.odds, now, told)
        campaign.start(now, now)
        campaign.spoil(row for row, one in enumerate(sheet.contacts) if not callable_number(one.number))
        visible_from = time.monotonic() + visible_after if visible_after else 0.0
        batch = Batch(next(self._ids), agent_id, name, now, sheet.names, campaign, visible_from)
        self._batches[batch.batch_id] = batch
        await self.dialling.take(campaign, self.ledger.open(PROVIDER, str(batch.batch_id), name))
        return batch

    def batches(self, agents: frozenset[int] | None) -> list[Batch]:
        """Those of these agents (None for all) that can be seen by now, oldest first."""
        return [one for one in self._batches.values() if one.shown_to(agents)]

    def batch(self, batch_id: int, agents: frozenset[int] | None) -> Batch:
        """Raises FormantError 404."""
        found = self._batches.get(batch_id)
        if found is None or not found.shown_to(agents):
            raise missing("Batch call")
        return found

    def _admit(self, agent_id: int, name: str) -> None:
        under_way, most = self.dialling.under_way, self.limits.concurrent_calls
        if most and under_way >= most:
            raise too_many_calls(under_way, most)
        if self.switches.choice("formant_repeated_name") == "409" and self._has(agent_id, name):
            raise FormantError(409, "A batch call with this name exists")

    def _has(self, agent_id: int, name: str) -> bool:
        return any(one.name == name and one.agent_id == agent_id for one in self._batches.values())

    def _tell(self, batch: Batch, call: Call) -> None:
        batch.updated = call.ended
        batch.tally.take(call)
        agent = self.agents.get(batch.agent_id)
        if agent is None or not agent.webhook_url:
            return
        number, most = batch.campaign.contacts[call.row].number, batch.campaign.pace.num_attempts
        parameters = batch.parameters(call.row)
        self.callbacks.send(event(call, (batch.agent_id, agent), number, parameters, most, self.switches))


def too_many_calls(current: int, most: int) -> FormantError:
    kind = "concurrent_call_limit_exceeded"
    return FormantError(429, "Concurrent call limit exceeded", kind, current_calls=current, max_calls=most)
