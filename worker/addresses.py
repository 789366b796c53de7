"""The broker's address, looked at before anything relies on it: what cannot be one is refused where settings are read.

A bell is rung once its row is stored. An address over which no bell can ever be rung would be met only then.
"""

from urllib.parse import urlsplit

from worker import redis_client
from worker.errors import ConfigError


def check_broker(url: str) -> None:
    """Raises ConfigError `bad_broker_url`, which shows nothing of it: it may hold a password."""
    if not all(_may_be(one) for one in url.split(";")):
        raise ConfigError("bad_broker_url", "The broker's URL cannot be read: check ROLLCALL_BROKER_URL.")


def _may_be(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.port == 0:
            return False
        if redis_client.is_redis(url):
            redis_client.connect(url).close()
            return parts.scheme == "redis+socket" or parts.path.strip("/").isdecimal() or parts.path in ("", "/")
    except ValueError:
        return False
    from kombu.transport import TRANSPORT_ALIASES  # only a fleet needs it here

    return "://" in url and parts.scheme.partition("+")[0] in TRANSPORT_ALIASES
