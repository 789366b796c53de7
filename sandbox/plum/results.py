"""What is posted to result_url when a call has ended.

Its fields are documented nowhere. The status words are those that the provider's neighbour product posts (completed,
canceled, failed, rejected); the documents say that message_reference is posted here, and call_parameters is not.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from sandbox.callbacks import Callback
from sandbox.campaign import EXPIRED, Call
from sandbox.switches import Switches

HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "outbound"}
SAID = {
    "answered": ("completed", "answered"),
    "voicemail": ("completed", "machine"),
    "no answer": ("failed", "no-answer"),
    "busy": ("failed", "busy"),
    "declined": ("rejected", "declined"),
    "invalid number": ("failed", "invalid-number"),
    "failed": ("failed", "error"),
    EXPIRED: ("canceled", "expired"),
}
SHORT = {
    "phone_number": "phone",
    "message_reference": "reference",
    "status": "call_status",
    "result": "call_result",
    "attempts": "attempt",
    "max_attempts": "attempts_allowed",
    "duration": "call_duration",
}


def headers() -> Mapping[str, str]:
    return HEADERS


def result(url: str, call: Call, call_id: int, phone: str, reference: str, most: int, switches: Switches) -> Callback:
    """`phone` is the cell as it was uploaded."""
    status, said = SAID[call.word]
    fields = {
        "call_id": str(call_id),
        "phone_number": phone,
        "message_reference": reference,
        "status": status,
        "result": said,
        "attempts": str(call.attempt),
        "max_attempts": str(most),
        "duration": str(int(call.ended - call.began) if status == "completed" else 0),
        "timestamp": str(int(call.ended)),
    }
    if switches.choice("plum_result_fields") == "short":
        fields = {SHORT.get(name, name): value for name, value in fields.items()}
    return Callback(url, urlencode(fields).encode(), headers)


def shown_phone(cell: str, number: str, switches: Switches) -> str:
    match switches.choice("plum_result_phone"):
        case "e164":
            return f"+{number}"
        case "ten_digits":
            return number[1:]
    return cell
