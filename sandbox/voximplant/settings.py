"""The settings of a call list, as they come: created, created for manual processing, edited."""

import time
from dataclasses import replace

from sandbox.dialer import Pace
from sandbox.voximplant import params as read
from sandbox.voximplant.calllist import Settings
from sandbox.voximplant.errors import ApiError, invalid
from sandbox.voximplant.predictive import check_created, check_edited

MAX_NAME = 255
MAX_PRIORITY = 2**31
MAX_ATTEMPTS = 5
NO_END = 2**31 - 1  # where a count has no documented maximum: what a 32-bit integer holds
STRATEGIES = ("first_attempts", "repeated_attempts")
LIST_TYPES = ("automatic", "predictive", "progressive")
MANUAL = "manual"
# Possible values of server_location. The documents point at a URL for them and do not show its answer.
SERVER_LOCATIONS = ("us", "eu", "asia", "br", "kz", "ru")


def automatic_settings(params: dict[str, str], now: float) -> Settings:
    """CreateCallList's: checks every parameter that the reference pages describe, file and name apart."""
    pace = replace(
        first_pace(params, MAX_ATTEMPTS),
        repeated_first=read.one_of(params, "task_priority_strategy", STRATEGIES, STRATEGIES[0]) == STRATEGIES[1],
    )
    check_place(params)
    check_created(params, list_type(params, "call_list_type", LIST_TYPES) or LIST_TYPES[0])
    return Settings(
        rule_id=read.integer(params, "rule_id", 147, 1),
        priority=read.integer(params, "priority", 247, 0, MAX_PRIORITY),
        pace=pace,
        start_at=list_start(params, now),
        created_cancelled=read.boolean(params, "is_cancelled"),
    )


def manual_settings(params: dict[str, str]) -> Settings:
    """CreateManualCallList's."""
    read.ip_address(params)
    return Settings(
        rule_id=read.integer(params, "rule_id", 147, 1),
        priority=read.integer(params, "priority", 247, 0, MAX_PRIORITY),
        pace=first_pace(params, NO_END),
        manual=True,
    )


def first_pace(params: dict[str, str], most_attempts: int) -> Pace:
    return Pace(
        max_simultaneous=read.integer(params, "max_simultaneous", 248, 1),
        num_attempts=read.integer(params, "num_attempts", 249, 1, most_attempts),
        interval_seconds=read.optional_integer(params, "interval_seconds", 0),
        repeated_first=False,
    )


def edited_settings(before: Settings, params: dict[str, str], start_style: str) -> Settings:
    """EditCallList's: what is not given stays. `start_style` is one of the switch edit_start_at."""
    pace = before.pace
    strategy = read.one_of(params, "task_priority_strategy", STRATEGIES, before.strategy)
    check_place(params)
    check_edited(params)
    kind = list_type(params, "call_list_type", (*LIST_TYPES, MANUAL))
    kind = kind or list_type(params, "call_type", (*LIST_TYPES, MANUAL))
    return replace(
        before,
        priority=read.optional_integer(params, "priority", before.priority, 0, MAX_PRIORITY, code=247),
        pace=Pace(
            max_simultaneous=read.optional_integer(params, "max_simultaneous", pace.max_simultaneous, 1, code=248),
            num_attempts=read.optional_integer(params, "num_attempts", pace.num_attempts, 1, NO_END, code=249),
            interval_seconds=read.optional_integer(params, "interval_seconds", pace.interval_seconds),
            repeated_first=strategy == STRATEGIES[1],
        ),
        start_at=edited_start(params, start_style) if read.given(params, "start_at") else before.start_at,
        manual=kind == MANUAL if kind else before.manual,
    )


def list_type(params: dict[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """In lower case, '' where it is not given."""
    kind = params.get(name, "").strip().lower()
    if kind not in ("", *allowed):
        raise invalid(name)
    return kind


def check_place(params: dict[str, str]) -> None:
    """Where calls are to be made from. Raises ApiError 257 or 496."""
    read.ip_address(params)
    if params.get("server_location", "").strip() not in ("", *SERVER_LOCATIONS):
        raise invalid("server_location")


def list_start(params: dict[str, str], now: float) -> int:
    """Unix seconds, not in the past. A client lives in real time: a clock of ours that runs ahead does not make its
    future a past."""
    start_at = read.optional_integer(params, "start_at", 0)
    if start_at and start_at < min(now, time.time()):
        raise invalid("start_at")
    return start_at


def edited_start(params: dict[str, str], style: str) -> int:
    """Unix seconds, also of a past: for an edit nothing forbids one."""
    told = read.whole(params["start_at"], 0, read.MAX_INT)
    if (told is None and style == "unix") or (told is not None and style == "datetime"):
        raise invalid("start_at")
    if told is None:
        try:
            return int(read.utc_time(params, "start_at") or 0)
        except ApiError as error:
            raise invalid("start_at") from error
    return told


def list_name(params: dict[str, str]) -> str:
    name = read.required(params, "name")
    if len(name) > MAX_NAME or "/" in name or "\\" in name:
        raise ApiError(253, field="name")
    return name
