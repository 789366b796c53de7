"""GetCallListDetails: CSV, JSON and XLS, pages, batches, and what becomes of the columns."""

import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.sandbox_fixtures import ROWS, Vox

OWN = "__start_execution_time;__end_execution_time;result_data;last_attempt;attmepts_left;status_id;status"


def many(rows: int) -> str:
    return "phone;__task_uuid\n" + "".join(f"+1415{row:07d};u-{row}\n" for row in range(rows))


def test_csv_gives_the_uploaded_columns_and_then_the_platforms(vox: Vox) -> None:
    list_id = vox.create()
    before = int(vox.now())
    vox.advance(60)
    answer = vox.raw("GetCallListDetails", list_id=list_id)
    assert answer.headers["content-type"] == "application/octet-stream"
    header, first, *rest = answer.text.splitlines()
    assert header == f"phone;__task_uuid;name;{OWN}"
    stamp = datetime.fromtimestamp(before, UTC).strftime("%Y-%m-%d %H:%M:%S")
    assert first == f"+14155550001;a-1;Ann;;;answered;{stamp};0;2;Processed"
    assert len(rest) == 2


def test_a_task_that_was_never_called_has_no_result(vox: Vox) -> None:
    later = int(vox.now()) + 3600
    [task] = vox.tasks(vox.create(f"phone;__start_at\n+1415;{later}\n"))
    assert (task["result_data"], task["last_attempt"], task["attmepts_left"]) == ("", "", "1")
    assert (task["status_id"], task["status"]) == ("0", "New")
    assert task["__start_at"] == str(later)


def test_an_exhausted_task_is_an_error_with_its_last_words(vox: Vox) -> None:
    vox.put("/outcomes", {"busy": 1})
    list_id = vox.create(num_attempts=2, interval_seconds=10)
    vox.advance(5)
    assert {(task["status"], task["attmepts_left"]) for task in vox.tasks(list_id)} == {("In progress", "1")}
    vox.advance(60)
    done = {
        (task["status_id"], task["status"], task["attmepts_left"], task["result_data"]) for task in vox.tasks(list_id)
    }
    assert done == {("3", "Error", "0", "busy")}


def test_the_spelling_of_attempts_left_is_a_switch(vox: Vox) -> None:
    list_id = vox.create()
    assert "attmepts_left" in vox.call("GetCallListDetails", list_id=list_id, output="json")["result"][0]
    vox.put("/switches", {"attempts_left_key": "attempts_left"})
    assert "attempts_left" in vox.tasks(list_id)[0]
    assert "attempts_left" in vox.call("GetCallListDetails", list_id=list_id, output="json")["result"][0]


def test_tasks_without_a_uuid_are_given_one_that_lasts(vox: Vox) -> None:
    list_id = vox.create("phone;name\n+1415;Ann\n+1416;Bob\n")
    uuids = [task["__task_uuid"] for task in vox.tasks(list_id)]
    assert len(set(uuids)) == 2
    assert [
        task["task_uuid"] for task in vox.call("GetCallListDetails", list_id=list_id, output="json")["result"]
    ] == uuids
    vox.put("/switches", {"details_task_uuid": "as_sent"})
    assert "__task_uuid" not in vox.tasks(list_id)[0]


def test_windows_stand_once_among_the_platforms_columns(vox: Vox) -> None:
    file = "__start_execution_time;phone;__end_execution_time;__task_uuid\n09:00:00;+1415;18:00:00;w-1\n"
    list_id = vox.create(file)
    assert vox.raw("GetCallListDetails", list_id=list_id).text.splitlines()[0] == f"phone;__task_uuid;{OWN}"
    [task] = vox.tasks(list_id)
    assert (task["__start_execution_time"], task["__end_execution_time"]) == ("09:00:00", "18:00:00")
    [shown] = vox.call("GetCallListDetails", list_id=list_id, output="json")["result"]
    assert (shown["start_execution_time"], shown["finish_execution_time"]) == ("09:00:00", "18:00:00")
    assert json.loads(shown["custom_data"]) == {"phone": "+1415"}
    vox.put("/switches", {"execution_time_format": "datetime"})
    [shown] = vox.call("GetCallListDetails", list_id=list_id, output="json")["result"]
    datetime.strptime(shown["start_execution_time"], "%Y-%m-%d %H:%M:%S")


