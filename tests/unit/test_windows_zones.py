"""Zones of numbers are the library's; zones by name are places."""

import random
import zoneinfo
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import numpy as np
import phonenumbers
import polars as pl
import pytest
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumber, PhoneNumberFormat, PhoneNumberType, timezone
from phonenumbers.timezone import time_zones_for_geographical_number, time_zones_for_number
from phonenumbers.tzdata import TIMEZONE_DATA

from worker.intake.phones import kinds
from worker.windows.atlas import CORRECTED, ZONES
from worker.windows.zones import NOT_SAID, UNKNOWN_NAME, WORLD, Ints, calling_codes, sets, zones_named, zones_of

UNKNOWN = ("Etc/Unknown",)


def numbers() -> Iterator[PhoneNumber]:
    """Valid numbers of every type of every country, and of every network that is none."""
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in PhoneNumberType.values():
            if (number := phonenumbers.example_number_for_type(region, kind)) is not None:
                yield number
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        if (number := phonenumbers.example_number_for_non_geo_entity(code)) is not None:
            yield number


def beginnings() -> Iterator[PhoneNumber]:
    """Numbers of every length, valid or not, behind every beginning that the library knows and the one after it."""
    dice = random.Random(11)
    for prefix in ZONES:
        for lead in (prefix, str(int(prefix) + 1)):
            digits = lead + "".join(dice.choices("0123456789", k=dice.randint(0, 14 - len(lead))))
            code = int(calling_codes(np.array([int(digits)], np.int64))[0])
            rest = digits[len(str(code)) :]
            if code and rest and not rest.startswith("0"):
                yield PhoneNumber(country_code=code, national_number=int(rest))


def digits_of(numbers: list[PhoneNumber]) -> Ints:
    return np.array([int(phonenumbers.format_number(n, PhoneNumberFormat.E164)[1:]) for n in numbers], np.int64)


@pytest.fixture
def corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library with our zones in place of its own, so that it says how numbers are looked up in them."""
    monkeypatch.setattr(timezone, "TIMEZONE_DATA", ZONES)


@pytest.mark.usefixtures("corrected")
def test_zones_are_the_librarys() -> None:
    given = list(numbers())
    e164 = digits_of(given)
    places = zones_of(e164, kinds(e164))
    expected = [time_zones_for_number(number) for number in given]
    assert [sets()[place] for place in places] == [WORLD if zones == UNKNOWN else zones for zones in expected]
    assert UNKNOWN in expected
    assert len(given) > 1000
    assert calling_codes(e164).tolist() == [number.country_code for number in given]


@pytest.mark.usefixtures("corrected")
def test_zones_of_a_beginning_are_the_librarys() -> None:
    given = list(beginnings())
    assert len(given) > 5000
    fixed = pl.DataFrame({"type": ["fixed_line"] * len(given)}, schema={"type": pl.Enum(["fixed_line"])})
    places = zones_of(digits_of(given), fixed)
    expected = [time_zones_for_geographical_number(number) for number in given]
    assert [sets()[place] for place in places] == [WORLD if zones == UNKNOWN else zones for zones in expected]


def clocks(zone: str) -> tuple[timedelta | None, ...]:
    """What they are ahead of UTC, through two years."""
    first = datetime(2026, 1, 1, 12, tzinfo=UTC).astimezone(zoneinfo.ZoneInfo(zone))
    return tuple((first + timedelta(days=day)).utcoffset() for day in range(0, 730, 5))


def clocks_by_country() -> dict[str, set[tuple[timedelta | None, ...]]]:
    """By the zone database's own list of zones by country."""
    found = defaultdict(set)
    for line in files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            found[line.split("\t")[0]].add(clocks(line.split("\t")[2]))
    return found


def test_nobody_lives_by_the_clocks_of_another_country() -> None:
    """What a number's zones say has to be what is told there; zones that come on top only narrow a window."""
    known = clocks_by_country()
    wrong = []
    for prefix, zones in ZONES.items():
        code = next(int(prefix[:n]) for n in (1, 2, 3) if int(prefix[:n]) in COUNTRY_CODE_TO_REGION_CODE)
        here = set().union(*(known.get(region, set()) for region in COUNTRY_CODE_TO_REGION_CODE[code]))
        if here and not here & {clocks(zone) for zone in zones}:
            wrong.append(prefix)
    assert wrong == []
    assert set(CORRECTED) - {"5661", "5667"} <= set(TIMEZONE_DATA)


def test_every_zone_of_the_library_has_a_clock_here() -> None:
    assert set(WORLD) <= zoneinfo.available_timezones()


def test_numbers_that_are_none_may_be_anywhere() -> None:
    e164 = np.array([-4, 0, 1, 12, 999, 8816], np.int64)
    assert (zones_of(e164, kinds(e164)) == 0).all()
    assert sets()[0] == WORLD


@pytest.mark.parametrize(
    ("cell", "zones"),
    [
        ("Europe/Berlin", ("Europe/Berlin",)),
        (" america/new_york ", ("America/New_York",)),
        ("US/Eastern", ("US/Eastern",)),
        ("America/Argentina/Buenos_Aires", ("America/Argentina/Buenos_Aires",)),
    ],
)
def test_a_zone_by_name(cell: str, zones: tuple[str, ...]) -> None:
    assert sets()[zones_named(pl.Series([cell]))[0]] == zones


def test_blank_and_unknown_zones() -> None:
    cells = ["", "  ", None, "Berlin", "EST", "CET", "UTC", "Etc/GMT+1", "+02:00", "Europe/Berln", "../etc/passwd"]
    found = zones_named(pl.Series(cells, dtype=pl.String)).tolist()
    assert found == [NOT_SAID] * 3 + [UNKNOWN_NAME] * 8
    assert zones_named(pl.Series([], dtype=pl.String)).tolist() == []
