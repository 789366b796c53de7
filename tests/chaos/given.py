"""Files as apps give them: real people, some of them twice, and cells that hold no number."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from tests.house import House
from worker import producer

NO_NUMBERS = ("NOT AVAILABLE", "12", "", "+1 202", "n/a")
APART = 10_000  # numbers of one file of a round


@dataclass
class Given:
    """A file that was given, as the judges know it: the cell of row 1 first. `ulid` is empty before the receipt.

    `start` is the earliest moment in which anybody of it may be called, `decided_at` when somebody said "now", and
    `wished` the rows of those who asked not to be called.
    """

    cells: list[str]
    job: dict[str, Any]
    start: datetime
    ulid: str = ""
    decided_at: list[datetime] = field(default_factory=list)
    wished: set[int] = field(default_factory=set)

    @property
    def people(self) -> dict[int, str]:
        """Who is to be called: row to number. The first row of a number counts."""
        rows: dict[str, int] = {}
        for row, cell in enumerate(self.cells, 1):
            if cell.startswith("+1202") and len(cell) == 12:
                rows.setdefault(cell, row)
        return {row: number for number, row in rows.items()}

    @property
    def refused_by_intake(self) -> Counter[str]:
        """Rows that hold no number, and rows whose number stands above."""
        numbers = [cell for cell in self.cells if cell.startswith("+1202") and len(cell) == 12]
        return Counter(rejected=len(self.cells) - len(numbers), duplicate=len(numbers) - len(set(numbers)))

    def give(self, house: House) -> str:
        """What an app does, and does again where it got no receipt."""
        self.ulid = producer.enqueue(self.job, context=house.ctx).id
        return self.ulid


def written(house: House, dice: Random, which: int, rows: tuple[int, int], **job: Any) -> Given:
    """A file of so many rows, and the job that names it."""
    count = dice.randint(*rows)
    cells = [f"+1202{2_000_000 + which * APART + row}" for row in range(count)]
    for _ in range(dice.randint(0, count // 20)):
        cells[dice.randrange(count)] = dice.choice((dice.choice(cells), dice.choice(NO_NUMBERS)))
    source = house.file(cells, f"people-{which}.csv")
    whole = {"source": str(source), "account": "sandbox", "idempotency_key": f"file-{which}", **job}
    start = datetime.fromisoformat(job["starts_at"]) if "starts_at" in job else house.now
    return Given(cells, whole, max(start, house.now))
