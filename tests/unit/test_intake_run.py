"""Whole intakes: every row in exactly one set, and what is sent is what stood in the file."""

import csv
import gc
import io
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from phonenumbers import NumberParseException, PhoneNumberFormat

from tests.unit.intake_case import NOW, TOKEN, Taken, Taking, order, phone, taking
from worker.errors import InputError
from worker.intake import run
from worker.intake.dialect import Dialect
from worker.intake.run import take_in
from worker.intake.stage import Staging
from worker.layout import Layout
from worker.sizes import Sizes, fixed

SAMPLE = Path(__file__).parents[2] / "samples" / "us_hospitals.csv"


@pytest.fixture
def take(tmp_path: Path) -> Taking:
    return taking(tmp_path)


def assert_accounted(taken: Taken) -> None:
    """The identity, the limits, and rows, payloads and index telling one story."""
    intake, index, rejects = taken.intake, taken.index(), taken.rejects()
    sent = sum(chunk.rows for chunk in intake.chunks)
    assert intake.total == intake.rejected + intake.duplicate + intake.suppressed + sent
    assert sum(intake.reasons.values()) == intake.rejected
    kinds = [reject["kind"] for reject in rejects]
    assert (kinds.count("rejected"), kinds.count("duplicate")) == (intake.rejected, intake.duplicate)
    assert sorted([r["row"] for r in index] + [r["row"] for r in rejects]) == list(range(1, intake.total + 1))
    assert [r["row"] for r in rejects] == sorted(r["row"] for r in rejects)
    tasks = [row["__task_uuid"] for row in taken.sent()]
    assert tasks == [entry["uuid"] or f"{TOKEN}:{entry['row']}" for entry in index]
    assert len(set(tasks)) == len(tasks) == sent
    assert len({entry["e164"] for entry in index}) == sent
    assert [row[intake.phone_column] for row in taken.sent()] == [f"+{entry['e164']}" for entry in index]
    for chunk in intake.chunks:
        assert len(taken.payload(chunk)) == chunk.bytes


def plain_script() -> tuple[dict[int, str], dict[int, int]]:
    """What anyone would write: row to number, and row to the row that had the number first."""
    good: dict[int, str] = {}
    again: dict[int, int] = {}
    first: dict[str, int] = {}
    with SAMPLE.open(encoding="utf-8-sig", newline="") as file:
        for row, cells in enumerate(csv.DictReader(file), start=1):
            try:
                number = phonenumbers.parse(cells["TELEPHONE"], "US")
            except NumberParseException:
                continue
            if phonenumbers.is_valid_number(number):
                e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
                if e164 in first:
                    again[row] = first[e164]
                else:
                    first[e164], good[row] = row, e164
    return good, again


@pytest.mark.parametrize("block_bytes", [10_000, 4 << 20])
def test_a_real_file_agrees_with_a_plain_script_row_by_row(take: Taking, block_bytes: int) -> None:
    taken = take(SAMPLE.read_bytes(), block_bytes=block_bytes, sizes=fixed(500), max_bytes=40_000)
    good, again = plain_script()
    assert taken.intake.total == 7596
    assert {entry["row"]: f"+{entry['e164']}" for entry in taken.index()} == good
    duplicates = {r["row"]: r["sentence"] for r in taken.rejects() if r["kind"] == "duplicate"}
    assert {row: f"Line {first + 1} " for row, first in again.items()} == {
        row: sentence[: sentence.index("has")] for row, sentence in duplicates.items()
    }
    assert_accounted(taken)
    lines = SAMPLE.read_bytes().splitlines()
    assert all(reject["text"] == lines[reject["line"] - 1] for reject in taken.rejects())
    with SAMPLE.open(encoding="utf-8-sig", newline="") as file:
        source = list(csv.DictReader(file))
    for row, entry in zip(taken.sent(), taken.index(), strict=True):
        original = source[entry["row"] - 1]
        assert {**original, "TELEPHONE": row["TELEPHONE"], "__task_uuid": row["__task_uuid"]} == row


def test_chunks_are_cut_by_rows_and_by_bytes(take: Taking) -> None:
    rows = "".join(f"{phone(n)},{'x' * (n * 7 % 90)}\n" for n in range(400))
    taken = take("phone,note\n" + rows, sizes=fixed(13), max_bytes=1200, block_bytes=700)
    assert all(chunk.rows <= 13 and chunk.bytes <= 1200 for chunk in taken.intake.chunks)
    assert all(taken.payload(chunk).startswith(b"phone;note;__task_uuid\n") for chunk in taken.intake.chunks)
    assert [chunk.seq for chunk in taken.intake.chunks] == list(range(1, len(taken.intake.chunks) + 1))
    for one, following in pairwise(taken.intake.chunks):
        next_row = taken.payload(following).split(b"\n")[1]
        assert one.rows == 13 or one.bytes + len(next_row) + 1 > 1200
        assert one.last_row < following.first_row
    assert_accounted(taken)


