"""What is read from tables is what `phonenumbers` says, for cells of all regions written in all ways, whole and spoilt.

ROLLCALL_PHONE_ROUNDS=100 makes millions of cells; each round has its own dice.
"""

import csv
import os
import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import phonenumbers
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumber, PhoneNumberType

from worker.intake.phones.asked import Library
from worker.intake.phones.reader import UNREAD, Phones
from worker.intake.phones.tables import WORLD, Table, home_table
from worker.intake.scan import Ints

ROUNDS = int(os.environ.get("ROLLCALL_PHONE_ROUNDS", "1"))
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
FORMATS = range(4)
EDGES = 60
SAMPLE = Path(__file__).parents[2] / "samples" / "us_hospitals.csv"
FRONT = ["0", "1", "00", "011", "+", "8", "9", "15", "(0)", "#", "*", " ", "tel:", "+0"]
INSIDE: list[str] = [*" -().+/x~;[_*#\t\n", "\u00a0", "\u0663", "\u2013", "\u200b", "\uff0b"]
BEHIND = [" x12", " ext. 7", ";ext=9", "#", ".", " ", "-", "/", "p12", "\u200b", " (home)"]
DIGITS = "0123456789"


@cache
def examples(region: str) -> list[PhoneNumber]:
    found = (phonenumbers.example_number_for_type(region, kind) for kind in PhoneNumberType.values())
    return [number for number in found if number is not None]


def written(number: PhoneNumber, region: str, dice: random.Random) -> Iterator[str]:
    """One number in the ways of people and programs."""
    yield from (phonenumbers.format_number(number, style) for style in FORMATS)
    yield phonenumbers.format_out_of_country_calling_number(number, dice.choice(REGIONS))
    code, national = number.country_code, phonenumbers.national_significant_number(number)
    prefix = phonenumbers.ndd_prefix_for_region(region, True) or ""
    yield from (national, prefix + national, f"{code}{national}", f"{code}{prefix}{national}")
    yield from (f"+{code} ({prefix}){national}", f"+{code}{prefix}{national}", f"+{national}")
    yield from (f"{dice.choice(FRONT)}{code}{national}", f"{dice.choice(FRONT)}{national}")


def redialled(cell: str, dice: random.Random) -> str:
    """With other digits behind the first few."""
    first = dice.randrange(2, 9)
    seen = 0
    digits = []
    for mark in cell:
        seen += mark.isdigit()
        digits.append(dice.choice(DIGITS) if mark.isdigit() and seen > first else mark)
    return "".join(digits)


def spoilt(cell: str, dice: random.Random) -> str:
    """With one fault."""
    at = dice.randrange(len(cell))
    match dice.randrange(6):
        case 0:
            return cell[:at] + cell[at + 1 :]
        case 1:
            return cell[:at] + dice.choice(DIGITS) + cell[at:]
        case 2:
            return dice.choice(FRONT) + cell
        case 3:
            return cell[:at] + dice.choice(INSIDE) + cell[at:]
        case 4:
            return cell + dice.choice(BEHIND)
        case _:
            return cell[:at] + dice.choice(DIGITS) + cell[at + 1 :]


def at_the_edges(table: Table, dice: random.Random, sign: str) -> list[str]:
    """The first and the last number of some stretches of a table."""
    starts: list[int] = table.answers.starts.tolist()
    chosen = dice.sample(starts, min(EDGES, len(starts)))
    return [sign + str(key)[1:] for start in chosen for key in (start, start - 1) if len(str(key)) > 3]


def cells_of(region: str, dice: random.Random) -> list[str]:
    cells = [cell for number in examples(region) for cell in written(number, region, dice)]
    cells += [redialled(cell, dice) for cell in cells]
    cells += [spoilt(cell, dice) for cell in cells if cell]
    cells += ["".join(dice.choices(DIGITS, k=dice.randrange(1, 20))) for _ in range(20)]
    cells += ["+" + "".join(dice.choices(DIGITS, k=dice.randrange(1, 20))) for _ in range(10)]
    return cells + at_the_edges(home_table(region), dice, "") + at_the_edges(WORLD._table, dice, "+")


