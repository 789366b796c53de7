"""The ledger: what was accepted, for which upload, and how often."""

import csv
import io
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.ledger import ARRIVALS_KEPT, Acceptance, Ledger
from sandbox.phones import number_of, numbers_of, phone_column
from tests.unit.sandbox_fixtures import LIST, ROWS, TOKEN, Vox


def test_the_ledger_names_every_list(vox: Vox) -> None:
    list_id = vox.create()
    vox.append(list_id, ROWS.replace("a-", "b-").replace("415555", "415666"))
    vox.error("CreateCallList", ROWS, **(LIST | {"num_attempts": 9}))
    assert vox.ledger() == {
        "lists": [{"provider": "voximplant", "reference": str(list_id), "name": "spring", "contacts": 6}],
        "contacts": 6,
        "called_twice": 0,
        "requests": 3,
    }


def test_one_upload_is_one_token_over_all_its_lists(vox: Vox) -> None:
    vox.create(name=f"spring [{TOKEN}-1]")
    vox.create("phone;__task_uuid\n+1 (415) 555-0001;z-9\n", name=f"other name [{TOKEN}-2]")
    assert vox.ledger()["called_twice"] == 1
    vox.create(name=f"spring [{TOKEN.replace('01JD', '01JE')}-1]")
    assert vox.ledger()["called_twice"] == 1
    vox.create(name=f"spring [{TOKEN}-3]")
    assert vox.ledger()["called_twice"] == 6


def test_a_list_without_a_token_is_an_upload_of_its_own(vox: Vox) -> None:
    first = vox.create()
    vox.create()
    assert vox.ledger()["called_twice"] == 0
    vox.append(first, ROWS)
    assert vox.ledger()["called_twice"] == 6


def test_requests_are_listed_with_provider_method_and_moment(vox: Vox) -> None:
    began = time.time()
    vox.create()
    vox.http.post("/platform_api", data={"cmd": "GetCallLists"})
    told = vox.http.get("/ledger/requests").json()
    assert [(one["provider"], one["method"]) for one in told] == [
        ("voximplant", "CreateCallList"),
        ("voximplant", "GetCallLists"),
    ]
    assert began - 0.001 <= told[0]["at"] <= told[1]["at"] <= time.time() + 0.001


def test_only_the_newest_requests_are_kept() -> None:
    book = Ledger()
    for _ in range(ARRIVALS_KEPT):
        book.arrived("old")
    book.arrived("new", "upload")
    assert (book.requests, len(book.arrivals())) == (ARRIVALS_KEPT + 1, ARRIVALS_KEPT)
    assert [one["provider"] for one in book.arrivals()[-2:]] == ["old", "new"]


def test_a_third_time_does_not_count_again_and_repeats_within_a_file_do(vox: Vox) -> None:
    list_id = vox.create("phone;__task_uuid\n+1415;x\n+1415;x\n")
    assert vox.ledger()["called_twice"] == 2
    vox.append(list_id, "phone;__task_uuid\n+1415;x\n+1416;y\n")
    assert vox.ledger()["called_twice"] == 2


def test_contacts_are_listed_with_times_and_moments(vox: Vox) -> None:
    list_id = vox.create()
    vox.advance(500)
    vox.append(list_id, "phone;__task_uuid\n+14155550002;b-1\n")
    rows = list(csv.DictReader(io.StringIO(vox.http.get("/ledger/contacts?format=csv").text)))
    assert list(rows[0]) == ["list_reference", "uuid", "number", "accepted_at", "times", "accepted_at_real"]
    assert [(row["uuid"], row["number"], row["times"]) for row in rows] == [
        ("a-1", "+14155550001", "1"),
        ("a-2", "+14155550002", "2"),
        ("a-3", "+14155550003", "1"),
        ("b-1", "+14155550002", "2"),
    ]
    assert {row["list_reference"] for row in rows} == {str(list_id)}
    assert float(rows[3]["accepted_at"]) - float(rows[0]["accepted_at"]) == pytest.approx(500, abs=0.01)
    assert all(abs(float(row["accepted_at_real"]) - time.time()) < 10 for row in rows)
    assert vox.http.get("/ledger/contacts?format=xml").status_code == 400


def test_deleting_the_ledger_forgets_the_lists_too(vox: Vox) -> None:
    list_id = vox.create()
    emptied = vox.http.delete("/ledger").json()
    assert emptied == {"lists": [], "contacts": 0, "called_twice": 0, "requests": 0}
    assert vox.error("GetCallListDetails", list_id=list_id) == 255
    assert vox.create() != list_id


@pytest.mark.parametrize(
    ("header", "first", "column"),
    [
        (["name", "TELEPHONE", "hotel"], ["Inn", "1", "2"], 1),
        (["mobile", "phone"], ["1", "2"], 1),
        (["hotel", "Home Phone"], ["a", "b"], 1),
        (["hotel_tel"], ["a"], 0),
        (["name", "contact"], ["Ann", "+14155550001"], 1),
        (["hotel", "id"], ["Inn", "14155550001"], None),
    ],
)
def test_the_phone_column_is_found(header: list[str], first: list[str], column: int | None) -> None:
    assert phone_column(header, first) == column


@given(st.lists(st.text(alphabet="0123456789+-() _x٣", max_size=12), max_size=8))
def test_the_fast_way_to_numbers_agrees_with_the_slow_one(cells: list[str]) -> None:
    assert numbers_of(cells) == [number for number in map(number_of, cells) if number is not None]


@given(st.lists(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6)), max_size=6), max_size=6))
def test_counting_as_it_goes_agrees_with_counting_at_the_end(requests: list[list[tuple[int, int]]]) -> None:
    book = Ledger()
    entry = book.open("voximplant", "1", f"n [{TOKEN}-1]")
    uuids: list[str | int] = []
    numbers: list[str | int] = []
    for rows in requests:
        some_uuids, some_numbers = [f"u{uuid}" for uuid, _ in rows], [number for _, number in rows]
        book.accept(Acceptance(entry, 0.0, 0.0, lambda: iter(())), len(rows), some_uuids, some_numbers)
        uuids += some_uuids
        numbers += some_numbers
    twice = [key for key, times in (Counter(uuids) + Counter(numbers)).items() if times > 1]
    assert book.called_twice == len(twice)
    assert book.document()["contacts"] == len(uuids)
