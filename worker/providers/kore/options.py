"""The options of an upload to Kore.ai, in the words that every provider shares where they mean the same."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from worker.providers import named, own
from worker.providers.foreign import OF_VOXIMPLANT
from worker.providers.kore import hours
from worker.wrong import Closed

PROVIDER = "Kore.ai"
LIST_NAME_LIMIT = 48
GLOBAL_DNC = "Default Global DNC"
DAY_MINUTES = 1440

Mode = Literal["Agentless", "Progressive", "Preview"]
WITH_AGENTS = ("Progressive", "Preview")
# option -> the dialing modes in which it means something
SUITS: dict[str, tuple[str, ...]] = {
    "experience_flow_name": ("Agentless",),
    "queue_name": WITH_AGENTS,
    "max_skips": ("Preview",),
    "machine_detect": ("Agentless",),
}
NEEDED = ("experience_flow_name", "queue_name", "max_skips")

_ITS_OWN = "the campaign's experience flow or queue decides it there"
_HOURS = "there the option calling_hours says when calls are made"
_NO_CALLBACK = "outcomes are asked for there"
_NO_TIME = "Rollcall holds the upload back until its start"
IMPOSSIBLE: own.Impossible = {
    **OF_VOXIMPLANT,
    "max_simultaneous": "the account's own lines and agents decide how many calls are made at a time",
    "agent_id": _ITS_OWN,
    "start_url": _ITS_OWN,
    "result_url": _NO_CALLBACK,
    "message_reference": "our own reference of a contact is its uniqueId there",
    "call_parameters": "a flow reads the contact's own fields there",
    "call_parameter_column": "a flow reads the contact's own fields there",
    "scheduled_timestamp": _NO_TIME,
    "scheduled_time": _NO_TIME,
    "expiration_timestamp": _HOURS,
    "expiration_time": _HOURS,
    "secure": "it has no such setting",
}


def _as_written(told: Any) -> Any:
    """A mode in the spelling of the documents."""
    return told.strip().capitalize() if isinstance(told, str) else told


def _upper(told: Any) -> Any:
    return told.strip().upper() if isinstance(told, str) else told


def _given(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("it is blank, or has characters that cannot be printed")
    return text.strip()


Text = Annotated[str, Field(max_length=255), AfterValidator(_given)]


class Options(Closed):
    """What a user may say of a campaign. The names of list and campaign are `name` with our token behind it."""

    caller_id: str = Field(pattern=r"^\+?[0-9]{5,15}$", description="the number shown to whoever is called")
    calling_hours: Annotated[dict[str, Any], BeforeValidator(hours.checked)] = Field(
        description="frequency, timezone and days, in the provider's form; as JSON with --set"
    )
    name: Annotated[str, Field(max_length=255), AfterValidator(named.tidy)] | None = None
    description: Annotated[str, Field(max_length=256), AfterValidator(_given)] | None = None
    num_attempts: int = Field(1, ge=1, le=100)
    interval_seconds: int = Field(3600, ge=60, le=DAY_MINUTES * 60, multiple_of=60, description="whole minutes")
    priority: int = Field(2, ge=0, le=2**31, description="0 is the highest; all from 4 on are the lowest")
    dialing_mode: Annotated[Mode, BeforeValidator(_as_written)] = "Agentless"
    experience_flow_name: Text | None = Field(None, validate_default=True)
    queue_name: Text | None = Field(None, validate_default=True)
    max_skips: int | None = Field(None, ge=0, le=1000, validate_default=True)
    machine_detect: Literal["no", "detect", "disconnect"] | None = None
    dialing_order: Annotated[Literal["FIFO", "LIFO"], BeforeValidator(_upper)] = "FIFO"
    max_ring_time: int = Field(30, ge=5, le=120, description="in seconds")
    dnc_list: Text = Field(GLOBAL_DNC, description="a do-not-call list that exists at the provider")

    @field_validator(*SUITS)
    @classmethod
    def _suits_the_mode(cls, value: Any, info: ValidationInfo) -> Any:
        mode, name = info.data.get("dialing_mode"), info.field_name or ""
        if mode is None:  # refused already
            return value
        if value is not None and mode not in SUITS[name]:
            raise ValueError(f"it has no meaning in the dialing mode {mode}")
        if value is None and mode in SUITS[name] and name in NEEDED:
            raise ValueError(f"it was not given, and the dialing mode {mode} needs it")
        return value


def check(options: dict[str, Any]) -> dict[str, Any]:
    """Checked options; raises InputError `bad_option`."""
    return own.checked(Options, PROVIDER, options, IMPOSSIBLE)


def dialing_time(checked: dict[str, Any]) -> float:
    """Seconds that all attempts of a contact may take at most, apart from waiting for a free line or agent."""
    return hours.longest(checked["calling_hours"], checked["num_attempts"], checked["interval_seconds"])
