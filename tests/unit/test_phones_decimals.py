"""Phone numbers that a program has written as quantities: whoever has the digits that come of it is not called."""

import polars as pl
import pytest

from worker.intake.phones import Phones
from worker.intake.rejects import Code


@pytest.mark.parametrize(
    "cell",
    ["4930123456.0", "+4930123456.0", " 4930123456.0", "030123456.0", "4.930123456E10", "4.930123456e+10", "5E9"],
)
@pytest.mark.parametrize("region", ["DE", "US", None])
def test_a_quantity_is_no_phone_number(cell: str, region: str | None) -> None:
    assert Phones(region).read(pl.Series([cell])).tolist() == [-Code.DECIMAL_NUMBER]


@pytest.mark.parametrize("cell", ["030.123.456.0", "030 123456.00", "030-123456.0", "030/1234560"])
def test_separators_are_separators(cell: str) -> None:
    digits = "".join(mark for mark in cell if mark.isdigit()).lstrip("0")
    assert Phones("DE").read(pl.Series([cell])).tolist() == [int(f"49{digits}")]


def test_others_of_the_column_are_read() -> None:
    cells = pl.Series(["030123456", "030123456.0", "", "4.93E10", "+43 664 123456"])
    codes = [-Code.DECIMAL_NUMBER, -Code.NO_NUMBER, -Code.DECIMAL_NUMBER]
    assert Phones("DE").read(cells).tolist() == [4930123456, *codes, 43664123456]
