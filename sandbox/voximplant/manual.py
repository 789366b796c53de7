"""CreateManualCallList, and StartNextCallTask that dials its tasks one by one."""

from sandbox.voximplant import params as read
from sandbox.voximplant.accounts import Account
from sandbox.voximplant.calllist import CallList
from sandbox.voximplant.errors import ApiError
from sandbox.voximplant.lists import settle
from sandbox.voximplant.platform import Platform
from sandbox.voximplant.settings import manual_settings
from sandbox.voximplant.transport import Call
from sandbox.voximplant.uploads import open_with


async def create_manual_call_list(platform: Platform, call: Call, account: Account) -> dict[str, object]:
    return open_with(platform, call, account, manual_settings(call.params))


async def start_next_call_task(platform: Platform, call: Call, account: Account) -> dict[str, object]:
    """Starts one task: of the named lists the most urgent that has one due, equally urgent ones as they were named.

    Raises ApiError 255 for a list that is not there, 127 at a low balance, and 251 where every list is automatic or
    stopped. A list that has `max_simultaneous` calls under way has none to start.
    """
    named = [platform.list_of(account, list_id) for list_id in read.ids(call.params, "list_id", 255)]
    if not account.can_dial:
        raise ApiError(127)
    able = [one for one in named if one.settings.manual and not one.stopped]
    if not able:
        raise ApiError(251)
    for one in sorted(able, key=lambda one: one.settings.priority):
        await settle(platform, one)
        if start_next(one, call.params.get("custom_params", "")):
            return answer(platform, one)
    if platform.switches.choice("start_next_empty") == "refuse":
        raise ApiError(251)
    return answer(platform, able[0])


def start_next(target: CallList, custom_params: str) -> bool:
    row = target.dialer.start_next()
    if row is not None:
        target.custom_params[row] = custom_params
    return row is not None


def answer(platform: Platform, target: CallList) -> dict[str, object]:
    result = 1 if platform.switches.choice("start_next_result") == "1" else True
    return {"result": result, "list_id": target.list_id}
