"""The windows of the contacts of one upload, each compiled once for all contacts that share it."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl

from worker.windows.circle import DAY, WEEK
from worker.windows.hours import Hours
from worker.windows.legal import Rules
from worker.windows.window import Window, compiled
from worker.windows.written import daily, schedule
from worker.windows.zones import NOT_SAID, UNKNOWN_NAME, WORLD, Ints, calling_codes, sets, zones_named, zones_of

HOUR = 3600
OF_A_PERSON = ("fixed_line", "mobile", "fixed_line_or_mobile")
KEY = ("places", "region", "code", "since", "own_start", "own_end")
Key = tuple[int, str | None, int, int, int | None, int | None]


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
        self._known: dict[Key, int] = {}

    def of(self, contacts: pl.DataFrame) -> pl.Series:
        """The place in `planned` of what each contact gets.

        They have `e164` (digits), `type` and `region` of the number, and `start` (Unix seconds; 0 or null: the
        upload's). They may have `zone` (a name; blank or null: by the number), `own_start` and `own_end`, HH:MM:SS UTC.
        """
        keys = self._keys(contacts)
        different = keys.unique(maintain_order=True)
        places = [self._place(row) for row in different.iter_rows()]
        return keys.join(
            different.with_columns(pl.Series("plan", places, dtype=pl.Int64)),
            on=KEY,
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )["plan"]

    def _keys(self, contacts: pl.DataFrame) -> pl.DataFrame:
        """What decides over a contact's window, in the order of KEY."""
        e164 = contacts["e164"].to_numpy()
        start = pl.col("start").fill_null(0).replace(0, self._start)
        # The country of a freephone number cannot be told where several share the country code.
        of_a_person = pl.col("type").cast(pl.String).is_in(OF_A_PERSON).fill_null(False)
        own = [
            _seconds(contacts[name]) if name in contacts.columns else pl.lit(None, dtype=pl.Int64)
            for name in ("own_start", "own_end")
        ]
        return contacts.select(
            pl.Series(self._places(contacts, e164)).alias("places"),
            pl.when(of_a_person).then("region").alias("region"),
            pl.Series(calling_codes(e164)).alias("code"),
            (start - start % HOUR).alias("since"),
            own[0].alias("own_start"),
            own[1].alias("own_end"),
        )

    def _places(self, contacts: pl.DataFrame, e164: Ints) -> Ints:
        numbers = zones_of(e164, contacts)
        if "zone" not in contacts.columns:
            return numbers
        named = zones_named(contacts["zone"])
        return np.where(named == NOT_SAID, numbers, named)

    def _place(self, key: Key) -> int:
        if key not in self._known:
            self._known[key] = len(self.planned)
            self.planned.append(self._compiled(*key))
        return self._known[key]

    def _compiled(
        self, place: int, region: str | None, code: int, since: int, own_start: int | None, own_end: int | None
    ) -> Planned:
        if place == UNKNOWN_NAME:
            return Planned(None, Fault.UNKNOWN_ZONE)
        zones, hours = sets()[place], self._rules.of(region or f"+{code}")
        if self._hours is not None:
            hours = hours.within(self._hours)
        own = None if own_start is None or own_end is None else (own_start, own_end)
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
    return hours * HOUR + minutes * 60 + seconds
