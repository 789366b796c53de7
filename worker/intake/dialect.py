"""How a file is written: its encoding, delimiter, quote and escape, as declared or as found."""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from worker.errors import InputError
from worker.intake.header import ROW

DELIMITERS = ",;\t|"
LINE_END = re.compile(r"\r\n|\n|\r")
QUOTE, OTHER_QUOTE = '"', "'"
# The first line that Excel writes and reads itself; it is no header.
NAMED_DELIMITER = re.compile(rb"sep=([^\r\n])(?:\r\n|\n|\r)", re.IGNORECASE)
NAMED_DELIMITER_BYTES = 7
REJECTS_DELIMITER = re.compile(f'"?{ROW}"?([{DELIMITERS}])')  # a file of rejects begins so; many of its rows are ragged
SAMPLE_RECORDS = 50
ORDERLESS = ("utf-16", "utf-32")
# What is called so in practice is the wider one: the narrow ones lack signs that stand in names.
WIDER = {
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "iso8859-1": "cp1252",
}
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Dialect:
    """None stands for "find out". An empty `quote` means that quotes are ordinary characters.

    `mark` is the quote in use. Raises InputError `bad_dialect` where a mark is not one ASCII character, or one mark has
    two meanings.
    """

    delimiter: str | None = None
    encoding: str | None = None
    quote: str | None = None
    escape: str | None = None

    def __post_init__(self) -> None:
        marks = {"delimiter": self.delimiter, "quote": self.mark, "escape": self.escape}
        used = {name: mark for name, mark in marks.items() if mark is not None and (mark or name != "quote")}
        for name, mark in used.items():
            if len(mark) != 1 or not mark.isascii() or mark in "\r\n\0":
                raise InputError("bad_dialect", f"The {name} {mark!r} cannot be used; give one ASCII character.")
        if len(set(used.values())) < len(used):
            raise InputError("bad_dialect", "Delimiter, quote and escape must differ; change one of them.")

    @property
    def mark(self) -> str:
        return QUOTE if self.quote is None else self.quote


def csv_reader(lines: Iterable[str], dialect: Dialect, delimiter: str, *, strict: bool = False) -> Iterator[list[str]]:
    """Python's own reader, which is the definition of what a file says wherever the fast path is in doubt.

    Where it is `strict`, it raises csv.Error at a cell that goes on behind its closing quote.
    """
    return csv.reader(
        lines,
        delimiter=delimiter,
        quotechar=dialect.mark or None,
        escapechar=dialect.escape,
        quoting=csv.QUOTE_MINIMAL if dialect.mark else csv.QUOTE_NONE,
        strict=strict,
    )


def find_encoding(head: bytes, declared: str | None) -> str | None:
    """Python's name of the encoding: what was declared, else the byte order mark's; None where nothing says it.

    Raises InputError `unknown_encoding`.
    """
    marked = next((name for mark, name in BOMS if head.startswith(mark)), None)
    if declared is None:
        return marked
    try:
        b"a".decode(declared, "replace")  # refuses what is no text encoding, and what cannot pass over a bad byte
        codecs.getincrementaldecoder(declared)
        name = codecs.lookup(declared).name
    except (LookupError, ValueError, UnicodeError) as error:
        raise InputError(
            "unknown_encoding", f"The encoding {declared!r} is not known; give a name such as utf-8 or cp1252."
        ) from error
    if name in ORDERLESS:  # without a mark it is the machine's order, and these are PCs
        return marked if marked is not None and marked.startswith(name) else f"{name}-le"
    return WIDER.get(name, name)


def find_quote(lines: list[str], dialect: Dialect) -> str:
    """The apostrophe where most of the first lines have cells in a pair of them and no cell begins with a quote."""
    opened = closed = 0
    if OTHER_QUOTE in (dialect.delimiter, dialect.escape):
        return QUOTE
    for line in lines:
        if re.search(f"(?:^|[{DELIMITERS}]){QUOTE}", line):
            return QUOTE
        opened += len(re.findall(f"(?:^|[{DELIMITERS}]){OTHER_QUOTE}", line))
        closed += len(re.findall(f"{OTHER_QUOTE}(?:$|[{DELIMITERS}\r\n])", line))
    return OTHER_QUOTE if opened == closed and 2 * opened > len(lines) else QUOTE


def find_delimiter(lines: list[str], dialect: Dialect) -> str:
    """The candidate that gives most of the first records as many cells as the header; a comma where none does.

    A file of rejects says it by itself.
    """

    def merit(candidate: str) -> tuple[float, int]:
        widths = [len(cells) for cells in csv_reader(lines, dialect, candidate) if cells][:SAMPLE_RECORDS]
        if not widths or widths[0] < 2:
            return (0.0, 0)
        return (sum(width == widths[0] for width in widths) / len(widths), widths[0])

    usable = [mark for mark in DELIMITERS if mark not in (dialect.mark, dialect.escape)]
    told = REJECTS_DELIMITER.match(lines[0]) if lines else None
    return told[1] if told is not None and told[1] in usable else max(usable, key=merit)
