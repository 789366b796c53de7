"""Uses Voximplant's official Python SDK as its users do, and prints what it was told as JSON.

Runs in an environment of its own. Arguments: the provider's address (host:port, https) and a credentials file.
The SDK corrupts files given as bytes, so every file here is text.
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from voximplant.apiclient import VoximplantAPI, VoximplantException

FIRST = "phone;__task_uuid;name\n+14155550001;w-1;Ann\n+14155550002;w-2;Zoë\n"
MORE = "phone;__task_uuid;name\n+14155550003;w-3;Cid\n"
NAME = "witness & co"


def code_of(call: Any, **params: Any) -> int | None:
    """The error code a call ends with, None for none."""
    try:
        call(**params)
    except VoximplantException as error:
        return int(error.code)
    return None


def campaign(api: Any) -> dict[str, Any]:
    """Create stopped, append, start, read until it is done."""
    created = api.create_call_list(
        rule_id=1, priority=1, max_simultaneous=5, num_attempts=2, name=NAME, file_content=FIRST,
        interval_seconds=1, is_cancelled=True, task_priority_strategy="first_attempts", ip_address="8.8.8.8",
    )  # fmt: skip
    list_id = created["list_id"]
    appended = api.append_to_call_list(file_content=MORE, list_id=list_id, delimiter=";")
    before = api.get_call_list_details(list_id=list_id, output="json")
    since = datetime.now(UTC) - timedelta(minutes=5)
    found = api.get_call_lists(name=NAME, from_date=since, count=10)
    recovered = api.recover_call_list(list_id=list_id)
    while api.get_call_lists(list_id=[list_id])["result"][0]["status"] != "Completed":
        time.sleep(0.05)
    return {
        "created": created,
        "appended": appended,
        "before": before,
        "found": found,
        "recovered": recovered,
        "after": api.get_call_list_details(list_id=list_id, output="json"),
        "of_batch": api.get_call_list_details(list_id=list_id, output="json", batch_id=appended["batch_id"]),
        "csv": api.get_call_list_details(list_id=list_id),
        "done": api.get_call_lists(list_id=[list_id], is_active=False),
    }


def stopped(api: Any) -> dict[str, Any]:
    """A list that is to start much later, and is stopped before."""
    start_at = int(time.time()) + 90 * 24 * 3600
    made = api.create_call_list(1, 0, 1, 1, "witness later", FIRST, start_at=start_at)
    return {
        "stop": api.stop_call_list_processing(list_id=made["list_id"]),
        "tasks": api.get_call_list_details(list_id=made["list_id"], output="json"),
        "lists": api.get_call_lists(list_id=[made["list_id"]], status="Canceled"),
        "recover": api.recover_call_list(list_id=made["list_id"]),
    }


def changed(api: Any, account_id: int) -> dict[str, Any]:
    """A list that waits is edited, and some of its tasks are canceled before it starts."""
    made = api.create_call_list(
        rule_id=7, priority=0, max_simultaneous=1, num_attempts=1, name="witness changed", file_content=FIRST,
        is_cancelled=True, list_custom_data="{}", quote='"', call_list_type="progressive", queue_id=3,
        acd_version="V2", maximum_error_rate=0.02, minimum_busy_factor=0.8, task_multiplier=1.5,
        is_personal_campaign=True, personal_campaign_type="smart", buffer_size_target="VALUE", buffer_size_value=50,
        buffer_threshold_factor=0.5, avg_dial_time_sec=10, avg_time_talk_sec=80, avg_total_time_sec=95,
        percent_successful=0.4, predictive_type="AR_OPTIMIZED",
    )  # fmt: skip
    list_id = made["list_id"]
    more = api.append_to_call_list(file_content=MORE, list_id=list_id)
    edited = api.edit_call_list(
        list_id=list_id, name="witness edited", priority=4, num_attempts=3, max_simultaneous=2, interval_seconds=9,
        ip_address="8.8.8.8", server_location="us", start_at=int(time.time()) + 60, list_custom_data="{}",
        task_priority_strategy="repeated_attempts", call_list_type="automatic",
    )  # fmt: skip
    first = api.get_call_list_details(list_id=list_id, output="json", count=1)["result"][0]["task_id"]
    told = {
        "made": made,
        "edited": edited,
        "by id": api.cancel_call_list_task(account_id, list_id, tasks_ids=[first, 1]),
        "by uuid": api.cancel_call_list_task(account_id, list_id, tasks_uuids=["w-1"]),
        "batch": api.cancel_call_list_batch(batch_ids=more["batch_id"], list_id=list_id),
        "shown": api.get_call_lists(list_id=[list_id], type_list="AUTOMATIC", rule_id=[7], status="Canceled"),
        "recovered": api.recover_call_list(list_id=list_id),
        "manual": api.get_call_lists(list_id="all", type_list="MANUAL"),
        "filtered": api.get_call_lists(
            list_id=[list_id], application_id=[1, 2], application_name=["sales"], rule_name="all of them"
        ),
    }
    while api.get_call_lists(list_id=[list_id])["result"][0]["status"] != "Completed":
        time.sleep(0.05)
    return told | {"tasks": api.get_call_list_details(list_id=list_id, output="json")}


def errors(api: Any, account_id: int) -> dict[str, int | None]:
    return {
        "no such list": code_of(api.append_to_call_list, file_content=MORE, list_id=1),
        "six attempts": code_of(
            api.create_call_list, rule_id=1, priority=1, max_simultaneous=1, num_attempts=6, name="x", file_content=MORE
        ),
        "no such list to edit": code_of(api.edit_call_list, list_id=1, priority=1),
        "no tasks to cancel": code_of(api.cancel_call_list_task, account_id=account_id, list_id=1),
        "another account": code_of(api.cancel_call_list_task, account_id=1, list_id=1, tasks_ids=[1]),
        "ragged": code_of(
            api.create_call_list,
            rule_id=1,
            priority=1,
            max_simultaneous=1,
            num_attempts=1,
            name="x",
            file_content="a;b\n1",
        ),
    }


def main() -> None:
    endpoint, credentials = sys.argv[1:]
    api = VoximplantAPI(credentials, endpoint=endpoint)
    with open(credentials, encoding="utf-8") as file:
        account_id = json.load(file)["account_id"]
    told: dict[str, Any] = {"refused": code_of(api.get_account_info)}
    if told["refused"] is None:
        told |= {
            "account": api.get_account_info(return_live_balance=True),
            "rate": api.get_currency_rate(currency=["EUR", "USD"]),
            "campaign": campaign(api),
            "stopped": stopped(api),
            "changed": changed(api, account_id),
            "errors": errors(api, account_id),
        }
    print(json.dumps(told, default=str))


if __name__ == "__main__":
    main()
