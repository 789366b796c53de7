"""Hours on the clock where somebody is, by weekday."""

import re
from dataclasses import dataclass

from worker.errors import InputError
from worker.windows.circle import DAY, WEEK, Span, Spans, every_day, folded, outside

FORM = re.compile(r"([0-2]?[0-9]):([0-5][0-9])\s*-\s*([0-2]?[0-9]):([0-5][0-9])")


@dataclass(frozen=True)
class Hours:
    """`open` is in seconds of the local week, which begins on Monday at midnight."""

    open: Spans

    @property
    def shut(self) -> Spans:
        """The rest of the week."""
        return outside(self.open, WEEK)

    def within(self, other: "Hours") -> "Hours":
        """What both allow."""
        return Hours(outside(folded((*self.shut, *other.shut), WEEK), WEEK))


def read_span(text: str) -> Span:
    """Seconds of the day of `HH:MM-HH:MM`; 24:00 is its end. Raises ValueError, whose text says what is wrong."""
    found = FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r:.40} is not of the form HH:MM-HH:MM, such as 09:00-18:00")
    first_hour, first_minute, last_hour, last_minute = map(int, found.groups())
    start, end = 3600 * first_hour + 60 * first_minute, 3600 * last_hour + 60 * last_minute
    if max(start, end) > DAY:
        raise ValueError(f"{text!r} goes beyond 24:00")
    if start >= end:
        raise ValueError(f"{text!r} ends before it begins; hours over midnight are written as two, up to 24:00")
    return start, end


def read_hours(text: str) -> Hours:
    """The same hours on every day, such as `09:00-18:00`; several are divided by commas.

    Raises InputError `bad_calling_hours`.
    """
    try:
        return Hours(every_day([read_span(part) for part in text.split(",")]))
    except ValueError as error:
        raise InputError(
            "bad_calling_hours", f"The calling window cannot be used: {error}; `legal` and `any` are windows, too."
        ) from None
