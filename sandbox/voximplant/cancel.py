"""CancelCallListTask and CancelCallListBatch. A canceled task is not called any more and shows as canceled.

The documents say that a batch is canceled some time after the answer; here it is before. A list whose tasks have all
ended or been canceled is completed.
"""

from collections.abc import Iterable

from sandbox.dialer import ENDED, IN_PROGRESS
from sandbox.voximplant import params as read
from sandbox.voximplant.accounts import Account
from sandbox.voximplant.calllist import CallList
from sandbox.voximplant.errors import ApiError
from sandbox.voximplant.lists import settle
from sandbox.voximplant.platform import Platform
from sandbox.voximplant.transport import Call
from sandbox.voximplant.uploads import named_list

MAX_TASKS = 1000
Line = dict[str, object]


async def cancel_call_list_task(platform: Platform, call: Call, account: Account) -> Line | list[Line]:
    if read.integer(call.params, "account_id", 115) != account.account_id:
        raise ApiError(115, field="account_id")
    list_id, wanted = read.integer(call.params, "list_id", 255), wanted_tasks(call.params)
    target = platform.list_of(account, list_id)
    await settle(platform, target)
    lines = canceled(platform, target, wanted)
    return lines if platform.switches.choice("cancel_task_answer") == "bare" else {"result": lines}


def wanted_tasks(params: dict[str, str]) -> list[int] | list[str]:
    """Ids as numbers or uuids as text. Raises ApiError 458, 485, 496 or 497."""
    names = [name for name in ("tasks_ids", "tasks_uuids") if read.given(params, name)]
    if not names:
        raise ApiError(485, "tasks_ids", field="tasks_ids")
    if len(names) > 1:
        raise ApiError(458, "tasks_ids, tasks_uuids", field="tasks_ids")
    [name] = names
    wanted = read.ids(params, name, 496) if name == "tasks_ids" else [one.strip() for one in params[name].split(";")]
    if len(wanted) > MAX_TASKS:
        raise ApiError(497, name, 1, MAX_TASKS, field=name)
    return wanted


def canceled(platform: Platform, target: CallList, wanted: Iterable[int | str]) -> list[Line]:
    """One line for each task, in the order they were named."""
    tasks = target.tasks
    found = [(one, tasks.with_id(one) if isinstance(one, int) else tasks.with_uuid(one)) for one in wanted]
    names = tasks.names({index for _, indices in found for index in indices})
    lines: list[Line] = []
    for one, indices in found:
        for index in indices:
            error = cancel(platform, target, index)
            task_id, task_uuid = names[index]
            lines.append({"task_id": task_id, "task_uuid": task_uuid, "result": not error, "error_msg": error})
        if not indices:
            name = {"task_id": one, "task_uuid": None} if isinstance(one, int) else {"task_id": None, "task_uuid": one}
            lines.append(name | {"result": False, "error_msg": "The task is not found"})
    return lines


def cancel(platform: Platform, target: CallList, index: int) -> str:
    """Why it cannot be canceled, '' where it was."""
    after_call = platform.switches.choice("cancel_task_in_call") == "after_the_call"
    state = target.dialer.state[index]
    if target.dialer.withdraw(index, after_call):
        return ""
    if state in ENDED:
        return "The task has been completed"
    return "The task is in progress" if state == IN_PROGRESS else "The task has been canceled"


async def cancel_call_list_batch(platform: Platform, call: Call, account: Account) -> Line:
    """Tasks that cannot be canceled go on. Raises ApiError 496 for a batch the list does not have."""
    target = named_list(platform, call, account)
    wanted = {one.strip() for one in read.required(call.params, "batch_ids").split(";")}
    # an upload may have been told its batch as a number: see the switch batch_id
    chosen = [one for one in target.batches if wanted & {one.batch_id, str(one.first_task_id)}]
    if not wanted <= {name for one in chosen for name in (one.batch_id, str(one.first_task_id))}:
        raise ApiError(496, "batch_ids", field="batch_ids")
    await settle(platform, target)
    for batch in chosen:
        for index in batch.rows:
            cancel(platform, target, index)
    return {"result": True}
