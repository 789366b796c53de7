"""The broker's address, looked at before anything relies on it: what cannot be one is refused where settings are read.

A bell is rung once its row is stored. An address over which no bell can ever be rung would be met only then.
"""

from urllib.parse import urlsplit

from worker import redis_client
from worker.errors import ConfigError


def check_broker(url: str) -> None:
    """Raises ConfigError `bad_broker_url`, which shows nothing of it: it may hold a password."""
    try:
        parts = urlsplit(url)
        known = parts.port is None or parts.port > 0
        if redis_client.is_redis(url):
            redis_client.connect(url).close()
            known = known and (parts.scheme == "redis+socket" or parts.path.strip("/").isdecimal() or parts.path in "/")
        else:
            from kombu.transport import TRANSPORT_ALIASES  # only a fleet needs it here

            known = known and "://" in url and parts.scheme in TRANSPORT_ALIASES
    except ValueError:
        known = False
    if not known:
        raise ConfigError("bad_broker_url", "The broker's URL cannot be read: check ROLLCALL_BROKER_URL.")
