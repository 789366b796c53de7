"""Every parameter of CreateCallList that a user may set, with the ranges of the document."""

import ipaddress
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from worker.providers import named, own

NAME_LIMIT = 255
LARGEST = 2**31 - 1  # where the document names no limit: what every database and every sum of times can hold


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


class Options(BaseModel):
    """Parameters of CreateCallList; the file's dialect and the token in the name are Rollcall's own business."""

    model_config = ConfigDict(extra="forbid")

    rule_id: int = Field(ge=1, le=2**63 - 1, description="the rule that runs the scenario, from the control panel")
    priority: int = Field(1, ge=0, le=2**31, description="0 is the highest")
    max_simultaneous: int = Field(1, ge=1, le=LARGEST)
    num_attempts: int = Field(1, ge=1, le=5)
    name: Annotated[str, Field(max_length=NAME_LIMIT), AfterValidator(_plain)] | None = None
    interval_seconds: int = Field(0, ge=0, le=LARGEST)
    reference_ip: Annotated[str, AfterValidator(_address)] | None = None
    server_location: str | None = Field(None, min_length=1, max_length=255)
    task_priority_strategy: Literal["first_attempts", "repeated_attempts"] | None = None


def check(options: dict[str, Any]) -> dict[str, Any]:
    """Checked options, without those left to the provider's default; raises InputError `bad_option`."""
    return own.checked(Options, "Voximplant", options)


def dialing_time(checked: dict[str, Any]) -> float:
    """Seconds that all attempts of a contact may take at most, apart from waiting for a free line."""
    return float(checked["num_attempts"] * checked.get("interval_seconds", 0))
