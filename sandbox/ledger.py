"""The ledger: what the sandbox accepted, and how often the same person of one upload was accepted twice.

An upload is known by the 26-character ULID in brackets at the end of a list's name; a list without one is its own
upload. Counting is incremental: a request costs its own rows and never the rows before it.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sandbox.phones import number_of

TOKEN = re.compile(r"\[([0-9A-HJKMNP-TV-Z]{26})-\d+\]$", re.IGNORECASE)
Row = tuple[str, str]  # the task's uuid and its phone number, as they came
Key = TypeVar("Key", str, int)
ARRIVALS_KEPT = 100_000


@dataclass
class ListEntry:
    """One call list, batch or campaign at a provider.

    `stored` is what lies in a list that is dialled only on demand, where that differs from what was accepted.
    """

    provider: str
    reference: str
    name: str
    contacts: int = 0
    stored: int | None = None

    @property
    def token(self) -> str:
        found = TOKEN.search(self.name)
        return found.group(1).upper() if found else f"{self.provider}:{self.reference}"


@dataclass
class Acceptance:
    """The rows of one request. `rows` reads them back from the provider's own store.

    `calls` tells how many calls of each row, in their order, have begun; None where the provider does not count them.
    """

    entry: ListEntry
    accepted_at: float
    accepted_real: float
    rows: Callable[[], Iterator[Row]]
    calls: Callable[[], Sequence[int]] | None = None


@dataclass(slots=True)
class Arrival:
    """When a provider's request came, in real Unix seconds."""

    provider: str
    method: str
    at: float


@dataclass
class Seen:
    """What was accepted for one upload, and how often what came again."""

    uuids: set[str] = field(default_factory=set)
    numbers: set[int] = field(default_factory=set)
    repeated_uuids: dict[str, int] = field(default_factory=dict)
    repeated_numbers: dict[int, int] = field(default_factory=dict)

    def times(self, uuid: str, cell: str) -> int:
        if not self.repeated_numbers and not self.repeated_uuids:
            return 1
        number = number_of(cell)
        again = 1 if number is None else self.repeated_numbers.get(number, 1)
        return max(self.repeated_uuids.get(uuid, 1), again)


class Ledger:
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._lists: list[ListEntry] = []
        self._acceptances: list[Acceptance] = []
        self._uploads: dict[str, Seen] = {}
        self.called_twice = 0
        self.requests = 0
        self._arrivals: deque[Arrival] = deque(maxlen=ARRIVALS_KEPT)

    def arrived(self, provider: str, method: str = "") -> Arrival:
        """Books a request at a provider's path. A method that stands in the body is filled in once it is read."""
        arrival = Arrival(provider, method, time.time())
        self.requests += 1
        self._arrivals.append(arrival)
        return arrival

    def arrivals(self) -> list[dict[str, object]]:
        """The newest requests, oldest first."""
        return [{"provider": one.provider, "method": one.method, "at": round(one.at, 6)} for one in self._arrivals]

    def open(self, provider: str, reference: str, name: str) -> ListEntry:
        entry = ListEntry(provider, reference, name)
        self._lists.append(entry)
        return entry

    def accept(self, acceptance: Acceptance, contacts: int, uuids: list[str], numbers: list[int]) -> None:
        """Books `contacts` rows; `uuids` and `numbers` are those the rows carried."""
        acceptance.entry.contacts += contacts
        self._acceptances.append(acceptance)
        seen = self._uploads.setdefault(acceptance.entry.token, Seen())
        self.called_twice += count_again(seen.uuids, seen.repeated_uuids, uuids)
        self.called_twice += count_again(seen.numbers, seen.repeated_numbers, numbers)

    def document(self) -> dict[str, object]:
        lists = [
            {"provider": e.provider, "reference": e.reference, "name": e.name, "contacts": e.contacts}
            | ({} if e.stored is None else {"stored": e.stored})
            for e in self._lists
        ]
        contacts = sum(entry.contacts for entry in self._lists)
        return {
            "lists": lists,
            "contacts": contacts,
            "called_twice": self.called_twice,
            "requests": self.requests,
        }

    def contact_rows(self) -> Iterator[list[object]]:
        """reference, uuid, number, accepted_at, times, accepted_at_real; both times in Unix seconds."""
        uploads = self._uploads  # a clear() in the middle of a download puts a new one in its place
        for one in list(self._acceptances):
            seen = uploads[one.entry.token]
            at, real = round(one.accepted_at, 3), round(one.accepted_real, 3)
            for uuid, cell in one.rows():
                yield [one.entry.reference, uuid, cell, at, seen.times(uuid, cell), real]

    def call_rows(self) -> Iterator[list[object]]:
        """reference, uuid, number, calls begun, of the providers that count them."""
        for one in list(self._acceptances):
            if one.calls is not None:
                for (uuid, cell), calls in zip(one.rows(), one.calls(), strict=True):
                    yield [one.entry.reference, uuid, cell, calls]


def count_again(seen: set[Key], repeated: dict[Key, int], keys: Iterable[Key]) -> int:
    """Adds `keys` to `seen`; returns how many were accepted a second time just now."""
    keys = list(keys)
    fresh = set(keys)
    if len(fresh) == len(keys) and seen.isdisjoint(fresh):
        seen |= fresh
        return 0
    before = len(repeated)
    for key in keys:
        if key in seen:
            repeated[key] = repeated.get(key, 1) + 1
        seen.add(key)
    return len(repeated) - before
