"""Reads a column of phone cells."""

from dataclasses import dataclass

import numpy as np
import phonenumbers
import polars as pl

from worker.errors import InputError
from worker.intake.phones.answers import ABROAD, ASK, NO_SUCH_COUNTRY
from worker.intake.phones.asked import Library
from worker.intake.phones.cells import Numbers, numbers_in
from worker.intake.phones.decimals import powers, wholes
from worker.intake.phones.tables import WORLD, home_table
from worker.intake.pieces import Pieces, pieces_of
from worker.intake.rejects import Code
from worker.intake.scan import Ints, Marks

CELLS_AT_A_TIME = 1 << 16  # more would not stay in the processor's cache
UNREAD = -ASK  # no number is that short


@dataclass(frozen=True)
class Read:
    """`e164`: the digits of each number, or minus the code of the reason why there is none.

    `as_written`: whether the cell is the number as E.164 has it, a plus and these digits.
    """

    e164: Ints
    as_written: Marks


class Phones:
    """Reads phone cells; `region` is the ISO code for national numbers, None where all are international.

    Raises InputError `unknown_region`.
    """

    def __init__(self, region: str | None) -> None:
        self._region = region.upper() if region else None
        if self._region is not None and self._region not in phonenumbers.SUPPORTED_REGIONS:
            raise InputError("unknown_region", f"The region {region!r} is not known; give an ISO code such as US.")
        self._library = Library(self._region)

    def read(self, cells: pl.Series) -> Ints:
        """The digits of the E.164 number, or minus the code of the reason why there is none.

        As the library has it, but that nothing is made of what a program has written as a quantity.
        """
        return self.read_pieces(pieces_of(cells)).e164

    def read_from_tables(self, cells: pl.Series) -> Ints:
        """The same, with UNREAD for cells that only the library can read."""
        return self._from_tables(pieces_of(cells)).e164

    def read_pieces(self, cells: Pieces) -> Read:
        """The same of pieces, and which of them need not be written anew."""
        found = self._from_tables(cells)
        asked = np.flatnonzero(found.e164 == UNREAD)
        if len(asked):
            odd = cells.at(asked).series()
            found.e164[asked] = np.where(powers(odd), -Code.DECIMAL_NUMBER, self._library.read(odd))
        found.e164[wholes(cells)] = -Code.DECIMAL_NUMBER
        return found

    def _from_tables(self, cells: Pieces) -> Read:
        e164, as_written = np.empty(len(cells), np.int64), np.empty(len(cells), np.bool_)
        for at in range(0, len(cells), CELLS_AT_A_TIME):
            these = slice(at, at + CELLS_AT_A_TIME)
            numbers = numbers_in(cells.at(these))
            e164[these] = self._read(numbers)
            as_written[these] = e164[these] == numbers.written
        return Read(e164, as_written)

    def _read(self, numbers: Numbers) -> Ints:
        readable = numbers.keys > 0
        if (readable & numbers.plus).all():
            return self._international(numbers.keys)
        found = np.full(len(numbers.keys), UNREAD, np.int64)
        international, national = readable & numbers.plus, readable & ~numbers.plus
        found[international] = self._international(numbers.keys[international])
        found[national] = self._national(numbers.keys[national])
        return found

    def _international(self, keys: Ints) -> Ints:
        codes, e164 = WORLD.read(keys)
        codes[codes == NO_SUCH_COUNTRY] = Code.UNKNOWN_COUNTRY if self._region is None else ASK
        return np.where(codes == Code.FINE, e164, -codes)

    def _national(self, keys: Ints) -> Ints:
        if self._region is None:
            return np.full(len(keys), -Code.UNKNOWN_COUNTRY, np.int64)
        codes, told = home_table(self._region).read(keys)
        abroad = np.flatnonzero(codes == ABROAD)
        if len(abroad):
            codes[abroad], told[abroad] = WORLD.read(told[abroad])
            codes[codes == NO_SUCH_COUNTRY] = Code.UNKNOWN_COUNTRY
        return np.where(codes == Code.FINE, told, -codes)
