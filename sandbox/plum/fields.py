"""The fields of a request, each checked against the document's lengths and ranges."""

import re
from dataclasses import dataclass
from math import inf

from sandbox.forms import Form
from sandbox.plum.switches import CAMPAIGN_FIELDS, FILE_FIELDS
from sandbox.plum.times import moment
from sandbox.switches import Switches

LENGTHS = {
    "login": 128,
    "pin": 16,
    "start_url": 255,
    "result_url": 255,
    "message_reference": 255,
    "call_parameters": 255,
    "scheduled_time": 80,
    "expiration_time": 80,
}
REQUIRED = ("login", "pin", "start_url")
RETRY_INTERVAL = 300
SECURE = ("secure", "is_secure", "is_pci")
URL = re.compile(r"https?://[^\s/]+\S*", re.IGNORECASE)
# Echoed in this order, where they were sent.
ECHOED = ("login", "pin", *CAMPAIGN_FIELDS, "phone_number", "start_url", "result_url", "message_reference",
          "call_parameters", "max_retries", "max_retry", "retry_interval", "scheduled_timestamp",
          "expiration_timestamp", "scheduled_time", "expiration_time", *SECURE)  # fmt: skip


class Failed(Exception):
    """The request fails, in one sentence of the provider's."""


@dataclass(frozen=True)
class Order:
    """What every queued call of a request has in common."""

    login: str
    start_url: str
    result_url: str
    message_reference: str
    call_parameters: str
    retries: int
    retry_interval: int
    starts_at: float
    expires_at: float


def checked(form: Form, switches: Switches, now: float) -> Order:
    """Raises Failed."""
    fields = form.fields
    for name in REQUIRED:
        if not fields.get(name, "").strip():
            raise Failed(f"{name} is required")
    for name, most in LENGTHS.items():
        if len(fields.get(name, "")) > most:
            raise Failed(f"{name} is longer than {most} characters")
    for name in ("start_url", "result_url"):
        if fields.get(name, "").strip() and not URL.fullmatch(fields[name].strip()):
            raise Failed(f"{name} is not a valid URL")
    for name in SECURE:
        whole(fields, name, 0, 0, 1)
    return Order(
        login=fields["login"],
        start_url=fields["start_url"].strip(),
        result_url=fields.get("result_url", "").strip(),
        message_reference=fields.get("message_reference", ""),
        call_parameters=fields.get("call_parameters", ""),
        retries=whole(fields, "max_retries" if fields.get("max_retries", "").strip() else "max_retry", 0, 0, 10),
        retry_interval=whole(fields, "retry_interval", RETRY_INTERVAL, 60, 172_800),
        starts_at=when(fields, "scheduled", switches, now) or now,
        expires_at=when(fields, "expiration", switches, now) or inf,
    )


def whole(fields: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    text = fields.get(name, "").strip()
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
        raise Failed(f"{name} must be an integer between {low} and {high}")
    return int(text)


def when(fields: dict[str, str], kind: str, switches: Switches, now: float) -> float:
    """`<kind>_timestamp` in Unix seconds, else `<kind>_time` in words, else 0."""
    stamp = whole(fields, f"{kind}_timestamp", 0, 0, 2**33)
    words = fields.get(f"{kind}_time", "").strip()
    if stamp or not words:
        return stamp
    read = moment(words, now, switches.choice("plum_zoneless_time"))
    if read is None:
        raise Failed(f"{kind}_time cannot be read")
    return read


def campaign_name(form: Form, switches: Switches) -> str:
    chosen = switches.choice("plum_campaign_field")
    names = CAMPAIGN_FIELDS if chosen == "any" else (chosen,)
    return next((form.fields[name] for name in names if form.fields.get(name, "").strip()), "")


def call_file(form: Form, switches: Switches) -> bytes:
    """Raises Failed."""
    chosen = switches.choice("plum_file_field")
    for name in FILE_FIELDS if chosen == "any" else (chosen,):
        if name in form.files:
            return form.files[name][1]
        if name in form.fields:
            return form.fields[name].encode()
    raise Failed("no file was uploaded")


def echo(form: Form) -> dict[str, str]:
    return {name: form.fields[name] for name in ECHOED if name in form.fields}