def test_batches_with_other_columns_share_one_header(vox: Vox) -> None:
    list_id = vox.create()
    vox.append(list_id, "city;phone\nParis;+33140000000\n")
    header = vox.raw("GetCallListDetails", list_id=list_id).text.splitlines()[0]
    assert header == f"phone;__task_uuid;name;city;{OWN}"
    first, *_, last = vox.tasks(list_id)
    assert (first["city"], first["name"]) == ("", "Ann")
    assert (last["city"], last["phone"], last["name"]) == ("Paris", "+33140000000", "")


def test_json_pages_hold_at_most_a_thousand(vox: Vox) -> None:
    list_id = vox.create(many(2500))
    vox.append(list_id, many(3))
    pages = [
        vox.call("GetCallListDetails", list_id=list_id, output="JSON", offset=offset)
        for offset in (0, 1000, 2000, 3000)
    ]
    assert [page["count"] for page in pages] == [1000, 1000, 503, 0]
    uuids = [task["task_uuid"] for page in pages for task in page["result"]]
    assert uuids == [f"u-{row}" for row in range(2500)] + ["u-0", "u-1", "u-2"]
    assert len({task["task_id"] for page in pages for task in page["result"]}) == 2503


def test_a_count_above_the_maximum_is_cut_or_refused(vox: Vox) -> None:
    list_id = vox.create(many(1500))
    assert vox.call("GetCallListDetails", list_id=list_id, output="json", count=5000)["count"] == 1000
    assert vox.call("GetCallListDetails", list_id=list_id, output="json", count=10)["count"] == 10
    vox.put("/switches", {"count_over_maximum": "refuse", "details_count": "total"})
    assert vox.error("GetCallListDetails", list_id=list_id, output="json", count=1001) == 497
    assert vox.call("GetCallListDetails", list_id=list_id, output="json", count=10)["count"] == 1500


def test_csv_is_unlimited_unless_told(vox: Vox) -> None:
    list_id = vox.create(many(5000))
    assert [task["__task_uuid"] for task in vox.tasks(list_id)] == [f"u-{row}" for row in range(5000)]
    some = vox.tasks(list_id, offset=990, count=1020)
    assert [task["__task_uuid"] for task in some] == [f"u-{row}" for row in range(990, 2010)]
    assert vox.tasks(list_id, offset=9000) == []


def test_a_batch_can_be_read_by_itself(vox: Vox) -> None:
    list_id = vox.create()
    batch_id = vox.append(list_id, many(2))["batch_id"]
    assert [task["__task_uuid"] for task in vox.tasks(list_id, batch_id=batch_id)] == ["u-0", "u-1"]
    assert vox.tasks(list_id, batch_id="no-such-batch") == []


def test_delimiter_and_encoding_of_the_output(vox: Vox) -> None:
    list_id = vox.create("phone;name\n+1415;Zoë, Ann\n")
    answer = vox.raw("GetCallListDetails", list_id=list_id, delimiter=",", encoding="cp1252")
    assert answer.content.decode("cp1252").splitlines()[1].startswith('+1415,"Zoë, Ann",')
    assert vox.error("GetCallListDetails", list_id=list_id, encoding="klingon") == 496
    assert vox.error("GetCallListDetails", list_id=list_id, delimiter="||") == 496


def test_the_content_type_of_a_file_is_a_switch(vox: Vox) -> None:
    list_id = vox.create()
    vox.put("/switches", {"details_content_type": "text/csv"})
    assert vox.raw("GetCallListDetails", list_id=list_id).headers["content-type"].startswith("text/csv")
    assert vox.raw("GetCallListDetails", list_id=list_id, output="json").headers["content-type"] == "application/json"


def test_xls_is_a_workbook_with_the_same_cells(vox: Vox) -> None:
    list_id = vox.create()
    vox.advance(60)
    book = zipfile.ZipFile(io.BytesIO(vox.raw("GetCallListDetails", list_id=list_id, output="xls").content))
    assert book.testzip() is None
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 4
    assert all(cell in sheet for cell in ("attmepts_left", "+14155550003", "Processed", "answered"))


@pytest.mark.parametrize(
    ("params", "code"),
    [({"output": "pdf"}, 105), ({"is_async": "true"}, 492), ({"offset": -1}, 496), ({"count": "x"}, 496)],
)
def test_what_it_refuses(vox: Vox, params: dict[str, Any], code: int) -> None:
    assert vox.error("GetCallListDetails", list_id=vox.create(ROWS), **params) == code


def test_a_list_must_be_named_and_exist(vox: Vox) -> None:
    assert vox.error("GetCallListDetails") == 134
    assert vox.error("GetCallListDetails", list_id="abc") == 255
    assert vox.error("GetCallListDetails", list_id=7) == 255
