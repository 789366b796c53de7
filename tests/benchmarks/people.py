"""Call lists to measure with: seven columns, valid numbers spread over whole plans, and now and then what is odd.

Of a hundred rows one repeats a number, one stands on the do-not-call list, and of two hundred one has no number; a name
in a hundred holds a comma, one in a thousand quotes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import phonenumbers
import polars as pl
from phonenumbers import PhoneNumberFormat

from worker.intake.scan import Ints

FREE_DIGITS = 5
IN_A_BLOCK = 20_000  # different numbers that begin alike
SAMPLED = 20
AT_A_TIME = 1_000_000
LISTED = 1_000_000

AT_HOME = ["US", "GB", "DE", "FR", "IT", "BR", "IN", "AU"]
COUNTRIES = [*AT_HOME, "CA", "ES", "NL", "BE", "CH", "AT", "SE", "PL", "MX", "CN", "JP", "ZA"]
ODD_CELLS = ["", "n/a", "12", "call the office", "+999 12345678"]
FIRST = ["Ada", "Bo", "Carmen", "Dmitri", "Élodie", "Fatima", "Gustavo", "Hannah", "Ines", "José", "Kim", "Lars"]
LAST = ["Andersson", "Brown", "Čapek", "Diaz", "Evans", "Fischer", "Garcia", "Hughes", "Ivanov", "Jones", "Kowalski"]
CITIES = ["Madrid", "Berlin", "São Paulo", "New York", "Lyon", "Torino", "Leeds", "Mumbai", "Perth"]
NOTES = [None, None, "renewal 2031", "asked for a call in the morning", "VIP"]


def beginnings(region: str, dice: np.random.Generator) -> Iterator[str]:
    """Numbers of a region, each different before its last digits; those behind it that end otherwise are valid too."""
    code = phonenumbers.country_code_for_region(region)
    seen: set[str] = set()
    examples = [phonenumbers.example_number_for_type(region, kind) for kind in (0, 1)]
    wholes = [phonenumbers.national_significant_number(one) for one in examples if one is not None]
    while True:
        whole = wholes[int(dice.integers(len(wholes)))]
        digits = len(whole) - FREE_DIGITS - 1
        begun = f"+{code}{whole[0]}{int(dice.integers(10**digits)):0{digits}d}"
        tails = [f"{tail:0{FREE_DIGITS}d}" for tail in dice.integers(10**FREE_DIGITS, size=SAMPLED)]
        numbers = [phonenumbers.parse(begun + tail) for tail in tails]
        if begun not in seen and all(phonenumbers.is_valid_number(number) for number in numbers):
            seen.add(begun)
            yield begun + tails[0]


def numbers(region: str, count: int, style: int, seed: int = 1) -> tuple[pl.Series, pl.Series]:
    """So many different numbers as they are written in `style`, and their E.164 digits."""
    dice = np.random.default_rng([seed, *region.encode()])
    tails = pl.Series(dice.permutation(10**FREE_DIGITS)).cast(pl.String).str.zfill(FREE_DIGITS)
    written, digits = [], []
    begun = beginnings(region, dice)
    for at in range(0, count, IN_A_BLOCK):
        these = tails.slice(int(dice.integers(len(tails) - IN_A_BLOCK)), min(IN_A_BLOCK, count - at))
        e164 = next(begun)
        shown = phonenumbers.format_number(phonenumbers.parse(e164), style)
        written.append(_ending(shown, these))
        digits.append((e164[1:-FREE_DIGITS] + these).cast(pl.Int64))
    return pl.concat(written), pl.concat(digits)


def _ending(shown: str, tails: pl.Series) -> pl.Series:
    """A written number with other last digits."""
    places = [at for at, mark in enumerate(shown) if mark.isdigit()][-FREE_DIGITS:]
    ending = pl.repeat(shown[: places[0]], len(tails), eager=True)
    for i, at in enumerate(places):
        until = places[i + 1] if i + 1 < FREE_DIGITS else len(shown)
        ending = ending + tails.str.slice(i, 1) + shown[at + 1 : until]
    return ending


def international(count: int) -> tuple[pl.Series, pl.Series]:
    """Shuffled E.164 numbers of twenty countries."""
    share = -(-count // len(COUNTRIES))
    each = [numbers(region, share, PhoneNumberFormat.E164) for region in COUNTRIES]
    return _shuffled(pl.concat(one for one, _ in each), pl.concat(one for _, one in each), count)


def national(region: str, count: int) -> tuple[pl.Series, pl.Series]:
    """Shuffled numbers of one region as its people write them."""
    return _shuffled(*numbers(region, count, PhoneNumberFormat.NATIONAL), count)


def _shuffled(written: pl.Series, digits: pl.Series, count: int) -> tuple[pl.Series, pl.Series]:
    order = np.random.default_rng(2).permutation(len(written))[:count]
    return written.gather(order), digits.gather(order)


def write(path: Path, phones: tuple[pl.Series, pl.Series], not_called: Path) -> None:
    """A file of these numbers, and a do-not-call list of `LISTED` others with one in a hundred of these."""
    written, digits = phones
    write_people(path, written)
    np.save(not_called, _not_called(digits.to_numpy()))


def write_people(path: Path, written: pl.Series, first: int = 0) -> None:
    """A file of these numbers; people are counted from `first` on, so that no two files need be the same."""
    with path.open("wb") as file:
        for at in range(0, len(written), AT_A_TIME):
            _people(written.slice(at, AT_A_TIME), first + at).write_csv(file, include_header=at == 0)


def _not_called(digits: Ints) -> Ints:
    """One in a hundred of these, and neighbours of them that are in no file."""
    dice, block = np.random.default_rng(4), 10**FREE_DIGITS
    near = dice.choice(digits, 2 * LISTED) // block * block + dice.integers(block, size=2 * LISTED)
    these, others = digits[::100][:LISTED], dice.permutation(np.setdiff1d(near, digits))
    return np.unique(np.concatenate([these, others[: LISTED - len(these)]]))


def _people(phones: pl.Series, first: int) -> pl.DataFrame:
    dice = np.random.default_rng([3, first])
    count = len(phones)
    cells = phones.to_frame("phone")
    odd, again = dice.permutation(count)[: count // 200], dice.permutation(count)[: count // 100]
    phones = cells["phone"].scatter(again, phones.gather(np.maximum(again - 1000, 0)))
    phones = phones.scatter(odd, pl.Series(ODD_CELLS).gather(np.arange(len(odd)) % len(ODD_CELLS)))
    ids = pl.Series("customer_id", np.arange(first + 1, first + count + 1))

    def some(name: str, choice: Sequence[str | None]) -> pl.Series:
        return pl.Series(choice).gather(dice.integers(len(choice), size=count)).alias(name)

    last = some("last_name", LAST)
    last = last.scatter(np.arange(7, count, 100), last.gather_every(100, 7) + ", Jr.")
    last = last.scatter(np.arange(9, count, 1000), '"' + last.gather_every(1000, 9) + '"')
    email = ("person" + ids.cast(pl.String) + "@example.org").alias("email")
    columns = [ids, some("first_name", FIRST), last, phones.alias("phone"), email]
    return pl.DataFrame([*columns, some("city", CITIES), some("note", NOTES)])
