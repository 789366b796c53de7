"""Rows spliced out of a block are those that would be written cell by cell: the same objects, byte for byte."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.intake_case import NOW, phone, taking
from worker.errors import InputError
from worker.intake.cells import Table, Uncut
from worker.intake.dialect import Dialect
from worker.intake.pieces import joined, pieces_of, texts_of
from worker.intake.read import Reading
from worker.intake.run import Intake
from worker.intake.splice import numbered
from worker.layout import Extra, Layout
from worker.sizes import fixed
from worker.windows import Asked, load_rules

LAYOUTS = [
    Layout(delimiter=";", windows=True),
    Layout(delimiter=",", phone="PhoneNumber", own_uuid=()),
    Layout(delimiter=";", windows=True, schedule="call_schedule"),
    Layout(delimiter="|", plus=False, header=False),
    Layout(phone="number", task="ref", extras=(Extra("b", "b", longest=4), Extra("a", "a")), one_line=True),
    Layout(delimiter=";", extras=(Extra("first", "first"), Extra("a", "a"), Extra("b", "b"))),
]
COLUMNS = ["a", "b", "c", "__start_at", "__task_uuid", "__start_execution_time", "__end_execution_time"]
SPECIAL: dict[str, list[str]] = {
    "__start_at": ["", "", "0", str(NOW + 60), str(NOW + 3600), "soon"],
    "__task_uuid": ["", "", "my-1", "my-2", "my 3"],
    "__start_execution_time": ["", "09:00:00"],
    "__end_execution_time": ["", "18:00:00"],
}
DAY = 86_400
HOSPITALS = Path(__file__).parents[2] / "samples" / "us_hospitals.csv"
ENDS = ["\n", "\r\n", "\r"]
numbers = st.integers(0, 30).map(phone) | st.sampled_from(["(334) 793-0001", "", "n/a", "13347930002", " +13347930003"])
plain = st.text(st.sampled_from("abé山 1"), max_size=20)
odd = st.text(st.sampled_from("ab ,;|'\"\n\r\té\0\ufeff"), max_size=6)
one_odd = st.sampled_from(["a,b", "a;b", "a|b", "it's", 'a"b', "a b ", " a", "a\nb", "a\0b"])


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, Dialect]:
    """Mostly plain rows; some with quotes and what has to be quoted, some that cannot be read."""
    columns = draw(st.lists(st.sampled_from(COLUMNS), max_size=5, unique=True))
    columns.insert(draw(st.integers(0, len(columns))), "phone")
    delimiter, mark = draw(st.sampled_from(",;|")), draw(st.sampled_from("\"'"))
    of_column = {name: st.sampled_from(values) for name, values in SPECIAL.items()} | {"phone": numbers}
    usual = st.tuples(*(of_column.get(name, plain) for name in columns))
    strange = st.tuples(*(of_column.get(name, plain | one_odd) for name in columns))
    stranger = st.tuples(*(of_column.get(name, odd) for name in columns))
    rows = draw(st.lists(usual | usual | strange | stranger, min_size=1, max_size=25))
    end = draw(st.sampled_from(ENDS))
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quotechar=mark, lineterminator=end)
    writer.writerow(columns)
    lines = [out.getvalue().encode()]
    for row in rows:
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=delimiter, quotechar=mark, lineterminator=end).writerow(row)
        lines.append(out.getvalue().encode())
    for at in draw(st.lists(st.integers(1, len(lines)), max_size=2)):
        junk = [b"\xff" + delimiter.encode() + b"x", b"x", b"", b'5" pipe', b'"a"b', b"\xef\xbb\xbfx", b" "]
        lines.insert(at, draw(st.sampled_from(junk)) + end.encode())
    return b"".join(lines), Dialect(delimiter=delimiter, encoding="utf-8", quote=mark)


def taken(folder: Path, data: bytes, **changes: Any) -> Intake | str:
    try:
        return taking(folder)(data, **changes).intake
    except InputError as error:
        return error.code


def cell_by_cell(folder: Path, data: bytes, **changes: Any) -> Intake | str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.intake.parse.MOST_QUOTED", -1.0)
        return taken(folder, data, **changes)


@settings(max_examples=100, deadline=None)
@given(
    file=files(),
    layout=st.sampled_from(LAYOUTS),
    block_bytes=st.sampled_from([40, 300, 1 << 20]),
    starts_at=st.sampled_from([None, NOW + 60]),
    asked=st.booleans(),
)
def test_the_same_objects_come_out_either_way(
    tmp_path_factory: pytest.TempPathFactory,
    file: tuple[bytes, Dialect],
    layout: Layout,
    block_bytes: int,
    starts_at: int | None,
    asked: bool,
) -> None:
    data, dialect = file
    folder = tmp_path_factory.getbasetemp() / "staged"
    window = Asked(load_rules(), None, 2 * DAY) if asked and layout.windows else None
    order = {"layout": layout, "block_bytes": block_bytes, "starts_at": starts_at, "asked": window, "dialect": dialect}
    order |= {"phone_column": "phone", "sizes": fixed(6), "max_bytes": 500, "suppressed": np.array([13347930007])}
    assert taken(folder, data, **order) == cell_by_cell(folder, data, **order)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_real_file_comes_out_the_same_either_way(tmp_path: Path, layout: Layout) -> None:
    data = HOSPITALS.read_bytes()
    order = {"layout": layout, "block_bytes": 1 << 16, "sizes": fixed(1000)}
    found = taken(tmp_path, data, **order)
    assert isinstance(found, Intake)
    assert found.chunks
    assert found == cell_by_cell(tmp_path, data, **order)


def test_a_file_with_some_quotes_is_left_uncut_and_one_with_many_is_not() -> None:
    some = b"phone,a\n" + b"1,b\n" * 9 + b'1,"b,c"\n'
    assert [type(block.cells) for block in Reading(io.BytesIO(some), Dialect()).blocks()] == [Uncut]
    many = b"phone,a\n" + b'1,"b"\n' * 9
    assert [type(block.cells) for block in Reading(io.BytesIO(many), Dialect()).blocks()] == [Table]


texts = st.lists(st.text(max_size=30), min_size=1, max_size=20)


@settings(deadline=None)
@given(texts, st.data())
def test_pieces_are_the_strings_they_were_and_joined_in_rows(first: list[str], data: st.DataObject) -> None:
    second = data.draw(st.lists(st.text(max_size=30), min_size=len(first), max_size=len(first)))
    at = sorted(data.draw(st.sets(st.integers(0, len(first) - 1))))
    pieces = [pieces_of(pl.Series(some, dtype=pl.String)) for some in (first, second)]
    assert pieces[0].series().to_list() == first
    assert (pieces[0].series() == pl.Series(first)).all()
    whole = pieces_of(pl.Series(["other"] * len(at), dtype=pl.String))
    rows = [one + other for one, other in zip(first, second, strict=True)]
    expected = ["other" if n in at else row for n, row in enumerate(rows)]
    found = joined(pieces, whole, np.array(at, np.int64))
    assert [text.decode() for text in found.series()] == expected
    assert found.sizes.tolist() == [len(text.encode()) for text in expected]
    assert texts_of(found.series().slice(1)).series().to_list() == found.series().slice(1).to_list()


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**18 - 1) | st.integers(0, 2000), max_size=20), st.binary(max_size=40))
def test_numbers_are_written_as_python_writes_them(numbers: list[int], before: bytes) -> None:
    found = joined([numbered(before, np.array(numbers, np.int64), b"!")]).series().to_list()
    assert found == [before + str(number).encode() + b"!" for number in numbers]
