"""A call list as the provider keeps it: its settings, its uploads (batches), its rows, its dialler."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sandbox.clock import utc_text
from sandbox.dialer import Dialer, Pace
from sandbox.ledger import ListEntry, Row
from sandbox.voximplant.accounts import Account
from sandbox.voximplant.rowstore import RowStore
from sandbox.voximplant.sheet import Sheet
from sandbox.voximplant.taskindex import TaskIndex

IN_PROGRESS, COMPLETED, CANCELED = "In progress", "Completed", "Canceled"


@dataclass(frozen=True)
class Settings:
    """What a list was created or edited with, and what GetCallLists tells again."""

    rule_id: int
    priority: int
    pace: Pace
    start_at: int = 0
    created_cancelled: bool = False
    manual: bool = False

    @property
    def strategy(self) -> str:
        return "repeated_attempts" if self.pace.repeated_first else "first_attempts"


@dataclass(frozen=True)
class Batch:
    """The rows of one upload. `visible_from` is in real seconds: reads before that do not see them."""

    batch_id: str
    number: int
    rows: range
    header: tuple[str, ...]
    uuid_column: int | None
    phone_column: int | None
    visible_from: float
    first_task_id: int


@dataclass
class CallList:
    list_id: int
    account: Account
    name: str
    settings: Settings
    submitted: float
    dialer: Dialer
    entry: ListEntry
    stopped: bool = False
    recoverable: bool = True
    low_balance_status: Callable[[], str] = field(default=lambda: CANCELED)
    batches: list[Batch] = field(default_factory=list)
    store: RowStore = field(default_factory=RowStore)
    # what StartNextCallTask handed to the scenario, by task
    custom_params: dict[int, str] = field(default_factory=dict)
    _uuids: set[str] | None = None

    def __post_init__(self) -> None:
        self.tasks = TaskIndex(self)
        self.configure(self.name, self.settings)

    def configure(self, name: str, settings: Settings) -> None:
        """Takes effect from the moment until which the dialler was advanced."""
        self.name, self.settings = name, settings
        self.dialer.change_pace(settings.pace)
        self.dialer.manual, self.dialer.not_before = settings.manual, settings.start_at

    def add(self, sheet: Sheet, batch: Batch, now: float, dial: bool) -> None:
        self.batches.append(batch)
        for packed, count in sheet.pages:
            self.store.add(packed, count)
        self.dialer.add(sheet.dice, sheet.groups.items(), now, dial)
        if self._uuids is not None:
            self._uuids.update(sheet.uuids)

    def uuids(self) -> set[str]:
        """Every uuid the list holds; read once, then kept up to date. Only a switch asks for it."""
        if self._uuids is None:
            self._uuids = {uuid for batch in self.batches for uuid, _ in self.ledger_rows(batch) if uuid}
        return self._uuids

    def ledger_rows(self, batch: Batch) -> Iterator[Row]:
        uuid_at, phone_at = (-1 if one is None else one for one in (batch.uuid_column, batch.phone_column))
        for _, page in self.store.runs(batch.rows):
            for row in page:
                row.append("")  # what a column that is not there reads
                yield row[uuid_at], row[phone_at].strip()

    def hold(self) -> None:
        """Tells the dialler whether it may begin calls. It must have been advanced to now before."""
        self.dialer.held = self.stopped or not self.account.can_dial

    @property
    def status(self) -> str:
        if self.dialer.completed:
            return COMPLETED
        if self.stopped:
            return CANCELED
        return IN_PROGRESS if self.account.can_dial else self.low_balance_status()

    @property
    def shows_canceled(self) -> bool:
        """Whether open tasks show as canceled."""
        return self.stopped or (not self.account.can_dial and self.low_balance_status() != IN_PROGRESS)

    def visible(self, real_now: float) -> list[Batch]:
        return [batch for batch in self.batches if batch.visible_from <= real_now]

    def task_uuid(self, index: int, sent: str) -> str:
        return sent or str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.list_id}/{index}"))

    def document(self) -> dict[str, object]:
        """CallListType."""
        pace = self.settings.pace
        shown: dict[str, object] = {
            "list_id": self.list_id,
            "list_name": self.name,
            "priority": self.settings.priority,
            "rule_id": self.settings.rule_id,
            "max_simultaneous": pace.max_simultaneous,
            "num_attempts": pace.num_attempts,
            "interval_seconds": pace.interval_seconds,
            "dt_submit": utc_text(int(self.submitted)),
            "status": self.status,
            "task_priority_strategy": self.settings.strategy,
        }
        if self.dialer.completed:
            shown["dt_complete"] = utc_text(int(self.dialer.completed_at or self.submitted))
        return shown
