"""Calling hours: the spans of a week in which calls may begin, on the clocks of one time zone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import inf
from zoneinfo import ZoneInfo, available_timezones

from sandbox.kore.errors import KoreError
from sandbox.kore.reading import Body, one_of, section, sections, text

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FREQUENCIES = ("WEEKLY", "DAILY", "CUSTOM")
MINUTES_OF_DAY = 1440


@lru_cache(maxsize=1)
def known_zones() -> frozenset[str]:
    """Read once: it walks through a directory of files."""
    return frozenset(available_timezones())


@dataclass(frozen=True)
class Span:
    """Minutes of a weekday; one whose end is not after its start ends the next day."""

    weekday: int
    start: int
    end: int


@dataclass(frozen=True)
class Hours:
    spans: tuple[Span, ...]
    zone: str

    def at(self, zone: str) -> "Hours":
        """The same hours on another zone's clocks."""
        return replace(self, zone=zone)

    def open(self, moment: float) -> bool:
        return any(start <= moment < end for start, end in self._around(moment))

    def change_after(self, moment: float) -> float:
        """The next moment at which a span begins or ends."""
        return min((edge for span in self._around(moment) for edge in span if edge > moment), default=inf)

    def opens(self, moment: float) -> float:
        """`moment` itself inside the hours, else when they open next."""
        return moment if self.open(moment) else min(start for start, _ in self._around(moment) if start > moment)

    def _around(self, moment: float) -> Iterator[tuple[float, float]]:
        """The spans of the days from yesterday to a week ahead, in Unix seconds."""
        here = ZoneInfo(self.zone)
        today = datetime.fromtimestamp(moment, here).date()
        for ahead in range(-1, 9):
            yield from spans_of_day(self.spans, self.zone, today + timedelta(days=ahead))


@lru_cache(maxsize=4096)
def spans_of_day(spans: tuple[Span, ...], zone: str, day: date) -> tuple[tuple[float, float], ...]:
    midnight = datetime(day.year, day.month, day.day)
    here = ZoneInfo(zone)

    def moment(minutes: int) -> float:
        # the wall's time first and its zone then: a day of 23 or 25 hours keeps its nine o'clock
        return (midnight + timedelta(minutes=minutes)).replace(tzinfo=here).astimezone(UTC).timestamp()

    return tuple((moment(one.start), moment(one.end)) for one in spans if one.weekday == day.weekday())


def read_hours(strategy: Body) -> Hours:
    told = section(strategy, "callingHours")
    one_of(told, "frequency", FREQUENCIES)
    zone = text(told, "timezone")
    if zone not in known_zones():
        raise KoreError("callingHours.timezone is not a known time zone")
    return Hours(tuple(span for day in sections(told, "days") for span in read_day(day)), zone)


def read_day(told: Body) -> Iterator[Span]:
    """An entry without a day, which a DAILY one may be, stands for each day."""
    start, end = minute_of_day(told, "start"), minute_of_day(told, "end")
    end += 0 if end > start else MINUTES_OF_DAY
    for day in DAYS if "day" not in told else (one_of(told, "day", DAYS),):
        yield Span(DAYS.index(day), start, end)


def minute_of_day(told: Body, key: str) -> int:
    try:
        moment = datetime.strptime(text(told, key).strip().upper(), "%I:%M %p")
    except ValueError as error:
        raise KoreError(f"callingHours.days.{key} must be like 9:00 AM") from error
    return moment.hour * 60 + moment.minute
