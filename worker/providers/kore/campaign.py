"""A campaign as it is asked for, out of an upload's options."""

from typing import Any

from worker.errors import NotSent
from worker.providers.kore.options import GLOBAL_DNC, WITH_AGENTS, Options

DESCRIPTION_LIMIT = 256
MOST_URGENT = 5  # the provider counts upwards, from 1 to this; our 0 is the highest


def description(options: Options, name: str) -> str:
    return options.description or f"Uploaded by Rollcall as {name}"[:DESCRIPTION_LIMIT]


def check_version(options: Options, api: str) -> None:
    """Raises NotSent, a fault, for what version 1 has no place for."""
    if api != "v1":
        return
    for name, missing in (
        ("machine_detect", options.machine_detect == "disconnect"),
        ("dnc_list", options.dnc_list != GLOBAL_DNC),
    ):
        if missing:
            text = f"Version 1 of Kore.ai's API cannot honour this {name}; leave it out, or set own.api to v2."
            raise NotSent("needs_version_2", text, fault=True)


def body(options: Options, name: str, list_name: str, api: str) -> dict[str, Any]:
    """What creates it. It is never scheduled: it is started when it is told to be."""
    asked = {
        "name": name,
        "description": description(options, name),
        "contactLists": [list_name],
        "priority": str(max(1, MOST_URGENT - options.priority)),
        "dialingMode": options.dialing_mode,
        "dialingStrategy": {
            "callerId": {"phoneNumber": options.caller_id},
            "callingHours": options.calling_hours,
            "dialingOrder": options.dialing_order,
            "maxAttemptsPerRecord": options.num_attempts,
            "defaultRetryPeriod": options.interval_seconds // 60,
            "maxRingTime": options.max_ring_time,
        },
        "schedule": {"isSchedulingEnabled": False},
        "campaignType": "voice",
    }
    return asked | _connection(options) | _of_version(options, api)


def _connection(options: Options) -> dict[str, Any]:
    if options.dialing_mode not in WITH_AGENTS:
        return {"experienceFlowName": options.experience_flow_name}
    skips = {} if options.max_skips is None else {"maxSkips": options.max_skips}
    return {"queue_name": options.queue_name, **skips}


def _of_version(options: Options, api: str) -> dict[str, Any]:
    """Machine detection is a yes or no in version 1 and a word in version 2, which also wants a do-not-call list."""
    detect = options.machine_detect or "no"
    if api == "v1":
        return {"enableMachineDetect": detect != "no"}
    word = {} if options.dialing_mode in WITH_AGENTS else {"enableMachineDetect": detect}
    return {"dncLists": {"name": options.dnc_list}, **word}
