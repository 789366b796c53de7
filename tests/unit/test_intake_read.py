"""Every record of a file comes out once, with the row, line and text that Python's csv gives it."""

import csv
import io
from dataclasses import dataclass, field
from typing import BinaryIO, cast

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from worker.errors import InputError
from worker.intake.dialect import Dialect
from worker.intake.read import Reading
from worker.intake.rejects import Code

WIDTH = 3
HEADER = b"a,b,c\n"


@dataclass
class Found:
    """(row, line, cells) of the readable records; (row, line, code, text) of the others."""

    good: list[tuple[int, int, list[str]]] = field(default_factory=list)
    faulty: list[tuple[int, int, str, bytes]] = field(default_factory=list)


def reading(data: bytes, dialect: Dialect, block_bytes: int) -> Found:
    found = Found()
    records = 0
    for block in Reading(io.BytesIO(data), dialect, block_bytes=block_bytes).blocks():
        cells = map(list, block.cells.rows(np.arange(block.cells.height)).rows())
        found.good += zip(block.rows.tolist(), block.lines.tolist(), cells, strict=True)
        words = [Code(code).word for code in block.flaws.codes.tolist()]
        found.faulty += zip(
            block.flaws.rows.tolist(), block.flaws.lines.tolist(), words, block.flaws.texts, strict=True
        )
        records += block.records
    found.faulty.sort()
    assert records == len(found.good) + len(found.faulty)
    return found


def never_closed(text: str, dialect: Dialect) -> bool:
    """A further line becomes a record of its own, unless a quote still holds the door open."""
    closed = text if text.endswith(("\n", "\r")) else text + "\n"
    probe = csv.reader(io.StringIO(closed + "END\n", newline=""), quotechar=dialect.mark, escapechar=dialect.escape)
    return list(probe)[-1] != ["END"]


def well_formed(text: str, dialect: Dialect) -> bool:
    try:
        lines = io.StringIO(text + "\n", newline="")  # without which csv takes an escaped line end for the last
        list(csv.reader(lines, quotechar=dialect.mark, escapechar=dialect.escape, strict=True))
    except csv.Error:
        return False
    return True


def by_csv(data: bytes, dialect: Dialect) -> Found:
    """The plain way: all of the file in memory, one record after another."""
    found = Found()
    text = data.decode("latin-1")
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(iter(lines), quotechar=dialect.mark, escapechar=dialect.escape)
    next(reader)
    row, before = 0, reader.line_num
    for cells in reader:
        line, before = before, reader.line_num
        if not cells:
            continue
        row += 1
        raw = "".join(lines[line:before])
        last = before == len(lines)
        content = raw[:-2] if raw.endswith("\r\n") else raw[:-1] if raw.endswith(("\n", "\r")) else raw
        original = content.encode("latin-1")
        try:
            original.decode()
        except UnicodeDecodeError:
            found.faulty.append((row, line + 1, "unreadable", original))
            continue
        if last and never_closed(text, dialect):
            found.faulty.append((row, line + 1, "open_quote", original))
        elif ("\r" in content or "\n" in content) and (len(cells) != WIDTH or not well_formed(content, dialect)):
            found.faulty.append((row, line + 1, "runs_on", original))
        elif len(cells) != WIDTH:
            found.faulty.append((row, line + 1, "wrong_column_count", original))
        else:
            found.good.append((row, line + 1, [cell.encode("latin-1").decode() for cell in cells]))
    return found


PIECES = [b",", b",", b",", b"\n", b"\n", b"\r\n", b"\r", b'"', b'""', b'5" pipe', b"x", b" ", b"0012", b"\0", b"\xff"]
PIECES += ["é".encode(), "\ufeff".encode(), "山".encode(), b"\xed\xb2\x80", b'"a\nb"', b'"q,""q"""', b"a,b,c\n", b"\\"]
soup = st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join)


