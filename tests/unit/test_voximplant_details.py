"""GetCallListDetails: whatever the file looks like, each task is read right or the whole read is in doubt."""

import csv
import io
import random
from typing import Any

import polars as pl
import pytest

from worker.errors import Unknown
from worker.providers.base import TASKS
from worker.providers.voximplant import details
from worker.providers.voximplant.details import NoUuids, frame_of_json, frames_of_csv

OWN = ["__start_execution_time", "__end_execution_time", "result_data", "last_attempt", "attmepts_left"]
OWN += ["status_id", "status"]
DONE = ["", "", "answered", "2030-01-07 09:00:00", "1", "2", "Processed"]


def written(header: list[str], *rows: list[str], end: str = "\n", mark: str = "") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator=end).writerows([header, *rows])
    return (mark + text.getvalue()).encode()


def read(content: bytes) -> list[dict[str, Any]]:
    frames = list(frames_of_csv(io.BytesIO(content), ";"))
    assert all(dict(frame.schema) == TASKS for frame in frames)
    return [row for frame in frames for row in frame.to_dicts()]


def task(**fields: str) -> dict[str, Any]:
    """One task whose platform columns are `fields`."""
    row = dict(zip(OWN, DONE, strict=True)) | fields
    return read(written(["phone", "__task_uuid", *row], ["+12025550123", "u-1", *row.values()]))[0]


def test_a_task_has_all_its_fields() -> None:
    assert task() == {
        "uuid": "u-1",
        "phase": "done",
        "disposition": "processed",
        "status": "Processed",
        "result": "answered",
        "attempts_left": 1,
        "last_attempt": "2030-01-07 09:00:00",
    }


@pytest.mark.parametrize(
    ("status", "left", "phase", "disposition"),
    [
        ("0", "2", "open", "pending"),
        ("1", "1", "open", "pending"),
        ("2", "1", "done", "processed"),
        ("2", "", "done", "processed"),
        (" 2 ", "1", "done", "processed"),
        ("3", "1", "open", "pending"),
        ("3", "0", "done", "failed"),
        ("3", "-1", "done", "failed"),
        ("3", "", "done", "failed"),
        ("4", "1", "cancelled", "cancelled"),
        ("", "1", "open", "pending"),
        ("7", "0", "open", "pending"),
    ],
)
def test_what_a_status_means(status: str, left: str, phase: str, disposition: str) -> None:
    row = task(status_id=status, attmepts_left=left)
    assert (row["phase"], row["disposition"]) == (phase, disposition)
    page = [{"task_uuid": "u-1", "status_id": status, "status": "?", "attempts_left": left or None}]
    assert frame_of_json(page)["phase"].to_list() == [phase]


@pytest.mark.parametrize("key", ["attmepts_left", "attempts_left"])
def test_both_spellings_of_the_attempts_left(key: str) -> None:
    own = [key if name == "attmepts_left" else name for name in OWN]
    assert read(written(["__task_uuid", *own], ["u", *DONE]))[0]["attempts_left"] == 1
    assert frame_of_json([{"task_uuid": "u", key: 3}])["attempts_left"].to_list() == [3]


def test_without_attempts_left_an_error_is_final() -> None:
    own = [name for name in OWN if name != "attmepts_left"]
    row = read(written(["__task_uuid", *own], ["u", *DONE[:4], "3", "Error"]))[0]
    assert (row["attempts_left"], row["phase"]) == (None, "done")


@pytest.mark.parametrize("theirs", ["attmepts_left", "attempts_left"])
@pytest.mark.parametrize("users", ["attmepts_left", "attempts_left"])
def test_a_users_column_is_not_taken_for_the_tasks_own(users: str, theirs: str) -> None:
    own = [theirs if name == "attmepts_left" else name for name in OWN]
    header = ["status", "result_data", "last_attempt", "status_id", users, "task_uuid", "__task_uuid", *own]
    row = read(written(header, ["gold", "mine", "never", "9", "77", "foreign", "u-1", *DONE]))[0]
    assert row["uuid"] == "u-1"
    assert (row["status"], row["result"], row["attempts_left"]) == ("Processed", "answered", 1)
    assert (row["last_attempt"], row["phase"]) == ("2030-01-07 09:00:00", "done")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_quotes_line_ends_and_marks(end: str, mark: str) -> None:
    notes = ["plain", 'says "no"; twice', "two\nlines", "three\r\n\r\nlines", "", "ünï", "'", '"', ";"]
    rows = [[note, f"u-{i}", *DONE[:2], note, *DONE[3:]] for i, note in enumerate(notes)]
    found = read(written(["a\nnote; quoted", "__task_uuid", *OWN], *rows, end=end, mark=mark))
    assert [row["uuid"] for row in found] == [f"u-{i}" for i in range(len(notes))]
    assert [row["result"] for row in found] == notes


