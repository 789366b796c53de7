"""What CreateCallList and AppendToCallList check, and how they read a file."""

import time
from typing import Any

import pytest

from tests.unit.sandbox_fixtures import LIST, ROWS, Vox


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("rule_id", None, 134),
        ("rule_id", "abc", 147),
        ("rule_id", 0, 147),
        ("priority", None, 134),
        ("priority", -1, 247),
        ("priority", 2**31 + 1, 247),
        ("max_simultaneous", 0, 248),
        ("max_simultaneous", None, 134),
        ("num_attempts", 0, 249),
        ("num_attempts", 6, 249),
        ("num_attempts", "", 134),
        ("name", None, 134),
        ("name", "n" * 256, 253),
        ("name", "a/b", 253),
        ("name", "a\\b", 253),
        ("interval_seconds", -1, 496),
        ("interval_seconds", "1.5", 496),
        ("encoding", "klingon", 496),
        ("encoding", "base64", 496),
        ("delimiter", "||", 496),
        ("escape", "ab", 496),
        ("quote", "''", 496),
        ("reference_ip", "300.1.1.1", 257),
        ("ip_address", "nowhere", 257),
        ("task_priority_strategy", "random", 496),
        ("call_list_type", "manual", 496),
        ("is_cancelled", "perhaps", 496),
        ("start_at", "tomorrow", 496),
        ("start_at", 1_000_000_000, 496),
        ("call_list_type", "progressive", 485),
        ("queue_id", "second", 496),
        ("avg_waiting_sec", "long", 496),
        ("acd_version", "V3", 496),
        ("predictive_type", "BEST", 496),
        ("maximum_error_rate", 1.01, 496),
        ("minimum_busy_factor", -0.1, 496),
        ("task_multiplier", 0.9, 496),
        ("is_personal_campaign", "mine", 496),
        ("personal_campaign_type", "lazy", 496),
        ("personal_campaign_type", "smart", 492),
        ("buffer_size_target", "ALL", 496),
        ("buffer_size_value", 501, 496),
        ("buffer_threshold_factor", -1, 496),
        ("avg_dial_time_sec", "nan", 496),
        ("avg_time_talk_sec", -1, 496),
        ("avg_total_time_sec", "x", 496),
        ("percent_successful", "most", 496),
    ],
)
def test_a_bad_parameter_has_its_documented_code(vox: Vox, name: str, value: Any, code: int) -> None:
    assert vox.error("CreateCallList", ROWS, **(LIST | {name: value})) == code
    assert vox.ledger()["lists"] == []


def test_the_edges_of_every_range_are_allowed(vox: Vox) -> None:
    edges: dict[str, Any] = {
        "priority": 2**31,
        "num_attempts": 5,
        "name": "n" * 255,
        "ip_address": "::1",
        "is_cancelled": "False",
    }
    more: dict[str, Any] = {
        "task_priority_strategy": "repeated_attempts",
        "call_list_type": "Predictive",
        "queue_id": 3,
        "interval_seconds": 0,
    }
    shown = vox.call("GetCallLists", list_id=vox.create(**edges, **more))["result"][0]
    assert (shown["priority"], shown["num_attempts"], shown["list_name"]) == (2**31, 5, "n" * 255)
    assert shown["task_priority_strategy"] == "repeated_attempts"


def test_a_list_for_agents_takes_every_setting_of_the_predictive_dialer(vox: Vox) -> None:
    of_agents: dict[str, Any] = {
        "call_list_type": "progressive",
        "queue_id": 3,
        "avg_waiting_sec": 1,
        "acd_version": "V2",
        "predictive_type": "AR_OPTIMIZED",
        "maximum_error_rate": 0.02,
        "minimum_busy_factor": 1,
        "task_multiplier": 1.5,
        "is_personal_campaign": "true",
        "personal_campaign_type": "strict",
        "buffer_size_target": "VALUE",
        "buffer_size_value": 20,
        "buffer_threshold_factor": 0.5,
        "avg_dial_time_sec": 12.5,
        "avg_time_talk_sec": 80,
        "avg_total_time_sec": 95,
        "percent_successful": 0.4,
        "list_custom_data": '{"team": "north"}',
        "quote": "'",
    }
    assert vox.call("CreateCallList", ROWS, **(LIST | of_agents))["count"] == 3


def test_a_start_in_a_clients_future_is_no_past_for_a_clock_that_ran_ahead(vox: Vox) -> None:
    vox.advance(3600)
    soon = int(time.time()) + 120
    assert vox.call("CreateCallList", ROWS, **(LIST | {"start_at": soon}))["count"] == 3


def test_no_file_is_134(vox: Vox) -> None:
    assert vox.error("CreateCallList", **LIST) == 134
    assert vox.error("AppendToCallList", list_id=vox.create()) == 134


@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("phone;name\n+14155550001;Ann\n", {}),
        ("phone,name\r\n+14155550001,Ann\r\n", {"delimiter": ","}),
        ("phone\tname\n+14155550001\tAnn", {"delimiter": "\t"}),
        ("phone;name\r+14155550001;Ann\r", {}),
        ("\ufeffphone;name\n+14155550001;Ann\n", {}),
        ('"phone";"name"\n\n"+14155550001";"Ann"\n\n', {}),
        ("phone;name\n+14155550001;'Ann'\n", {"quote": "'"}),
        ("phone;name\n+14155550001;Ann\n".encode("utf-16"), {"encoding": "UTF-16"}),
    ],
)
def test_a_file_is_read_by_its_dialect(vox: Vox, file: str | bytes, options: dict[str, Any]) -> None:
    [task] = vox.tasks(vox.create(file, **options))
    assert (task["phone"], task["name"]) == ("+14155550001", "Ann")


