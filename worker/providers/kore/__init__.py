"""Kore.ai's campaign management: contact lists, and voice campaigns that dial them."""

from typing import Any

from worker.errors import ConfigError
from worker.layout import Layout
from worker.providers.base import Kind, Opening
from worker.providers.kore import adapter, contacts, options
from worker.providers.kore.adapter import Kore
from worker.providers.kore.settings import Own
from worker.providers.own import settings_of


def _url(_own: dict[str, Any]) -> str:
    return "https://platform.kore.ai"


def _connect(opening: Opening) -> Kore:
    """Raises ConfigError `no_credentials` where the account's id or the client's secret is missing."""
    if not opening.account_id or not opening.secret:
        raise ConfigError(
            "no_credentials",
            "The account lacks account_id (Kore.ai's accountId) or the client secret (api_key_file, api_key_env); "
            "give it both.",
        )
    own = Own(**opening.own)
    return Kore(
        opening.url or _url(opening.own), opening.account_id, opening.secret, own, opening.read_deadline, opening.pace
    )


def _layout(_options: dict[str, Any]) -> Layout:
    return contacts.LAYOUT


KIND = Kind(
    capabilities=adapter.CAPABILITIES,
    url=_url,
    check_options=options.check,
    check_own=settings_of(Own, options.PROVIDER),
    layout=_layout,
    dialing_time=options.dialing_time,
    steps=adapter.steps,
    starts=adapter.starts,
    connect=_connect,
)

__all__ = ["KIND", "Kore"]
