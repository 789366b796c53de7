"""An uploaded file, checked and packed for storing. Nothing is stored before the whole file has passed."""

from __future__ import annotations  # array[int] is no type at run time before 3.12

import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from sandbox.dialer import Plan
from sandbox.faults import thinned
from sandbox.phones import numbers_of, phone_column
from sandbox.switches import Switches
from sandbox.voximplant.columns import UUID, Planner, checked_uuids
from sandbox.voximplant.csvfile import Dialect, Page, bad_csv, read_pages
from sandbox.voximplant.errors import ApiError
from sandbox.voximplant.rowstore import pack


@dataclass
class Sheet:
    """What one file brings: packed pages, and of every row only what dialling and the ledger need."""

    header: tuple[str, ...]
    groups: dict[Plan, array[int]]
    uuid_column: int | None
    phone_column: int | None = None
    pages: list[tuple[bytes, int]] = field(default_factory=list)
    dice: array[int] = field(default_factory=lambda: array("I"))
    uuids: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.dice)


@dataclass
class Admission:
    """Which rows get in: the switches on repeated uuids, and the fault that drops rows."""

    switches: Switches
    earlier: set[str] = field(default_factory=set)  # uuids the list holds already
    drop: float = 0.0
    _here: set[str] = field(default_factory=set)

    def admit(self, page: Page, column: int | None) -> Page:
        within, across = (self.switches.choice(f"repeated_uuid{where}") for where in ("", "_across_append"))
        if column is not None and (within, across) != ("accept", "accept"):
            page = [row for row in page if self._admits(row[column], within, across)]
        if self.drop and page:
            page = thinned(page, self.drop)
        return page

    def _admits(self, uuid: str, within: str, across: str) -> bool:
        policies = [policy for policy, seen in ((within, self._here), (across, self.earlier)) if uuid and uuid in seen]
        if "reject_file" in policies:
            raise ApiError(493, UUID, field=UUID)
        self._here.add(uuid)
        return "skip_row" not in policies


def dice_of(page: Page, uuids: Sequence[str]) -> array[int]:
    """32 bits a row, from which its luck is drawn: of its uuid, else of all its cells."""
    return array("I", [zlib.crc32((uuid or "\x1f".join(row)).encode()) for uuid, row in zip(uuids, page, strict=True)])


def read_sheet(content: bytes, dialect: Dialect, admission: Admission) -> Sheet:
    """Raises ApiError 250, 493 or 496; then nothing of the file is kept."""
    pages = read_pages(content, dialect, admission.switches)
    header = tuple(next(pages)[0])
    planner = Planner(header)
    sheet = Sheet(header, planner.groups, header.index(UUID) if UUID in header else None)
    most, seen = admission.switches.limit("max_rows"), 0
    for page in pages:
        seen += len(page)
        if most and seen > most:
            raise bad_csv()
        take_page(sheet, planner, page, admission)
    if not seen and admission.switches.choice("header_alone") == "refuse":
        raise bad_csv()
    return sheet


def take_page(sheet: Sheet, planner: Planner, page: Page, admission: Admission) -> None:
    if page and not sheet.pages:
        sheet.phone_column = phone_column(sheet.header, page[0])
    page = admission.admit(page, sheet.uuid_column)
    if not page:
        return
    uuids = checked_uuids(page, sheet.uuid_column)
    planner.take(page, sheet.count)
    sheet.dice.extend(dice_of(page, uuids))
    sheet.pages.append((pack(page), len(page)))
    if sheet.uuid_column is not None:
        sheet.uuids += filter(None, uuids)
    if sheet.phone_column is not None:
        column = sheet.phone_column
        sheet.numbers += numbers_of([row[column] for row in page])
