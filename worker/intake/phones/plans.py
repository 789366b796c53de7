"""The numbering plan behind one country code, which several regions may share."""

from functools import cache

import numpy as np
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS, PhoneMetadata, PhoneNumberType

from worker.intake.phones.patterns import read
from worker.intake.phones.pieces import Pieces, beginning, common_starts
from worker.intake.phones.regions import NO_KIND, Region
from worker.intake.scan import Ints

NOWHERE = "001"  # the region of numbers that belong to no country
REGIONS = [NOWHERE, *sorted(SUPPORTED_REGIONS)]
KINDS = max(PhoneNumberType.values()[:-1]) + 1
NOT_VALID = -1
CODE_DIGITS = 3


class Plan:
    """All numbers behind the country code `code`. Its answers are about the numbers of one length, without the code.

    They may raise UnreadablePattern.
    """

    def __init__(self, code: int) -> None:
        self.code = code
        self._regions = [(name, region_of(code, name)) for name in COUNTRY_CODE_TO_REGION_CODE[code]]
        self.main = self._regions[0][1]
        self.valid = cache(self._valid_pieces)

    def classes(self, length: int) -> Pieces:
        """Place of the region in REGIONS, times KINDS, plus the PhoneNumberType; NOT_VALID where there is none."""
        each = [region.kinds(length) for _, region in self._regions]
        led = [self._led(region, length) for _, region in self._regions]
        starts = common_starts([pieces.starts for pieces in (*each, *filter(None, led))], length)
        classes = np.full(len(starts), NOT_VALID, np.int64)
        for (name, _), kinds, leading in reversed(list(zip(self._regions, each, led, strict=True))):
            kind = kinds.at(starts)
            here = leading.at(starts) >= 0 if leading else kind != NO_KIND
            classes[here] = np.where(kind == NO_KIND, NOT_VALID, REGIONS.index(name) * KINDS + kind)[here]
        return Pieces(starts, classes).merged()

    def _led(self, region: Region, length: int) -> Pieces | None:
        """Whether the region says by which digits its numbers are told from those of the others."""
        if len(self._regions) == 1 or region.metadata.leading_digits is None:
            return None
        return beginning(read(region.metadata.leading_digits), length)

    def _valid_pieces(self, length: int) -> Pieces:
        classes = self.classes(length)
        return Pieces(classes.starts, (classes.values != NOT_VALID).astype(np.int64)).merged()


@cache
def region_of(code: int, name: str) -> Region:
    """The region behind a country code."""
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, name)
    assert metadata is not None
    return Region(metadata)


@cache
def plan_of(code: int) -> Plan:
    """The plan behind a country code."""
    return Plan(code)


@cache
def code_of_leads() -> Ints:
    """The country code with which each three digits begin, 0 where none does."""
    codes = [0] * 10**CODE_DIGITS
    for lead in range(10 ** (CODE_DIGITS - 1), 10**CODE_DIGITS):
        begun = (int(str(lead)[:digits]) for digits in range(1, CODE_DIGITS + 1))
        codes[lead] = next((code for code in begun if code in COUNTRY_CODE_TO_REGION_CODE), 0)
    return np.array(codes, np.int64)
