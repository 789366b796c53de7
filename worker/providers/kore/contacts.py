"""Contacts on their way out and as the provider shows them."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

import polars as pl

from worker.layout import Extra, Layout

PHONE, TASK = "phoneNumber", "uniqueId"
EXTRAS = ("firstName", "lastName", "timeZone", "contactPriority", "email")
CELL_LIMIT = 300
LAYOUT = Layout(
    phone=PHONE,
    task=TASK,
    extras=tuple(Extra(name, name, longest=CELL_LIMIT) for name in EXTRAS),
    own_uuid=(),
)
NAMES = {"uuid": pl.Utf8, "number": pl.Int64}
_DIGITS = range(5, 16)  # of an international number


def outgoing(payload: bytes, unique_id_field: str, plus: bool) -> list[dict[str, str]]:
    """The contacts of a chunk as addContacts takes them; an empty cell is not sent."""
    found = []
    for row in csv.DictReader(io.StringIO(payload.decode(), newline="")):
        phone, task = row.pop(PHONE), row.pop(TASK)
        rest = {name: cell for name, cell in row.items() if cell}
        found.append({PHONE: phone if plus else phone.lstrip("+"), unique_id_field: task, **rest})
    return found


def named(items: Iterable[dict[str, Any]], unique_id_field: str) -> pl.DataFrame:
    """Who the items are: `uuid` and `number`, null where it is not told or cannot be read."""
    names = [(text_of(item, unique_id_field), number_of(item.get(PHONE))) for item in items]
    return pl.DataFrame(names, schema=NAMES, orient="row")


def text_of(item: dict[str, Any], field: str) -> str | None:
    value = item.get(field)
    text = str(value).strip() if isinstance(value, (str, int, float)) else ""
    return text or None


def number_of(phone: Any) -> int | None:
    """The digits of a number; None where it is none, or is shown with some of them masked."""
    text = str(phone) if isinstance(phone, (str, int)) else ""
    digits = re.sub(r"[\s()./+-]", "", text)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) in _DIGITS else None
