"""The seam between Rollcall and a provider: capabilities, layout and steps as data, answers as values.

An adapter gets its client and credentials when it is made; it never reads settings, the clock or the database. Each
of its verbs raises one of the `ProviderError`s of `worker.errors` when it has no answer to give.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import polars as pl

from worker.errors import InputError
from worker.layout import Layout

TASKS = {
    "uuid": pl.Utf8,
    "phase": pl.Utf8,  # open, done or cancelled
    "disposition": pl.Utf8,  # ours, before the account's own mapping
    "status": pl.Utf8,  # the provider's word
    "result": pl.Utf8,  # the scenario's word
    "attempts_left": pl.Int64,
    "last_attempt": pl.Utf8,
}
Frames = Generator[pl.DataFrame, None, None]


@dataclass(frozen=True)
class Capabilities:
    """What a provider can do. Flows ask these and never a provider's name; the README's table is made of them.

    `appends`: contacts can be added to a list that exists; else every chunk becomes a list of its own.
    `counts`: it says how many contacts it stored. `finds_by_reference`: lists can be looked up by name.
    `shows_contacts`: the contacts of a list can be read one by one. `proves_absence`: what two complete reads do not
    show never arrived. `results`: outcomes are asked for, called back, or not told at all.
    `starts`: dialling begins when the list is made (at_once), when it is told to (when_told), or as we like (either).
    `requests_per_second`: a documented limit.
    `joins_by_number`: our uuid may not come back, so frames also have `number` (digits, Int64) to know a contact by.
    `tells_balance`: the account's money can be asked for. `edits`: options that can be changed while a list dials.
    `withdraws`: single contacts can be taken back from a list, so many in a request. `by_hand`: a list may dial its
    next contact only when told.
    """

    max_rows: int
    max_bytes: int
    appends: bool
    counts: bool
    finds_by_reference: bool
    shows_contacts: bool
    proves_absence: bool
    results: Literal["poll", "push", "none"]
    starts: Literal["at_once", "either", "when_told"]
    stops: bool
    resumes: bool
    name_limit: int
    roles: dict[str, str]
    requests_per_second: float | None = None
    joins_by_number: bool = False
    tells_balance: bool = False
    edits: frozenset[str] = frozenset()
    withdraws: int = 0
    by_hand: bool = False


@dataclass(frozen=True)
class Step:
    """One request of a submission, under the name that the journal gives it.

    `carries`: contacts travel in it, so a doubt about it is a doubt about them. A step that carries nobody may be
    taken again, `settle` later, and must find what it made before.
    """

    name: str
    carries: bool = True


@dataclass(frozen=True)
class Submission:
    """One step of a chunk on its way. `reference` is None while the list does not exist; `payload` are the bytes.

    `upload` is the upload's ULID. `stopped`: the list is not to dial before it is started.
    """

    step: str
    upload: str
    list_name: str
    reference: str | None
    payload: bytes
    rows: int
    options: dict[str, Any]
    stopped: bool = False


@dataclass(frozen=True)
class Made:
    """A list exists under `reference`; nobody is in it yet."""

    reference: str


@dataclass(frozen=True)
class Accepted:
    """The provider stored `count` records in the list `reference`; None where it does not say how many."""

    reference: str
    count: int | None


@dataclass(frozen=True)
class Found:
    """A list at the provider. `complete`: it says that it will not dial any more. `count`: its contacts, if told.

    `dials`: it says that it was started and is not stopped. `settings` are the options it shows, under our names.
    """

    reference: str
    name: str
    status: str
    complete: bool
    count: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    dials: bool = False


@dataclass(frozen=True)
class Place:
    """Where contacts lie: the list, and what dials it where the provider keeps that apart (`campaign`)."""

    reference: str
    campaign: str | None = None
    list_name: str = ""
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Account:
    """`balance` is in `currency`; None where the provider has no such thing."""

    balance: float | None
    currency: str | None


@dataclass(frozen=True)
class Inbound:
    """A request to the HTTP door. `path` is what follows the account, header names are in lower case, `at` in Unix
    seconds by our clock."""

    path: tuple[str, ...]
    headers: Mapping[str, str]
    body: bytes
    at: float


@dataclass(frozen=True)
class Event:
    """A callback that has proved itself. `id` is its own within the account; `body` is kept to be read later.

    `upload` is the ULID of the upload it is about, where its address says so.
    """

    id: str
    body: str
    upload: str | None = None


class Inbox(Protocol):
    """The callbacks of an account whose provider tells outcomes by itself."""

    def greet(self, path: tuple[str, ...]) -> bool:
        """Whether a GET of this path, which a provider sends to see that somebody is there, is answered with 200."""
        ...

    def receive(self, inbound: Inbound) -> Event:
        """Prove a callback; raises CallbackRefused."""
        ...

    def read(self, bodies: Sequence[str]) -> pl.DataFrame:
        """One row of TASKS for each body, in their order; `uuid` is null where it is not about a contact of ours."""
        ...


class Hands(Protocol):
    """What a person may do to lists at the provider beyond stopping and starting them, as the capabilities allow."""

    def lists(self, filters: dict[str, Any]) -> Iterator[Found]:
        """Every list of the account that passes the filters, which `Kind.check_filters` has checked: a whole read."""
        ...

    def next(self, place: Place, params: str | None) -> None:
        """Dial the next contact of a list that waits for it. Not to be repeated on a doubt: it would dial another."""
        ...

    def edit(self, place: Place, changes: dict[str, Any]) -> None:
        """Set options of a list, checked ones out of `Capabilities.edits`. May be repeated."""
        ...

    def withdraw(self, place: Place, uuids: Sequence[str]) -> dict[str, str | None]:
        """Take contacts back, at most `Capabilities.withdraws` of them. May be repeated.

        For each uuid None where nobody will be called any more, else the provider's words why that cannot be.
        """
        ...


class Provider(Protocol):
    """What every adapter does. `deadline` is a moment of `time.monotonic()` at which the socket is closed."""

    inbox: Inbox | None
    hands: Hands | None

    def submit(self, submission: Submission, deadline: float) -> Made | Accepted:
        """Take one step of a submission."""
        ...

    def find(self, list_name: str) -> list[Found]:
        """Every list that bears this name, by the token at its end: a complete read, or an error.

        Asked only where `finds_by_reference`.
        """
        ...

    def status(self, place: Place) -> Found | None:
        """One list, None where there is none. Asked only where it `finds_by_reference`."""
        ...

    def contacts(self, reference: str) -> Iterator[pl.DataFrame]:
        """Frames with the column `uuid` of every contact that lies in a list: a whole read, or an error.

        Asked only where it `shows_contacts`. With a column `number` too where it `joins_by_number`.
        """
        ...

    def tasks(self, place: Place) -> Frames:
        """Every contact of a list with what became of it, in frames of the columns TASKS: a whole read, or an error.

        Asked only where outcomes are polled, and read in a thread of its own: it may be closed before its end.
        """
        ...

    def tallies(self, place: Place) -> dict[str, int] | None:
        """The provider's own numbers about a list, under its own names; None where it tells none."""
        ...

    def stop(self, place: Place) -> None:
        """Asked only where it `stops`."""
        ...

    def start(self, step: str, place: Place) -> str | None:
        """Take one step towards dialling; returns the reference of what dials, where the step made it.

        A step looks before it acts, so that it may be repeated once a doubt about it has settled.
        """
        ...

    def account(self) -> Account | None:
        """The account's balance; None where the credential may not read it or there is no such thing.

        Asked to see whether the account works, so it asks for something that proves the credential where it can.
        """
        ...

    def close(self) -> None: ...


