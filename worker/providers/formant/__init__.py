"""Formant AI's batch calls: a whole batch in one request, found again by its name, outcomes by signed webhooks."""

from typing import Any

from worker.errors import ConfigError
from worker.providers import at_once
from worker.providers.base import Kind, Opening
from worker.providers.formant import adapter, options, settings
from worker.providers.formant.adapter import Formant
from worker.providers.formant.settings import HOSTS, Own
from worker.providers.formant.webhooks import Webhooks


def _url(own: dict[str, Any]) -> str:
    return HOSTS[Own.model_validate(own).region]


def _connect(opening: Opening) -> Formant:
    """Raises ConfigError `no_credentials`, `bad_credentials`."""
    key = opening.secret
    if not key:
        raise ConfigError("no_credentials", "The account has no API key; give it by api_key_file or api_key_env.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError("bad_credentials", "The API key holds characters that no key has; copy it again.")
    own = Own.model_validate(opening.own)
    inbox = Webhooks(opening.callback_secret) if opening.callback_secret else None
    return Formant(opening.url or _url(opening.own), key, own, inbox, opening.read_deadline, opening.pace)


KIND = Kind(
    capabilities=adapter.CAPABILITIES,
    url=_url,
    check_options=options.check,
    check_own=settings.check,
    layout=options.layout,
    dialing_time=options.dialing_time,
    steps=at_once.steps,
    starts=at_once.starts,
    connect=_connect,
)

__all__ = ["KIND", "Formant"]
