"""The windows of the contacts of one upload, each compiled once for all contacts that share it."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl

from worker.windows.circle import DAY, WEEK, Span
from worker.windows.hours import Hours
from worker.windows.legal import Rules
from worker.windows.window import Window, compiled
from worker.windows.written import daily, schedule
from worker.windows.zones import (
    MANY,
    NOT_SAID,
    UNKNOWN_NAME,
    WORLD,
    Ints,
    calling_codes,
    sets,
    words_of,
    zones_named,
    zones_of,
)

HOUR = 3600
OWN = ("own_start", "own_end")
OF_A_PERSON = ("fixed_line", "mobile", "fixed_line_or_mobile")
ROOM = 4096  # more than there are sets of zones, or countries and calling codes


class Fault(StrEnum):
    """Why a contact has no window; codes of rejected rows."""

    UNKNOWN_ZONE = "unknown_zone"
    NO_ZONE = "no_zone"
    NO_WINDOW = "no_window"


SENTENCES: dict[Fault, str] = {
    Fault.UNKNOWN_ZONE: "The time zone is none of the IANA database; write region and city, such as Europe/Berlin.",
    Fault.NO_ZONE: "The number lies in no one country, so the hour there is unknown; name its time zone in a column.",
    Fault.NO_WINDOW: (
        "No time of day is allowed on every day until the upload's end in all zones where the number may lie; name its "
        "time zone in a column, start behind the days without calls, or widen the calling window."
    ),
}


@dataclass(frozen=True)
class Planned:
    """What all contacts of one kind get: the window, and the texts that say it to a provider."""

    window: Window | None
    fault: Fault | None
    start: str | None = None
    end: str | None = None
    schedule: str | None = None


class Plan:
    """Windows that hold for `lasts` seconds from each contact's start on; `start` (Unix seconds) is that of the upload.

    `hours` is the job's own window on the local clock, within what `rules` allow. `weekly`: the provider knows windows
    by weekdays; else only a time of day that is allowed on every day in between is a window.
    """

    def __init__(
        self, rules: Rules, *, start: int, lasts: int, hours: Hours | None = None, weekly: bool = False
    ) -> None:
        self.planned: list[Planned] = []
        self._rules = rules
        self._start = start
        self._lasts = lasts
        self._hours = hours
        self._circle = WEEK if weekly else DAY
        self._known: dict[tuple[int | None, ...], int] = {}

    def of(self, contacts: pl.DataFrame) -> pl.Series:
        """The place in `planned` of what each contact gets.

        They have `e164` (digits), `type` and `region` of the number (enums), and `start` (Unix seconds; 0 or null: the
        upload's). They may have `zone` (a name; blank or null: by the number), `own_start` and `own_end`, HH:MM:SS UTC.
        """
        keys = pl.DataFrame({"key": self._keys(contacts)}).with_columns(
            _seconds(contacts[name]) for name in OWN if name in contacts.columns
        )
        countries = words_of(contacts["region"])
        different = keys.unique(maintain_order=True)
        places = [self._place(row, countries) for row in different.iter_rows()]
        return keys.join(
            different.with_columns(pl.Series("plan", places, dtype=pl.Int64)),
            on=keys.columns,
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )["plan"]

    def _keys(self, contacts: pl.DataFrame) -> Ints:
        """What decides over a contact's window, in one number: the hour of the start, the zones, the country."""
        e164, starts = contacts["e164"].to_numpy(), contacts["start"].cast(pl.Int64).fill_null(0).to_numpy()
        hours = np.where(starts == 0, self._start, starts) // HOUR
        # The country of a freephone number cannot be told where several share the country code.
        of_a_person = contacts["type"].is_in(OF_A_PERSON).fill_null(False).to_numpy()
        countries = contacts["region"].to_physical().cast(pl.Int64).fill_null(0).to_numpy()
        where = np.where(of_a_person, MANY + countries, calling_codes(e164))
        keys: Ints = (hours * ROOM + self._places(contacts, e164) - UNKNOWN_NAME) * ROOM + where
        return keys

    def _places(self, contacts: pl.DataFrame, e164: Ints) -> Ints:
        numbers = zones_of(e164, contacts)
        if "zone" not in contacts.columns:
            return numbers
        named = zones_named(contacts["zone"])
        return np.where(named == NOT_SAID, numbers, named)

    def _place(self, row: tuple[int | None, ...], countries: list[str]) -> int:
        """`row`: the key, and the seconds of a window of the contact's own where there are such columns."""
        if row not in self._known:
            key, start, end = (*row, None, None)[:3]
            assert key is not None
            rest, where = divmod(key, ROOM)
            hour, place = divmod(rest, ROOM)
            country = f"+{where}" if where < MANY else countries[where - MANY]
            own = None if start is None or end is None else (start, end)
            self._known[row] = len(self.planned)
            self.planned.append(self._compiled(place + UNKNOWN_NAME, country, hour * HOUR, own))
        return self._known[row]

    def _compiled(self, place: int, country: str, since: int, own: Span | None) -> Planned:
        if place == UNKNOWN_NAME:
            return Planned(None, Fault.UNKNOWN_ZONE)
        zones, hours = sets()[place], self._rules.of(country)
        if self._hours is not None:
            hours = hours.within(self._hours)
        window = compiled(zones, hours, since, since + HOUR + self._lasts, circle=self._circle, own=own)
        if window.longest is None:
            return Planned(window, Fault.NO_ZONE if zones == WORLD else Fault.NO_WINDOW)
        if window.circle == WEEK:
            return Planned(window, None, schedule=schedule(window))
        start, end = daily(window.longest)
        return Planned(window, None, start, end)


def _seconds(cells: pl.Series) -> pl.Series:
    """Of the day, of HH:MM:SS; null for a blank."""
    parts = cells.str.extract_groups(r"^(\d\d):(\d\d):(\d\d)$").struct.unnest()
    hours, minutes, seconds = (parts.to_series(n).cast(pl.Int64) for n in range(3))
    return (hours * HOUR + minutes * 60 + seconds).alias(cells.name)