def test_quotes_escapes_and_newlines_in_cells_survive(vox: Vox) -> None:
    quoted = 'phone;note\n+14155550001;"a ""b""; c\nd"\n'
    assert vox.tasks(vox.create(quoted))[0]["note"] == 'a "b"; c\nd'
    escaped = 'phone;note\n+14155550001;"a \\"b\\"; c"\n'
    assert vox.tasks(vox.create(escaped, escape="\\"))[0]["note"] == 'a "b"; c'


def test_the_wrong_delimiter_makes_one_column(vox: Vox) -> None:
    task = vox.tasks(vox.create("phone,name\n+14155550001,Ann\n"))[0]
    assert task["phone,name"] == "+14155550001,Ann"


@pytest.mark.parametrize(
    "file",
    [
        b"phone;name\n+14155550001;\xff\xfe\n",
        "phone;name\n+14155550001\n",
        "phone;name\n+14155550001;Ann;more\n",
        "phone;name\n",
        "\n\n",
        "phone;__task_uuid\n+14155550001;under_score\n",
        "phone;__task_uuid\n+14155550001;" + "a" * 41 + "\n",
        "phone;__start_at\n+14155550001;2026-01-01\n",
        "phone;__start_execution_time;__end_execution_time\n+14155550001;9:00;18:00:00\n",
        "phone;__start_execution_time;__end_execution_time\n+14155550001;09:00:00;24:00:00\n",
        "phone;call_schedule\n+14155550001;monday\n",
        "phone;call_schedule\n+14155550001;[1]\n",
        'phone;call_schedule\n+1415;[{"day_of_week": "Montag", "start": "09:00:00", "end": "18:00:00"}]\n',
    ],
)
def test_a_bad_file_is_250_and_leaves_nothing(vox: Vox, file: str | bytes) -> None:
    assert vox.error("CreateCallList", file, **LIST) == 250
    assert vox.ledger()["lists"] == []


def test_a_task_priority_must_be_a_number(vox: Vox) -> None:
    answer = vox.call("CreateCallList", "phone;task_priority\n+14155550001;high\n", **LIST)
    assert answer["error"]["msg"] == "The 'task_priority' parameter is invalid."


@pytest.mark.parametrize(
    ("switch", "file", "count"),
    [
        ({"ragged_rows": "skip_row"}, "phone;name\n+1415;Ann\n+1416\n", 1),
        ({"ragged_rows": "accept"}, "phone;name\n+1415;Ann\n+1416\n+1417;Cid;more\n", 3),
        ({"header_alone": "accept"}, "phone;name\n", 0),
    ],
)
def test_switches_make_the_reader_lenient(vox: Vox, switch: dict[str, str], file: str, count: int) -> None:
    vox.put("/switches", switch)
    assert vox.call("CreateCallList", file, **LIST)["count"] == count


@pytest.mark.parametrize(
    ("switch", "file"),
    [
        ({"blank_rows": "refuse"}, "phone;name\n+1415;Ann\n\n"),
        ({"crlf": "refuse"}, "phone;name\r\n+1415;Ann\r\n"),
        ({"bom": "refuse"}, "\ufeffphone;name\n+1415;Ann\n"),
        ({"max_rows": 2}, ROWS),
        ({"max_bytes": 20}, ROWS),
    ],
)
def test_switches_make_the_reader_strict(vox: Vox, switch: dict[str, Any], file: str) -> None:
    vox.put("/switches", switch)
    assert vox.error("CreateCallList", file, **LIST) == 250


def test_a_kept_bom_becomes_part_of_the_header(vox: Vox) -> None:
    vox.put("/switches", {"bom": "keep"})
    assert "\ufeffphone" in vox.tasks(vox.create("\ufeffphone;name\n+1415;Ann\n"))[0]


def test_an_append_reaches_its_list_by_id_or_name(vox: Vox) -> None:
    list_id = vox.create()
    assert vox.append(list_id, "phone;__task_uuid\n+14155550009;b-1\n")["count"] == 1
    named = vox.call("AppendToCallList", "phone;__task_uuid\n+14155550010;b-2\n", list_name="spring")
    assert (named["list_id"], named["count"]) == (list_id, 1)
    assert [task["__task_uuid"] for task in vox.tasks(list_id)] == ["a-1", "a-2", "a-3", "b-1", "b-2"]
    assert vox.error("AppendToCallList", ROWS, list_id=1) == 255
    assert vox.error("AppendToCallList", ROWS, list_name="autumn") == 255
    assert vox.error("AppendToCallList", ROWS) == 134


def test_a_list_belongs_to_its_account(vox: Vox) -> None:
    list_id = vox.create()
    for method in ("AppendToCallList", "GetCallListDetails", "StopCallListProcessing", "RecoverCallList"):
        assert vox.error(method, ROWS, list_id=list_id, account_id="777") == 255
    assert vox.call("GetCallLists", account_id="777")["total_count"] == 0
