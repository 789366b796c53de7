"""Webhooks of Formant AI: signed with the secret that was set with the agent, over the raw body.

Only the body is signed. Whoever got hold of a signed body could send it again under a new timestamp and a new id in
the header, so the timestamp keeps out what went astray for long, and no attacker. What does is that an event counts
once by the id in its own body, and that an outcome only goes forward.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from worker.errors import CallbackRefused
from worker.providers.answer import parsed
from worker.providers.base import TASKS, Event, Inbound
from worker.providers.formant.verdicts import moment
from worker.states import Disposition

OLDEST = 300.0  # seconds
LONGEST_ID = 255
LONGEST_WORD = 200
UUID = "__task_uuid"

D = Disposition
# The documented events. One that is not listed is over only where it says so.
DISPOSITIONS: dict[str, Disposition] = {
    "call.completed": D.ANSWERED,
    "call.failed": D.FAILED,
    "call.busy": D.BUSY,
    "call.no_answer": D.NO_ANSWER,
    "call.socket_failure": D.FAILED,
    "call.telephony_failed": D.FAILED,
    "call.unreachable": D.FAILED,
}


class Webhooks:
    """The inbox of one account."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def greet(self, _path: tuple[str, ...]) -> bool:
        return False

    def receive(self, inbound: Inbound) -> Event:
        if inbound.path != ("formant",):
            raise CallbackRefused("unknown_callback", "There is no such address for webhooks.")
        self._prove(inbound)
        told = parsed(inbound.body)
        if not isinstance(told, dict):
            raise CallbackRefused("unreadable_callback", "A webhook's body is not a JSON object.")
        event = _text(told.get("event_id")) or inbound.headers.get("x-formantai-event-id", "").strip()
        if not event or len(event) > LONGEST_ID or not event.isprintable():
            raise CallbackRefused("unreadable_callback", "A webhook has no id that could be kept.")
        return Event(event, json.dumps(_kept(told, inbound.headers), sort_keys=True, ensure_ascii=False))

    def read(self, bodies: Sequence[str]) -> pl.DataFrame:
        return pl.DataFrame([_row(json.loads(body)) for body in bodies], schema=TASKS, orient="row")

    def _prove(self, inbound: Inbound) -> None:
        signature = f"sha256={hmac.new(self._secret, inbound.body, 'sha256').hexdigest()}"
        given = inbound.headers.get("x-formantai-signature", "").strip()
        if not hmac.compare_digest(signature.encode(), given.encode("utf-8", "replace")):
            raise CallbackRefused("forged_callback", "A webhook's signature is not the one of its body.")
        at = _stamped(inbound.headers.get("x-formantai-timestamp", "").strip())
        if at is None or abs(inbound.at - at) > OLDEST:
            raise CallbackRefused("stale_callback", "A webhook's timestamp is not of these minutes, or cannot be read.")


def _stamped(text: str) -> float | None:
    """Unix seconds, from Unix seconds or ISO 8601."""
    try:
        return float(text) if text.isascii() and text.replace(".", "", 1).isdigit() else moment(text)
    except ValueError:
        return None


def _kept(told: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """What outcomes are made of: no number, no name, nothing of what was said."""
    data = _part(told, "data")
    call, retry = _part(data, "call"), _part(data, "retry")
    return {
        "type": _text(told.get("event_type")) or headers.get("x-formantai-event-type", "")[:LONGEST_WORD],
        "at": _text(told.get("created_at")) or headers.get("x-formantai-timestamp", "")[:LONGEST_WORD],
        "uuid": _text(_part(call, "call_parameters").get(UUID)),
        "status": _text(call.get("status")),
        "agent_id": _text(call.get("agent_id")),
        "conversation_id": _text(call.get("conversation_id")),
        "attempt": _whole(retry.get("attempt_number")),
        "most": _whole(retry.get("max_attempts")),
        "final": retry.get("is_final_attempt") if isinstance(retry.get("is_final_attempt"), bool) else None,
        "again_at": _text(retry.get("next_retry_at")),
    }


def _row(kept: dict[str, Any]) -> tuple[Any, ...]:
    kind, event = DISPOSITIONS.get(kept["type"]), kept["type"].removeprefix("call.")
    over = _is_over(kept, kind)
    attempt, most = kept["attempt"], kept["most"]
    left = None if attempt is None or most is None else max(0, most - attempt)
    shown = (kind or D.PROCESSED) if over else D.PENDING
    return (
        kept["uuid"],
        "done" if over else "open",
        shown.value,
        kept["status"],
        event or None,
        left,
        kept["at"] or None,
    )


def _is_over(kept: dict[str, Any], kind: Disposition | None) -> bool:
    """Whether no other attempt follows.

    A call that was completed is not repeated, though it need not be the last attempt there could be. One that failed
    and is said not to be the last stays open: who takes it for the end calls a person that Formant calls again.
    """
    if kept["final"] is True:
        return True
    unsaid = kind is D.ANSWERED or (kind is not None and kept["final"] is None)
    return unsaid and kept["again_at"] is None


def _part(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = told.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: Any) -> str | None:
    """A word or number as text; None for anything else, and for nothing."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value).replace("\x00", "").strip()[:LONGEST_WORD] or None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**6 else None
