"""The seam between Rollcall and a provider: capabilities as data, a submission as data, answers as values.

An adapter gets its client and credentials when it is made; it never reads settings, the clock or the database. Each
of its verbs raises one of the `ProviderError`s of `worker.errors` when it has no answer to give.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import polars as pl

TASKS = {
    "uuid": pl.Utf8,
    "phase": pl.Utf8,  # open, done or cancelled
    "disposition": pl.Utf8,  # ours, before the account's own mapping
    "status": pl.Utf8,  # the provider's word
    "result": pl.Utf8,  # the scenario's word
    "attempts_left": pl.Int64,
    "last_attempt": pl.Utf8,
}


@dataclass(frozen=True)
class Capabilities:
    """What a provider can do. Flows ask these and never a provider's name."""

    max_rows: int
    max_bytes: int
    delimiter: str
    appends: bool
    finds_by_reference: bool
    proves_absence: bool
    results: Literal["poll", "push", "none"]
    starts_stopped: bool
    stops: bool
    resumes: bool
    name_limit: int
    roles: dict[str, str]


@dataclass(frozen=True)
class Submission:
    """One chunk on its way. `reference` is None while the list does not exist; `payload` are the bytes to send.

    `stopped`: the list is not to dial before it is resumed.
    """

    list_name: str
    reference: str | None
    payload: bytes
    rows: int
    options: dict[str, Any]
    stopped: bool = False


@dataclass(frozen=True)
class Accepted:
    """The provider stored `count` records in the list `reference`."""

    reference: str
    count: int
    batch: str | None = None


@dataclass(frozen=True)
class Found:
    """A list at the provider. `complete`: it says that it will not dial any more."""

    reference: str
    name: str
    status: str
    complete: bool


@dataclass(frozen=True)
class Account:
    """`balance` is in `currency`; None where the provider has no such thing."""

    balance: float | None
    currency: str | None


class Provider(Protocol):
    """What every adapter does. `deadline` is a moment of `time.monotonic()` at which the socket is closed."""

    name: str
    capabilities: Capabilities

    def submit(self, submission: Submission, deadline: float) -> Accepted:
        """Create the list, or append to it."""
        ...

    def find(self, list_name: str) -> list[Found]:
        """Every list that bears this name, by the token at its end: a complete read, or an error."""
        ...

    def status(self, reference: str) -> Found | None:
        """One list, None where there is none."""
        ...

    def tasks(self, reference: str) -> Iterator[pl.DataFrame]:
        """Every contact of a list with what became of it, in frames of the columns TASKS: a whole read, or an error."""
        ...

    def stop(self, reference: str) -> None: ...

    def resume(self, reference: str) -> None: ...

    def account(self) -> Account | None:
        """The account's balance; None where the credential may not read it."""
        ...

    def close(self) -> None: ...
