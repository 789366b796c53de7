"""What an error of Formant AI proves. The status decides, and a type that speaks of something stored outweighs it."""

import time
from datetime import UTC, datetime
from typing import Any, NoReturn

import httpx

from worker.errors import AccountRefused, Refused, Throttled, Unknown
from worker.providers.answer import parsed, spoken
from worker.providers.http import http_date, retry_after

TYPES = frozenset(
    {"invalid_request", "authentication_error", "not_found", "duplicate_request", "internal_error"}
    | {"rate_limit_exceeded", "concurrent_call_limit_exceeded"}
)
IN_DOUBT = frozenset({"duplicate_request", "internal_error"})
LONGEST = 3600.0  # seconds we let an answer make us wait
UNTOLD = 30.0  # seconds we wait where an answer says too much at once, and not how long


def raise_error(response: httpx.Response, key: str) -> None:
    """Raise what a 4xx with the documented envelope means; return where it has none. `key` gets into no words."""
    status, error = response.status_code, _error(response)
    kind = None if error is None else error.get("type")
    words = words_of(response, key) or "no words"
    if status == 429:
        _throttled(response, str(kind) if kind in TYPES else "rate_limit_exceeded", words)
    if not isinstance(kind, str) or kind not in TYPES:
        return
    code, text = f"formant_{kind}", f"Formant AI: {words}"
    if kind in IN_DOUBT or status in (408, 409):
        raise Unknown(code, text, http_status=status)
    if status in (401, 403):
        raise AccountRefused(code, text, http_status=status)
    raise Refused(code, text, http_status=status)


def words_of(response: httpx.Response, key: str) -> str | None:
    """What an error says, less numbers and the account's key; None where it says nothing."""
    error = _error(response)
    told = None if error is None else error.get("message")
    return spoken(str(told).replace(key, "[secret]")) if told else None


def _error(response: httpx.Response) -> dict[str, Any] | None:
    """The documented envelope's content; None where there is none."""
    envelope = parsed(response.content)
    error = envelope.get("error") if isinstance(envelope, dict) else None
    return error if isinstance(error, dict) else None


def _throttled(response: httpx.Response, kind: str, words: str) -> NoReturn:
    wait = retry_after(response.headers)
    wait = _until_reset(response) if wait is None else wait
    raise Throttled(
        f"formant_{kind}",
        f"Formant AI: {words}",
        retry_after=UNTOLD if wait is None else wait,
        http_status=response.status_code,
    )


def _until_reset(response: httpx.Response) -> float | None:
    """Seconds until X-RateLimit-Reset (ISO 8601), by the clock of whoever wrote it where the answer is dated."""
    reset = moment(response.headers.get("x-ratelimit-reset", ""))
    now = http_date(response.headers.get("date", ""))
    return None if reset is None else min(max(reset - (time.time() if now is None else now), 0.0), LONGEST)


def moment(text: str) -> float | None:
    """Unix seconds of an ISO 8601 time, UTC where it names no zone; None where it is none."""
    try:
        read = datetime.fromisoformat(text.strip())
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
