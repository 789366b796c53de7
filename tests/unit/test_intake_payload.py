"""A payload that is read and written again is the same, whatever its cells hold."""

import csv
import io

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.intake.payload import as_csv, read_csv

cells = st.text(st.sampled_from("ab ;,\"'\r\n\té\0\ufeff"), max_size=6)
rows = st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1))


@settings(deadline=None)
@given(rows, st.sampled_from(";,|"))
def test_every_cell_comes_back_and_the_bytes_stay(rows: list[list[str]], delimiter: str) -> None:
    table = pl.DataFrame(rows, schema=[str(n) for n in range(len(rows[0]))], orient="row")
    payload = as_csv(table, delimiter)
    assert list(csv.reader(io.StringIO(payload.decode(), newline=""), delimiter=delimiter)) == [
        list(row) for row in table.rows()
    ]
    assert read_csv(payload, delimiter).rows() == table.rows()
    assert as_csv(read_csv(payload, delimiter), delimiter) == payload


@pytest.mark.parametrize("cell", ["a\rb", "a\nb", 'a"b', "a;b"])
def test_what_would_end_a_cell_stands_in_quotes(cell: str) -> None:
    doubled = cell.replace('"', '""')
    assert as_csv(pl.DataFrame([[cell], ["1"]]), ";") == f'"{doubled}";1\n'.encode()
