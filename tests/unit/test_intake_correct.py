"""Rejected rows come back as they were, in a file that a spreadsheet opens and that says itself how it is written."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from tests.unit.intake_case import Taken, phone, taking
from tests.unit.test_intake_fuzz import files
from tests.unit.test_intake_workbook import workbook
from worker.cli.export import as_csv
from worker.intake.correct import header_to_correct, rows_to_correct
from worker.intake.dialect import DELIMITERS, Dialect
from worker.layout import Extra, Layout

Row = list[str]


def correctable(taken: Taken, delimiter: str = ",") -> str:
    """The file that `rollcall rejects ID -o FILE` makes of an intake."""
    intake = taken.intake
    rows = rows_to_correct(taken.staging, intake.rejects_digest, intake.columns, intake.dialect)
    out = io.StringIO(newline="")
    as_csv(rows, header_to_correct(intake.columns), out, delimiter=delimiter)
    return out.getvalue()


def read(text: str, delimiter: str = ",") -> list[Row]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


@pytest.mark.parametrize(
    ("data", "dialect", "cells"),
    [
        (b"name\tphone\nA\tB\n", {}, ["A", "B"]),
        ("name;phone\nÄ, b;none\n".encode(), {}, ["Ä, b", "none"]),
        (b'name,phone\n"A ""b"", c",none\n', {}, ['A "b", c', "none"]),
        (b"name,phone\n'A, b','none'\n", {"quote": "'"}, ["A, b", "none"]),
        (b'name,phone\n5" pipe,none\n', {}, ['5" pipe', "none"]),
        (b'name,phone\n"A",none\n', {"quote": ""}, ['"A"', "none"]),
        ("name,phone\nЖанна,нет\n".encode("cp1251"), {}, ["Жанна", "нет"]),
        ("name,phone\nÉva,none\n".encode("utf-16"), {}, ["Éva", "none"]),
        (b"name,phone\nA\\, b,none\n", {"escape": "\\"}, ["A, b", "none"]),
        (b'name,phone\n"A\r\nb",none\n', {}, ["A\r\nb", "none"]),
        (b"name,phone\nA,b,c,d\n", {}, ["A", "b", "c", "d"]),
        (b"name,phone\nA\n", {}, ["A"]),
        (b"name,phone\n\0A,none\n", {}, [r"\x00A", "none"]),
        (b"name,phone\n=1+1,@none\n", {}, ["=1+1", "@none"]),
        (b"sep=|\nname|phone\nA|none\n", {}, ["A", "none"]),
        (b"name,phone\r\rA,none\r", {}, ["A", "none"]),
    ],
)
def test_a_rejected_row_comes_back_in_cells(tmp_path: Path, data: bytes, dialect: dict[str, Any], cells: Row) -> None:
    rows = read(correctable(taking(tmp_path)(data, dialect=Dialect(**dialect))))
    assert rows[0] == ["__row", "__line", "__code", "__why", "name", "phone"]
    assert [row[4:] for row in rows[1:]] == [cells]
    assert rows[1][0] == "1"
    assert rows[1][3].endswith(".")


def test_what_cannot_be_read_stands_where_no_upload_takes_it(tmp_path: Path) -> None:
    take = taking(tmp_path)
    made = correctable(take(b"name,phone\nJ\xe4n," + phone(1).encode() + b"\n", dialect=Dialect(encoding="utf-8")))
    assert read(made)[-1][2] == "unreadable"
    assert read(made)[-1][4:] == ["", "", rf"J\xe4n,{phone(1)}"]
    as_saved = made.replace('"phone"\n', '"phone",""\n')  # a spreadsheet writes every row as long as the longest
    assert not take(made).intake.chunks
    assert not take(as_saved).intake.chunks


OPEN = f'name,phone\nA,{phone(1)}\n"B,{phone(2)}\n\nC,{phone(3)}\n'
SWALLOWED = [("2", 3, '"B', phone(2)), ("2", 5, "C", phone(3)), ("2", 6, "D, jr", phone(4))]


@pytest.mark.parametrize(
    ("tail", "code", "last"), [("", "open_quote", 5), (f'"D, jr",{phone(4)}\nE,{phone(5)}\n', "runs_on", 6)]
)
def test_rows_that_a_quote_took_into_another_come_back_one_by_one(
    tmp_path: Path, tail: str, code: str, last: int
) -> None:
    take, swallowed = taking(tmp_path), SWALLOWED[: last - 3]
    taken = take(OPEN + tail, dialect=Dialect(delimiter=","))
    assert taken.codes() == {2: code}
    assert (taken.intake.rejected, taken.intake.swallowed) == (1, len(swallowed) - 1)
    assert f"runs on to line {last}" in taken.rejects()[0]["sentence"]
    assert [(row[0], int(row[1]), *row[4:]) for row in read(correctable(taken))[1:]] == swallowed
    again = take(correctable(taken).replace('"""B"', '"B"'), first_row=4)
    assert [(one["corrects"], f"+{one['e164']}") for one in again.index()] == [(2, row[3]) for row in swallowed]
    assert [row["name"] for row in again.sent()] == ["B", "C", "D, jr"][: last - 3]