@settings(max_examples=600, deadline=None)
@given(soup, st.sampled_from([1, 3, 7, 20, 64, 1 << 20]))
@example(b'"a', 1)
@example(b'x,y,z\n"\n', 4)
@example(b'1,5" pipe,3\n1,"2",3\n', 1 << 20)
@example("\ufeffx,y,z\n".encode(), 1 << 20)
@example(b"a,b\rc,d,e\r", 7)
def test_any_bytes_fall_into_the_records_that_csv_sees(body: bytes, block_bytes: int) -> None:
    dialect = Dialect(delimiter=",", quote='"', encoding="utf-8")
    assert reading(HEADER + body, dialect, block_bytes) == by_csv(HEADER + body, dialect)


@settings(max_examples=150, deadline=None)
@given(soup, st.sampled_from([1, 20, 1 << 20]))
@example(b"a,b,c\\", 1)
@example(b"a,b\\\nd,c\nx,y,z\n", 3)
@example(b"\\\n\n\\", 1)  # a line end that is a letter of the cell, and the one that ends the record
@example(b"\\\n\n", 1)
@example(b',,\\\n"', 1)
@example(b",,\\\n\n", 1)
def test_an_escape_character_means_what_csv_takes_it_for(body: bytes, block_bytes: int) -> None:
    dialect = Dialect(delimiter=",", quote='"', escape="\\", encoding="utf-8")
    whole, oracle = reading(HEADER + body, dialect, block_bytes), by_csv(HEADER + body, dialect)
    # An escape with nothing behind it, which csv drops at the end of a file, is a row all the same.
    if whole != oracle:
        assert body.endswith(b"\\")
        assert [entry[2] for entry in whole.faulty if entry not in oracle.faulty] == ["open_quote"]


cell = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('",\r\n'), max_size=12)
table = st.lists(st.lists(cell, min_size=WIDTH, max_size=WIDTH), min_size=1, max_size=25)


@settings(max_examples=200, deadline=None)
@given(table, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from([5, 40, 1 << 20]), st.booleans())
def test_what_csv_writes_is_read_back_cell_by_cell(
    rows: list[list[str]], end: str, block_bytes: int, quote_all: bool
) -> None:
    out = io.StringIO(newline="")
    # With another line end this writer leaves a bare CR unquoted, which no reader takes for part of a cell.
    every = quote_all or end != "\r\n"
    csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL).writerows(
        [["a", "b", "c"], *rows]
    )
    data = out.getvalue().encode()
    found = reading(data, Dialect(quote='"', encoding="utf-8"), block_bytes)
    assert [cells for _, _, cells in found.good] == rows
    assert found == by_csv(data, Dialect(delimiter=","))


def test_without_quotes_a_quote_is_a_letter() -> None:
    found = reading(HEADER + b'"x,y",z\n', Dialect(delimiter=",", quote=""), 1 << 20)
    assert found.good == [(1, 2, ['"x', 'y"', "z"])]


def test_rows_that_are_wrong_take_nothing_with_them() -> None:
    rows = [b"1,2,3", b"1,2", b"1,\xff,3", b"1,2,3,4", b'"1\n1",2,3', b"", b"4,5,6"]
    found = reading(HEADER + b"\r\n".join(rows), Dialect(encoding="utf-8"), 1 << 20)
    assert found.good == [(1, 2, ["1", "2", "3"]), (5, 6, ["1\n1", "2", "3"]), (6, 9, ["4", "5", "6"])]
    assert found.faulty == [
        (2, 3, "wrong_column_count", b"1,2"),
        (3, 4, "unreadable", b"1,\xff,3"),
        (4, 5, "wrong_column_count", b"1,2,3,4"),
    ]


