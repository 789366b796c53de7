"""Files of an answer: what is written once for many rows reads as if each row were written by itself."""

import csv
import io

import pytest

from sandbox import files
from sandbox.files import Lines, Record

CELLS = ["plain", "", "two\nlines", "a;b,c", 'he said "no"', " ", "\r", "é", 7]
ENDS = [("answered", "2026-11-22 10:00:00", 0), ("", "", 1), ("two\nlines", "a;b,c", 'x"y')]
RECORDS: list[Record] = [((one, other), end) for one in CELLS for other in CELLS for end in ENDS]


def by_csv(records: list[Record], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows((*cells, *end) for cells, end in records)
    return text.getvalue()


@pytest.mark.parametrize("delimiter", [";", ",", " ", "-", ":", "0"])
def test_every_row_reads_as_if_it_were_written_alone(delimiter: str) -> None:
    lines = Lines(delimiter)
    assert lines.of(RECORDS[:50]) + lines.of(RECORDS[50:]) == by_csv(RECORDS, delimiter)


def test_rows_of_one_part_are_written_as_they_are() -> None:
    rows: list[Record] = [(("name",), ()), (("",), ()), (("a;b", "c"), ())]
    assert Lines(";").of(rows) == by_csv(rows, ";")


def test_ends_are_forgotten_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ENDS", 2)
    assert Lines(";").of(RECORDS) == by_csv(RECORDS, ";")
