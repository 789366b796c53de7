"""The rows of a block that are sent, before and after they are written as a provider gets them."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from worker.intake.cells import Cells
from worker.intake.scan import Ints, Marks


@dataclass(frozen=True)
class Contacts:
    """`cells` are those of the block, `at` the records among them that are sent.

    Beside `at` run `index` (row, line, e164 as digits, uuid: the user's own or null, and what else is kept of each),
    `starts` (Unix seconds, 0 for the upload's own), `windows`, columns of ours that say when to call, and `as_written`:
    whether the phone cell is a plus and the digits of `e164`. `prefix` stands before the row in our own uuids.
    """

    cells: Cells
    at: Ints
    index: pl.DataFrame
    starts: Ints
    windows: Mapping[str, pl.Series]
    as_written: Marks
    prefix: str

    @property
    def height(self) -> int:
        return len(self.at)

    @property
    def has_our_uuids(self) -> bool:
        """Whether none of them has one of the user's."""
        return self.index["uuid"].null_count() == self.height

    def part(self, which: Ints) -> "Contacts":
        """Some of these."""
        windows = {name: cells[which] for name, cells in self.windows.items()}
        return Contacts(
            self.cells,
            self.at[which],
            self.index[which],
            self.starts[which],
            windows,
            self.as_written[which],
            self.prefix,
        )

    def tasks(self) -> pl.Series:
        """The uuid of each."""
        ours = self.prefix + self.index["row"].cast(pl.String)
        return self.index["uuid"].fill_null(ours)
