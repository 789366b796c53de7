"""Type and country of a number, and what happens where a pattern cannot be read."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import phonenumbers
import polars as pl
import pytest
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from worker.intake.phones import Phones, kinds, nature, tables
from worker.intake.phones.asked import Library
from worker.intake.phones.patterns import UnreadablePattern
from worker.intake.phones.reader import UNREAD
from worker.intake.phones.tables import World, home_table
from worker.intake.rejects import Code


def valid_numbers() -> list[PhoneNumber]:
    """Examples of every region and type, and others that share their beginnings."""
    dice = random.Random(5)
    found = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in PhoneNumberType.values():
            number = phonenumbers.example_number_for_type(region, kind)
            if number is None:
                continue
            found.append(number)
            for digits in (3, 6, 8):
                other = PhoneNumber()
                other.merge_from(number)
                assert number.national_number is not None
                size = 10 ** min(digits, len(str(number.national_number)) - 1)
                other.national_number = number.national_number // size * size + dice.randrange(size)
                if phonenumbers.is_valid_number(other):
                    found.append(other)
    return found


def e164(number: PhoneNumber) -> int:
    return int(phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:])


def test_type_and_country_are_the_librarys() -> None:
    numbers = valid_numbers()
    assert len(numbers) > 3000
    found = kinds(np.array([e164(number) for number in numbers], np.int64))
    assert found["type"].to_list() == [
        PhoneNumberType.to_string(phonenumbers.number_type(number)).lower() for number in numbers
    ]
    assert found["region"].to_list() == [phonenumbers.region_code_for_number(number) for number in numbers]


def test_what_is_not_valid_has_neither() -> None:
    found = kinds(
        np.array([0, -1, -Code.INVALID_NUMBER, 1, 999, 1000, 10000000000, 999999999999, 12025550123], np.int64)
    )
    assert found["type"].to_list() == [None] * 8 + ["fixed_line_or_mobile"]
    assert found["region"].to_list() == [None] * 8 + ["US"]


def test_a_column_of_cells_to_types() -> None:
    cells = pl.Series(["+44 7400 123456", "+44 20 7946 0018", "800 234 5678", "nobody", "+1 867 234 5678"])
    found = kinds(Phones("US").read(cells))
    assert found.rows() == [
        ("mobile", "GB"),
        ("fixed_line", "GB"),
        ("toll_free", "US"),
        (None, None),
        ("fixed_line_or_mobile", "CA"),
    ]


def unreadable(*_: object) -> None:
    raise UnreadablePattern("a form that is not known")


@pytest.fixture
def no_tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the metadata held patterns of a form that is not known."""
    home_table.cache_clear()
    monkeypatch.setattr(tables, "at_home", unreadable)
    monkeypatch.setattr(tables, "national", unreadable)
    monkeypatch.setattr(nature, "_pieces", unreadable)
    monkeypatch.setattr("worker.intake.phones.reader.WORLD", World())
    yield
    home_table.cache_clear()


@pytest.mark.usefixtures("no_tables")
def test_numbers_of_unknown_patterns_are_left_to_the_library() -> None:
    cells = ["+442079460018", "(202) 555-0123", "011 44 20 7946 0018", "+39 02 3661 8300", "+999 123456", "12345"]
    assert Phones("US").read_from_tables(pl.Series(cells)).tolist() == [UNREAD] * len(cells)
    assert Phones("US").read(pl.Series(cells)).tolist() == [Library("US").ask(cell) for cell in cells]


@pytest.mark.usefixtures("no_tables")
def test_types_of_unknown_patterns_are_the_librarys_too() -> None:
    numbers = valid_numbers()[::9]
    found = kinds(np.array([e164(number) for number in numbers], np.int64))
    assert found["region"].to_list() == [phonenumbers.region_code_for_number(number) for number in numbers]
    assert kinds(np.array([449999999999999, 442079460018])).rows() == [(None, None), ("fixed_line", "GB")]


def test_countries_are_met_by_many_threads_at_once() -> None:
    world = World()
    keys = [10**12 + code * 10**10 + 2079460018 for code in (44, 33, 39, 49, 61, 81, 55, 91)]
    with ThreadPoolExecutor(8) as threads:
        each = list(threads.map(lambda key: world.read(np.array([key])), keys * 3))
    codes, told = World().read(np.array(keys * 3))
    assert [int(found[0][0]) for found in each] == codes.tolist()
    assert [int(found[1][0]) for found in each] == told.tolist()
