"""Every parameter of CreateCallList that a user may set, with the ranges of the document."""

import ipaddress
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from worker.errors import InputError

NAME_LIMIT = 255
LARGEST = 2**31 - 1  # where the document names no limit: what every database and every sum of times can hold


def _plain(name: str) -> str:
    """Blanks of any kind become one space: a name that the provider tidied up would not be found again."""
    name = " ".join(name.split())
    if "/" in name or "\\" in name:
        raise ValueError(r"may not contain '/' or '\'")
    if not name or not name.isprintable():
        raise ValueError("may not be blank or contain characters that cannot be printed")
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
    try:
        return Options(**options).model_dump(exclude_none=True)
    except ValidationError as error:
        raise InputError("bad_option", _sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    name = str(first["loc"][0])[:60] if first["loc"] else "options"
    name = name if name.isprintable() else repr(name)
    if first["type"] == "missing":
        return f"The option {name} is required by Voximplant; set it with --set {name}=… or in the account's options."
    if first["type"] == "extra_forbidden":
        known = ", ".join(Options.model_fields)
        return f"The option {name} is not one that Voximplant knows; use one of: {known}."
    return f"The option {name} cannot be used: {first['msg'].removeprefix('Value error, ').lower()}; correct it."


def dialing_time(checked: dict[str, Any]) -> float:
    """Seconds that all attempts of a contact may take at most, apart from waiting for a free line."""
    return float(checked["num_attempts"] * checked.get("interval_seconds", 0))
