"""The one way to a Redis or Valkey server by a broker's URL, Celery's `redis+socket://` included."""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.errors import ConfigError

# What Celery calls them, and what redis-py does.
SCHEMES = {"redis": "redis", "rediss": "rediss", "redis+socket": "unix"}


def is_redis(url: str) -> bool:
    return url.partition("://")[0] in SCHEMES


def connect(url: str, **options: Any) -> redis.Redis:
    """A redis-py client; `options` are redis-py's own.

    Raises ConfigError `broker_not_redis` for any other kind of broker, `bad_broker_url` for what is no URL.
    """
    if not is_redis(url):
        raise ConfigError("broker_not_redis", "The broker is not Redis or Valkey, which this needs: check its URL.")
    try:
        scheme, _, rest = url.partition("://")
        return redis.Redis.from_url(f"{SCHEMES[scheme]}://{rest.replace('virtual_host=', 'db=')}", **options)
    except ValueError:
        raise ConfigError("bad_broker_url", "The broker's URL cannot be read: check ROLLCALL_BROKER_URL.") from None


def connect_briefly(url: str, seconds: float) -> redis.Redis:
    """The same for questions that are asked once, each for at most so many seconds."""
    return connect(url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0))
