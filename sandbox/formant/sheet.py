"""The uploaded file: a header with a column customer_phone; every other column is a call parameter."""

import csv
import io
from dataclasses import dataclass

from sandbox.campaign import Contact
from sandbox.formant.errors import bad
from sandbox.phones import number_of
from sandbox.switches import Switches

PHONE, UUID = "customer_phone", "__task_uuid"
FEWEST_DIGITS = 10**6


@dataclass(frozen=True)
class Sheet:
    """`names` are the call parameters, in the order of every contact's cells."""

    names: tuple[str, ...]
    contacts: list[Contact]


def read_sheet(content: bytes, switches: Switches) -> Sheet:
    """Raises FormantError 400."""
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        header = [name.strip() for name in next(rows, [])]
        if PHONE not in header:
            raise bad(f"CSV file must have a {PHONE} column")
        if len(set(header)) < len(header):
            raise bad("CSV file has two columns of the same name")
        wanted = [row for row in rows if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise bad("CSV file cannot be read") from error
    wanted = admitted(wanted, header, switches)
    most = switches.limit("formant_max_rows")
    if not wanted or (most and len(wanted) > most):
        raise bad("CSV file has no rows" if not wanted else f"CSV file has more than {most} rows")
    phone, uuid = header.index(PHONE), header.index(UUID) if UUID in header else None
    contacts = [
        Contact(row[phone].strip(), "" if uuid is None else row[uuid], (*row[:phone], *row[phone + 1 :]))
        for row in wanted
    ]
    return Sheet((*header[:phone], *header[phone + 1 :]), contacts)


def admitted(rows: list[list[str]], header: list[str], switches: Switches) -> list[list[str]]:
    """The rows that get in, each as wide as the header. Raises FormantError 400."""
    policy, width, phone = switches.choice("formant_bad_rows"), len(header), header.index(PHONE)
    good = [len(row) == width and callable_number(row[phone]) for row in rows]
    if all(good) or policy == "accept":
        return [(row + [""] * width)[:width] for row in rows]
    if policy == "refuse":
        raise bad(f"CSV file has an invalid row: {good.index(False) + 2}")
    return [row for row, fine in zip(rows, good, strict=True) if fine]


def callable_number(cell: str) -> bool:
    return (number_of(cell) or 0) >= FEWEST_DIGITS
