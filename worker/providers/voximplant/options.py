"""Every parameter of CreateCallList and CreateManualCallList that a user may set, with the ranges of the documents."""

import ipaddress
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from worker.errors import InputError
from worker.providers import named, own
from worker.wrong import Closed

NAME_LIMIT = 255
LARGEST = 2**31 - 1  # where the document names no limit: what every database and every sum of times can hold
LARGEST_ID = 2**63 - 1
MANUAL = "manual"
BY_HAND_TIME = 30 * 86400.0  # seconds; nobody knows when a person asks for the next call


def _plain(name: str) -> str:
    name = named.tidy(name)
    if "/" in name or "\\" in name:
        raise ValueError(r"may not contain '/' or '\'")
    return name


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("is not an IP address") from None
    return text


def _lower(word: Any) -> Any:
    return word.lower() if isinstance(word, str) else word


def _upper(word: Any) -> Any:
    return word.upper() if isinstance(word, str) else word


def _short(number: float) -> float:
    """80 and not 80.0, as the documents write it."""
    return int(number) if number.is_integer() else number


Name = Annotated[str, Field(max_length=NAME_LIMIT), AfterValidator(_plain)]
Address = Annotated[str, AfterValidator(_address)]
Number = Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False), AfterValidator(_short)]
Share = Annotated[float, Field(ge=0, le=1), AfterValidator(_short)]


class _Common(Closed):
    """What both methods have; the file's dialect and the token in the name are Rollcall's own business."""

    rule_id: int = Field(ge=1, le=LARGEST_ID, description="the rule that runs the scenario, from the control panel")
    priority: int = Field(1, ge=0, le=2**31, description="0 is the highest")
    max_simultaneous: int = Field(1, ge=1, le=LARGEST)
    num_attempts: int = Field(1, ge=1, le=LARGEST)
    name: Name | None = None
    interval_seconds: int = Field(0, ge=0, le=LARGEST)
    reference_ip: Address | None = None


class Options(_Common):
    """Parameters of CreateCallList."""

    num_attempts: int = Field(1, ge=1, le=5)
    ip_address: Address | None = Field(None, description="the newer name of reference_ip")
    server_location: str | None = Field(None, min_length=1, max_length=255)
    task_priority_strategy: Literal["first_attempts", "repeated_attempts"] | None = None
    list_custom_data: str | None = None
    call_list_type: Annotated[
        Literal["automatic", "predictive", "progressive", "manual"] | None, BeforeValidator(_lower)
    ] = None
    queue_id: int | None = Field(None, ge=1, le=LARGEST_ID)
    avg_waiting_sec: int | None = Field(None, ge=0, le=LARGEST)
    acd_version: Annotated[Literal["V1", "V2"] | None, BeforeValidator(_upper)] = None
    predictive_type: Annotated[
        Literal["DEFAULT_PREDICTIVE_TYPE", "AR_OPTIMIZED", "BF_OPTIMIZED", "AR_SMALL_GROUP", "AR_AUTO_BALANCED"] | None,
        BeforeValidator(_upper),
    ] = None
    maximum_error_rate: Share | None = None
    minimum_busy_factor: Share | None = None
    task_multiplier: Annotated[float, Field(ge=1, le=LARGEST, allow_inf_nan=False), AfterValidator(_short)] | None = (
        None
    )
    is_personal_campaign: bool | None = None
    personal_campaign_type: Annotated[Literal["smart", "strict"] | None, BeforeValidator(_lower)] = None
    buffer_size_target: Annotated[Literal["VALUE", "OPERATOR", "AGENT"] | None, BeforeValidator(_upper)] = None
    buffer_size_value: int | None = Field(None, ge=20, le=500)
    buffer_threshold_factor: Number | None = None
    avg_dial_time_sec: Number | None = None
    avg_time_talk_sec: Number | None = None
    avg_total_time_sec: Number | None = None
    percent_successful: Number | None = Field(None, description="the share of successful calls")


class ManualOptions(_Common):
    """Parameters of CreateManualCallList, which a `call_list_type` of manual asks for."""

    call_list_type: Annotated[Literal["manual"], BeforeValidator(_lower)] = "manual"


