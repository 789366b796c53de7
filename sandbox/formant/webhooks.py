"""Webhooks: one event after each attempt, signed with the agent's secret over the raw body alone."""

import hmac
import json
import time
import uuid
from collections.abc import Mapping

from sandbox.callbacks import Callback
from sandbox.campaign import Call
from sandbox.formant.access import iso
from sandbox.formant.agents import Agent
from sandbox.switches import Switches

ENDS = {
    "answered": "completed",
    "voicemail": "completed",
    "no answer": "no_answer",
    "busy": "busy",
    "declined": "failed",
    "invalid number": "unreachable",
}
FAILURES = ("socket_failure", "telephony_failed")


def status_of(call: Call) -> str:
    """The event's name without `call.`. A call that failed at the provider failed in one of two places."""
    return ENDS.get(call.word) or FAILURES[call.row % 2]


def event(
    call: Call, batch_agent: tuple[int, Agent], number: str, parameters: dict[str, str], most: int, switches: Switches
) -> Callback:
    """`most` is the number of attempts the contact may have. The batch is not named, as in the documents."""
    agent_id, agent = batch_agent
    status, event_id = status_of(call), f"evt_{uuid.uuid4().hex}"
    body = json.dumps(
        {
            "event_id": event_id,
            "event_type": f"call.{status}",
            "created_at": iso(call.ended),
            "data": {
                "call": {
                    "agent_id": agent_id,
                    "call_parameters": parameters,
                    "conversation_id": f"conv_{uuid.uuid4().hex}",
                    "status": status,
                    "to_phone": number,
                    "trace_id": uuid.uuid4().hex,
                    "started_at": iso(call.began),
                    "ended_at": iso(call.ended),
                    "duration_seconds": int(call.ended - call.began),
                },
                "retry": {
                    "attempt_number": call.attempt,
                    "is_final_attempt": is_final(call, most, switches),
                    "max_attempts": most,
                    "next_retry_at": None if call.final else iso(call.ended + agent.retry_interval),
                },
            },
        },
        ensure_ascii=False,
    ).encode()
    happened, style = time.time(), switches.choice("formant_webhook_timestamp")
    of_event = switches.choice("formant_webhook_stamped") == "event"

    def headers() -> Mapping[str, str]:
        """Real time: a customer compares it with his own clock."""
        at = happened if of_event else time.time()
        stamped = {
            "Content-Type": "application/json",
            "X-FormantAI-Event-Id": event_id,
            "X-FormantAI-Event-Type": f"call.{status}",
            "X-FormantAI-Timestamp": iso(at) if style == "iso" else str(int(at)),
        }
        return stamped | ({"X-FormantAI-Signature": signature(agent.secret, body)} if agent.secret else {})

    return Callback(agent.webhook_url, body, headers)


def is_final(call: Call, most: int, switches: Switches) -> bool:
    return call.final if switches.choice("formant_final_attempt") == "none_follows" else call.attempt == most


def signature(secret: str, body: bytes) -> str:
    return f"sha256={hmac.new(secret.encode(), body, 'sha256').hexdigest()}"
