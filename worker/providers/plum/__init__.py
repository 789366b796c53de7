"""Plum Voice's outbound webservice queuecalls: a whole campaign in one request, outcomes posted to an address."""

from typing import Any

from worker.errors import ConfigError
from worker.providers import at_once
from worker.providers.base import Kind, Opening
from worker.providers.plum import adapter, options, settings
from worker.providers.plum.adapter import Plum
from worker.providers.plum.options import MOST_ATTEMPTS
from worker.providers.plum.results import Results
from worker.providers.plum.settings import Own

LONGEST_LOGIN, LONGEST_PIN, LONGEST_URL = 128, 16, 255


def _url(_own: dict[str, Any]) -> str:
    """As documented; where a server offers https, the account's url should say so."""
    return "http://outbound.plumvoice.com"


def _connect(opening: Opening) -> Plum:
    """Raises ConfigError `no_credentials`, `bad_credentials`, `bad_account`."""
    login, pin = opening.account_id, opening.secret
    if not login or not pin:
        raise ConfigError(
            "no_credentials",
            "The account has no login and PIN; give the login as account_id, the PIN by api_key_file or api_key_env.",
        )
    if len(login) > LONGEST_LOGIN or len(pin) > LONGEST_PIN or not (login + pin).isprintable():
        raise ConfigError(
            "bad_credentials",
            f"A login of Plum Voice has at most {LONGEST_LOGIN} characters and a PIN {LONGEST_PIN}; correct them.",
        )
    own = Own.model_validate(opening.own)
    return Plum(opening.url or _url(opening.own), login, pin, own, _results(opening, own), opening.pace)


def _results(opening: Opening, own: Own) -> Results | None:
    """None where outcomes have no way to us: there is no public address, or no secret to prove it with."""
    if opening.callbacks is None or not opening.callback_secret:
        return None
    results = Results(opening.callbacks, opening.callback_secret, own)
    if len(results.url("0" * 26, MOST_ATTEMPTS)) > LONGEST_URL:
        raise ConfigError(
            "bad_account",
            f"The address of the account's callbacks is longer than the {LONGEST_URL} characters that Plum Voice "
            "takes; shorten public_url or the account's name.",
        )
    return results


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

__all__ = ["KIND", "Plum"]
