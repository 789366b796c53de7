"""Workbooks: what a cell shows, the sheet's own row numbers, and what is refused before it is held in memory."""

import io
import random
import threading
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xlsxwriter

from tests.unit.intake_case import phone, taking
from worker.errors import InputError
from worker.intake import workbook as workbook_module
from worker.intake.dialect import Dialect
from worker.intake.opened import open_list, peek
from worker.sizes import fixed

Fill = Callable[[Any], None]
FORMATS = {datetime: "yyyy-mm-dd hh:mm:ss", date: "dd/mm/yyyy", time: "hh:mm"}


def workbook(*rows: list[Any], before: Fill | None = None, first: int = 0, column: int = 0) -> bytes:
    """A workbook whose last sheet holds the rows from its row `first` on; `before` adds sheets in front."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        formats = {kind: book.add_format({"num_format": form}) for kind, form in FORMATS.items()}
        if before is not None:
            before(book)
        sheet = book.add_worksheet("people")
        for number, row in enumerate(rows, start=first):
            for place, cell in enumerate(row, start=column):
                if type(cell) in formats:
                    sheet.write_datetime(number, place, cell, formats[type(cell)])
                elif cell is not None:
                    sheet.write(number, place, cell)
    return out.getvalue()


def refusal(data: bytes, limit: int = 1 << 30) -> str:
    with pytest.raises(InputError) as caught:
        peek(io.BytesIO(data), Dialect(), limit)
    return caught.value.code


def cells(data: bytes) -> list[list[str]]:
    records = open_list(io.BytesIO(data), Dialect())
    return [
        records.columns,
        *(list(row) for block in records.blocks() for row in block.cells.rows(np.arange(block.cells.height)).rows()),
    ]


def test_numbers_are_plain_digits_and_dates_are_iso() -> None:
    head = ["phone", "n", "when", "day", "at", "yes", "text"]
    row = [13347930001, 0.5, datetime(2030, 1, 31, 9, 5, 3), date(2030, 1, 31), time(9, 30), True, ' a\nb,"c" ']
    assert cells(workbook(head, row)) == [
        head,
        ["13347930001", "0.5", "2030-01-31T09:05:03", "2030-01-31", "09:30:00", "true", ' a\nb,"c" '],
    ]
    assert cells(workbook(["phone", "big"], [390612345678901, 1e21]))[1] == ["390612345678901", "1" + "0" * 21]


def test_what_a_cell_cannot_hold_is_not_taken_for_empty(tmp_path: Path) -> None:
    """A failed formula for a start would else be a start at once."""

    def fill(book: Any) -> None:
        sheet = book.add_worksheet("people")
        sheet.write_row(4, 2, ["phone", "__start_at"])
        for row, shown in enumerate(["#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"], start=5):
            sheet.write(row, 2, phone(row))
            sheet.write_formula(row, 3, "=A1", None, shown)
        sheet.write(12, 2, phone(12))
        sheet.write_number(12, 3, 2_000_000_000, book.add_format({"num_format": "yyyy-mm-dd"}))
        sheet.write_row(13, 2, [phone(13), 2_000_000_000])

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        fill(book)
    taken = taking(tmp_path)(out.getvalue())
    shown = {one["line"]: (one["code"], one["text"].decode().partition(",")[2]) for one in taken.rejects()}
    whys = ["#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#####"]
    assert shown == {line: ("bad_start", why) for line, why in enumerate(whys, start=6)}
    assert [row["line"] for row in taken.index()] == [14]


def test_every_row_is_in_one_set_with_its_number_in_the_sheet(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["name", "phone"], ["Ada", 13347930001], [None, None], ["Bob", "none"]]
    rows += [["Cid", phone(1)], ["Dan", phone(2)], ["", None], ["Eve", None]]
    taken = taking(tmp_path)(workbook(*rows, first=3))
    assert [(row["line"], row["row"], row["e164"]) for row in taken.index()] == [
        (5, 1, 13347930001),
        (9, 4, 13347930002),
    ]
    assert [(reject["line"], reject["code"], reject["text"]) for reject in taken.rejects()] == [
        (7, "not_a_number", b"Bob,none"),
        (8, "duplicate", f"Cid,{phone(1)}".encode()),
        (11, "no_number", b"Eve,"),
    ]
    assert "Line 5 " in taken.rejects()[1]["sentence"]
    assert taken.intake.total == 5


def test_the_first_visible_sheet_with_rows_is_taken() -> None:
    def others(book: Any) -> None:
        book.add_worksheet("empty")
        hidden = book.add_worksheet("hidden")
        hidden.write_row(0, 0, ["secret", "phone"])
        hidden.hide()

    assert cells(workbook(["phone"], [phone(1)], before=others)) == [["phone"], [phone(1)]]
    assert refusal(workbook(before=others)) == "empty_file"
    assert refusal(workbook(["", ""], [""])) == "empty_file"
    assert refusal(workbook(["phone"])) == "no_rows"


def test_columns_without_a_name_and_without_a_cell_are_none() -> None:
    data = workbook(["phone", None, "note", None], [phone(1), None, None, "x"], first=1, column=2)
    assert cells(data) == [["phone", "note", "column_3"], [phone(1), "", "x"]]


def test_more_rows_than_a_block(tmp_path: Path) -> None:
    rows = [[f"p{n}", 12022000001 + n] for n in range(70_000)]
    taken = taking(tmp_path)(workbook(["name", "phone"], *rows), sizes=fixed(100_000), max_bytes=1 << 30)
    assert [entry["line"] for entry in taken.index()] == list(range(2, 70_002))


def test_a_workbook_that_takes_long_keeps_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_module, "BEAT_SECONDS", 0.001)
    data, beats = workbook(["phone"], *[[12022000001 + n, "x" * 20] for n in range(5000)]), []
    open_list(io.BytesIO(data), Dialect(), beat=lambda: beats.append(threading.get_ident()))
    parts = len(zipfile.ZipFile(io.BytesIO(data)).namelist())
    assert len(beats) > parts + 1
    assert set(beats) == {threading.get_ident()}


def with_part(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """The workbook with one of its parts changed, and packed anew."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.namelist():
            new.writestr(one, change(old.read(one)) if one == name else old.read(one))
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def test_a_cell_far_away_is_refused_before_all_that_lies_between_is_made() -> None:
    data = workbook(["phone"], [phone(1)])
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    assert refusal(with_part(data, SHEET, lambda xml: xml.replace(b"</sheetData>", far))) == "bad_workbook"