class Pace(Protocol):
    """The account's turns to send."""

    def __call__(self, deadline: float) -> None:
        """Wait for the next turn; raises Throttled where none comes in time."""
        ...

    def hold(self, seconds: float) -> None:
        """Nobody of this account sends for so long."""
        ...


@dataclass(frozen=True)
class Opening:
    """What an account is opened with. `read_deadline` is in seconds, `pace` waits for the account's turn.

    `callbacks` is the address of the account's inbox, as the provider reaches it. `own` are the adapter's own settings,
    checked.
    """

    url: str | None
    account_id: str | None = None
    credentials: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    callback_secret: str | None = field(default=None, repr=False)
    callbacks: str | None = None
    read_deadline: float = 600
    own: dict[str, Any] = field(default_factory=dict)
    pace: Pace | None = None


def no_filters(filters: dict[str, Any]) -> dict[str, Any]:
    """For a provider whose lists are not shown. Raises InputError where any are asked for."""
    if filters:
        raise InputError("bad_filter", f"Its lists cannot be filtered ({', '.join(sorted(filters))}); leave that out.")
    return {}


@dataclass(frozen=True)
class Kind:
    """A provider before an account is opened. `url` is its documented address, for checked settings of its own.

    `dialing_time` is in seconds, from the last start to the last attempt, for checked options. `steps` are those that
    a submission still has to take when the list's reference is this one; `starts` those towards dialling, when what
    dials is this one. `check_filters` checks what lists are to be shown by, and raises InputError `bad_filter`.
    `by_hand`: with these options the next contact is dialled only when told. `divides`: with these, lists that share
    `max_simultaneous` call as one would. `schedule` is the column that takes a
    calling window by weekday, for checked settings of its own; None: it gets a daily window, if any.
    """

    capabilities: Capabilities
    url: Callable[[dict[str, Any]], str]
    check_options: Callable[[dict[str, Any]], dict[str, Any]]
    check_own: Callable[[dict[str, Any]], dict[str, Any]]
    layout: Callable[[dict[str, Any]], Layout]
    dialing_time: Callable[[dict[str, Any]], float]
    steps: Callable[[str | None], tuple[Step, ...]]
    starts: Callable[[str | None], tuple[str, ...]]
    connect: Callable[[Opening], Provider]
    check_filters: Callable[[dict[str, Any]], dict[str, Any]] = no_filters
    by_hand: Callable[[dict[str, Any]], bool] = lambda _options: False
    divides: Callable[[dict[str, Any]], bool] = lambda _options: False
    schedule: Callable[[dict[str, Any]], str | None] = lambda _own: None
