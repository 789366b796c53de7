"""The windows of the contacts of one upload, each compiled once for all contacts that share it."""

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from worker.windows.circle import DAY, WEEK, Span
from worker.windows.hours import Hours
from worker.windows.legal import Rules
from worker.windows.window import Window, compiled
from worker.windows.written import daily, schedule
from worker.windows.zones import UNKNOWN_NAME, WORLD, calling_codes, sets, zones_named, zones_of

HOUR = 3600
OF_A_PERSON = ("fixed_line", "mobile", "fixed_line_or_mobile")
KEY = ("places", "where", "since", "own_start", "own_end")


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
        "time zone in a column, or widen the calling window."
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
    """Windows from each contact's start to the `deadline`, both Unix seconds; `start` is that of the upload.

    `hours` is the job's own window on the local clock, within what `rules` allow. `weekly`: the provider knows windows
    by weekdays; else only a time of day that is allowed on every day in between is a window.
    """

    def __init__(
        self, rules: Rules, *, start: int, deadline: int, hours: Hours | None = None, weekly: bool = False
    ) -> None:
        self.planned: list[Planned] = []
        self._rules = rules
        self._start = start
        self._deadline = deadline
        self._hours = hours
        self._circle = WEEK if weekly else DAY
        self._known: dict[tuple[int, str, int, int | None, int | None], int] = {}

    def windows(self, contacts: pl.DataFrame) -> pl.DataFrame:
        """The contacts with `plan` (place in `planned`), `window_start` and `window_end`, or `schedule`, and `fault`.

        They have `e164` (digits), `type` and `region` of the number, `zone` (a name; blank or null: by the number) and
        `start` (Unix seconds; 0 or null: the upload's), and may have `own_start` and `own_end`, HH:MM:SS UTC. Times of
        a window are UTC, HH:MM:SS, of the longest arc where there are two; `fault` is null where there is a window.
        """
        keys = self._keys(contacts)
        different = keys.unique(maintain_order=True)
        places = [self._place(*row) for row in different.iter_rows()]
        found = keys.join(
            different.with_columns(pl.Series("plan", places, dtype=pl.Int32)),
            on=KEY,
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )["plan"]
        texts = pl.DataFrame(
            [(p.start, p.end, p.schedule, None if p.fault is None else p.fault.value) for p in self.planned],
            schema=dict.fromkeys(("window_start", "window_end", "schedule", "fault"), pl.String),
            orient="row",
        )
        return contacts.with_columns(found, *(texts[name].gather(found) for name in texts.columns))

    def _keys(self, contacts: pl.DataFrame) -> pl.DataFrame:
        """What decides over a contact's window, in the order of KEY."""
        e164 = contacts["e164"].to_numpy()
        named = pl.Series(zones_named(contacts["zone"]))
        numbers = pl.Series(zones_of(e164, contacts))
        codes = pl.Series(calling_codes(e164)).cast(pl.String)
        plain = contacts["type"].cast(pl.String).is_in(OF_A_PERSON).fill_null(False)
        starts = contacts["start"].fill_null(0)
        starts = starts.set(starts == 0, self._start)
        own = [
            _seconds(contacts[name]) if name in contacts.columns else pl.repeat(None, contacts.height, eager=True)
            for name in ("own_start", "own_end")
        ]
        return pl.DataFrame(
            {
                "places": named.zip_with((named >= 0) | (named == UNKNOWN_NAME), numbers),
                # The country of a freephone number cannot be told where several share the country code.
                "where": contacts["region"].cast(pl.String).fill_null("").zip_with(plain, "+" + codes),
                "since": starts - starts % HOUR,
                "own_start": own[0].cast(pl.Int64),
                "own_end": own[1].cast(pl.Int64),
            }
        )

    def _place(self, place: int, where: str, since: int, own_start: int | None, own_end: int | None) -> int:
        key = (place, where, since, own_start, own_end)
        if key not in self._known:
            own = None if own_start is None or own_end is None else (own_start, own_end)
            self._known[key] = len(self.planned)
            self.planned.append(self._compiled(place, where, since, own))
        return self._known[key]

    def _compiled(self, place: int, where: str, since: int, own: Span | None) -> Planned:
        if place == UNKNOWN_NAME:
            return Planned(None, Fault.UNKNOWN_ZONE)
        zones, hours = sets()[place], self._rules.of(where)
        if self._hours is not None:
            hours = hours.within(self._hours)
        window = compiled(zones, hours, since, self._deadline, circle=self._circle, own=own)
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