def test_the_uuid_may_be_called_otherwise() -> None:
    assert read(written(["phone", *OWN, "task_uuid"], ["1", *DONE, "u-9"]))[0]["uuid"] == "u-9"


def test_without_a_uuid_the_json_pages_are_asked() -> None:
    with pytest.raises(NoUuids):
        read(written(["phone", *OWN], ["1", *DONE]))


def test_a_row_may_be_large() -> None:
    rows = [[f"{'x' * 200_000}", "u-1", *DONE], ["y", "u-2", *DONE]]
    assert [row["uuid"] for row in read(written(["note", "__task_uuid", *OWN], *rows))] == ["u-1", "u-2"]


def test_a_header_alone_is_a_list_without_tasks() -> None:
    assert read(written(["phone", "__task_uuid", *OWN])) == []
    assert read(written(["phone", "__task_uuid", *OWN]).rstrip()) == []
    assert frame_of_json([]).height == 0
    assert dict(frame_of_json([]).schema) == TASKS


def test_many_rows_come_in_frames_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(details, "_BLOCK", 4096)
    draw = random.Random(7)
    words = ["x" * draw.randrange(40) + draw.choice(["", "\n", '"', ";"]) for _ in range(2000)]
    rows = [[word, f"u-{i}", *DONE] for i, word in enumerate(words)]
    content = written(["word", "__task_uuid", *OWN], *rows)
    frames = list(frames_of_csv(io.BytesIO(content), ";"))
    assert len(frames) > 10
    assert pl.concat(frames)["uuid"].to_list() == [f"u-{i}" for i in range(2000)]


BROKEN = {
    "empty": b"",
    "blank": b"\n\n",
    "a page of a gateway": b"<html><head><title>502 Bad Gateway</title></head></html>",
    "JSON": b'{"result": []}',
    "no status": b"__task_uuid;result_data\nu;x\n",
    "other delimiter": written(["__task_uuid", *OWN], ["u", *DONE]).replace(b";", b","),
    "a short row": written(["__task_uuid", *OWN], ["u", *DONE], ["u", *DONE[:3]]),
    "a long row": written(["__task_uuid", *OWN], ["u", *DONE], ["u", *DONE, "more"]),
    "cut in a row": written(["__task_uuid", *OWN], ["u", *DONE], ["u", *DONE])[:-20],
    "cut in quotes": written(["__task_uuid", *OWN], ["u", *DONE]) + b'"u;;;',
    "no text": written(["__task_uuid", *OWN], ["u", *DONE]).replace(b"answered", b"\xff\xfe\xff"),
    "binary": bytes(range(256)) * 4,
    "an endless header": b"x" * 300_000,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_what_cannot_be_read_is_in_doubt(content: bytes) -> None:
    with pytest.raises(Unknown) as raised:
        read(content)
    assert raised.value.code == "broken_answer"
    assert raised.value.message.endswith(".")


def test_a_page_of_json() -> None:
    page = [
        {"task_uuid": "u-1", "status_id": 2, "status": "Processed", "result_data": "yes", "attmepts_left": 1},
        {"task_uuid": "u-2", "status_id": 3, "status": "Error", "last_attempt": "2030-01-07 09:00:00"},
        {"status_id": None},
    ]
    frame = frame_of_json(page)
    assert dict(frame.schema) == TASKS
    assert frame["uuid"].to_list() == ["u-1", "u-2", None]
    assert frame["phase"].to_list() == ["done", "done", "open"]
    assert frame["result"].to_list() == ["yes", None, None]


def test_the_users_columns_do_not_reach_a_json_task() -> None:
    page = [{"task_uuid": "u", "status_id": 0, "custom_data": '{"status_id": "2", "attempts_left": "9"}'}]
    assert frame_of_json(page).to_dicts()[0]["phase"] == "open"


@pytest.mark.parametrize("page", [[None], ["text"], [[]], [{"task_uuid": "u"}, 5]])
def test_a_page_of_something_else_is_in_doubt(page: list[Any]) -> None:
    with pytest.raises(Unknown) as raised:
        frame_of_json(page)
    assert raised.value.code == "broken_answer"
