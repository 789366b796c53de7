"""scheduled_time and expiration_time: `now`, `+3 days`, `oct 14th, 2011 11:05PM EST` and dates as one writes them."""

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

UNITS = {"second": 1, "sec": 1, "minute": 60, "min": 60, "hour": 3600, "day": 86_400, "week": 604_800}
LATER = re.compile(r"\+\s*(\d{1,9})\s*([a-z]+?)s?", re.IGNORECASE)
ORDINAL = re.compile(r"(?<=\d)(st|nd|rd|th)\b", re.IGNORECASE)
ZONE = re.compile(r"\s*\b(UTC|GMT|EST|EDT|CST|CDT|MST|MDT|PST|PDT)$", re.IGNORECASE)
HOURS = {"UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
EASTERN = ZoneInfo("America/New_York")
DATES = ("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%m/%d/%Y", "%Y-%m-%d")
CLOCKS = ("%I:%M%p", "%I:%M %p", "%H:%M:%S", "%H:%M", "")


def moment(text: str, now: float, zoneless: str) -> float | None:
    """Unix seconds; None for what cannot be read."""
    text = " ".join(text.split())
    if text.lower() == "now":
        return now
    if found := LATER.fullmatch(text):
        unit = UNITS.get(found.group(2).lower())
        return None if unit is None else now + int(found.group(1)) * unit
    read = iso(text) or written(text)
    if read is None:
        return None
    if read.tzinfo is None:
        read = read.replace(tzinfo=UTC if zoneless == "utc" else EASTERN)
    return read.timestamp()


def iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def written(text: str) -> datetime | None:
    zone = None
    if found := ZONE.search(text):
        text, zone = text[: found.start()], timezone(timedelta(hours=HOURS[found.group(1).upper()]))
    text = ORDINAL.sub("", text)
    for date in DATES:
        for clock in CLOCKS:
            try:
                return datetime.strptime(text, f"{date} {clock}".strip()).replace(tzinfo=zone)
            except ValueError:
                continue
    return None
