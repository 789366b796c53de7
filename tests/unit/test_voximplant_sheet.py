"""GetCallListDetails as XLS: whatever the sheet looks like, each task is read right or the whole read is in doubt."""

import contextlib
import io
import random
from datetime import datetime
from typing import Any

import pytest
import xlsxwriter

from worker.errors import ConfigError, Unknown
from worker.providers.base import TASKS
from worker.providers.voximplant import KIND, sheet
from worker.providers.voximplant.details import NoUuids
from worker.providers.voximplant.sheet import frames_of_xls

OWN = ["result_data", "last_attempt", "attmepts_left", "status_id", "status"]
DONE: list[Any] = ["answered", "2030-01-07 09:00:00", 1, 2, "Processed"]


def workbook(*sheets: list[list[Any]]) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"}) as book:
        for rows in sheets:
            page = book.add_worksheet()
            for number, row in enumerate(rows):
                page.write_row(number, 0, row)
    return content.getvalue()


def read(content: bytes) -> list[dict[str, Any]]:
    frames = list(frames_of_xls(io.BytesIO(content)))
    assert all(dict(frame.schema) == TASKS for frame in frames)
    return [row for frame in frames for row in frame.to_dicts()]


@pytest.mark.parametrize("last", ["2030-01-07 09:00:00", datetime(2030, 1, 7, 9)], ids=["text", "date"])
@pytest.mark.parametrize("number", [int, str])
def test_a_task_has_all_its_fields(number: Any, last: Any) -> None:
    row = ["+12025550123", "u-1", "answered", last, number(1), number(2), "Processed"]
    assert read(workbook([["phone", "__task_uuid", *OWN], row])) == [
        {
            "uuid": "u-1",
            "phase": "done",
            "disposition": "processed",
            "status": "Processed",
            "result": "answered",
            "attempts_left": 1,
            "last_attempt": "2030-01-07 09:00:00",
        }
    ]


def test_an_empty_cell_is_an_empty_text_as_in_the_csv() -> None:
    [row] = read(workbook([["phone", "__task_uuid", *OWN], ["", "u-1", "", "", 1, 0, "New"]]))
    assert (row["uuid"], row["result"], row["last_attempt"], row["phase"]) == ("u-1", "", "", "open")


def test_a_users_column_is_not_taken_for_the_tasks_own() -> None:
    header = ["status", "result_data", "status_id", "attempts_left", "__task_uuid", *OWN]
    [row] = read(workbook([header, ["gold", "mine", "9", "77", "u-1", *DONE]]))
    assert (row["uuid"], row["status"], row["result"], row["attempts_left"]) == ("u-1", "Processed", "answered", 1)


def test_without_a_uuid_the_json_pages_are_asked() -> None:
    with pytest.raises(NoUuids):
        read(workbook([["phone", *OWN], ["1", *DONE]]))


def test_a_header_alone_is_a_list_without_tasks() -> None:
    assert read(workbook([["phone", "__task_uuid", *OWN]])) == []


def test_many_rows_come_in_frames_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "_AT_A_TIME", 100)
    content = workbook([["__task_uuid", *OWN], *([f"u-{i}", *DONE] for i in range(250))], [])
    frames = list(frames_of_xls(io.BytesIO(content)))
    assert [frame.height for frame in frames] == [100, 100, 50]
    assert [uuid for frame in frames for uuid in frame["uuid"]] == [f"u-{i}" for i in range(250)]


def in_doubt(content: bytes) -> str:
    with pytest.raises(Unknown) as raised:
        read(content)
    assert raised.value.code == "broken_answer"
    assert raised.value.message.endswith(".")
    return raised.value.message


def test_a_sheet_that_is_full_may_be_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "_MOST", 3)
    rows = [["__task_uuid", *OWN], ["u-1", *DONE]]
    assert len(read(workbook(rows))) == 1
    assert 'details = "csv"' in in_doubt(workbook([*rows, ["u-2", *DONE]]))


GOOD = workbook([["__task_uuid", *OWN], ["u-1", *DONE]])
BROKEN = {
    "empty": b"",
    "a page of a gateway": b"<html><head><title>502 Bad Gateway</title></head></html>",
    "a CSV": b"__task_uuid;result_data\nu;x\n",
    "no rows": workbook([]),
    "two sheets": workbook(*[[["__task_uuid", *OWN], ["u-1", *DONE]]] * 2),
    "no status": workbook([["__task_uuid", "result_data"], ["u-1", "x"]]),
    "the old format, cut": bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_what_cannot_be_read_is_in_doubt(content: bytes) -> None:
    in_doubt(content)


def test_a_sheet_that_was_cut_anywhere_is_in_doubt() -> None:
    for size in range(10, len(GOOD) - 30, len(GOOD) // 40):
        in_doubt(GOOD[:size])


def test_a_sheet_that_was_damaged_is_never_read_wrong() -> None:
    draw = random.Random(7)
    for _ in range(60):
        damaged = bytearray(GOOD)
        damaged[draw.randrange(len(GOOD))] ^= 0xFF
        with contextlib.suppress(Unknown):
            assert [row["uuid"] for row in read(bytes(damaged))] == ["u-1"]


@pytest.mark.parametrize("form", ["csv", "json", "xls"])
def test_the_form_is_a_setting_of_the_account(form: str) -> None:
    assert KIND.check_own({"details": form})["details"] == form


def test_csv_is_the_form_unless_told_otherwise() -> None:
    assert KIND.check_own({})["details"] == "csv"


@pytest.mark.parametrize("own", [{"details": "pdf"}, {"surprise": 1}])
def test_another_setting_is_refused(own: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as raised:
        KIND.check_own(own)
    assert raised.value.code == "bad_account"
