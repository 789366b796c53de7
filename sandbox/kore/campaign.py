"""A voice campaign as the provider keeps it, and how it shows itself."""

import uuid
from dataclasses import dataclass, field

from sandbox.kore.contactlist import Contact, ContactList
from sandbox.kore.moments import iso
from sandbox.kore.run import ACTIVE, COMPLETED, PAUSED, Run
from sandbox.kore.schedule import Schedule
from sandbox.kore.strategy import Brief

PREPARING, READY, SCHEDULED, RESCHEDULED = "Preparing", "Ready", "Scheduled", "Rescheduled"
STATUSES = (ACTIVE, COMPLETED, READY, PAUSED, PREPARING, "Stopped", SCHEDULED, RESCHEDULED)


@dataclass(eq=False)
class Campaign:
    """`ready_from` and `visible_from` are in real seconds. `sizes` is how long each list was at the creation."""

    campaign_id: str
    iid: str
    version: int
    brief: Brief
    lists: list[ContactList]
    scrubbed: frozenset[int]
    created: float
    ready_from: float
    visible_from: float
    updated: float = field(init=False)
    sizes: list[int] = field(init=False)
    run: Run | None = None
    schedule: Schedule | None = None
    next_at: float | None = None

    def __post_init__(self) -> None:
        self.updated = self.created
        self.take_sizes()

    def take_sizes(self) -> None:
        self.sizes = [len(one.contacts) for one in self.lists]

    def status(self, real_now: float) -> str:
        if self.run is not None and (self.run.state in (ACTIVE, PAUSED) or self.next_at is None):
            return self.run.state
        if self.next_at is not None:
            return SCHEDULED if self.run is None else RESCHEDULED
        return READY if real_now >= self.ready_from else PREPARING

    def dialled(self, target: ContactList, as_created: bool) -> list[Contact]:
        """Whom a run calls of one of its lists: all but those on a DNC list, in dialing order."""
        size = self.sizes[self.lists.index(target)] if as_created else len(target.contacts)
        chosen = [one for one in target.contacts[:size] if one.number not in self.scrubbed]
        return chosen[::-1] if self.brief.newest_first else chosen

    def document(self, real_now: float, dnc_id: str | None) -> dict[str, object]:
        """All there is to show but the id, which has another name on each page."""
        brief = self.brief
        shown: dict[str, object] = {
            "name": brief.name,
            "lname": brief.name.lower(),
            "description": brief.description,
            "priority": brief.priority,
            "dialingMode": brief.mode,
            "dialingStrategy": dict(brief.shown),
            "status": self.status(real_now),
            "createdAt": iso(self.created),
            "updatedAt": iso(self.updated),
            "contactLists": [one.name for one in self.lists],
        }
        if brief.mode == "Agentless":
            shown["experienceFlow"] = f"cf-{uuid.uuid5(uuid.NAMESPACE_OID, brief.connection)}"
        if brief.max_skips is not None:
            shown["maxSkips"] = brief.max_skips
        if self.version == 1 or brief.mode == "Agentless":
            shown["enableMachineDetect"] = brief.machine_detect
        if self.version == 1:
            return shown
        if brief.dnc_name is not None:
            shown["dncLists"] = {"id": dnc_id, "name": brief.dnc_name}
        shown["dialingStrategy"] = brief.shown | {"useSystemMappings": False}
        return shown | {"isFiltersEnabled": False}

    @property
    def schedule_document(self) -> dict[str, object]:
        enabled = self.schedule is not None
        return {"isSchedulingEnabled": enabled, "isRecurrenceEnabled": enabled}