def test_a_cell_of_several_lines_whose_quotes_are_right_is_no_swallowed_row(tmp_path: Path) -> None:
    taken = taking(tmp_path)(f'name,phone\n"A\n""b""\nc",{phone(1)}\n')
    assert [row["name"] for row in taken.sent()] == ['A\n"b"\nc']
    assert taken.intake.swallowed == 0


def test_a_row_that_only_stray_quotes_make_whole_is_turned_away(tmp_path: Path) -> None:
    """Both quotes begin what somebody said: between them lies a contact, who would be lost in a note."""
    rows = [f'{phone(1)},"no, thanks', f"{phone(2)},x", f'{phone(3)},"later']
    taken = taking(tmp_path)("phone,note\n" + "\n".join(rows) + "\n", dialect=Dialect(delimiter=","))
    assert taken.codes() == {1: "runs_on"}
    assert [row[4] for row in read(correctable(taken))[1:]] == [phone(n) for n in (1, 2, 3)]


def test_a_row_of_a_workbook_comes_back_in_cells_whatever_was_said_of_its_dialect(tmp_path: Path) -> None:
    book = workbook(["name", "phone"], ['A "b", c\nd; é', "none"])
    taken = taking(tmp_path)(book, dialect=Dialect(delimiter=";", quote="'", escape="\\"))
    assert [row[4:] for row in read(correctable(taken))[1:]] == [['A "b", c\nd; é', "none"]]


def test_only_rows_that_can_be_corrected_are_in_it(tmp_path: Path) -> None:
    twice = f"name,phone\nA,{phone(1)}\nB,{phone(1)}\nC,none\n"
    assert [row[0] for row in read(correctable(taking(tmp_path)(twice)))] == ["__row", "3"]
    assert len(read(correctable(taking(tmp_path)(f"phone\n{phone(1)}\n")))) == 1


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_it_is_found_out_how_it_is_written_though_most_rows_are_ragged(tmp_path: Path, delimiter: str) -> None:
    take = taking(tmp_path)
    made = correctable(take("a;b,phone\nx\nx,y,z\n" + "x\n" * 20 + "v,none\n", dialect=Dialect(",")), delimiter)
    again = take(made.replace('"none"', f'"{phone(7)}"'))
    assert again.intake.columns == ["__row", "__line", "__code", "__why", "a;b", "phone"]
    assert again.intake.dialect == Dialect(delimiter, "utf-8", '"')
    assert [row["a;b"] for row in again.sent()] == ["v"]


def test_where_a_row_came_from_is_kept_with_the_contact_and_told_to_nobody(tmp_path: Path) -> None:
    take = taking(tmp_path)
    made = correctable(take("name,phone,code\n" + "x,none,7\n" * 3)).replace("none", phone(1), 1)
    again = take(made.replace("none", phone(2), 1), first_row=4, layout=Layout(delimiter=";"))
    assert [(one["row"], one["corrects"]) for one in again.index()] == [(4, 1), (5, 2)]
    assert list(again.sent()[0]) == ["name", "phone", "code", "__task_uuid"]
    assert again.intake.unsent_columns == []
    chosen = take(made, layout=Layout(extras=(Extra(wire="code", column="code"),)))
    assert chosen.sent(",")[0]["code"] == "7"
    assert "corrects" not in take(f"name,phone\nA,{phone(1)}\n").index()[0]


