"""A phone cell means what `phonenumbers` says, whatever it looks like."""

import csv
import random
from pathlib import Path

import phonenumbers
import polars as pl
import pytest
from phonenumbers import NumberParseException, PhoneNumberFormat

from worker.errors import InputError
from worker.intake.phones import Phones, asked
from worker.intake.rejects import Code

SAMPLE = Path(__file__).parents[2] / "samples" / "us_hospitals.csv"


def plainly(cell: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(cell, region)
    except NumberParseException:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if phonenumbers.is_valid_number(number) else None


def read(cells: list[str], region: str | None) -> list[str | None]:
    found = Phones(region).read(pl.Series(cells, dtype=pl.String)).tolist()
    return [f"+{digits}" if digits > 0 else None for digits in found]


def code(cell: str, region: str | None = "US") -> Code:
    return Code(-int(Phones(region).read(pl.Series([cell]))[0]))


FORMATS = [
    *(PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL, PhoneNumberFormat.RFC3966),
]


def test_the_world_in_every_format_and_spoilt() -> None:
    """Examples of every region, written every way, whole and with a character changed, dropped or added."""
    dice = random.Random(20)
    for region in sorted(dice.sample(sorted(phonenumbers.SUPPORTED_REGIONS), 60)):
        number = phonenumbers.example_number(region)
        assert number is not None
        cells = [phonenumbers.format_number(number, style) for style in FORMATS]
        for cell in tuple(cells):
            at = dice.randrange(len(cell))
            cells += [cell[:at] + cell[at + 1 :], cell[:at] + dice.choice("0123456789 ()+-x٣") + cell[at:], f" {cell} "]
        assert read(cells, region) == [plainly(cell, region) for cell in cells]
        assert read(cells, None) == [plainly(cell, None) for cell in cells]


def test_cells_that_are_written_alike_mean_what_each_means_alone() -> None:
    """Many cells of one format are read together, few are read one by one."""
    dice = random.Random(21)
    forms = [
        *(
            "(NXX) NXX-XXXX",
            "NXX.NXX.XXXX",
            "1 NXX NXX XXXX",
            "+1 (NXX) NXX-XXXX",
            "+44 20 7XXX XXXX",
            "00 44 20 7XXX XXXX",
        ),
        *(
            "NXX NXX XXXX ",
            "NXX NXX XXXX\0",
            "NXX-NXX-XXXXé",
            "++1 NXX NXX XXXX",
            "NXX+NXX XXXX",
            "(NXX)    NXX    --  XXXX",
        ),
        *("(NXX)     NXX    --  XXXX", "XX", "- -", "XXXXX XXXXX XXXXX XX", "XXXXX XXXXX XXXXX XXX", "NXXNXXXXXX/"),
    ]
    digits = {"N": "23456789", "X": "0123456789"}
    cells = ["".join(dice.choice(digits.get(mark, mark)) for mark in form) for form in forms for _ in range(200)]
    dice.shuffle(cells)
    phones = Phones("US")
    together = phones.read(pl.Series(cells)).tolist()
    assert together == [int(phones.read(pl.Series([cell]))[0]) for cell in cells]
    assert min(together) < 0 < max(together)


def test_cells_of_a_real_file() -> None:
    with SAMPLE.open(encoding="utf-8-sig", newline="") as file:
        cells = [row["TELEPHONE"] for row in csv.DictReader(file)][:2000]
    assert read(cells, "US") == [plainly(cell, "US") for cell in cells]


@pytest.mark.parametrize(
    ("cell", "region", "number"),
    [
        ("(334) 793-8701", "US", "+13347938701"),
        ("(903) 928-2294 ext:012", "US", "+19039282294"),
        ("0299853802", "FR", "+33299853802"),
        ("+39 0236618300", "US", "+390236618300"),
        ("tel:+1-334-793-8701", None, "+13347938701"),
        ("1-800-FLOWERS", "us", "+18003569377"),
        ("\u0664\u0661\u0665-793-8701", "US", "+14157938701"),
    ],
)
def test_odd_but_good_numbers(cell: str, region: str | None, number: str) -> None:
    assert read([cell], region) == [number]


@pytest.mark.parametrize(
    ("cell", "region", "why"),
    [
        ("", "US", Code.NO_NUMBER),
        (" \t", "US", Code.NO_NUMBER),
        ("NOT AVAILABLE", "US", Code.NOT_A_NUMBER),
        ("(334) 793-8701", None, Code.UNKNOWN_COUNTRY),
        ("+999 123456", "US", Code.UNKNOWN_COUNTRY),
        ("+1 000 000 0000", "US", Code.INVALID_NUMBER),
        ("12", "US", Code.INVALID_NUMBER),
        ("3" * 40, "US", Code.INVALID_NUMBER),
        ("3" * 400, "US", Code.INVALID_NUMBER),
    ],
)
def test_each_fault_has_its_code(cell: str, region: str | None, why: Code) -> None:
    assert code(cell, region) == why


def test_an_unknown_region_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        Phones("XX")
    assert caught.value.code == "unknown_region"


def test_no_cells_no_numbers() -> None:
    assert read([], "US") == []


def test_the_cache_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "CACHED_CELLS", 3)
    reader = asked.Library("US")
    cells = pl.Series([f"(334) 793-{n % 7:04d} ext. 1" for n in range(50)])
    for _ in range(2):
        assert reader.read(cells).tolist() == [13347930000 + n % 7 for n in range(50)]
        assert len(reader._known) <= 3


def test_every_possible_number_fits_into_64_bits() -> None:
    largest = 0
    for country, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        for region in regions:
            metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(country, region)
            assert metadata is not None
            assert metadata.general_desc is not None
            largest = max(largest, int(f"{country}{'9' * max(metadata.general_desc.possible_length)}"))
    assert 10**17 < largest < 2**63