def differences(cells: list[str], region: str | None) -> tuple[list[tuple[str, int, int]], int]:
    """Cells that the tables read in another way than the library, and how many they read at all."""
    found: Ints = Phones(region).read_from_tables(pl.Series(cells, dtype=pl.String))
    library = Library(region)
    read = np.flatnonzero(found != UNREAD).tolist()
    expected = {i: library.ask(cells[i]) for i in read}
    return [(cells[i], int(found[i]), expected[i]) for i in read if found[i] != expected[i]], len(read)


@pytest.mark.timeout(120 + 300 * ROUNDS)
def test_the_world_in_all_ways_whole_and_spoilt() -> None:
    read = total = 0
    for turn in range(ROUNDS):
        dice = random.Random(turn)
        for home in REGIONS:
            cells = cells_of(home, dice)
            region = dice.choice([home, home, home, home, None, dice.choice(REGIONS)])
            wrong, count = differences(cells, region)
            assert wrong == [], (turn, home, region)
            read, total = read + count, total + len(cells)
    assert read / total > 0.7


@settings(max_examples=60, deadline=None)
@given(
    cells=st.lists(st.text("0123456789+ ()-./x#;\u00a0\u0663\uff0b", max_size=24), min_size=1, max_size=20),
    region=st.sampled_from([None, "US", "GB", "IT", "AR", "BR", "MX", "DE", "JE", "BS", "RU", "CN", "KR", "AU", "SM"]),
)
def test_any_text(cells: list[str], region: str | None) -> None:
    library = Library(region)
    assume(not any(re.fullmatch(r"\s*\+?[0-9]+\.0", cell) for cell in cells))
    found = Phones(region).read(pl.Series(cells, dtype=pl.String)).tolist()
    assert found == [library.ask(cell) for cell in cells]


@pytest.mark.parametrize(
    ("cell", "region", "number"),
    [
        ("+12025550123", None, 12025550123),
        ("(202) 555-0123", "US", 12025550123),
        ("1-202-555-0123", "US", 12025550123),
        ("0 20 7946 0018", "GB", 442079460018),
        ("+44 (0)20 7946 0018", "US", 442079460018),
        ("0044 20 7946 0018", "GB", 442079460018),
        ("011 44 20 7946 0018", "US", 442079460018),
        ("02 3661 8300", "IT", 390236618300),
        ("030/123 456", "DE", 4930123456),
        ("-2025550123", "US", 12025550123),
        ("555-0123", "BS", None),
        ("322-1234", "BS", 12423221234),
        ("0 15 11 91234-5678", "BR", 5511912345678),
        ("8 (495) 123-45-67", "RU", 74951234567),
    ],
)
def test_what_real_files_hold_is_read_from_tables(cell: str, region: str | None, number: int | None) -> None:
    found = int(Phones(region).read_from_tables(pl.Series([cell]))[0])
    assert found != UNREAD
    assert found == number if number else found < 0
    assert found == Library(region).ask(cell)


def test_of_a_real_file_only_words_are_left_to_the_library() -> None:
    with SAMPLE.open(encoding="utf-8-sig", newline="") as file:
        cells = pl.Series([row["TELEPHONE"] for row in csv.DictReader(file)])
    found = pl.Series(Phones("US").read_from_tables(cells))
    assert cells.filter(found == UNREAD).unique().to_list() == ["NOT AVAILABLE"]
    assert (found > UNREAD).sum() > 6000


@pytest.mark.parametrize(
    "cell",
    [
        *("", "12", "1 2 3 x", "+1 202 555 0123 ext. 5", "202-555-0123#", "1-800-FLOWERS", "++12025550123"),
        *("202+5550123", "\uff0b12025550123", "202;5550123", "2" * 18, "2" + " " * 64 + "025550123"),
    ],
)
def test_what_is_odd_is_left_to_the_library(cell: str) -> None:
    assert Phones("US").read_from_tables(pl.Series([cell, cell])).tolist() == [UNREAD, UNREAD]
    assert Phones("US").read(pl.Series([cell])).tolist() == [Library("US").ask(cell)]


def test_a_column_longer_than_one_step_keeps_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.intake.phones.reader.CELLS_AT_A_TIME", 3)
    cells = ["(202) 555-0123", "+442079460018", "nothing", "12", "+1 202 555 0124", "2025550125 x9", "2025550126"]
    whole = Phones("US").read(pl.Series(cells)).tolist()
    assert whole == [int(Phones("US").read(pl.Series([cell]))[0]) for cell in cells]
