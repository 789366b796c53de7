"""GetAccountInfo and GetCurrencyRate. The real GetAccountInfo echoes secrets; so does this one."""

from sandbox.clock import utc_text
from sandbox.voximplant import params as read
from sandbox.voximplant.accounts import RATES
from sandbox.voximplant.auth import Login
from sandbox.voximplant.errors import ApiError
from sandbox.voximplant.platform import Platform
from sandbox.voximplant.transport import Call

CREATED = 1_577_836_800


async def get_account_info(platform: Platform, call: Call, login: Login) -> dict[str, object]:
    """AccountInfoType and the preferred address, which is the one that was called."""
    read.boolean(call.params, "return_live_balance")  # the live and the fixed balance are the same here
    account = login.account
    info: dict[str, object] = {
        "account_id": account.account_id,
        "account_name": account.name,
        "account_email": f"{account.name}@example.com",
        "created": utc_text(CREATED),
        "active": account.active,
        "frozen": account.frozen,
        "balance": account.balance,
        "credit_limit": 0,
        "currency": account.currency,
        "location": "Etc/UTC",
        "min_balance_to_notify": 0,
        "callback_url": "",
        "callback_salt": account.secret[::-1],
    }
    echo = platform.switches.choice("account_info_api_key")
    if echo == "always" or (echo == "with_api_key" and login.by_api_key):
        info["api_key"] = account.secret
    return {"result": info, "api_address": call.host}


async def get_currency_rate(platform: Platform, call: Call, login: Login) -> dict[str, object]:
    """Units of each currency for one US dollar."""
    wanted = [one.strip().upper() for one in read.required(call.params, "currency").split(";")]
    if not set(wanted) <= set(RATES):
        raise ApiError(210, field="currency")
    return {"result": {currency: RATES[currency] for currency in wanted}}