def test_a_workbook_that_unpacks_beyond_the_limit_is_refused() -> None:
    data = workbook(["phone"], [phone(1)])
    assert refusal(with_part(data, SHEET, lambda xml: xml + b" " * 5_000_000), 1 << 20) == "source_too_large"


def test_one_long_text_is_refused_before_it_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workbook's texts stand once, in a part of their own, so that few cells may unpack to anything."""
    monkeypatch.setattr(workbook_module, "MAX_BYTES", 5_000_000)
    monkeypatch.setattr(workbook_module, "_loaded", lambda *_: pytest.fail("it was loaded"))
    data = with_part(workbook(["phone"], [phone(1)]), "xl/sharedStrings.xml", lambda xml: xml + b"x" * 5_000_000)
    assert len(data) < 50_000
    with pytest.raises(InputError, match=r"unpacks to more than 5000000 bytes.* save it as CSV") as caught:
        peek(io.BytesIO(data), Dialect())
    assert caught.value.code == "source_too_large"


def test_a_workbook_that_is_none_is_refused() -> None:
    data = workbook(["phone"], [phone(1)])
    assert refusal(with_part(data, SHEET, lambda xml: xml[: len(xml) // 2])) == "bad_workbook"
    assert refusal(with_part(data, "xl/workbook.xml", lambda xml: b"nothing")) == "bad_workbook"


def fate(data: bytes) -> str:
    """The code with which a file is refused, or "read"."""
    try:
        list(open_list(io.BytesIO(data), Dialect()).blocks())
    except InputError as error:
        return error.code
    return "read"


def test_damaged_bytes_end_in_a_sentence() -> None:
    data, dice = workbook(["phone", "name"], *[[phone(n), "Ada"] for n in range(30)]), random.Random(1)
    fates = set()
    for _ in range(60):
        broken = bytearray(data)
        for _ in range(dice.randint(1, 6)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        fates.add(fate(bytes(broken)))
    assert "bad_workbook" in fates


def test_damaged_xml_ends_in_a_sentence() -> None:
    data, dice = workbook(["phone", "name"], *[[n * 1000.5, "Ada"] for n in range(30)]), random.Random(1)

    def broken(xml: bytes) -> bytes:
        changed = bytearray(xml)
        for _ in range(dice.randint(1, 4)):
            changed[dice.randrange(len(changed))] = dice.choice(b'<>"/0r9AZ')
        return bytes(changed)

    parts = (SHEET, "xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml")
    fates = {fate(with_part(data, part, broken)) for part in parts for _ in range(40)}
    assert fates <= {"read", "bad_workbook", "empty_file"}
