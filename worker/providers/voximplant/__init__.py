"""Voximplant's Management API, as far as call lists go."""

from typing import Any

from worker.errors import ConfigError
from worker.layout import Layout
from worker.providers.base import Kind, Opening
from worker.providers.own import settings_of
from worker.providers.voximplant import adapter, auth, filters, options
from worker.providers.voximplant.adapter import Voximplant
from worker.providers.voximplant.settings import Own


def _url(_own: dict[str, Any]) -> str:
    return "https://api.voximplant.com"


def _connect(opening: Opening) -> Voximplant:
    """Raises ConfigError `no_credentials` where there is neither a service account nor an id with a key."""
    own = Own(**opening.own)
    return Voximplant(
        opening.url or _url(opening.own), _credential(opening), opening.read_deadline, opening.pace, own.details
    )


def _credential(opening: Opening) -> auth.Auth:
    if opening.credentials is not None:
        return auth.ServiceAccount(opening.credentials)
    if opening.account_id and opening.secret:
        return auth.ApiKey(opening.account_id, opening.secret)
    raise ConfigError(
        "no_credentials",
        "The account has neither credentials_file nor account_id with api_key_file or api_key_env; give it one.",
    )


def _layout(_options: dict[str, Any]) -> Layout:
    return adapter.LAYOUT


def _schedule(own: dict[str, Any]) -> str | None:
    return adapter.SCHEDULE if own.get("weekly_windows") else None


KIND = Kind(
    capabilities=adapter.CAPABILITIES,
    url=_url,
    check_options=options.check,
    check_own=settings_of(Own, "Voximplant"),
    layout=_layout,
    dialing_time=options.dialing_time,
    steps=adapter.steps,
    starts=adapter.starts,
    connect=_connect,
    by_hand=options.by_hand,
    divides=options.divides,
    check_filters=filters.check,
    schedule=_schedule,
)

__all__ = ["KIND", "Voximplant"]
