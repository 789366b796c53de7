"""Cells that only `phonenumbers` itself can read, each different one once."""

from collections.abc import Callable

import numpy as np
import phonenumbers
import polars as pl
from phonenumbers import NumberParseException, PhoneNumberFormat

from worker.intake.rejects import Code
from worker.intake.scan import Ints

CACHED_CELLS = 1 << 16
CODE_OF_ERROR = {
    NumberParseException.INVALID_COUNTRY_CODE: Code.UNKNOWN_COUNTRY,
    NumberParseException.NOT_A_NUMBER: Code.NOT_A_NUMBER,
    NumberParseException.TOO_SHORT_AFTER_IDD: Code.INVALID_NUMBER,
    NumberParseException.TOO_SHORT_NSN: Code.INVALID_NUMBER,
    NumberParseException.TOO_LONG: Code.INVALID_NUMBER,
}

phonenumbers.enable_pattern_cache()  # or patterns of many countries drive each other out of the cache of `re`


def each_once(cells: pl.Series, judge: Callable[[str], int]) -> Ints:
    """`judge` of every cell, called once for each different one."""
    different = cells.unique()
    verdicts = pl.Series([judge(cell) for cell in different.to_list()], dtype=pl.Int64)
    return np.array(cells.replace_strict(different, verdicts, return_dtype=pl.Int64).to_numpy(), np.int64)


class Library:
    """Reads phone cells one by one, national ones as of `region`."""

    def __init__(self, region: str | None) -> None:
        self._region = region
        self._known: dict[str, int] = {}

    def read(self, cells: pl.Series) -> Ints:
        """The digits of the E.164 number, or minus the code of the reason why there is none."""
        return each_once(cells, self._of)

    def _of(self, cell: str) -> int:
        found = self._known.get(cell)
        if found is None:
            if len(self._known) >= CACHED_CELLS:
                self._known.clear()
            found = self._known[cell] = self.ask(cell)
        return found

    def ask(self, cell: str) -> int:
        """What it makes of one cell."""
        if not cell.strip():
            return -Code.NO_NUMBER
        try:
            number = phonenumbers.parse(cell, self._region)
        except NumberParseException as error:
            return -CODE_OF_ERROR[error.error_type]
        if not phonenumbers.is_valid_number(number):
            return -Code.INVALID_NUMBER
        return int(phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:])
