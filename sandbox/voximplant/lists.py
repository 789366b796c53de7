"""GetCallLists, StopCallListProcessing, RecoverCallList and EditCallList."""

import time

from sandbox.voximplant import params as read
from sandbox.voximplant.accounts import Account
from sandbox.voximplant.calllist import IN_PROGRESS, CallList
from sandbox.voximplant.errors import ApiError
from sandbox.voximplant.platform import Platform
from sandbox.voximplant.settings import edited_settings, list_name
from sandbox.voximplant.transport import Call
from sandbox.voximplant.uploads import admit_name

STATUSES = ("in progress", "canceled", "completed", "suspended")
MAX_COUNT = 1000


async def get_call_lists(platform: Platform, call: Call, account: Account) -> dict[str, object]:
    """No rule has a name or an application here: rule_name, application_id and application_name narrow nothing."""
    found = [one for one in filtered(platform, call.params, account) if one.visible(time.monotonic())]
    wanted = wanted_statuses(call.params)
    if len(wanted) < len(STATUSES):
        await platform.catch_up(found)
        found = [one for one in found if one.status.lower() in wanted]
    if platform.switches.choice("lists_order") == "newest_first":
        found.reverse()
    count = page_size(platform, call.params, platform.switches.limit("lists_default_count"))
    offset = read.optional_integer(call.params, "offset", 0)
    page = found[offset : offset + count]
    await platform.catch_up(page)
    return {"result": [one.document() for one in page], "count": len(page), "total_count": len(found)}


def filtered(platform: Platform, params: dict[str, str], account: Account) -> list[CallList]:
    ids, rules = read.id_filter(params, "list_id", 255), read.id_filter(params, "rule_id", 147)
    read.id_filter(params, "application_id", 116)
    since, until = read.utc_time(params, "from_date"), read.utc_time(params, "to_date")
    name, exact = params.get("name", ""), platform.switches.choice("name_filter") == "exact"
    kind = params.get("type_list", "").strip().upper()
    if kind not in ("", "AUTOMATIC", "MANUAL"):
        raise ApiError(427, field="type_list")
    return [
        one
        for one in platform.lists.values()
        if one.account is account
        and (ids is None or one.list_id in ids)
        and (rules is None or one.settings.rule_id in rules)
        and (not kind or one.settings.manual is (kind == "MANUAL"))
        and (not name or (one.name == name if exact else name in one.name))
        and (since is None or int(one.submitted) >= since)
        and (until is None or int(one.submitted) <= until)
    ]


def wanted_statuses(params: dict[str, str]) -> set[str]:
    """The statuses to keep, in lower case."""
    status = params.get("status", "").strip().lower()
    if status and status not in STATUSES:
        raise ApiError(428, field="status")
    wanted = {status} if status else set(STATUSES)
    return wanted & {IN_PROGRESS.lower()} if read.boolean(params, "is_active") else wanted


def page_size(platform: Platform, params: dict[str, str], default: int) -> int:
    """`count`, at most 1000."""
    count = read.optional_integer(params, "count", default)
    if count > MAX_COUNT and platform.switches.choice("count_over_maximum") == "refuse":
        raise ApiError(497, "count", 0, MAX_COUNT, field="count")
    return min(count, MAX_COUNT)


async def stop_call_list_processing(platform: Platform, call: Call, account: Account) -> dict[str, object]:
    target = platform.list_of(account, read.integer(call.params, "list_id", 255))
    await settle(platform, target)
    target.stopped = True
    target.hold()
    return {"result": True, "msg": f"The call list {target.list_id} is stopped"}


async def recover_call_list(platform: Platform, call: Call, account: Account) -> dict[str, object]:
    target = platform.list_of(account, read.integer(call.params, "list_id", 255))
    await settle(platform, target)
    brings_back = target.recoverable and platform.switches.choice("recover_cancelled_tasks") == "come_back"
    restored = target.dialer.restore() if brings_back else 0
    if target.stopped:
        restored = target.dialer.restorable if target.recoverable else 0
    target.stopped = target.stopped and not target.recoverable
    target.hold()
    return {"result": True, "count_recovery": restored}


async def edit_call_list(platform: Platform, call: Call, account: Account) -> dict[str, object]:
    """The ledger keeps the name under which the list was accepted."""
    target = platform.lists.get(read.integer(call.params, "list_id", 255))
    if target is None or target.account is not account:
        raise ApiError(251)
    await settle(platform, target)
    name = list_name(call.params) if read.given(call.params, "name") else target.name
    if name != target.name:
        admit_name(platform, account, name)
    target.configure(name, edited_settings(target.settings, call.params, platform.switches.choice("edit_start_at")))
    return {"result": True}


async def settle(platform: Platform, target: CallList) -> None:
    """Plays the list until this very moment, so that what follows takes effect from here on."""
    await platform.catch_up([target])
    target.dialer.advance(platform.clock.now())
