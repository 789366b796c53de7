"""A stray quote takes nobody with it unseen: whoever stands in a file is called, or stands in a rejected row."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.intake_case import Taken, phone, taking
from worker.errors import InputError
from worker.intake.dialect import Dialect

ROWS = 9
Cells = list[list[str]]


def table(columns: int, phones_at: int) -> Cells:
    """Plain rows of different people."""
    return [
        [phone(n) if place == phones_at else f"{'abcde'[place]}{n}" for place in range(columns)] for n in range(ROWS)
    ]


def written(rows: Cells, phones_at: int, end: str = "\n") -> str:
    header = ["phone" if place == phones_at else f"c{place}" for place in range(len(rows[0]))]
    return end.join(",".join(cells) for cells in [header, *rows]) + end


def in_rejects(taken: Taken, number: str) -> bool:
    return any(number.encode() in one["text"] for one in taken.rejects())


def nobody_is_lost(taken: Taken) -> None:
    called = {f"+{one['e164']}" for one in taken.index()}
    for number in map(phone, range(ROWS)):
        assert (number in called) != in_rejects(taken, number)


places = st.integers(0, ROWS - 1)


@given(data=st.data(), columns=st.integers(1, 5), end=st.sampled_from(["\n", "\r\n", "\r"]))
def test_two_stray_quotes_anywhere(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, columns: int, end: str
) -> None:
    phones_at, first, last = (data.draw(st.integers(0, columns - 1)) for _ in range(3))
    opens, closes = sorted((data.draw(places), data.draw(places)))
    rows = table(columns, phones_at)
    rows[opens][first] = '"' + rows[opens][first]
    rows[closes][last] += '"'
    take = taking(tmp_path_factory.getbasetemp() / "staged")
    taken = take(written(rows, phones_at, end), dialect=Dialect(delimiter=","))
    nobody_is_lost(taken)
    if opens != closes:
        assert taken.intake.swallowed == closes - opens
        assert list(taken.codes().values()) == ["runs_on"]


@settings(max_examples=400)
@given(data=st.data(), columns=st.integers(1, 5), strays=st.integers(1, 5))
def test_any_stray_quotes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, columns: int, strays: int
) -> None:
    phones_at = data.draw(st.integers(0, columns - 1))
    rows = table(columns, phones_at)
    for _ in range(strays):
        row, place = data.draw(places), data.draw(st.integers(0, columns - 1))
        rows[row][place] = f'"{rows[row][place]}' if data.draw(st.booleans()) else f'{rows[row][place]}"'
    take = taking(tmp_path_factory.getbasetemp() / "staged")
    nobody_is_lost(take(written(rows, phones_at), dialect=Dialect(delimiter=",")))


@pytest.mark.parametrize(
    "row",
    [
        '"Acme Inc\nBerlin",{},x',
        '"Acme, Inc\nBerlin, Mitte\nGermany",{},x',
        'A,{},"called, at 9\nnobody, there, yet\nagain"',
        'A,{},"Bob, 020 7946 0000\nor Carl, 020 7946 0001"',
        'A,{},"a,b,c\nd,e,f\ng,h,i"',
    ],
)
def test_a_note_of_several_lines_is_no_row(tmp_path: Path, row: str) -> None:
    taken = taking(tmp_path)(f"name,phone,note\n{row.format(phone(1))}\n", dialect=Dialect(delimiter=","))
    assert (taken.codes(), len(taken.index())) == ({}, 1)


def test_two_numbers_in_a_cell_are_two_numbers_and_no_rows(tmp_path: Path) -> None:
    taken = taking(tmp_path)(f'name,phone,note\nA,"{phone(1)}\n{phone(2)}",x\n', dialect=Dialect(delimiter=","))
    assert taken.codes() == {1: "not_a_number"}


def test_lines_that_are_no_rows_do_not_count_as_such(tmp_path: Path) -> None:
    blank = taking(tmp_path)(f'name,phone\n"A,{phone(1)}\n' + "\n" * 20)
    assert (blank.codes(), blank.intake.swallowed) == ({1: "open_quote"}, 0)
    assert "line" not in blank.rejects()[0]["sentence"]
    note = taking(tmp_path)(f'name,phone,note\nA,{phone(1)},"b\nc",surplus\n', dialect=Dialect(delimiter=","))
    assert (note.codes(), note.intake.swallowed) == ({1: "runs_on"}, 0)


@pytest.mark.parametrize("header", ['name,phone,"note', '"name,phone,note', 'name,"phone,note'])
@pytest.mark.parametrize(
    "closing", ["", 'E,{},"x"\n', 'E,"{}",x\n', '"E",{},x\n', 'E,{},x"\n', 'E",{},x\n', 'E,{}",x\n']
)
def test_a_header_whose_quote_takes_in_contacts_is_refused(tmp_path: Path, header: str, closing: str) -> None:
    rows = "".join(f"A,{phone(n)},b\n" for n in range(5))
    with pytest.raises(InputError) as refused:
        taking(tmp_path)(f"{header}\n{rows}{closing.format(phone(6))}{rows}", dialect=Dialect(delimiter=","))
    assert refused.value.code == "unbalanced_quote"


def test_a_name_of_several_lines_is_a_name(tmp_path: Path) -> None:
    taken = taking(tmp_path)(
        f'"first,\nlast","phone","note, if\nany"\nA,{phone(1)},b\n', dialect=Dialect(delimiter=",")
    )
    assert taken.intake.columns == ["first,\nlast", "phone", "note, if\nany"]