def test_one_row_a_chunk(take: Taking) -> None:
    taken = take("phone\n" + "".join(f"{phone(n)}\n" for n in range(5)), sizes=fixed(1))
    assert [(c.rows, c.first_row, c.last_row) for c in taken.intake.chunks] == [(1, n, n) for n in range(1, 6)]


def test_the_same_bytes_give_the_same_chunks_whatever_the_blocks(take: Taking) -> None:
    data = SAMPLE.read_bytes()[:60_000]
    whole = take(data, sizes=fixed(50)).intake.chunks
    assert take(data, sizes=fixed(50), block_bytes=999).intake.chunks == whole


@pytest.mark.parametrize("block_bytes", [30, 1 << 20])
@pytest.mark.parametrize(
    ("behind", "pilot", "rows"),
    [(0, 0, [5, 5]), (4, 0, [2, 2, 5, 1]), (3, 0, [2, 2, 5, 1]), (4, 3, [2, 1, 2, 5]), (10, 0, [2] * 5)],
)
def test_chunks_are_larger_behind_many_contacts(
    take: Taking, behind: int, pilot: int, rows: list[int], block_bytes: int
) -> None:
    text = "phone\nnone\n" + "".join(f"{phone(n)}\n" for n in range(10))
    taken = take(text, sizes=Sizes(2, 5, behind), pilot=pilot, block_bytes=block_bytes)
    assert [one.rows for one in taken.intake.chunks] == rows
    assert_accounted(taken)


def test_chunks_of_each_start_are_small_at_first(take: Taking) -> None:
    """What starts later may be cut first."""
    starts = [NOW + 60] * 3 + [""] * 8 + [NOW + 90] * 5
    text = "phone,__start_at\n" + "".join(f"{phone(n)},{start}\n" for n, start in enumerate(starts))
    taken = take(text, sizes=Sizes(2, 5, 4))
    cut = [(one.starts_at, one.rows) for one in taken.intake.chunks]
    own, sooner, later = (None, [2, 2, 4]), (NOW + 60, [2, 1]), (NOW + 90, [2, 2, 1])
    assert cut == [(start, rows) for start, every in (own, sooner, later) for rows in every]


cells = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(';",\r\n\t '), max_size=15)
numbers = st.integers(0, 30).map(phone) | st.sampled_from(["", "NOT AVAILABLE", "12"])
junk = st.sampled_from([b"", b"\xff,x,y", b"a,b", b'1,5" pipe,2,3,4', b"\0", b",,,,,,"])


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(cells, numbers, cells) | junk, min_size=1, max_size=30),
    st.sampled_from([30, 200, 1 << 20]),
    st.sampled_from([";", ",", "\t"]),
)
def test_every_row_is_in_one_set_and_every_cell_arrives(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str] | bytes],
    block_bytes: int,
    wire: str,
) -> None:
    data, lines = b"note,phone,00 more\n", []
    records = [row for row in rows if row != b""]
    for row in rows:
        if row != b"":
            lines.append(1 + len(re.findall(rb"\r\n|\n|\r", data)))
        data += row + b"\n" if isinstance(row, bytes) else quoted(row)
    assume(records)
    changes: dict[str, Any] = {
        "dialect": Dialect(delimiter=",", quote='"', encoding="utf-8"),
        "block_bytes": block_bytes,
        "sizes": fixed(4),
    }
    changes |= {"layout": Layout(delimiter=wire)}
    taken = taking(tmp_path_factory.getbasetemp() / "staged")(data, **changes)
    index = taken.index()
    assert sorted([e["row"] for e in index] + list(taken.codes())) == list(range(1, len(records) + 1))
    assert {e["row"]: e["line"] for e in [*index, *taken.rejects()]} == dict(enumerate(lines, start=1))
    wanted = [records[entry["row"] - 1] for entry in index]
    assert [list(row.values()) for row in taken.sent(wire)] == [
        [row[0], row[1], row[2], f"{TOKEN}:{entry['row']}"] for row, entry in zip(wanted, index, strict=True)
    ]


