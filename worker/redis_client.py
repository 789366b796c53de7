"""The one way to a Redis or Valkey server by a broker's URL, Celery's `redis+socket://` included."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.errors import ConfigError

SOCKET = "redis+socket"
SCHEMES = frozenset({"redis", "rediss", SOCKET})


def is_redis(url: str) -> bool:
    return _scheme(url) in SCHEMES


def connect(url: str, **options: Any) -> redis.Redis:
    """A redis-py client; `options` are redis-py's own.

    Raises ConfigError `broker_not_redis` for any other kind of broker, `bad_broker_url` for what is no URL.
    """
    if not is_redis(url):
        raise ConfigError("broker_not_redis", "The broker is not Redis or Valkey, which this needs: check its URL.")
    try:
        if _scheme(url) == SOCKET:
            return redis.Redis(**_socket_options(url), **options)
        return redis.Redis.from_url(url, **options)
    except ValueError:
        raise ConfigError("bad_broker_url", "The broker's URL cannot be read: check ROLLCALL_BROKER_URL.") from None


def connect_briefly(url: str, seconds: float) -> redis.Redis:
    """The same for questions that are asked once, each for at most so many seconds."""
    return connect(url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0))


def _scheme(url: str) -> str:
    return url.partition("://")[0]


def _socket_options(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    database = int(parse_qs(parts.query).get("virtual_host", ["0"])[0])
    return {"unix_socket_path": unquote(parts.path), "db": database, "password": parts.password}
