"""A block's bytes as a table of strings. A record that cannot be read is set aside and takes nothing with it."""

from codecs import BOM_UTF8
from dataclasses import dataclass
from typing import IO, cast

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import csv as arrow_csv

from worker.intake.cells import Cells, Table, Uncut
from worker.intake.dialect import Dialect
from worker.intake.odd import OddRecord, is_well_formed, odd_records
from worker.intake.pieces import is_utf8
from worker.intake.rejects import Code
from worker.intake.scan import Ints, Spans, delimiters, scan, widths

MOST_QUOTED = 0.25  # of the records; where there are more, all are read

Faults = dict[int, tuple[Code, int]]


@dataclass(frozen=True)
class Parsed:
    """`cells`: the readable records. `good`: where in `spans` each of them stands.

    `faults`: the other records of `spans`, with their code and number of cells.
    """

    cells: Cells
    good: Ints
    faults: Faults
    spans: Spans


def parse(data: bytes, dialect: Dialect, width: int, final: bool) -> Parsed:
    """Everything in `data` up to the end of its last whole record; `final` means that nothing follows."""
    spans = scan(data, dialect, final)
    if spans is None:
        return _certain(data, dialect, width, final)
    places = delimiters(data, spans, dialect)
    faults = _faults(data, spans, widths(places, spans, width), width)
    good = np.delete(np.arange(len(spans)), list(faults)) if faults else np.arange(len(spans))
    cells = _uncut(data, spans, places, good, dialect, width) or _fast(data, spans, faults, good, dialect, width)
    return Parsed(cells, good, faults, spans) if cells is not None else _certain(data, dialect, width, final)


def _uncut(data: bytes, spans: Spans, places: Ints, good: Ints, dialect: Dialect, width: int) -> Uncut | None:
    """The records as they lie, and those with quotes read. None where these are many, or are not read as expected."""
    starts, ends = spans.starts[good], spans.ends[good]
    inside = spans.quotes[: np.searchsorted(spans.quotes, spans.consumed)]
    quoted = np.unique(np.searchsorted(spans.starts, inside, "right") - 1)
    if len(good) < len(spans):
        quoted = np.flatnonzero(np.isin(good, quoted, assume_unique=True))
    if len(quoted) > MOST_QUOTED * len(good):
        return None
    texts = b"\n".join(data[i:j] for i, j in zip(starts[quoted].tolist(), ends[quoted].tolist(), strict=True))
    unquoted = _table(texts, dialect, width, len(quoted))
    if unquoted is None:
        return None
    if len(good) < len(spans):
        first = np.searchsorted(places, starts)
        places = places[(first[:, np.newaxis] + np.arange(width - 1)).ravel()]
    return Uncut(data, dialect, starts, ends, places.reshape(len(good), width - 1), quoted, unquoted)


def _fast(data: bytes, spans: Spans, faults: Faults, good: Ints, dialect: Dialect, width: int) -> Table | None:
    """None where the parser does not agree with the scan on how many records there are."""
    if faults:
        block: bytes | memoryview = _without(data, spans, sorted(faults))
    else:
        block = data if spans.consumed == len(data) else memoryview(data)[: spans.consumed]
    table = _table(block, dialect, width, len(good))
    return None if table is None else Table(table)


def _table(block: bytes | memoryview, dialect: Dialect, width: int, records: int) -> pl.DataFrame | None:
    names = [str(i) for i in range(width)]
    if not records:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    if block[: len(BOM_UTF8)] == BOM_UTF8:
        return None  # the parser would drop it, here from the first cell of a record
    try:
        table = arrow_csv.read_csv(
            cast(IO[bytes], pa.BufferReader(block)),
            # One block, or the parser would cut the data itself, at places of its own choice.
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=names),
            parse_options=arrow_csv.ParseOptions(
                delimiter=dialect.delimiter or ",", quote_char=dialect.mark or False, newlines_in_values=True
            ),
            convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid:
        return None
    return pl.DataFrame(pl.from_arrow(table)) if table.num_rows == records else None


def _faults(data: bytes, spans: Spans, found: Ints, width: int) -> Faults:
    several = spans.have_several_lines()
    faults = {
        int(i): (Code.RUNS_ON if several[i] else Code.WRONG_COLUMN_COUNT, int(found[i]))
        for i in np.flatnonzero(found != width)
    }
    if not is_utf8(data, spans.consumed):
        high = np.flatnonzero(np.frombuffer(data, np.uint8)[: spans.consumed] >= 0x80)
        # A record without a byte above 127 is readable, so only the others are tried one by one.
        for i in np.flatnonzero(np.searchsorted(high, spans.ends) > np.searchsorted(high, spans.starts)):
            if not _readable(data[spans.starts[i] : spans.ends[i]]):
                faults[int(i)] = (Code.UNREADABLE, int(found[i]))
    return faults


def _readable(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _without(data: bytes, spans: Spans, faulty: list[int]) -> bytes:
    kept, at = [], 0
    for i in faulty:
        kept.append(data[at : spans.starts[i]])
        at = spans.ends[i]
    kept.append(data[at : spans.consumed])
    return b"".join(kept)


def _certain(data: bytes, dialect: Dialect, width: int, final: bool) -> Parsed:
    consumed = lines = 0
    records: list[OddRecord] = []
    for record in odd_records(data, dialect, final):
        consumed, lines = record.next, record.line + record.height
        if record.cells:
            records.append(record)
    faults = {i: (code, len(r.cells)) for i, r in enumerate(records) if (code := _fault(data, r, width, dialect))}
    good = [i for i in range(len(records)) if i not in faults]
    columns = list(zip(*(records[i].cells for i in good), strict=True)) or [()] * width
    texts = [pl.Series(str(n), [_text(cell) for cell in column], pl.String) for n, column in enumerate(columns)]
    places = np.array([(r.start, r.end, r.line, r.height) for r in records], np.int64).reshape(-1, 4).T
    spans = Spans(places[0], places[1], places[2], places[3], consumed, lines)
    return Parsed(Table(pl.DataFrame(texts)), np.array(good, np.int64), faults, spans)


def _fault(data: bytes, record: OddRecord, width: int, dialect: Dialect) -> Code:
    text = data[record.start : record.end]
    if not _readable(text):
        return Code.UNREADABLE
    if record.unfinished:
        return Code.OPEN_QUOTE
    if record.more_lines and (len(record.cells) != width or not is_well_formed(text, dialect)):
        return Code.RUNS_ON
    return Code.FINE if len(record.cells) == width else Code.WRONG_COLUMN_COUNT


def _text(cell: str) -> str:
    return cell if cell.isascii() else cell.encode("latin-1").decode()
