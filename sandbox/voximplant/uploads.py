"""CreateCallList and AppendToCallList."""

import time
from hashlib import blake2b

from sandbox.voximplant import params as read
from sandbox.voximplant.accounts import Account
from sandbox.voximplant.calllist import Batch, CallList, Settings
from sandbox.voximplant.csvfile import Dialect
from sandbox.voximplant.errors import ApiError
from sandbox.voximplant.platform import Platform
from sandbox.voximplant.settings import automatic_settings, list_name
from sandbox.voximplant.sheet import Admission, Sheet, read_sheet
from sandbox.voximplant.transport import Call


async def create_call_list(platform: Platform, call: Call, account: Account) -> dict[str, object]:
    return open_with(platform, call, account, automatic_settings(call.params, platform.clock.now()))


def open_with(platform: Platform, call: Call, account: Account, settings: Settings) -> dict[str, object]:
    """A new list with the file of this call."""
    name = list_name(call.params)
    admit_money(platform, account)
    admit_name(platform, account, name)
    sheet = sheet_of(platform, call, set())
    guard_resend(platform, call, account)
    opened = platform.open_list(account, name, settings)
    batch = platform.store(opened, sheet, visible_after(call))
    return answer(platform, opened, batch)


async def append_to_call_list(platform: Platform, call: Call, account: Account) -> dict[str, object]:
    target = named_list(platform, call, account)
    policy = platform.switches.choice("append_to_completed")
    if policy != "dials":
        await platform.catch_up([target])
    late = policy != "dials" and target.dialer.completed
    if late and policy == "refused":
        raise ApiError(251)
    admit_money(platform, account)
    needs_uuids = platform.switches.choice("repeated_uuid_across_append") != "accept"
    sheet = sheet_of(platform, call, target.uuids() if needs_uuids else set())
    guard_resend(platform, call, account)
    batch = platform.store(target, sheet, visible_after(call), dial=not late)
    return answer(platform, target, batch)


def named_list(platform: Platform, call: Call, account: Account) -> CallList:
    """The list by `list_id`, or by `list_name`."""
    if call.params.get("list_id", "").strip():
        return platform.list_of(account, read.integer(call.params, "list_id", 255))
    found = platform.lists_named(account, read.required(call.params, "list_name"))
    policy = platform.switches.choice("append_by_repeated_name")
    if not found or (len(found) > 1 and policy == "refused"):
        raise ApiError(255, field="list_name")
    return found[0 if policy == "oldest" else -1]


def admit_money(platform: Platform, account: Account) -> None:
    if not account.can_dial and platform.switches.choice("low_balance_create") == "refuses":
        raise ApiError(127)


def admit_name(platform: Platform, account: Account, name: str) -> None:
    if platform.switches.choice("repeated_list_name") == "reject" and platform.lists_named(account, name):
        raise ApiError(493, "name", field="name")


def sheet_of(platform: Platform, call: Call, earlier: set[str]) -> Sheet:
    if not call.file:
        raise ApiError(134, field="file_content")
    dropping = call.faults.get("short_count")
    drop = dropping.fraction("drop") if dropping is not None else 0.0
    return read_sheet(call.file, Dialect.of(call.params), Admission(platform.switches, earlier, drop))


def guard_resend(platform: Platform, call: Call, account: Account) -> None:
    """The platform's guard against the same request sent twice: which methods and how long is not documented."""
    code = platform.switches.choice("resend_guard")
    if code == "off":
        return
    told = repr((account.account_id, call.method, sorted(call.params.items()))).encode()
    digest, now = blake2b(told + (call.file or b"")).digest(), time.monotonic()
    last = platform.uploads_seen.get(digest)
    if last is not None and now - last < platform.switches.limit("resend_window"):
        raise ApiError(int(code))
    platform.uploads_seen[digest] = now


def visible_after(call: Call) -> float:
    fault = call.faults.get("late_visible")
    return fault.seconds if fault is not None else 0.0


def answer(platform: Platform, target: CallList, batch: Batch) -> dict[str, object]:
    told: dict[str, object] = {"result": True, "count": len(batch.rows), "list_id": target.list_id}
    match platform.switches.choice("batch_id"):
        case "absent":
            return told
        case "number_on_append" if batch.number > 1:
            return told | {"batch_id": batch.first_task_id}
    return told | {"batch_id": batch.batch_id}
