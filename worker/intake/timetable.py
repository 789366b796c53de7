"""When each contact may be called: the windows of a block's rows, and the columns that say them to the provider."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from worker.errors import InputError
from worker.intake.cells import Cells
from worker.intake.header import WINDOW_END, WINDOW_START, WINDOWS, column_named
from worker.intake.phones import kinds
from worker.intake.rejects import Code
from worker.intake.scan import Ints
from worker.layout import Layout
from worker.windows import Asked, Fault, Plan, Summary, summed

NOBODYS = -1
OWN = {"own_start": WINDOW_START, "own_end": WINDOW_END}
OF_WINDOWS = (*OWN, "zone")  # columns of an index
CODES: dict[Fault | None, Code] = {None: Code.FINE, **{fault: Code[fault.name] for fault in Fault}}


SAID = {"window_start": "start", "window_end": "end", "window_schedule": "schedule"}  # columns, and what of a plan


def written(layout: Layout) -> dict[str, str]:
    """What a provider of this layout is told of a window: columns of ours, and its own names of them."""
    if layout.schedule is not None:
        return {"window_schedule": layout.schedule}
    return {"window_start": WINDOW_START, "window_end": WINDOW_END}


def contacts_of(index: pl.DataFrame) -> pl.DataFrame:
    """What a plan needs to know of the contacts of a chunk, but their start."""
    kept = [name for name in OF_WINDOWS if name in index.columns]
    return index.select("e164", *kept).hstack(kinds(index["e164"].to_numpy()))


@dataclass(frozen=True)
class Timed:
    """`said`: the windows in columns of ours. `index`: what the file says of them itself, kept so that they can be
    worked out anew. `codes`: per row, why it has none. `plans`: per row, the place of its window, `NOBODYS` where none
    was worked out.
    """

    said: dict[str, pl.Series]
    index: dict[str, pl.Series]
    codes: Ints
    plans: Ints


class Timetable:
    """Works out windows block by block; counts those who get them.

    Raises InputError `no_such_column` where the file lacks the column of zones.
    """

    def __init__(self, asked: Asked, columns: list[str], layout: Layout, start: int) -> None:
        self._plan = Plan(
            asked.rules, start=start, lasts=asked.lasts, hours=asked.hours, weekly=layout.schedule is not None
        )
        self._written = written(layout)
        self._from_file = {name: str(columns.index(wire)) for name, wire in OWN.items() if wire in columns}
        if len(self._from_file) < len(OWN):
            self._from_file = {}
        if asked.zone_column is not None:
            self._from_file["zone"] = str(columns.index(column_named(columns, asked.zone_column)))
        self._others = {name: str(columns.index(name)) for name in WINDOWS[2:] if name in columns}
        self._counts = np.zeros(0, np.int64)

    def of(self, cells: Cells, e164: Ints, told: pl.DataFrame, starts: Ints, fine: Ints) -> Timed:
        """The windows of the rows at `fine`; `told` are type and region of the numbers. The others have none."""
        self._refuse_others(cells)
        index = {name: cells.column(at).alias(name) for name, at in self._from_file.items()}
        contacts = told.with_columns(pl.Series("e164", e164), pl.Series("start", starts), *index.values())[fine]
        plans = np.full(cells.height, NOBODYS, np.int64)
        plans[fine] = self._plan.of(contacts).to_numpy()
        planned = self._plan.planned
        codes = np.array([*(CODES[plan.fault] for plan in planned), Code.FINE], np.int64)[plans]
        at = pl.Series(np.where(plans == NOBODYS, len(planned), plans))
        said = {
            name: pl.Series([*(getattr(plan, SAID[name]) or "" for plan in planned), ""], dtype=pl.String).gather(at)
            for name in self._written
        }
        return Timed(said, index, codes, plans)

    def count(self, plans: Ints) -> None:
        """These windows are those of contacts who are sent, or were turned away for theirs."""
        counts = np.bincount(plans[plans != NOBODYS], minlength=len(self._plan.planned))
        counts[: len(self._counts)] += self._counts
        self._counts = counts

    def summary(self) -> Summary:
        """Of all who were counted."""
        places = np.flatnonzero(self._counts)
        return summed(self._plan.planned, dict(zip(places.tolist(), self._counts[places].tolist(), strict=True)))

    def _refuse_others(self, cells: Cells) -> None:
        """What says in other words when somebody may be called cannot be held against the window."""
        for name, at in self._others.items():
            if (cells.column(at).str.strip_chars() != "").any():
                raise InputError(
                    "window_unsupported",
                    f"The column {name} says in its own way when each contact may be called, so the window that was "
                    "asked for cannot be kept; empty the column, or take --window any.",
                )
