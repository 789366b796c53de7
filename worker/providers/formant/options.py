"""What a user may set of a batch: its agent and its name. All else is the agent's own business at Formant AI."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from worker.layout import Layout
from worker.providers import named, own
from worker.providers.foreign import OF_VOXIMPLANT
from worker.wrong import Closed

NAME_LIMIT = 128  # none is documented
DIALING_TIME = 24 * 3600.0  # how long an agent goes on trying is not told; in seconds
PHONE = "customer_phone"

_ATTEMPTS = "how often and how soon a contact is tried again is set with the agent"
_HOURS = "it calls when the batch is made, and a batch has no field for a time; --start-at lets Rollcall hold it back"
IMPOSSIBLE: own.Impossible = {
    **OF_VOXIMPLANT,
    "num_attempts": _ATTEMPTS,
    "interval_seconds": _ATTEMPTS,
    "priority": "it knows no order among batches",
    "max_simultaneous": "how many calls it makes at the same time is a limit of its account",
    "scheduled_timestamp": _HOURS,
    "scheduled_time": _HOURS,
    "scheduled_for": _HOURS,
    "expiration_timestamp": "a batch has no end that could be set",
    "expiration_time": "a batch has no end that could be set",
    "calling_hours": "it knows no hours of the day in which a batch may call",
    "start_url": "what is said in a call is the agent's script",
    "result_url": "where webhooks go is set with the agent",
}


class Options(Closed):
    """Fields of a batch call."""

    agent_id: int = Field(ge=1, le=2**63 - 1, description="the agent that calls, from the dashboard")
    name: Annotated[str, Field(max_length=NAME_LIMIT), AfterValidator(named.tidy)] | None = None


def check(options: dict[str, Any]) -> dict[str, Any]:
    """Checked options, without those left to the provider's default; raises InputError `bad_option`."""
    return own.checked(Options, "Formant AI", options, IMPOSSIBLE)


def layout(_options: dict[str, Any]) -> Layout:
    """Every column of the file becomes a parameter of its call; our uuid is one of them, and comes back with it."""
    return Layout(delimiter=",", phone=PHONE, own_uuid=())


def dialing_time(_checked: dict[str, Any]) -> float:
    return DIALING_TIME
