"""What pydantic found wrong, as far as a sentence needs it."""

from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator


def _no_truth(cls: type[BaseModel], value: Any, info: ValidationInfo) -> Any:
    kind = cls.model_fields[str(info.field_name)].annotation
    if isinstance(value, bool) and bool not in (kind, *get_args(kind)):
        raise ValueError("it is true or false, where something else is wanted")
    return value


# For the body of a model: pydantic would take true for 1.
no_truth = field_validator("*", mode="before")(_no_truth)


class Closed(BaseModel):
    """What a user says: nothing that nobody knows, and no true where a number is wanted."""

    model_config = ConfigDict(extra="forbid")
    _no_truth = no_truth


class Wrong(NamedTuple):
    """`path` leads to the field and is empty for the whole; `kind` is pydantic's word, `text` what is the matter."""

    path: tuple[str, ...]
    kind: str
    text: str

    @property
    def where(self) -> str:
        return ".".join(self.path)


def first(error: ValidationError) -> Wrong:
    """The first thing, without the value that was given."""
    found = error.errors(include_input=False, include_url=False)[0]
    return Wrong(tuple(str(part) for part in found["loc"]), found["type"], found["msg"].removeprefix("Value error, "))
