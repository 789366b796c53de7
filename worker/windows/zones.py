"""The time zones in which a number may lie, or a person is said to live, as places in a table of sets of zones."""

import zoneinfo
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberType
from phonenumbers.phonenumberutil import is_number_type_geographical

from worker.windows.atlas import LONGEST, ZONES, ZoneSet

Ints = npt.NDArray[np.int64]
NOT_SAID, UNKNOWN_NAME = -1, -2
WORLD: ZoneSet = tuple(sorted({zone for zones in ZONES.values() for zone in zones}))
# Names without a place mislead: EST knows no summer, and Etc/GMT+1 is an hour behind Greenwich.
NO_PLACES = ("Etc/", "SystemV/", "posix/", "right/")
TENS = 10 ** np.arange(19, dtype=np.int64)
CODE_DIGITS = 3
MANY = 1000  # more than there are country codes, so that a type and a code are one number


@cache
def names() -> dict[str, str]:
    """The zones that a person may be said to live in, by their names in small letters."""
    known = (name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith(NO_PLACES))
    return {name.casefold(): name for name in sorted(known)}


@cache
def sets() -> tuple[ZoneSet, ...]:
    """Every set of zones that there is; the first is all the world."""
    return tuple(dict.fromkeys([WORLD, *ZONES.values(), *((name,) for name in names().values())]))


@cache
def _places() -> dict[ZoneSet, int]:
    return {zones: place for place, zones in enumerate(sets())}


def zones_of(e164: Ints, kinds: pl.DataFrame) -> Ints:
    """The place in `sets()` of the zones of each number's digits; 0, all the world, where a number has none.

    `kinds` has a `type` for each number, an enum of the names of PhoneNumberType in small letters; null where it is not
    valid. The zones are those of `phonenumbers.timezone.time_zones_for_number`, but for what `atlas` corrects.
    """
    digits = np.searchsorted(TENS, e164, "right").astype(np.int64)
    codes = calling_codes(e164)
    found = np.zeros(len(e164), np.int64)
    local, elsewhere = _is_local(kinds["type"], codes)
    for length in np.flatnonzero(np.bincount(digits[local])).tolist():
        here = np.flatnonzero(local & (digits == length))
        known = min(length, LONGEST)
        starts, places = _by_prefix(known)
        found[here] = places[np.searchsorted(starts, e164[here] // TENS[length - known], "right") - 1]
    of_code = np.zeros(MANY, np.int64)
    for code in np.flatnonzero(np.bincount(codes[elsewhere])).tolist():
        of_code[code] = _of_prefixes([str(code), str(code)[:2]])
    found[elsewhere] = of_code[codes[elsewhere]]
    return found


def zones_named(cells: pl.Series) -> Ints:
    """The place in `sets()` of each named zone, in whatever case; NOT_SAID for a blank or null, or UNKNOWN_NAME.

    Only names of places count, such as Europe/Berlin.
    """
    different = cells.unique()
    found = pl.Series([_named(cell) for cell in different.to_list()], dtype=pl.Int64)
    return np.array(cells.replace_strict(different, found, return_dtype=pl.Int64).to_numpy(), np.int64)


def _named(cell: str | None) -> int:
    text = (cell or "").strip()
    if not text:
        return NOT_SAID
    name = names().get(text.casefold())
    return UNKNOWN_NAME if name is None else _places()[(name,)]


def words_of(column: pl.Series) -> list[str]:
    """All words that an enum may hold, in the order of their numbers."""
    assert isinstance(column.dtype, pl.Enum)
    return column.dtype.categories.to_list()


def calling_codes(e164: Ints) -> Ints:
    """The country code with which the digits of each number begin, 0 where there is none."""
    digits = np.searchsorted(TENS, e164, "right")
    leads = np.where(
        digits >= CODE_DIGITS,
        e164 // TENS[np.maximum(digits - CODE_DIGITS, 0)],
        np.maximum(e164, 0) * TENS[np.maximum(CODE_DIGITS - digits, 0)],
    )
    codes: Ints = _code_of_leads()[np.clip(leads, 0, 10**CODE_DIGITS - 1)]
    return codes


@cache
def _code_of_leads() -> Ints:
    codes = np.zeros(10**CODE_DIGITS, np.int64)
    for code in COUNTRY_CODE_TO_REGION_CODE:
        rest = 10 ** (CODE_DIGITS - len(str(code)))
        codes[code * rest : (code + 1) * rest] = code
    return codes


def _is_local(types: pl.Series, codes: Ints) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which of the valid numbers lie where their beginning says, and which anywhere in their country."""
    numbers = [getattr(PhoneNumberType, word.upper()) for word in words_of(types)]
    places = types.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    valid = places >= 0
    pairs = np.maximum(places, 0) * MANY + codes
    among = np.flatnonzero(np.bincount(pairs))
    is_local = np.zeros(len(numbers) * MANY, np.bool_)
    is_local[among] = [is_number_type_geographical(numbers[pair // MANY], pair % MANY) for pair in among.tolist()]
    local = is_local[pairs]
    return local & valid, ~local & valid


@cache
def _by_prefix(digits: int) -> tuple[Ints, Ints]:
    """Where, among all beginnings of so many digits, other zones begin, and the places of their sets."""
    edges = {0}
    for prefix in ZONES:
        if len(prefix) <= digits:
            rest = 10 ** (digits - len(prefix))
            edges |= {int(prefix) * rest, (int(prefix) + 1) * rest}
    starts = np.array(sorted(edges), np.int64)
    texts = (str(start).zfill(digits) for start in starts.tolist())
    return starts, np.array([_of_prefixes([text[:n] for n in range(digits, 0, -1)]) for text in texts], np.int64)


def _of_prefixes(prefixes: list[str]) -> int:
    """The place of the zones of the first of them that has any."""
    return next((_places()[ZONES[prefix]] for prefix in prefixes if prefix in ZONES), 0)