@pytest.mark.parametrize("encoding", ["shift_jis", "utf-16-le", "utf-16-be", "cp1252"])
def test_a_row_that_cannot_be_decoded_is_kept_in_the_bytes_of_the_file(encoding: str) -> None:
    broken = {"shift_jis": b"\x81\xff", "utf-16-le": b"\x00\xdc", "utf-16-be": b"\xdc\x00", "cp1252": b"\x81\x8d"}
    row = "1,".encode(encoding) + broken[encoding] + ",é3".encode(encoding, "ignore")
    data = "a,b,c\n1,2,3\n".encode(encoding) + row + "\n4,5,6\n".encode(encoding)
    found = reading(data, Dialect(encoding=encoding), 1 << 20)
    assert [line for _, line, _ in found.good] == [2, 4]
    assert found.faulty == [(2, 3, "unreadable", row)]


def test_rows_number_on_from_the_first() -> None:
    blocks = list(Reading(io.BytesIO(HEADER + b"1,2,3\n4,5\n"), Dialect(), first_row=100).blocks())
    assert blocks[0].rows.tolist() == [100]
    assert blocks[0].flaws.rows.tolist() == [101]


@pytest.mark.parametrize("block_bytes", [16, 1 << 20])
@pytest.mark.parametrize("odd", [b"", b'1,5" pipe,3\n'])
def test_a_cell_of_a_hundred_lines_passes_and_one_more_names_its_line(odd: bytes, block_bytes: int) -> None:
    head = HEADER + b"1,2,3\n" * 10 + odd
    long = b'4,"' + b"\n" * 99 + b'",6\n'
    assert len(reading(head + long, Dialect(), block_bytes).good) == 11 + bool(odd)
    for tail in (b'",6\n7,8,9\n', b"7,8,9\n" * 300):
        with pytest.raises(InputError) as caught:
            reading(head + b'4,"' + b"\n" * 100 + tail, Dialect(), block_bytes)
        assert caught.value.code == "unbalanced_quote"
        assert f"line {12 + bool(odd)} " in caught.value.message


def test_many_cells_of_many_lines_are_no_unbalanced_quote() -> None:
    found = reading(HEADER + b",".join([b'"' + b"\n" * 60 + b'"'] * 3) + b"\n", Dialect(), 32)
    assert [row for row, _, _ in found.good] == [1]


def test_the_line_of_an_endless_cell_counts_the_cells_before_it() -> None:
    with pytest.raises(InputError, match="line 5 "):
        reading(HEADER + b'"1\r\n\r\n\r\n","' + b"\n" * 200 + b'",3\n', Dialect(), 64)


def test_a_quote_open_at_the_end_of_the_file_costs_its_record_only() -> None:
    found = reading(HEADER + b'1,2,3\n4,"5,6\n7,8,9\n', Dialect(), 1 << 20)
    assert found.good == [(1, 2, ["1", "2", "3"])]
    assert found.faulty == [(2, 3, "open_quote", b'4,"5,6\n7,8,9')]


def test_a_cell_of_five_megabytes_is_a_cell() -> None:
    big = b"x" * 5_000_000
    found = reading(HEADER + b"1," + big + b",3\n4,5,6\n", Dialect(), 1 << 20)
    assert [len(cells[1]) for _, _, cells in found.good] == [5_000_000, 1]


def test_a_file_that_is_one_endless_line_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        reading(HEADER + b"x" * (65 << 20), Dialect(), 8 << 20)
    assert caught.value.code == "record_too_long"


class Trickle(io.RawIOBase):
    """A network stream: a few bytes at a time, and no going back."""

    def __init__(self, data: bytes) -> None:
        self._rest = data

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        part, self._rest = self._rest[: min(3, len(buffer))], self._rest[min(3, len(buffer)) :]
        buffer[: len(part)] = part
        return len(part)


def test_a_stream_that_trickles_gives_whole_blocks() -> None:
    blocks = list(Reading(cast(BinaryIO, Trickle(HEADER + b"1,2,3\n" * 100)), Dialect(), block_bytes=1 << 20).blocks())
    assert [block.records for block in blocks] == [100]
