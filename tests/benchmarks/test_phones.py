"""Reading phone cells beside `phonenumbers` alone, its patterns kept compiled, both in one run. Ratios, never seconds.

The bounds are what a user is promised; what is measured lies far above them.
"""

import time
from collections.abc import Callable

import numpy as np
import phonenumbers
import polars as pl
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from tests.benchmarks.conftest import Show
from worker.intake.phones import Phones, kinds, patterns, plans
from worker.intake.phones.asked import Library
from worker.intake.phones.tables import World, home_table

AT_HOME = ["US", "GB", "DE", "FR", "IT", "BR", "IN", "AU"]
COUNTRIES = [*AT_HOME, "CA", "ES", "NL", "BE", "CH", "AT", "SE", "PL", "MX", "CN", "JP", "ZA"]
ASKED = 10_000
FREE_DIGITS = 6


def numbers_of(region: str, count: int, style: int) -> pl.Series:
    """Different numbers behind the region's examples for landlines and mobiles."""
    dice = np.random.default_rng(len(region) + ord(region[0]))
    parts = []
    for kind in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE):
        example = phonenumbers.example_number_for_type(region, kind)
        assert example is not None
        written = phonenumbers.format_number(example, style)
        places = [at for at, mark in enumerate(written) if mark.isdigit()][-FREE_DIGITS:]
        tails = pl.Series(dice.permutation(10**FREE_DIGITS)[: count // 2]).cast(pl.String).str.zfill(FREE_DIGITS)
        pieces = [pl.repeat(written[: places[0]], len(tails), eager=True)]
        for i, at in enumerate(places):
            after = written[at + 1 : places[i + 1]] if i + 1 < FREE_DIGITS else written[at + 1 :]
            pieces.append(tails.str.slice(i, 1) + after)
        parts.append(sum(pieces[1:], pieces[0]))
    return pl.concat(parts)


def seconds(work: Callable[[], object]) -> float:
    """Of processor time, so that what else the machine does is not counted."""
    began = time.process_time()
    work()
    return time.process_time() - began


def faster(cells: pl.Series, region: str | None) -> float:
    """How many times, the library's time taken from some of the cells."""
    reader, library = Phones(region), Library(region)
    some = cells.sample(min(ASKED, len(cells)), seed=1).to_list()
    for cell in some[::10]:
        library.ask(cell)
    theirs = seconds(lambda: [library.ask(cell) for cell in some]) * len(cells) / len(some)
    reader.read(cells[:100_000])
    ours = min(seconds(lambda: reader.read(cells)) for _ in range(3))
    assert reader.read(pl.Series(some)).tolist() == [library.ask(cell) for cell in some]
    return theirs / ours


def test_a_million_international_numbers(show: Show) -> None:
    each = [numbers_of(region, 50_000, PhoneNumberFormat.E164) for region in COUNTRIES]
    cells = pl.concat(each).unique().shuffle(seed=3)
    assert len(cells) > 990_000
    ratio = faster(cells, None)
    typed = seconds(lambda: kinds(Phones(None).read(cells))) / seconds(lambda: Phones(None).read(cells))
    show(f"{len(cells)} E.164 numbers of 20 countries: {ratio:.0f} times as fast; types as well: {typed:.1f} x")
    assert ratio > 60


@pytest.mark.parametrize("region", AT_HOME)
def test_national_numbers(show: Show, region: str) -> None:
    cells = numbers_of(region, 200_000, PhoneNumberFormat.NATIONAL).shuffle(seed=4)
    ratio = faster(cells, region)
    show(f"{len(cells)} national numbers of {region}: {ratio:.0f} times as fast")
    assert ratio > 30


def test_the_first_cells(show: Show) -> None:
    """Tables are made when a country is first met."""
    for kept in (patterns.read, plans.plan_of, plans.region_of, home_table):
        kept.cache_clear()
    keys = np.array([int(f"1{phonenumbers.country_code_for_region(region)}555555555") for region in COUNTRIES])
    ours = seconds(lambda: (World().read(keys), home_table("GB")))
    show(f"the tables of 20 countries and of a region's own numbers: {ours:.2f} s of processor time, once")
    assert ours < 5