def quoted(row: tuple[str, str, str]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow(row)
    return out.getvalue().encode()


def test_odd_headers_arrive_too(take: Taking) -> None:
    taken = take(f'"a;b","c""d","e\rf",,phone\n1,2,3,4,{phone(1)}\n')
    assert list(taken.sent()[0]) == ["a;b", 'c"d', "e\rf", "column_4", "phone", "__task_uuid"]


def test_spaces_zeros_and_empty_cells_stay(take: Taking) -> None:
    taken = take(f"zip,name,phone,more\n00501, Ada ,{phone(1)},\n")
    assert taken.payload(taken.intake.chunks[0]).split(b"\n")[1] == f"00501; Ada ;{phone(1)};;{TOKEN}:1".encode()


def test_a_continuation_numbers_on(take: Taking) -> None:
    taken = take(f"phone\n{phone(1)}\nx\n{phone(2)}\n", first_row=1001)
    assert [(e["row"], e["line"]) for e in taken.index()] == [(1001, 2), (1003, 4)]
    assert [(r["row"], r["line"]) for r in taken.rejects()] == [(1002, 3)]


def test_a_file_without_a_good_row_has_no_chunk(take: Taking) -> None:
    taken = take("phone\nx\ny\n")
    assert taken.intake.chunks == []
    assert (taken.intake.total, taken.intake.rejected) == (2, 2)
    assert_accounted(taken)


def test_a_file_without_a_bad_row_has_no_rejects(take: Taking) -> None:
    taken = take(f"phone\n{phone(1)}\n")
    assert taken.intake.rejects_digest is None
    assert not taken.intake.custom_uuids


@pytest.mark.parametrize(
    ("data", "code", "changes"),
    [
        (b"phone\n", "no_rows", {}),
        (b"", "empty_file", {}),
        (b"name\nAda\n", "no_phone_column", {}),
        (b"phone\n1\n", "no_phone_column", {"phone_column": "mobile"}),
        (b"phone\n1\n", "unknown_region", {"region": "XX"}),
    ],
)
def test_what_is_refused_as_a_whole(take: Taking, data: bytes, code: str, changes: dict[str, str]) -> None:
    with pytest.raises(InputError) as caught:
        take(data, **changes)
    assert caught.value.code == code


class LeaseLost(Exception):
    pass


def test_beat_runs_with_every_block_and_chunk_and_may_stop_it(tmp_path: Path) -> None:
    data = "phone\n" + "".join(f"{phone(n)}\n" for n in range(500))
    beats: list[int] = []
    source = io.BytesIO(data.encode())
    source.seek(100)
    intake = take_in(source, order(block_bytes=1000, sizes=fixed(50)), Staging(str(tmp_path)), lambda: beats.append(1))
    assert intake.total == 500
    assert len(beats) >= 10 + len(data) // 1000

    def lost() -> None:
        raise LeaseLost

    with pytest.raises(LeaseLost):
        take_in(source, order(), Staging(str(tmp_path)), lost)


def test_impossible_orders_are_refused() -> None:
    for sizes in (fixed(0), Sizes(1, 0, 5)):
        with pytest.raises(ValueError, match="at least 1"):
            order(sizes=sizes)


def test_now_is_the_callers_clock(take: Taking) -> None:
    text = f"phone,__start_at\n{phone(1)},{NOW + 10}\n"
    assert take(text).intake.rejected == 0
    assert take(text, now=NOW + 100).intake.reasons == {"start_in_past": 1}


@pytest.mark.parametrize("block_bytes", [30, 1 << 20])
@pytest.mark.parametrize(("pilot", "rows"), [(0, []), (1, [1]), (4, [3, 1]), (6, [3, 3]), (10, [3, 3, 3, 1]), (11, [])])
def test_the_first_contacts_lie_in_chunks_of_their_own(
    take: Taking, pilot: int, rows: list[int], block_bytes: int
) -> None:
    text = "phone\nnone\n" + "".join(f"{phone(n)}\n" for n in range(10))
    taken = take(text, pilot=pilot, sizes=fixed(3), block_bytes=block_bytes)
    chunks = taken.intake.chunks
    assert [one.rows for one in chunks if one.pilot] == (rows or [3, 3, 3, 1] if pilot else [])
    assert [one.pilot for one in chunks] == sorted((one.pilot for one in chunks), reverse=True)
    assert [entry["row"] for entry in taken.index()] == list(range(2, 12))
    assert_accounted(taken)


def test_the_first_are_those_without_a_start_of_their_own_then_by_start(take: Taking) -> None:
    starts = [NOW + 90, "", NOW + 60, NOW + 90, ""]
    text = "phone,__start_at\n" + "".join(f"{phone(n)},{start}\n" for n, start in enumerate(starts))
    taken = take(text, pilot=4)
    assert [(one.starts_at, one.rows, one.first_row, one.pilot) for one in taken.intake.chunks] == [
        (None, 2, 2, True),
        (NOW + 60, 1, 3, True),
        (NOW + 90, 1, 1, True),
        (NOW + 90, 1, 4, False),
    ]


def test_what_a_file_took_goes_with_it(tmp_path: Path) -> None:
    """A worker reads file after file: what one took must not wait for the collector of circles."""

    def runs() -> set[int]:
        return {id(one) for one in gc.get_objects() if type(one) is run._Run}

    gc.disable()
    try:
        before = runs()  # of other tests, whose errors hold them
        taking(tmp_path)(f"phone\n{phone(1)}\nnone\n")
        assert runs() <= before
    finally:
        gc.enable()
