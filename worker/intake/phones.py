"""Phone numbers: what `phonenumbers` makes of a cell, asked once for each different cell."""

from collections.abc import Callable

import numpy as np
import phonenumbers
import polars as pl
from phonenumbers import NumberParseException, PhoneNumberFormat

from worker.errors import InputError
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


def each_once(cells: pl.Series, judge: Callable[[str], int]) -> Ints:
    """`judge` of every cell, called once for each different one."""
    different = cells.unique()
    verdicts = pl.Series([judge(cell) for cell in different.to_list()], dtype=pl.Int64)
    return np.array(cells.replace_strict(different, verdicts, return_dtype=pl.Int64).to_numpy(), np.int64)


class Phones:
    """Reads phone cells; `region` is the ISO code for national numbers, None where all are international.

    Raises InputError `unknown_region`.
    """

    def __init__(self, region: str | None) -> None:
        self._region = region.upper() if region else None
        if self._region is not None and self._region not in phonenumbers.SUPPORTED_REGIONS:
            raise InputError("unknown_region", f"The region {region!r} is not known; give an ISO code such as US.")
        self._known: dict[str, int] = {}

    def read(self, cells: pl.Series) -> Ints:
        """The digits of the E.164 number, or minus the code of the reason why there is none."""
        return each_once(cells, self._of)

    def _of(self, cell: str) -> int:
        found = self._known.get(cell)
        if found is None:
            if len(self._known) >= CACHED_CELLS:
                self._known.clear()
            found = self._known[cell] = self._ask(cell)
        return found

    def _ask(self, cell: str) -> int:
        if not cell.strip():
            return -Code.NO_NUMBER
        try:
            number = phonenumbers.parse(cell, self._region)
        except NumberParseException as error:
            return -CODE_OF_ERROR[error.error_type]
        if not phonenumbers.is_valid_number(number):
            return -Code.INVALID_NUMBER
        return int(phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:])