_PDS = ("predictive", "progressive")
# Which types of list heed an option: elsewhere it would be taken and have no effect.
_HEEDED: dict[str, tuple[str, ...]] = {
    "acd_version": _PDS,
    "predictive_type": ("predictive",),
    "maximum_error_rate": _PDS,
    "minimum_busy_factor": _PDS,
    "task_multiplier": ("progressive",),
    "is_personal_campaign": ("progressive",),
    "buffer_size_target": _PDS,
    "avg_dial_time_sec": _PDS,
    "avg_time_talk_sec": _PDS,
    "avg_total_time_sec": _PDS,
    "percent_successful": _PDS,
}
_OURS = {
    "start_at": "Rollcall keeps the start itself, as --start-at gives it",
    "is_cancelled": 'Rollcall decides that by the account\'s start = "verified"',
}
_BEYOND_MANUAL = sorted(Options.model_fields.keys() - ManualOptions.model_fields.keys())
_NOT_MANUAL = dict.fromkeys(_BEYOND_MANUAL, "it has no such parameter") | _OURS

# What EditCallList knows, too. Not the name: a list whose name lost its token would not be found again.
SHOWN = ("rule_id", "priority", "max_simultaneous", "num_attempts", "interval_seconds", "task_priority_strategy")
EDITABLE = frozenset(
    {"priority", "max_simultaneous", "num_attempts", "interval_seconds", "ip_address", "server_location"}
    | {"task_priority_strategy", "list_custom_data", "predictive_type", "maximum_error_rate"}
    | {"minimum_busy_factor", "task_multiplier", "is_personal_campaign", "personal_campaign_type"}
    | {"avg_dial_time_sec", "avg_time_talk_sec", "avg_total_time_sec", "percent_successful"}
)


def by_hand(options: dict[str, Any]) -> bool:
    """Whether a list of these options dials only when it is told to."""
    return bool(_lower(options.get("call_list_type")) == MANUAL)


def divides(options: dict[str, Any]) -> bool:
    """Whether the pace of a list of these options is `max_simultaneous` and nothing else: agents are not shared out."""
    return _lower(options.get("call_list_type")) in (None, "automatic")


def check(options: dict[str, Any]) -> dict[str, Any]:
    """Checked options, without those left to the provider's default; raises InputError `bad_option`."""
    if by_hand(options):
        return own.checked(ManualOptions, "CreateManualCallList at Voximplant", options, _NOT_MANUAL)
    checked = own.checked(Options, "Voximplant", options, _OURS)
    _agree(checked)
    return checked


def _agree(checked: dict[str, Any]) -> None:
    """Options that are right one by one and cannot stand beside each other."""
    kind = checked.get("call_list_type")
    if kind in _PDS and "queue_id" not in checked:
        _refuse(
            "queue_id", f"is required for a {kind} list", "set it with --set queue_id=… or in the account's options"
        )
    if kind == "automatic" and "queue_id" in checked:
        _refuse("queue_id", "has no place in an automatic list", "leave one of the two out")
    for name, kinds in _HEEDED.items():
        if name in checked and kind not in kinds:
            _refuse(name, f"has no effect unless call_list_type is {' or '.join(kinds)}", "set that, or leave it out")
    if "reference_ip" in checked and "ip_address" in checked:
        _refuse("ip_address", "is the newer name of reference_ip", "give only one of the two")
    if "personal_campaign_type" in checked and not checked.get("is_personal_campaign"):
        _refuse("personal_campaign_type", "needs is_personal_campaign = true", "set that, or leave it out")
    if "buffer_size_value" in checked and checked.get("buffer_size_target") != "VALUE":
        _refuse("buffer_size_value", "needs buffer_size_target = VALUE", "set that, or leave it out")
    if "buffer_threshold_factor" in checked and "buffer_size_target" not in checked:
        _refuse("buffer_threshold_factor", "needs a buffer_size_target", "set that, or leave it out")


def _refuse(name: str, why: str, remedy: str) -> None:
    raise InputError("bad_option", f"The option {name} {why}; {remedy}.")


def dialing_time(checked: dict[str, Any]) -> float:
    """Seconds that all attempts of a contact may take at most, apart from waiting for a free line."""
    if by_hand(checked):
        return BY_HAND_TIME
    return float(checked["num_attempts"] * checked.get("interval_seconds", 0))
