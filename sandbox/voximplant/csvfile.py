"""Bytes of an uploaded file to its header and its rows, by delimiter, encoding, escape and quote."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from sandbox.switches import Switches
from sandbox.voximplant import params as read
from sandbox.voximplant.errors import ApiError

PAGE = 1000
Page = list[list[str]]


@dataclass(frozen=True)
class Dialect:
    delimiter: str
    encoding: str
    escape: str | None
    quote: str

    @classmethod
    def of(cls, params: dict[str, str]) -> "Dialect":
        delimiter = read.character(params, "delimiter", ";") or ";"
        quote = read.character(params, "quote", '"') or '"'
        return cls(delimiter, read.encoding(params), read.character(params, "escape", None), quote)


def bad_csv() -> ApiError:
    return ApiError(250, field="file_content")


def checked_bytes(content: bytes, switches: Switches) -> bytes:
    """The file as it is to be parsed. Raises ApiError 250 for what a switch refuses."""
    most = switches.limit("max_bytes")
    if (most and len(content) > most) or (switches.choice("crlf") == "refuse" and b"\r\n" in content):
        raise bad_csv()
    if content.startswith(b"\xef\xbb\xbf"):
        if switches.choice("bom") == "refuse":
            raise bad_csv()
        if switches.choice("bom") == "strip":
            return content[3:]
    return content


def read_pages(content: bytes, dialect: Dialect, switches: Switches) -> Iterator[Page]:
    """The header alone in the first page, then rows, at most PAGE at a time, every row as wide as the header.

    Raises ApiError 250 for bytes that do not decode, broken quoting, and what a switch refuses.
    """
    text = io.TextIOWrapper(io.BytesIO(checked_bytes(content, switches)), encoding=dialect.encoding, newline="")
    reader = csv.reader(
        text,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        escapechar=dialect.escape,
        doublequote=dialect.escape is None,
    )
    try:
        header = next((row for row in reader if row), None)
        if header is None:
            raise bad_csv()
        yield [header]
        while page := list(islice(reader, PAGE)):
            yield even(filled(page, switches), len(header), switches)
    except (UnicodeError, csv.Error) as error:
        raise bad_csv() from error


def filled(page: Page, switches: Switches) -> Page:
    """Without blank lines."""
    if all(page):
        return page
    if switches.choice("blank_rows") == "refuse":
        raise bad_csv()
    return [row for row in page if row]


def even(page: Page, width: int, switches: Switches) -> Page:
    """Every row as wide as the header, by the switch for ragged rows."""
    if set(map(len, page)) <= {width}:
        return page
    match switches.choice("ragged_rows"):
        case "refuse":
            raise bad_csv()
        case "skip_row":
            return [row for row in page if len(row) == width]
        case _:
            return [(row + [""] * width)[:width] for row in page]
