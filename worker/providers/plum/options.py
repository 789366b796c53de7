"""Every field of queuecalls that a user may set, with the lengths and ranges of the document.

Attempts and intervals go by the names that every account has: `num_attempts` counts the first call too, where Plum's
own field counts retries.
"""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from worker.layout import Extra, Layout
from worker.providers import named, own
from worker.providers.foreign import OF_VOXIMPLANT
from worker.wrong import Closed

NAME_LIMIT = 128  # none is documented
MOST_ATTEMPTS = 11  # the first call and ten retries
LONGEST_INTERVAL = 172_800
SCHEDULED = 31 * 86_400.0  # seconds that a start given to Plum may lie ahead for outcomes to be waited for
LAST_SECOND = 10**11  # a timestamp beyond it is in milliseconds
# What a message_reference of the user's own may be: it has to come back unchanged through CSV and a form.
REFERENCE_FORM = r"^[!#-+\--:<-\[\]-~]([ !#-+\--:<-\[\]-~]{0,126}[!#-+\--:<-\[\]-~])?$"
_RELATIVE = re.compile(r"now|\+\s*\d{1,4}\s*[a-z]+", re.IGNORECASE)
_ZONED = re.compile(r".*\d.*(\b(UTC|GMT|[A-Z]{1,3}[SD]T)|Z|[+-]\d\d:?\d\d)", re.IGNORECASE)

IMPOSSIBLE: own.Impossible = {
    **OF_VOXIMPLANT,
    "priority": "it dials campaigns as they come and knows no order among them",
    "max_simultaneous": "how many calls it makes at the same time is a matter of its contract",
    "agent_id": "it has no agents; what is said in a call stands at start_url",
    "calling_hours": "it knows no hours of the day, only an expiry (expiration_timestamp)",
}


def _plain(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("may not be blank or contain characters that cannot be printed")
    return text


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("is not an address that begins with http:// or https://")
    return text


def _seconds(value: int) -> int:
    if value >= LAST_SECOND:
        raise ValueError("is too large for Unix seconds; if it is in milliseconds, divide it by 1000")
    return value


def _words(text: str) -> str:
    """A time in words. One that names no zone would be some hour, and nobody could say which."""
    if not (_RELATIVE.fullmatch(text.strip()) or _ZONED.fullmatch(text.strip())):
        raise ValueError("must be now, a distance as '+3 days', or a date and time with its zone, as '11:05PM EST'")
    return text.strip()


Url = Annotated[str, Field(max_length=255), AfterValidator(_url)]
Text = Annotated[str, Field(max_length=255), AfterValidator(_plain)]
Moment = Annotated[int, Field(ge=0), AfterValidator(_seconds)]
Words = Annotated[str, Field(max_length=80), AfterValidator(_plain), AfterValidator(_words)]


class Options(Closed):
    """Fields of queuecalls. `call_parameter_column` is ours: the file's column that becomes the third of the CSV."""

    start_url: Url
    name: Annotated[str, Field(max_length=NAME_LIMIT), AfterValidator(named.tidy)] | None = None
    num_attempts: int = Field(1, ge=1, le=MOST_ATTEMPTS)
    interval_seconds: int | None = Field(None, ge=60, le=LONGEST_INTERVAL)
    result_url: Url | None = Field(None, description="outcomes then go there, and not to Rollcall")
    message_reference: Text | None = None
    call_parameters: Text | None = None
    call_parameter_column: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    scheduled_timestamp: Moment | None = Field(None, description="0 is at once")
    scheduled_time: Words | None = None
    expiration_timestamp: Moment | None = Field(None, description="0 is never")
    expiration_time: Words | None = None
    secure: int | None = Field(None, ge=0, le=1)

    @field_validator("scheduled_time", "expiration_time")
    @classmethod
    def _one_of_a_pair(cls, value: str | None, info: ValidationInfo) -> str | None:
        other = str(info.field_name).replace("_time", "_timestamp")
        if value is not None and info.data.get(other) is not None:
            raise ValueError(f"says the same as {other}, which is given too; leave one of them out")
        return value

    @field_validator("expiration_timestamp")
    @classmethod
    def _after_the_start(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value and value <= (info.data.get("scheduled_timestamp") or 0):
            raise ValueError("lies before scheduled_timestamp, so nobody would be called")
        return value


def check(options: dict[str, Any]) -> dict[str, Any]:
    """Checked options, without those left to the provider's default; raises InputError `bad_option`."""
    return own.checked(Options, "Plum Voice", options, IMPOSSIBLE)


def layout(options: dict[str, Any]) -> Layout:
    """Number, our uuid as message_reference, and a call_parameter where the file has one; no header."""
    chosen = options.get("call_parameter_column")
    columns = ("call_parameter", "call_parameters") if chosen is None else (chosen,)
    return Layout(
        delimiter=",",
        plus=False,
        header=False,
        one_line=True,
        calling_codes=frozenset({1}),
        own_uuid=("__task_uuid", "message_reference"),
        uuid_form=REFERENCE_FORM,
        extras=tuple(Extra("call_parameter", column, chosen is not None, 255) for column in columns),
    )


def dialing_time(checked: dict[str, Any]) -> float:
    """Seconds until the last attempt of a contact. An interval that is left to Plum counts as its longest."""
    attempts = checked["num_attempts"]
    interval = checked.get("interval_seconds", LONGEST_INTERVAL if attempts > 1 else 0)
    later = any(checked.get(name) for name in ("scheduled_timestamp", "scheduled_time"))
    return float(attempts * interval + (SCHEDULED if later else 0))
