"""Servers that misbehave on the wire in one chosen way: real sockets, one thread for each connection."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Behaviour = Callable[["Line"], None]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@dataclass
class Line:
    """One connection, seen by the server."""

    sock: socket.socket
    server: "Server"

    def request(self) -> bytes:
        """One whole request, head and body; empty where the other end has closed."""
        data = b""
        while b"\r\n\r\n" not in data:
            part = self.sock.recv(65536)
            if not part:
                return b""
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += self.sock.recv(65536)
        self.server.requests.append(head + b"\r\n\r\n" + body)
        return self.server.requests[-1]

    def answer(self, data: bytes) -> None:
        self.sock.sendall(data)

    def wait(self, seconds: float = 10) -> None:
        """Hold the line until the test is over."""
        self.server.over.wait(seconds)

    def reset(self) -> None:
        """Close with a reset instead of a goodbye."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.sock.close()


@dataclass
class Server:
    port: int
    scheme: str = "http"
    connections: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    requests: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


@contextmanager
def serving(behave: Behaviour, tls: ssl.SSLContext | None = None, buffer: int | None = None) -> Iterator[Server]:
    """Every connection is handed to `behave`; with `buffer`, its receive buffer holds about so many bytes.

    `ended` is set once a connection is over.
    """
    listener = socket.socket()
    if buffer is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    server = Server(listener.getsockname()[1], "https" if tls else "http")
    threads: list[threading.Thread] = []

    def one(sock: socket.socket) -> None:
        with sock, suppress(OSError):
            line = tls.wrap_socket(sock, server_side=True) if tls else sock
            behave(Line(line, server))
        server.ended.set()

    def accept() -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                server.connections += 1
                threads.append(threading.Thread(target=one, args=(sock,), daemon=True))
                threads[-1].start()

    threads.append(threading.Thread(target=accept, daemon=True))
    threads[0].start()
    try:
        yield server
    finally:
        server.over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join(2)


def says(*answers: bytes) -> Behaviour:
    """Answers request after request on one connection, then closes it."""

    def behave(line: Line) -> None:
        for answer in answers:
            if not line.request():
                return
            line.answer(answer)

    return behave


def status(code: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {code} Said", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def trickle(line: Line) -> None:
    """A body that is always about to be complete: a byte every 20 ms."""
    line.request()
    line.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while not line.server.over.is_set():
        line.answer(b"x")
        time.sleep(0.02)


def silent(line: Line) -> None:
    line.request()
    line.wait()


def deaf(line: Line) -> None:
    """Reads nothing at all."""
    line.wait()


def sips(line: Line) -> None:
    """Reads for ever, a little at a time: every single write of the client makes progress."""
    while not line.server.over.is_set() and line.sock.recv(65536):
        time.sleep(0.005)


def half(line: Line) -> None:
    """Reads the request and closes in the middle of the answer's body."""
    line.request()
    line.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")


def resets(line: Line) -> None:
    line.request()
    line.reset()
