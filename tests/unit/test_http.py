"""The total deadline against servers that misbehave on real sockets, and what each failure proves there."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.tls import server_tls
from tests.unit.wire_server import (
    OK,
    Behaviour,
    Line,
    Server,
    deaf,
    half,
    resets,
    says,
    serving,
    silent,
    sips,
    status,
    trickle,
)
from worker.errors import NotSent, ProviderError, Unknown
from worker.providers.http import Client

SOON = 0.25  # seconds of a deadline that is meant to pass
LATEST = 1.0  # by when it has passed even on a busy machine
BUFFER = 65536  # of a server that is to feel slow
BIG = b"x" * 24_000_000


@contextmanager
def client(url: str) -> Iterator[Client]:
    made = Client(url)
    try:
        yield made
    finally:
        made.close()


def fails(url: str, within: float = SOON, **request: Any) -> ProviderError:
    """What a POST that cannot succeed raises; it must not outlive its deadline."""
    with client(url) as made:
        began = time.monotonic()
        with pytest.raises(ProviderError) as raised:
            made.post("/path", time.monotonic() + within, params={"q": "private"}, **request)
        assert time.monotonic() - began < LATEST
    assert "private" not in raised.value.message
    assert raised.value.message.endswith(".")
    return raised.value


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def nobody_accepts() -> Iterator[int]:
    """A port whose queue is full: whoever connects is left waiting."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("behave", "code"),
    [
        (trickle, "read_timeout"),
        (silent, "read_timeout"),
        (half, "broken_answer"),
        (resets, "connection_lost"),
        (says(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope"), "broken_answer"),
        (says(b"not HTTP at all\r\n\r\n"), "broken_answer"),
        (says(b""), "broken_answer"),
    ],
    ids=["trickling", "silent", "cut", "reset", "undecodable", "nonsense", "hung up"],
)
def test_a_request_that_was_read_may_have_arrived(behave: Behaviour, code: str) -> None:
    with serving(behave) as server:
        error = fails(server.url)
        assert (type(error), error.code) == (Unknown, code)
        assert len(server.requests) == 1


@pytest.mark.parametrize("behave", [deaf, sips])
def test_a_large_body_that_is_not_taken_in_time_may_have_arrived(behave: Behaviour) -> None:
    with serving(behave, buffer=BUFFER) as server:
        error = fails(server.url, content=BIG)
        assert (type(error), error.code) == (Unknown, "write_timeout")


@pytest.mark.parametrize("behave", [trickle, sips])
def test_the_deadline_closes_the_socket(behave: Behaviour) -> None:
    with serving(behave, buffer=BUFFER) as server:
        fails(server.url, content=BIG if behave is sips else b"")
        assert server.ended.wait(1)


def test_what_was_not_delivered_by_the_deadline_is_never_delivered() -> None:
    """The kernel would go on sending what it has buffered, and the request would arrive whole after all."""
    waking = threading.Event()

    def sleeps(line: Line) -> None:
        waking.wait(5)
        line.request()

    with serving(sleeps, buffer=BUFFER) as server:
        fails(server.url, content=b"x" * 200_000)
        waking.set()
        assert server.ended.wait(1)
        assert server.requests == []


def test_the_body_of_a_stream_is_under_the_same_deadline() -> None:
    with serving(trickle) as server, client(server.url) as made:
        began = time.monotonic()
        with pytest.raises(Unknown) as raised, made.stream("/", began + SOON) as response:
            response.read()
        assert raised.value.code == "read_timeout"
        assert SOON <= time.monotonic() - began < LATEST


def test_a_slow_answer_within_the_deadline_is_an_answer() -> None:
    def slow(line: Line) -> None:
        line.request()
        time.sleep(0.1)
        line.answer(OK)

    with serving(slow) as server, client(server.url) as made:
        assert made.post("/", time.monotonic() + 5).content == b"{}"


def test_after_the_deadline_nothing_reaches_the_server() -> None:
    with serving(says(OK)) as server, client(server.url) as made:
        for late in (time.monotonic(), time.monotonic() - 100):
            with pytest.raises(NotSent) as raised:
                made.post("/", late)
            assert (raised.value.code, raised.value.fault) == ("deadline_passed", False)
        assert server.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "does-not-resolve.invalid"])
def test_nobody_to_connect_to_is_not_sent(host: str) -> None:
    error = fails(f"http://{host}:{free_port()}", within=5)
    assert (type(error), error.code) == (NotSent, "connect_failed")
    assert host in error.message


def test_a_connection_that_is_not_accepted_in_time_is_not_sent() -> None:
    with nobody_accepts() as port:
        error = fails(f"http://127.0.0.1:{port}")
    assert (type(error), error.code) == (NotSent, "connect_timeout")


