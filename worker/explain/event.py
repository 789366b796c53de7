"""What is told: events in the order of time, each a sentence, with the facts that it was made of."""

import re
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

NUMBER = re.compile(r"\+\d[\d ().-]{5,}\d|(?<![0-9A-Za-z.])\d{9,15}(?![0-9A-Za-z])")
UNSHOWN = "(a number)"


@dataclass(frozen=True)
class Event:
    """One thing that happened. `chunk` and `list` are their numbers, `seconds` how long an answer took.

    `step` and `result` are the journal's own words, or say what row the event was read from.
    """

    at: datetime
    step: str
    result: str | None
    sentence: str
    chunk: int | None = None
    list: int | None = None
    who: str | None = None
    code: str | None = None
    seconds: float | None = None

    def as_data(self) -> dict[str, Any]:
        return {"at": shown(self.at), **{name: said for name, said in asdict(self).items() if name != "at"}}


@dataclass(frozen=True)
class Told:
    """The events, oldest first, and a sentence that says how things stand. `row` is None of a whole upload."""

    ulid: str
    row: int | None
    events: list[Event]
    now: str

    def as_data(self) -> dict[str, Any]:
        told: dict[str, Any] = {"id": self.ulid}
        if self.row is not None:
            told["row"] = self.row
        return {**told, "events": [event.as_data() for event in self.events], "now": self.now}


def in_order(events: Iterable[Event]) -> list[Event]:
    """By time; of the same moment in the order in which they were given."""
    return sorted(events, key=lambda event: event.at)


def shown(moment: datetime) -> str:
    """A time with its zone, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_of(moment: datetime) -> str:
    """A time inside a sentence."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


class Words:
    """What a provider or a person wrote, which may hold a phone number: it is left out, unless numbers are `shown`.

    `references` are the provider's names of lists, which may look like numbers and are none.
    """

    def __init__(self, *, shown: bool, references: Collection[str] = ()) -> None:
        self.shown = shown
        self._references = frozenset(references)

    def __call__(self, text: str) -> str:
        return text if self.shown else NUMBER.sub(self._unless_reference, text)

    def _unless_reference(self, found: re.Match[str]) -> str:
        return found[0] if found[0] in self._references else UNSHOWN


def contacts(count: int | None) -> str:
    """So many contacts."""
    return "1 contact" if count == 1 else f"{'?' if count is None else count} contacts"
