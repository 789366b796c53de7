"""What pydantic found wrong, as far as a sentence needs it."""

from typing import NamedTuple

from pydantic import ValidationError


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
