"""Where the broker's socket goes, who holds its lock, and how its URL is read; no server is started."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from worker import flock
from worker.broker_socket import embedded_url, prepare
from worker.embedded import broker_url, server_arguments
from worker.errors import ConfigError, Unavailable
from worker.redis_client import connect


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary directory of its own, with a short name, to fall back on: pytest's may be too deep for a socket."""
    with tempfile.TemporaryDirectory(prefix="rc-") as name:
        monkeypatch.setattr("tempfile.tempdir", name)
        yield Path(name)


@pytest.fixture
def deep_home(tmp_path: Path, short: Path) -> Path:
    """A home too deep for a socket."""
    return tmp_path / ("deep" * 30)


def socket_of(url: str | None) -> Path:
    assert url is not None
    return Path(urlsplit(url).path)


def test_the_socket_lies_in_the_home_where_it_fits(short: Path) -> None:
    url = prepare(short)
    assert url == f"redis+socket://{short}/broker/broker.sock?virtual_host=0"
    assert embedded_url(short) == url


def test_a_relative_home_gives_an_absolute_socket(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = short.resolve()
    monkeypatch.chdir(folder)
    assert socket_of(prepare(Path(".rollcall"))) == folder / ".rollcall" / "broker" / "broker.sock"
    monkeypatch.undo()  # the folder goes before


def test_a_deep_home_gets_a_short_private_socket_that_everybody_finds(deep_home: Path) -> None:
    assert embedded_url(deep_home) is None
    assert broker_url(deep_home, None) is None
    url = prepare(deep_home)
    socket = socket_of(url)
    assert len(os.fsencode(socket)) <= 100
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert embedded_url(deep_home) == prepare(deep_home) == url


@pytest.mark.parametrize("name", ["with space", "per%cent", "naïve", "a?b", "a#b"])
def test_a_home_whose_name_would_be_escaped_in_a_url_gets_a_plain_socket(
    tmp_path: Path, short: Path, name: str
) -> None:
    url = prepare(tmp_path / name)
    assert socket_of(url).parent.parent == short
    assert embedded_url(tmp_path / name) == url


def test_a_pointer_to_a_directory_that_others_can_enter_is_not_followed(deep_home: Path) -> None:
    first = socket_of(prepare(deep_home))
    first.parent.chmod(0o755)
    assert embedded_url(deep_home) is None
    assert socket_of(prepare(deep_home)) != first


def test_a_pointer_whose_directory_was_swept_away_is_settled_anew(deep_home: Path) -> None:
    first = socket_of(prepare(deep_home))
    first.parent.rmdir()
    assert embedded_url(deep_home) is None
    assert socket_of(prepare(deep_home)).parent.is_dir()


def test_where_no_short_path_is_to_be_had_it_says_what_to_set(
    deep_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("long" * 30)))
    with pytest.raises(Unavailable, match="set TMPDIR") as caught:
        prepare(deep_home)
    assert caught.value.code == "no_broker_socket"


def test_a_pointer_to_a_link_is_not_followed(deep_home: Path, tmp_path: Path) -> None:
    first = socket_of(prepare(deep_home))
    first.parent.rmdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    first.parent.symlink_to(elsewhere)
    assert embedded_url(deep_home) is None


def test_a_configured_broker_is_taken_as_it_is(tmp_path: Path) -> None:
    assert broker_url(tmp_path, "amqp://elsewhere") == "amqp://elsewhere"


def test_the_server_listens_nowhere_but_on_its_socket(tmp_path: Path) -> None:
    arguments = server_arguments(tmp_path)
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert options["--port"] == "0"
    assert options["--unixsocketperm"] == "700"
    assert options["--dir"] == str(tmp_path / "broker")


def test_a_socket_url_becomes_a_client_of_the_same_place() -> None:
    with connect("redis+socket:///run/broker.sock?virtual_host=3") as client:
        options = client.connection_pool.connection_kwargs
    assert (options["path"], options["db"]) == ("/run/broker.sock", 3)


def test_a_network_url_becomes_a_client_of_the_same_place() -> None:
    with connect("redis://:secret@broker:6380/2") as client:
        options = client.connection_pool.connection_kwargs
    assert (options["host"], options["port"], options["db"]) == ("broker", 6380, 2)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("amqp://guest:secret@rabbit", "broker_not_redis"),
        ("", "broker_not_redis"),
        ("redis://:secret@host:port", "bad_broker_url"),
        ("redis+socket:///run/s?virtual_host=first", "bad_broker_url"),
    ],
)
def test_what_is_no_redis_url_is_refused_without_showing_its_password(url: str, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(url)
    assert caught.value.code == code
    assert "secret" not in caught.value.message


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert not flock.held(path)
    first = flock.take(path)
    assert first is not None
    assert flock.held(path)
    assert flock.take(path) is None
    os.close(first)
    assert not flock.held(path)


def test_a_lock_lives_as_long_as_the_child_that_inherited_it(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    lock = flock.take(path)
    assert lock is not None
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock])
    os.close(lock)
    assert flock.held(path)
    child.kill()
    child.communicate()
    assert not flock.held(path)
