"""Which providers there are, and how an account at one of them is opened."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from worker.errors import ConfigError
from worker.providers import voximplant
from worker.providers.base import Capabilities, Provider
from worker.providers.voximplant import adapter, auth, options


@dataclass(frozen=True)
class Secrets:
    """What an account proves itself with; either `credentials` or `account_id` and `api_key`."""

    credentials: str | None = field(repr=False)
    account_id: str | None
    api_key: str | None = field(repr=False)


@dataclass(frozen=True)
class Kind:
    """A provider before an account is opened. `dialing_time` is in seconds, from the last start to the last attempt."""

    capabilities: Capabilities
    check_options: Callable[[dict[str, Any]], dict[str, Any]]
    dialing_time: Callable[[dict[str, Any]], float]
    connect: Callable[[str, Secrets, float], Provider]


def _voximplant(url: str, secrets: Secrets, read_deadline: float) -> Provider:
    if secrets.credentials is not None:
        return voximplant.Voximplant(url, auth.ServiceAccount(secrets.credentials), read_deadline)
    if secrets.account_id and secrets.api_key:
        return voximplant.Voximplant(url, auth.ApiKey(secrets.account_id, secrets.api_key), read_deadline)
    raise ConfigError(
        "no_credentials",
        "The account has neither credentials_file nor account_id with api_key_file or api_key_env; give it one.",
    )


KINDS: dict[str, Kind] = {
    "voximplant": Kind(adapter.CAPABILITIES, options.check, options.dialing_time, _voximplant),
}
