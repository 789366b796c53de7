"""What an error code of Voximplant proves about the request. A code that is not listed proves nothing: Unknown."""

import re
from typing import Any, NoReturn

from worker.errors import AccountRefused, LowBalance, NotSent, Refused, Throttled, Unknown
from worker.providers.answer import spoken
from worker.providers.voximplant.advice import ADVICE

UNKNOWN = frozenset({1, 2, 4, 251, 252, 484, 515})
THROTTLED = frozenset({162, 340, 416})
NO_MONEY = frozenset({127})
ACCOUNT = frozenset({100, 115, 131, 401, 433, 434, 435, 447, 454})
TOKEN_TIME = frozenset({455, 456})
REFUSED = frozenset(
    {101, 102, 103, 104, 105, 134, 147, 247, 248, 249, 250, 253, 255, 257, 317, 327, 375, 427, 428}
    | {458, 482, 485, 496, 497, 499}
)
LISTED = UNKNOWN | THROTTLED | NO_MONEY | ACCOUNT | TOKEN_TIME | REFUSED
LONGEST = 3600.0  # seconds we let an answer make us wait
_SECONDS = re.compile(r"after (\d+) second")


def code_of(error: Any) -> int | None:
    """The number of an `error` object; None where it has none."""
    number = error.get("code") if isinstance(error, dict) else None
    if isinstance(number, str) and number.isascii() and number.isdigit():
        number = int(number[:9])
    return number if isinstance(number, int) else None


def raise_error(error: Any) -> NoReturn:
    """Raise what the `error` object of an answer means.

    Its words are kept, less anything like a phone number, and behind them stands what to do where that is known.
    """
    number = code_of(error)
    if number is None:
        raise Unknown("broken_answer", "Voximplant answered with an error that has no code; it may have been stored.")
    words = spoken(error.get("msg", ""))
    code, text = f"voximplant_{number}", _text(number, words)
    if number in THROTTLED:
        wait = _SECONDS.search(words)
        raise Throttled(code, text, retry_after=min(float(wait[1]), LONGEST) if wait else None)
    if number in TOKEN_TIME:
        raise NotSent(code, text)
    if number in NO_MONEY:
        raise LowBalance(code, text)
    if number in ACCOUNT:
        raise AccountRefused(code, text)
    if number in REFUSED:
        raise Refused(code, text)
    raise Unknown(code, text)


def _text(number: int, words: str) -> str:
    said, advice = f"Voximplant error {number}: {words}".rstrip(": "), ADVICE.get(number)
    return said if advice is None else f"{said}{'' if said.endswith(('.', '!', '?')) else '.'} {advice}"
