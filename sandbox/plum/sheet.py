"""The uploaded file: no header, at most three columns: phone number, message_reference, call_parameter."""

import csv
import io
import re

from sandbox.campaign import Contact
from sandbox.plum.fields import Failed, Order
from sandbox.switches import Switches

COLUMNS = 3
MAX_REFERENCE, MAX_PARAMETER = 128, 255
# 16175551234, +16175551234, tel:+16175551234;postd=1234;ani=16175550000
PHONE = re.compile(r"(?:tel:)?\+?(1[0-9]{10})((?:;(?:postd=[0-9A-D*#pw]+|ani=\+?[0-9]+))*)", re.IGNORECASE)


def number_in(cell: str) -> str | None:
    """The eleven digits that are dialled; None for what cannot be."""
    found = PHONE.fullmatch(cell.strip())
    return found.group(1) if found else None


def read_sheet(content: bytes, order: Order, switches: Switches) -> list[Contact]:
    """The contacts in the file's order. Raises Failed."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Failed("the file is not text in UTF-8") from error
    told = io.StringIO(text, newline="")
    literal = switches.choice("plum_quoting") == "none"
    rows = csv.reader(told, quoting=csv.QUOTE_NONE) if literal else csv.reader(told)
    contacts: list[Contact] = []
    skip = switches.choice("plum_bad_rows") == "skip"
    try:
        for line, row in enumerate(rows, 1):
            contact = contact_of(row, order) if row else None
            if contact is not None:
                contacts.append(contact)
            elif row and not skip:
                raise Failed(f"line {line} of the file is not valid")
    except csv.Error as error:
        raise Failed("the file is not CSV") from error
    if not contacts:
        raise Failed("the file has no phone numbers")
    return contacts


def contact_of(row: list[str], order: Order) -> Contact | None:
    number = number_in(row[0])
    reference, parameter = (*row[1:], "", "")[:2]
    if number is None or len(row) > COLUMNS or len(reference) > MAX_REFERENCE or len(parameter) > MAX_PARAMETER:
        return None
    return Contact(number, reference or order.message_reference, (row[0].strip(), parameter or order.call_parameters))
