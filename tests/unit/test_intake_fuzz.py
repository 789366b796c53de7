"""Whole intakes of files in every dialect, and of bytes that are in none: no crash, no row lost or counted twice."""

import csv
import io
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.intake_case import Taken, phone, taking
from tests.unit.packing import PACKINGS
from worker.errors import InputError
from worker.intake.dialect import Dialect
from worker.sizes import fixed

LETTERS = {
    "utf-8": "é山😀\u00a0",
    "utf-16": "é山😀",
    "utf-16-be": "é山",
    "cp1251": "Жя№ё",
    "cp1252": "éß–œ",
    "shift_jis": "山サｱ表",
    "gb18030": "王é",
}
LINE_END = re.compile(r"\r\n|\n|\r")
numbers = st.integers(0, 12).map(phone) | st.sampled_from(["", "NOT AVAILABLE", "12"])


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, Dialect, list[list[str]], list[int], list[str]]:
    """A file in a dialect, the dialect, its records, their lines and their text."""
    encoding = draw(st.sampled_from(sorted(LETTERS)))
    escape = draw(st.sampled_from([None, "\\"]))
    dialect = Dialect(
        delimiter=draw(st.sampled_from(",;\t|^")), encoding=encoding, quote=draw(st.sampled_from("\"'")), escape=escape
    )
    cell = st.text(st.sampled_from(LETTERS[encoding] + "ab ,;|^\t'\"\\\r\n\0"), max_size=8)
    records = draw(st.lists(st.tuples(cell, numbers, cell).map(list), min_size=1, max_size=20))
    short = st.lists(st.just("x"), min_size=1, max_size=5).filter(lambda row: len(row) != 3)
    for at in draw(st.lists(st.integers(0, len(records) - 1), max_size=3)):
        records.insert(at, draw(short))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text, lines, texts = "", [], []
    for record in [["a", "phone", "c"], *records]:
        lines.append(1 + len(LINE_END.findall(text)))
        texts.append(written(record, dialect))
        text += texts[-1] + end + end * draw(st.integers(0, 1))
    packing = draw(st.sampled_from([None, *PACKINGS]))
    data = text.encode(encoding)
    return PACKINGS[packing](data) if packing else data, dialect, records, lines[1:], texts[1:]


def written(record: list[str], dialect: Dialect) -> str:
    out = io.StringIO(newline="")
    csv.writer(
        out,
        delimiter=dialect.delimiter or ",",
        quotechar=dialect.quote,
        escapechar=dialect.escape,
        doublequote=dialect.escape is None,
        quoting=csv.QUOTE_ALL,
        lineterminator="",
    ).writerow(record)
    return out.getvalue()


@settings(max_examples=150, deadline=None)
@given(files(), st.sampled_from([3, 50, 1 << 20]))
def test_every_row_of_every_dialect_is_in_one_set_with_its_line_and_its_text(
    tmp_path_factory: pytest.TempPathFactory,
    file: tuple[bytes, Dialect, list[list[str]], list[int], list[str]],
    block_bytes: int,
) -> None:
    data, dialect, records, lines, texts = file
    folder = tmp_path_factory.getbasetemp() / "staged"
    taken = taking(folder)(data, dialect=dialect, block_bytes=block_bytes, sizes=fixed(7))
    index, rejects = taken.index(), taken.rejects()
    assert sorted(entry["row"] for entry in [*index, *rejects]) == list(range(1, len(records) + 1))
    assert all(entry["line"] == lines[entry["row"] - 1] for entry in [*index, *rejects])
    assert all(reject["text"].decode() == texts[reject["row"] - 1] for reject in rejects)
    for row, entry in zip(taken.sent(), index, strict=True):
        first, number, last = records[entry["row"] - 1]
        assert (row["a"], row["phone"], row["c"]) == (first, number, last)


def accounted(taken: Taken) -> bool:
    intake, entries = taken.intake, [*taken.index(), *taken.rejects()]
    entries.sort(key=lambda entry: entry["row"])
    return (
        [entry["row"] for entry in entries] == list(range(1, intake.total + 1))
        and intake.total == intake.rejected + intake.duplicate + intake.suppressed + sum(c.rows for c in intake.chunks)
        and all(one["line"] < two["line"] for one, two in pairwise(entries))
    )


PIECES = [b"phone", b"name", b",", b";", b"\t", b"\n", b"\r\n", b"\r", b'"', b"'", b"\0", b"\xff", b"\xfe", b"\x1f\x8b"]
PIECES += [
    b"+13347930001",
    b"3347930002",
    "é".encode(),
    b"\xe9",
    b"\x81",
    "Ж".encode("cp1251"),
    b"sep=;\n",
    b"PK\x03\x04",
]
soup = st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(
    st.binary(max_size=200) | soup | soup.map(lambda data: b"phone,name\n" + data),
    st.sampled_from([3, 1 << 20]),
    st.sampled_from([None, "utf-8", "utf-16", "cp1252", "shift_jis"]),
)
def test_any_bytes_are_taken_in_or_refused_with_a_code(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, block_bytes: int, encoding: str | None
) -> None:
    folder: Path = tmp_path_factory.getbasetemp() / "staged"
    try:
        taken = taking(folder)(data, dialect=Dialect(encoding=encoding), block_bytes=block_bytes, phone_column="phone")
    except InputError:
        return
    assert accounted(taken)
