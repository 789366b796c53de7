"""The hours in which the law of a country lets people be called: a file of ours, over which a user may lay another."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS

from worker.errors import ConfigError
from worker.windows.circle import DAY, WEEK, Span, folded
from worker.windows.hours import Hours, read_span

OURS = "legal_hours.toml"
DEFAULT = "default"
SOURCE = "source"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Countries = dict[str, Hours]


class Rules:
    """The hours of each country by its ISO code, and `default` for all the others."""

    def __init__(self, hours: Mapping[str, Hours]) -> None:
        self._hours = dict(hours)
        self.of = cache(self._of)

    def _of(self, where: str) -> Hours:
        """The hours of a country, `FR`; or those that all countries behind a calling code, `+1`, have in common."""
        if not where.startswith("+"):
            return self._hours.get(where, self._hours[DEFAULT])
        hours, *others = {self._of(country) for country in COUNTRY_CODE_TO_REGION_CODE.get(int(where), (DEFAULT,))}
        for other in others:
            hours = hours.within(other)
        return hours


def load_rules(path: Path | None = None) -> Rules:
    """Our hours, with those of the user's file in place of ours for each country, or `default`, that it names.

    Raises ConfigError `bad_calling_hours`, which says where in the file what is wrong.
    """
    return Rules(ours() | (_of_file(path) if path else {}))


@cache
def ours() -> Countries:
    """What comes with Rollcall."""
    return read_countries((files(__package__) / OURS).read_text(encoding="utf-8"), OURS)


def _of_file(path: Path) -> Countries:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _bad(str(path), f"it cannot be read ({error.strerror})") from error
    except UnicodeDecodeError:
        raise _bad(str(path), "it is not UTF-8") from None
    return read_countries(text, str(path))


def read_countries(text: str, name: str) -> Countries:
    """Hours by ISO code or `default`, of a TOML text that errors call `name`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _bad(name, f"it is not TOML ({error})") from None
    return {country: _country(country, table, name) for country, table in tables.items()}


def _country(country: str, table: Any, name: str) -> Hours:
    if country != DEFAULT and country not in SUPPORTED_REGIONS:
        raise _bad(name, f"{country!r:.40} is neither `{DEFAULT}` nor the ISO code of a country, such as GB")
    if not isinstance(table, dict):
        raise _bad(name, f"{country} is no table; write [{country}] and the days below it")
    days: dict[int, list[Span]] = {}
    for key, value in table.items():
        if key == SOURCE:
            continue
        try:
            spans = _spans(value)
            for day in _days(key):
                if day in days:
                    raise ValueError(f"{DAYS[day]} has hours already")
                days[day] = spans
        except ValueError as error:
            raise _bad(name, f"{country}, {key!r:.40}: {error}") from None
    if not days:
        raise _bad(name, f'{country} has no days; write mon-fri = "09:00-18:00", or mon-sun = [] to call nobody there')
    return Hours(folded(((DAY * day + a, DAY * day + b) for day, spans in days.items() for a, b in spans), WEEK))


def _spans(value: Any) -> list[Span]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError('hours are written as "09:00-18:00", or as a list of such')
    return [read_span(text) for text in texts]


def _days(key: str) -> range:
    first, _, last = key.partition("-")
    try:
        days = range(DAYS.index(first), DAYS.index(last or first) + 1)
    except ValueError:
        raise ValueError(f"it is no day; the days are {', '.join(DAYS)}, or a range such as mon-fri") from None
    if not days:
        raise ValueError("the week begins on Monday, so the range holds no day")
    return days


def _bad(name: str, why: str) -> ConfigError:
    return ConfigError("bad_calling_hours", f"The calling hours in {name} cannot be used: {why}; correct the file.")
