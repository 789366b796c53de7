"""GetCallLists and its filters, stop and recover, the balance, the account."""

import time
from collections import Counter
from typing import Any

import pytest

from tests.unit.sandbox_fixtures import LIST, ROWS, Vox


def found(vox: Vox, **params: Any) -> list[int]:
    return [one["list_id"] for one in vox.call("GetCallLists", **params)["result"]]


def stamp(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


def test_a_list_shows_its_settings(vox: Vox) -> None:
    at = vox.now()
    list_id = vox.create(interval_seconds=30, num_attempts=2, max_simultaneous=4, priority=7, rule_id=99)
    answer = vox.call("GetCallLists", list_id=list_id)
    assert (answer["count"], answer["total_count"]) == (1, 1)
    assert answer["result"][0] == {
        "list_id": list_id,
        "list_name": "spring",
        "priority": 7,
        "rule_id": 99,
        "max_simultaneous": 4,
        "num_attempts": 2,
        "interval_seconds": 30,
        "dt_submit": stamp(at),
        "status": "In progress",
        "task_priority_strategy": "first_attempts",
    }
    vox.advance(100)
    done = vox.call("GetCallLists", list_id=list_id)["result"][0]
    assert done["status"] == "Completed"
    assert done["dt_submit"] < done["dt_complete"] < stamp(at + 100)


def test_lists_are_found_by_id_name_rule_and_type(vox: Vox) -> None:
    one, two = vox.create(name="spring a", rule_id=1), vox.create(name="spring b", rule_id=2)
    assert found(vox) == found(vox, list_id="all") == found(vox, list_id=f"{one};{two}") == [one, two]
    assert found(vox, name="spring a") == found(vox, rule_id=1) == [one]
    assert found(vox, name="spring") == found(vox, type_list="MANUAL") == []
    assert found(vox, type_list="AUTOMATIC") == [one, two]
    vox.put("/switches", {"name_filter": "substring", "lists_order": "newest_first"})
    assert found(vox, name="spring") == [two, one]


def test_lists_are_found_by_date_and_status(vox: Vox) -> None:
    start = vox.now()
    one = vox.create()
    vox.advance(3600)
    two = vox.create()
    between = stamp(start + 1800)
    assert found(vox, from_date=between) == found(vox, is_active="true") == found(vox, status="In progress") == [two]
    assert found(vox, to_date=between) == found(vox, status="completed") == [one]
    assert found(vox, status="Canceled") == found(vox, is_active="true", status="completed") == []
    assert found(vox, is_active="false") == [one, two]


def test_pages_of_lists(vox: Vox) -> None:
    ids = [vox.create() for _ in range(5)]
    page = vox.call("GetCallLists", count=2, offset=1)
    assert ([one["list_id"] for one in page["result"]], page["count"], page["total_count"]) == (ids[1:3], 2, 5)
    vox.put("/switches", {"lists_default_count": 3})
    assert found(vox) == ids[:3]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"list_id": "x"}, 255),
        ({"from_date": "2026-01-01T00:00:00Z"}, 111),
        ({"type_list": "ODD"}, 427),
        ({"status": "odd"}, 428),
        ({"is_active": "odd"}, 496),
    ],
)
def test_bad_filters_have_their_codes(vox: Vox, params: dict[str, str], code: int) -> None:
    assert vox.error("GetCallLists", **params) == code


def test_stopping_cancels_what_is_open_and_recovering_restores_it(vox: Vox) -> None:
    list_id = vox.create(max_simultaneous=1)
    vox.advance(1)
    assert vox.call("StopCallListProcessing", list_id=list_id)["result"] is True
    assert vox.statuses(list_id) == ["In progress", "Canceled", "Canceled"]
    assert vox.status(list_id) == "Canceled"
    vox.advance(3600)
    assert vox.statuses(list_id) == ["Processed", "Canceled", "Canceled"]
    assert vox.call("RecoverCallList", list_id=list_id) == {"result": True, "count_recovery": 2}
    assert Counter(vox.statuses(list_id)) == {"Processed": 1, "In progress": 1, "New": 1}
    vox.advance(60)
    assert vox.status(list_id) == "Completed"
    assert vox.call("RecoverCallList", list_id=list_id)["count_recovery"] == 0