def resolve_as(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let the name `provider.test` have these addresses."""
    real = socket.getaddrinfo

    def resolver(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        hosts = addresses if host == "provider.test" else [host]
        return [found for one in hosts for found in real(one, port, *more, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)


def test_all_addresses_of_a_name_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_as(monkeypatch, "127.0.0.1", "127.0.0.2", "127.0.0.3")
    with nobody_accepts() as port, ExitStack() as stack:
        for host in ("127.0.0.2", "127.0.0.3"):
            listener = stack.enter_context(socket.socket())
            listener.bind((host, port))
            listener.listen(0)
            for _ in range(4):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex((host, port))
        error = fails(f"http://provider.test:{port}", within=0.6)
    assert (type(error), error.code) == (NotSent, "connect_timeout")


def test_an_address_that_is_dead_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_as(monkeypatch, "127.0.0.2", "127.0.0.1")
    with serving(says(OK)) as server, socket.socket() as dead:
        dead.bind(("127.0.0.2", server.port))
        dead.listen(0)
        with ExitStack() as stack:
            for _ in range(4):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.2", server.port))
            with client(f"http://provider.test:{server.port}") as made:
                assert made.post("/", time.monotonic() + 0.8).status_code == 200


def stalls(line: Line) -> None:
    line.request()
    line.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")
    line.wait()


def test_a_pool_that_stays_full_is_not_sent() -> None:
    with serving(stalls) as server, client(server.url) as made, ExitStack() as busy:
        for _ in range(100):
            busy.enter_context(made.stream("/", time.monotonic() + 30))
        began = time.monotonic()
        with pytest.raises(NotSent) as raised:
            made.post("/", began + SOON)
        assert raised.value.code == "pool_timeout"
        assert time.monotonic() - began < LATEST
        assert server.connections == 100


def test_a_kept_connection_that_the_server_closed_is_replaced() -> None:
    with serving(says(OK)) as server, client(server.url) as made:
        made.post("/", time.monotonic() + 5)
        assert server.ended.wait(1)
        made.post("/", time.monotonic() + 5)
        assert (server.connections, len(server.requests)) == (2, 2)


def test_a_kept_connection_is_used_again() -> None:
    with serving(says(OK, OK)) as server, client(server.url) as made:
        for _ in range(2):
            made.post("/", time.monotonic() + 5)
        assert server.connections == 1


def test_a_request_on_a_kept_connection_that_dies_is_never_sent_again() -> None:
    def second_dies(line: Line) -> None:
        line.request()
        line.answer(OK)
        line.request()

    with serving(second_dies) as server, client(server.url) as made:
        made.post("/", time.monotonic() + 5)
        with pytest.raises(Unknown) as raised:
            made.post("/", time.monotonic() + 5)
        assert raised.value.code == "broken_answer"
        assert (server.connections, len(server.requests)) == (1, 2)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://127.0.0.1", "bad_request"),
        ("127.0.0.1:80", "bad_request"),
        ("no url at all", "bad_request"),
        ("http://empty..label", "bad_request"),
        (f"http://{'a' * 64}.example", "bad_request"),
        ("http://[::1", "bad_url"),
        ("http://127.0.0.1:port", "bad_url"),
        ("http://xn--a.example", "bad_url"),
    ],
)
def test_an_url_that_is_none_is_our_own_mistake(url: str, code: str) -> None:
    with pytest.raises(NotSent) as raised:
        Client(url).post("/", time.monotonic() + 5)
    assert (raised.value.code, raised.value.fault) == (code, True)
    assert "correct the account's url" in raised.value.message or "check the account's url" in raised.value.message


def test_a_header_that_cannot_be_sent_is_our_own_mistake() -> None:
    with serving(says(OK)) as server, client(server.url) as made:
        with pytest.raises(NotSent) as raised:
            made.post("/", time.monotonic() + 5, headers={"x": "a\r\nb: c"})
        assert raised.value.fault
        assert server.requests == []


class TestTls:
    def test_a_certificate_that_nobody_vouches_for_is_not_sent(self, tmp_path: Path) -> None:
        context, _ = server_tls(tmp_path)
        with serving(says(OK), context) as server:
            error = fails(server.url, within=5)
            assert (type(error), error.code) == (NotSent, "connect_failed")
            assert server.requests == []

    def test_a_server_that_speaks_no_tls_is_not_sent(self) -> None:
        def plain(line: Line) -> None:
            line.sock.recv(10)
            line.answer(status(400))

        with serving(plain) as server:
            error = fails(server.url.replace("http:", "https:"), within=5)
            assert (type(error), error.code) == (NotSent, "connect_failed")

    def test_a_handshake_that_is_never_answered_is_not_sent(self) -> None:
        with serving(deaf) as server:
            error = fails(server.url.replace("http:", "https:"))
            assert (type(error), error.code) == (NotSent, "connect_timeout")

    @pytest.fixture
    def trusted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        context, file = server_tls(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        return context

    def test_the_deadlines_hold_under_tls(self, trusted: Any) -> None:
        def one(behave: Behaviour, **request: Any) -> ProviderError:
            with serving(behave, trusted, buffer=BUFFER) as server:
                return fails(server.url, within=0.4, **request)

        assert one(trickle).code == "read_timeout"
        assert one(sips, content=BIG).code == "write_timeout"
        assert one(deaf, content=BIG).code == "write_timeout"

    def test_an_answer_comes_through(self, trusted: Any) -> None:
        def both(server: Server) -> bytes:
            with client(server.url) as made:
                return made.post("/", time.monotonic() + 5, content=BIG[:300_000]).content

        with serving(says(status(200, b"fine")), trusted) as server:
            assert both(server) == b"fine"
            assert server.requests[0].endswith(BIG[:300_000])
