"""Every error Rollcall raises on purpose, drawn as a tree.

RollcallError
├── InputError        the job, the file or an option is wrong; nothing was stored
├── ConfigError       rollcall.toml, the environment or the settings contradict each other
├── Unavailable       broker, database or staging does not answer
├── StagingError      a staged object is missing or altered
├── CallbackRefused   what came in as a callback is not one of ours
└── ProviderError     what a request to a provider came to, sorted by what we may do next
    ├── NotSent         it never left this machine: may be sent again
    ├── Throttled       the provider turned it away unread: may be sent again, later
    ├── Refused         the provider said no: final
    ├── AccountRefused  the credential or the account is refused: blocks the account
    ├── LowBalance      the account has no money: blocks the account until topped up
    └── Unknown         it may have arrived: only reconciliation may settle it
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of the command line."""

    OK = 0
    UNEXPECTED = 1
    INPUT = 2
    NEEDS_PERSON = 3
    UNAVAILABLE = 4
    FAILED = 5


class RollcallError(Exception):
    """`code` is stable and machine-readable; the message is one sentence that says what, where and what to do."""

    exit: Exit = Exit.UNEXPECTED

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class InputError(RollcallError):
    """The job, the file or an option is wrong; nothing was stored."""

    exit = Exit.INPUT


class ConfigError(RollcallError):
    """The configuration is missing something or contradicts itself."""

    exit = Exit.INPUT


class Unavailable(RollcallError):
    """A service that Rollcall stands on does not answer."""

    exit = Exit.UNAVAILABLE


class StagingError(RollcallError):
    """A staged object is missing or does not match its digest."""

    exit = Exit.UNAVAILABLE


class CallbackRefused(RollcallError):
    """A callback that is forged, stale, unreadable or about nothing that we know."""


class ProviderError(RollcallError):
    """What a request came to. `http_status` is None when no response was read."""

    exit = Exit.UNAVAILABLE

    def __init__(self, code: str, message: str, *, http_status: int | None = None) -> None:
        super().__init__(code, message)
        self.http_status = http_status


class NotSent(ProviderError):
    """Proved not sent. `fault`: our own mistake, which no repetition mends. `ours`: it says nothing of the provider."""

    def __init__(self, code: str, message: str, *, fault: bool = False, ours: bool = False) -> None:
        super().__init__(code, message)
        self.fault = fault
        self.ours = ours or fault


class Throttled(ProviderError):
    """Turned away unread. `retry_after` is in seconds, None where the provider did not say."""

    def __init__(
        self, code: str, message: str, *, retry_after: float | None = None, http_status: int | None = None
    ) -> None:
        super().__init__(code, message, http_status=http_status)
        self.retry_after = retry_after


class Refused(ProviderError):
    """The provider said no; its words are kept."""


class AccountRefused(ProviderError):
    """The provider refuses the account or its credential."""


class LowBalance(ProviderError):
    """The provider says that the account has no money."""


class Unknown(ProviderError):
    """It may have arrived."""
