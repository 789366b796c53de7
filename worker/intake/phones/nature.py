"""Type and country of numbers that are valid."""

from functools import cache

import numpy as np
import polars as pl
from phonenumbers import PhoneNumber, PhoneNumberType, number_type, region_code_for_number

from worker.intake.phones.patterns import UnreadablePattern
from worker.intake.phones.pieces import Pieces
from worker.intake.phones.plans import CODE_DIGITS, KINDS, NOT_VALID, REGIONS, code_of_leads, plan_of
from worker.intake.scan import Ints

TYPE_WORDS = [PhoneNumberType.to_string(kind).lower() for kind in range(KINDS)]
TYPES, WHERE = pl.Series(TYPE_WORDS, dtype=pl.Enum(TYPE_WORDS)), pl.Series(REGIONS, dtype=pl.Enum(REGIONS))
TENS = 10 ** np.arange(19, dtype=np.int64)
LONGEST = 17  # digits behind a country code
LARGEST = np.iinfo(np.int64).max


def kinds(e164: Ints) -> pl.DataFrame:
    """`type`, such as mobile, and `region`, such as US, of the digits of E.164 numbers; null for what is not valid.

    Where one cannot tell by the number, as in the US, the type is fixed_line_or_mobile.
    """
    classes = np.full(len(e164), NOT_VALID, np.int64)
    digits = np.searchsorted(TENS, e164, "right")
    long_enough = np.flatnonzero(digits > CODE_DIGITS)
    codes = code_of_leads()[e164[long_enough] // TENS[digits[long_enough] - CODE_DIGITS]]
    for code in np.unique(codes[codes > 0]).tolist():
        here = long_enough[codes == code]
        classes[here] = _classes_of(code, e164[here])
    known = pl.Series(classes).set(pl.Series(classes == NOT_VALID), None)
    return pl.DataFrame({"type": TYPES.gather(known % KINDS), "region": WHERE.gather(known // KINDS)})


def _classes_of(code: int, e164: Ints) -> Ints:
    try:
        return _pieces(code).at(e164)
    except UnreadablePattern:
        return np.array([_asked(code, number) for number in e164.tolist()], np.int64)


@cache
def _pieces(code: int) -> Pieces:
    """Classes of whole E.164 numbers."""
    starts, values = [np.zeros(1, np.int64)], [np.full(1, NOT_VALID, np.int64)]
    for length in range(LONGEST + 1):
        if (code + 1) * 10**length > LARGEST:
            break
        classes = plan_of(code).classes(length)
        starts += [code * 10**length + classes.starts, np.array([(code + 1) * 10**length])]
        values += [classes.values, np.full(1, NOT_VALID, np.int64)]
    return Pieces(np.concatenate(starts), np.concatenate(values)).merged()


def _asked(code: int, e164: int) -> int:
    national = str(e164)[len(str(code)) :]
    zeros = min(len(national) - len(national.lstrip("0")), len(national) - 1)
    number = PhoneNumber(
        country_code=code,
        national_number=int(national),
        italian_leading_zero=zeros > 0,
        number_of_leading_zeros=zeros if zeros > 1 else None,
    )
    kind, region = number_type(number), region_code_for_number(number)
    return NOT_VALID if kind == PhoneNumberType.UNKNOWN or region is None else REGIONS.index(region) * KINDS + kind
