"""A batch as the provider keeps it: what the API shows of it, and the tally of its calls."""

import time
from collections import Counter
from dataclasses import dataclass, field

from sandbox.campaign import Call, Campaign
from sandbox.dialer import IN_PROGRESS, NEW, WAITING
from sandbox.formant.access import iso
from sandbox.formant.webhooks import status_of
from sandbox.switches import Switches


@dataclass
class Tally:
    """How contacts ended, by status; attempts that are followed by another do not count."""

    ends: Counter[str] = field(default_factory=Counter)
    reached: int = 0
    talked: float = 0.0

    def take(self, call: Call) -> None:
        if not call.final:
            return
        status = status_of(call)
        self.ends[status] += 1
        self.reached += call.word == "answered"
        if status == "completed":
            self.talked += call.ended - call.began


@dataclass
class Batch:
    batch_id: int
    agent_id: int
    name: str
    created: float
    names: tuple[str, ...]
    campaign: Campaign
    visible_from: float
    updated: float = 0.0
    tally: Tally = field(default_factory=Tally)

    def shown_to(self, agents: frozenset[int] | None) -> bool:
        """To whom reaches these agents (None for all), from when on it can be seen."""
        return self.visible_from <= time.monotonic() and (agents is None or self.agent_id in agents)

    def parameters(self, row: int) -> dict[str, str]:
        return dict(zip(self.names, self.campaign.contacts[row].cells, strict=True))

    def status(self, switches: Switches) -> str:
        states = self.campaign.dialer.state
        if self.campaign.finished:
            return switches.choice("formant_ended_status")
        begun = states.count(NEW) < len(states)
        return switches.choice("formant_running_status" if begun else "formant_first_status")

    def document(self, switches: Switches) -> dict[str, object]:
        """BatchCall."""
        shown: dict[str, object] = {
            "agent_id": self.agent_id,
            "created_at": iso(self.created),
            "id": self.batch_id,
            "name": self.name,
            "status": self.status(switches),
            "total_recipients": len(self.campaign.contacts),
            "updated_at": iso(max(self.created, self.updated)),
        }
        match switches.choice("formant_scheduled_for"):
            case "null":
                shown["scheduled_for"] = None
            case "created_at":
                shown["scheduled_for"] = iso(self.created)
        return shown

    def metrics(self, switches: Switches) -> dict[str, object]:
        ends, processed = self.tally.ends, self.tally.ends.total()
        states = self.campaign.dialer.state
        rate = self.tally.reached / processed if processed else 0.0
        return {
            "avg_duration_seconds": round(self.tally.talked / ends["completed"], 2) if ends["completed"] else 0.0,
            "busy_count": ends["busy"],
            "completed_count": ends["completed"],
            "failed_count": ends["failed"] + ends["telephony_failed"],
            "in_progress_count": states.count(IN_PROGRESS),
            "no_answer_count": ends["no_answer"],
            "pending_retry_count": states.count(WAITING),
            "socket_failure_count": ends["socket_failure"],
            "success_count": self.tally.reached,
            "success_rate": round(rate * (100 if switches.choice("formant_success_rate") == "percent" else 1), 4),
            "total_processed": processed,
            "unreachable_count": ends["unreachable"],
        }