def test_an_append_to_a_stopped_list_waits_with_it(vox: Vox) -> None:
    list_id = vox.create()
    vox.call("StopCallListProcessing", list_id=list_id)
    vox.append(list_id, ROWS)
    vox.advance(60)
    assert vox.statuses(list_id)[3:] == ["Canceled"] * 3
    assert vox.call("RecoverCallList", list_id=list_id)["count_recovery"] == 3


def test_a_list_created_cancelled_waits_to_be_recovered(vox: Vox) -> None:
    list_id = vox.create(is_cancelled="true")
    vox.append(list_id, ROWS)
    vox.advance(3600)
    assert (vox.status(list_id), set(vox.statuses(list_id))) == ("Canceled", {"Canceled"})
    assert vox.call("RecoverCallList", list_id=list_id)["count_recovery"] == 6
    vox.advance(60)
    assert vox.status(list_id) == "Completed"


def test_is_cancelled_may_be_ignored_or_final_by_switch(vox: Vox) -> None:
    vox.put("/switches", {"is_cancelled": "ignored"})
    assert vox.status(vox.create(is_cancelled="true")) == "In progress"
    vox.put("/switches", {"is_cancelled": "not_recoverable"})
    list_id = vox.create(is_cancelled="true")
    assert vox.call("RecoverCallList", list_id=list_id)["count_recovery"] == 0
    assert vox.status(list_id) == "Canceled"


def test_a_list_starts_at_its_own_time(vox: Vox) -> None:
    list_id = vox.create(start_at=int(vox.now()) + 600)
    vox.advance(590)
    assert set(vox.statuses(list_id)) == {"New"}
    vox.advance(60)
    assert vox.status(list_id) == "Completed"


def test_a_low_balance_stops_dialling_and_a_top_up_resumes_it(vox: Vox) -> None:
    vox.put("/balance", {"balance": 0.99})
    list_id = vox.create()
    vox.advance(60)
    assert (vox.status(list_id), set(vox.statuses(list_id))) == ("Canceled", {"Canceled"})
    assert vox.call("GetAccountInfo", return_live_balance="true")["result"]["balance"] == 0.99
    vox.put("/balance", {"balance": 1})
    vox.advance(60)
    assert vox.status(list_id) == "Completed"


def test_the_balance_counts_in_dollars_whatever_its_currency(vox: Vox) -> None:
    vox.put("/balance", {"balance": 80, "currency": "RUR"})
    list_id = vox.create()
    info = vox.call("GetAccountInfo")["result"]
    assert (info["balance"], info["currency"]) == (80, "RUR")
    rate = vox.call("GetCurrencyRate", currency="RUR;USD")["result"]
    assert rate["USD"] == 1
    assert info["balance"] / rate["RUR"] < 1
    assert vox.status(list_id) == "Canceled"
    vox.put("/balance", {"balance": 90, "account_id": 12345})
    assert vox.error("GetCurrencyRate", currency="DM") == 210
    assert vox.status(list_id) == "In progress"


def test_a_low_balance_refuses_or_suspends_by_switch(vox: Vox) -> None:
    vox.put("/balance", {"balance": 0})
    for status, tasks in (("Suspended", "Canceled"), ("In progress", "New")):
        vox.put("/switches", {"low_balance_status": status})
        list_id = vox.create()
        assert (vox.status(list_id), set(vox.statuses(list_id))) == (status, {tasks})
    vox.put("/switches", {"low_balance_create": "refuses"})
    assert vox.error("CreateCallList", ROWS, **LIST) == 127


def test_a_frozen_account_is_not_dialled(vox: Vox) -> None:
    vox.put("/accounts/12345", {"frozen": True})
    list_id = vox.create()
    vox.advance(60)
    assert set(vox.statuses(list_id)) == {"Canceled"}
    assert vox.call("GetAccountInfo")["result"]["frozen"] is True
    vox.put("/accounts/12345", {"frozen": False})
    vox.advance(60)
    assert vox.status(list_id) == "Completed"
