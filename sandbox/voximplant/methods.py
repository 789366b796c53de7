"""The methods the sandbox answers, and the door to them: name and credentials are checked here."""

from collections.abc import Awaitable, Callable

from sandbox.faults import Methods
from sandbox.files import FileAnswer
from sandbox.voximplant.account_info import get_account_info, get_currency_rate
from sandbox.voximplant.accounts import Account
from sandbox.voximplant.auth import Login, authenticate
from sandbox.voximplant.cancel import cancel_call_list_batch, cancel_call_list_task
from sandbox.voximplant.details import get_call_list_details
from sandbox.voximplant.errors import ApiError
from sandbox.voximplant.lists import edit_call_list, get_call_lists, recover_call_list, stop_call_list_processing
from sandbox.voximplant.manual import create_manual_call_list, start_next_call_task
from sandbox.voximplant.platform import Platform
from sandbox.voximplant.transport import Call
from sandbox.voximplant.uploads import append_to_call_list, create_call_list

Answer = dict[str, object] | list[dict[str, object]] | FileAnswer
Method = Callable[[Platform, Call, Login], Awaitable[Answer]]


def on_account(method: Callable[[Platform, Call, Account], Awaitable[Answer]]) -> Method:
    """For methods that need not know how their caller logged in."""

    async def called(platform: Platform, call: Call, login: Login) -> Answer:
        return await method(platform, call, login.account)

    return called


METHODS: dict[str, Method] = {
    "CreateCallList": on_account(create_call_list),
    "CreateManualCallList": on_account(create_manual_call_list),
    "StartNextCallTask": on_account(start_next_call_task),
    "AppendToCallList": on_account(append_to_call_list),
    "GetCallLists": on_account(get_call_lists),
    "GetCallListDetails": on_account(get_call_list_details),
    "StopCallListProcessing": on_account(stop_call_list_processing),
    "RecoverCallList": on_account(recover_call_list),
    "EditCallList": on_account(edit_call_list),
    "CancelCallListTask": on_account(cancel_call_list_task),
    "CancelCallListBatch": on_account(cancel_call_list_batch),
    "GetAccountInfo": get_account_info,
    "GetCurrencyRate": get_currency_rate,
}

UPLOADS = frozenset({"CreateCallList", "CreateManualCallList", "AppendToCallList"})
FAULT_METHODS = Methods(
    known=frozenset(METHODS),
    content={
        "short_count": UPLOADS,
        "late_visible": UPLOADS,
        "partial_details": frozenset({"GetCallListDetails"}),
    },
)


async def perform(platform: Platform, call: Call) -> Answer:
    """Raises ApiError."""
    if not call.method:
        raise ApiError(102)
    method = METHODS.get(call.method)
    if method is None:
        raise ApiError(103)
    return await method(platform, call, authenticate(call, platform.accounts))
