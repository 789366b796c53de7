"""Calling hours of a campaign, in the provider's own form: checked, and how long attempts may take under them."""

import json
import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FREQUENCIES = ("WEEKLY", "DAILY", "CUSTOM")
EXAMPLE = (
    '{"frequency": "WEEKLY", "timezone": "America/New_York", '
    '"days": [{"day": "MO", "start": "9:00 AM", "end": "6:00 PM"}]}'
)
WEEK = timedelta(weeks=1)
# A contact's own time zone goes before the campaign's, and clocks are put forward and back.
ELSEWHERE = timedelta(days=1, hours=3)
_TIME = re.compile(r"(0?[1-9]|1[0-2]):([0-5][0-9]) ?([AP]M)", re.IGNORECASE)

Span = tuple[timedelta, timedelta]  # from and until, counted from Monday's midnight


def checked(told: Any) -> dict[str, Any]:
    """The hours as the provider takes them, from an object or its JSON text; raises ValueError."""
    hours = _object(told)
    if set(hours) != {"frequency", "timezone", "days"}:
        raise ValueError(f"it has to hold frequency, timezone and days, as in {EXAMPLE}")
    frequency = str(hours["frequency"]).upper()
    if frequency not in FREQUENCIES:
        raise ValueError(f"its frequency is not one of {', '.join(FREQUENCIES)}")
    if not isinstance(hours["days"], list) or not hours["days"]:
        raise ValueError(f"its days are not a list with at least one, as in {EXAMPLE}")
    return {"frequency": frequency, "timezone": _zone(hours["timezone"]), "days": [_day(one) for one in hours["days"]]}


def longest(hours: dict[str, Any], attempts: int, interval: float) -> float:
    """Seconds that so many attempts may take at most, where they wait for the hours and then for the interval."""
    spans, pause = _spans(hours["days"]), timedelta(seconds=interval)
    taken = max(_last(spans, end, attempts, pause) - end for _, end in spans)
    return (taken + ELSEWHERE).total_seconds()


def _last(spans: list[Span], begin: timedelta, attempts: int, pause: timedelta) -> timedelta:
    """When the last attempt is made of a contact whose turn comes at `begin`."""
    at = _open(spans, begin)
    for _ in range(attempts - 1):
        at = _open(spans, at + pause)
    return at


def _open(spans: list[Span], moment: timedelta) -> timedelta:
    """The first moment from `moment` on at which calls may be made."""
    week, in_week = divmod(moment, WEEK)
    opens = [max(start, in_week) for start, end in spans if in_week < end]
    return week * WEEK + (min(opens) if opens else WEEK + min(start for start, _ in spans))


def _object(told: Any) -> dict[str, Any]:
    if isinstance(told, str):
        try:
            told = json.loads(told)
        except (ValueError, RecursionError):
            raise ValueError(f"it is not JSON; write it as in {EXAMPLE}") from None
    if not isinstance(told, dict):
        raise ValueError(f"it is not an object; write it as in {EXAMPLE}")
    return told


def _zone(name: Any) -> str:
    try:
        return ZoneInfo(str(name)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {str(name)[:60]!r}") from None


def _day(told: Any) -> dict[str, str]:
    if not isinstance(told, dict) or set(told) != {"day", "start", "end"}:
        raise ValueError(f"each of its days has to hold day, start and end, as in {EXAMPLE}")
    day = str(told["day"]).upper()
    if day not in DAYS:
        raise ValueError(f"a day is not one of {', '.join(DAYS)}")
    if not _clock(told["start"]) < _clock(told["end"]):
        raise ValueError("a day does not end after it starts; hours over midnight are two days")
    return {"day": day, "start": str(told["start"]).upper(), "end": str(told["end"]).upper()}


def _clock(told: Any) -> timedelta:
    match = _TIME.fullmatch(str(told))
    if match is None:
        raise ValueError("a time is not of the form 9:00 AM")
    hour = int(match[1]) % 12 + (12 if match[3].upper() == "PM" else 0)
    return timedelta(hours=hour, minutes=int(match[2]))


def _spans(days: list[dict[str, str]]) -> list[Span]:
    midnights = [timedelta(days=DAYS.index(one["day"])) for one in days]
    return [
        (midnight + _clock(one["start"]), midnight + _clock(one["end"]))
        for midnight, one in zip(midnights, days, strict=True)
    ]