@pytest.mark.parametrize("told", ["", "x", "1.5", "48,213"])
def test_where_a_row_came_from_need_not_be_told(tmp_path: Path, told: str) -> None:
    taken = taking(tmp_path)(f'__row,phone\n"{told}",{phone(1)}\n')
    assert [one["corrects"] for one in taken.index()] == [None]


def test_rejects_of_corrected_rejects_can_be_corrected_again(tmp_path: Path) -> None:
    take = taking(tmp_path)
    once = correctable(take("name,phone\n" + "x,none\n" * 3 + "a,b,c\n"))
    twice = read(correctable(take(once, first_row=5)))
    assert twice[0] == ["__row", "__line", "__code", "__why", "name", "phone"]
    assert [[row[0], *row[4:]] for row in twice[1:]] == [[str(5 + n), "x", "none"] for n in range(3)] + [
        ["8", "a", "b", "c"]
    ]


def test_a_row_is_not_mended_by_a_spreadsheet_that_pads_the_header(tmp_path: Path) -> None:
    """`Smith, John` without quotes: once the header is as wide as the row, the cells would pass for those of others."""
    take = taking(tmp_path)
    made = correctable(take(f"phone,name,note\n{phone(1)},Smith, John,x\n{phone(2)},B\n"))
    assert [row[2] for row in read(made)[1:]] == ["wrong_column_count", "wrong_column_count"]
    padded = "\n".join(",".join((row + [""] * 8)[:8]) for row in read(made))
    again = take(padded)
    assert again.codes() == {1: "surplus_cells"}
    assert [list(row) for row in again.sent()] == [["phone", "name", "note", "__task_uuid"]]
    third = read(correctable(again))
    assert third[0][4:] == ["phone", "name", "note"]
    assert third[1][4:] == [phone(1), "Smith", " John", "x"]


def test_whom_the_family_has_taken_in_is_a_duplicate_and_his_uuid_is_taken(tmp_path: Path) -> None:
    rows = [("", phone(1)), ("", phone(2)), ("mine", phone(3)), ("mine", phone(2)), ("other", phone(4))]
    file = "__task_uuid,phone\n" + "".join(f"{uuid},{number}\n" for uuid, number in rows)
    taken = taking(tmp_path)(file, taken=np.array([int(phone(2)[1:])]), taken_uuids=pl.Series(["mine", "none"]))
    assert taken.codes() == {2: "already_taken_in", 3: "repeated_task_uuid", 4: "already_taken_in"}
    assert (taken.intake.duplicate, taken.intake.rejected) == (2, 1)


@settings(max_examples=150, deadline=None)
@given(files())
def test_every_rejected_row_of_every_dialect_has_exactly_the_cells_of_its_source(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[bytes, Dialect, list[Row], list[int], list[str]]
) -> None:
    data, dialect, records, lines, _ = file
    taken = taking(tmp_path_factory.getbasetemp() / "staged")(data, dialect=dialect)
    wanted = [one for one in taken.rejects() if one["kind"] == "rejected"]
    delimiter = ";" if dialect.delimiter == ";" else ","
    rows = read(correctable(taken, delimiter), delimiter)[1:]
    assert [row[4:] for row in rows] == [
        [cell.replace("\0", r"\x00") for cell in records[one["row"] - 1]] for one in wanted
    ]
    assert [(int(row[0]), int(row[1]), row[2]) for row in rows] == [
        (one["row"], lines[one["row"] - 1], one["code"]) for one in wanted
    ]
    if rows:
        again = taking(tmp_path_factory.getbasetemp() / "staged")(correctable(taken, delimiter))
        assert (again.intake.total, again.intake.dialect.delimiter) == (len(rows), delimiter)
