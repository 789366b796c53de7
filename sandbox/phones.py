"""Which column of an uploaded file holds the phone number.

A rule of the sandbox: the provider leaves it to the scenario.
"""

import re
from collections.abc import Sequence

NAMES = ("phone", "phone_number", "phonenumber", "telephone", "tel", "mobile", "number", "msisdn", "customer_phone")
# "tel" only at the start of a word: a hotel is not a telephone.
HINT = re.compile(r"phone|(?:^|[^a-z])tel")
E164 = re.compile(r"\+[1-9]\d{6,14}")


def phone_column(header: Sequence[str], first_row: Sequence[str]) -> int | None:
    """The index of the phone column: by exact name, else by a hint in the name, else by a first value in E.164."""
    names = [cell.strip().lower() for cell in header]
    for name in NAMES:
        if name in names:
            return names.index(name)
    for index, name in enumerate(names):
        if HINT.search(name):
            return index
    return next((index for index, cell in enumerate(first_row) if E164.fullmatch(cell.strip())), None)


def number_of(cell: str) -> int | None:
    """The digits of a cell as one integer, None where there are none."""
    digits = re.sub(r"[^0-9]", "", cell)
    return int(digits) if digits else None


def numbers_of(cells: list[str]) -> list[int]:
    """The numbers of a column; cells without digits are left out. The fast way fits clean E.164."""
    joined = "".join(cells)
    try:
        # int() also reads other scripts' digits and 1_000
        quick = list(map(int, cells)) if joined.isascii() and "_" not in joined else []
    except ValueError:
        quick = []
    if quick and min(quick) > 0:
        return quick
    return [number for number in map(number_of, cells) if number is not None]
