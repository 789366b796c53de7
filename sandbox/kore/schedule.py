"""A campaign's schedule: on certain days, always at the same time of day, until it ends."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sandbox.kore.errors import KoreError
from sandbox.kore.reading import Body, one_of, section, text, texts, whole

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FORMAT = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class Schedule:
    """`every` counts days, or weeks where weekdays are named. Dates are on the clocks of `zone`."""

    start: datetime
    end: datetime
    every: int
    weekdays: frozenset[int]
    zone: str

    def next_after(self, moment: float) -> float | None:
        """The first occurrence after `moment`, in Unix seconds."""
        passed = datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        # two days back: a clock that was put back must not hide an occurrence
        day = max(self.start, self.start + timedelta(days=(passed - self.start).days - 2))
        while day <= self.end:
            at = day.replace(tzinfo=ZoneInfo(self.zone)).timestamp()
            if at > moment and self._occurs(day):
                return at
            day += timedelta(days=1)
        return None

    def _occurs(self, day: datetime) -> bool:
        if not self.weekdays:
            return (day - self.start).days % self.every == 0
        monday = self.start.date() - timedelta(days=self.start.weekday())
        return day.weekday() in self.weekdays and (day.date() - monday).days // 7 % self.every == 0


def read_schedule(body: Body, zone: str, now: float) -> Schedule:
    start, end = read_moment(body, "startDateTime"), read_moment(body, "endDateTime")
    if end <= start or end.replace(tzinfo=ZoneInfo(zone)).timestamp() <= now:
        raise KoreError("endDateTime must be greater than both current time and startDateTime")
    told = section(body, "recurrenceObject")
    if one_of(told, "recurType", ("Daily", "Weekly")) == "Daily":
        return Schedule(start, end, whole(section(told, "dailyDetails"), "onceEveryNdays", 1, 365), frozenset(), zone)
    details = section(told, "weeklyDetails")
    days = texts(details, "whichDays")
    if not set(days) <= set(WEEKDAYS):
        raise KoreError(f"whichDays must be among {', '.join(WEEKDAYS)}")
    every = whole(details, "onceEveryNweeks", 1, 52)
    return Schedule(start, end, every, frozenset(WEEKDAYS.index(day) for day in days), zone)


def read_moment(body: Body, key: str) -> datetime:
    try:
        return datetime.strptime(text(body, key), FORMAT)
    except ValueError as error:
        raise KoreError(f"{key} must be like 2026-01-27 18:29:00") from error
