"""A customer's server for callbacks: it keeps what it is sent, and answers as it is told."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: Message
    body: bytes
    at: float

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass
class Receiver:
    """`asked` holds the GETs, `posts` the POSTs.

    `answers` are the statuses of the next requests; after those, 200. A status of 0 is silence until the end.
    """

    url: str = ""
    answers: list[int] = field(default_factory=list)
    asked: list[Received] = field(default_factory=list)
    posts: list[Received] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)
    ended: threading.Event = field(default_factory=threading.Event)

    def take(self, one: Received) -> int:
        with self.news:
            (self.posts if one.method == "POST" else self.asked).append(one)
            status = self.answers.pop(0) if self.answers else 200
            self.news.notify_all()
        if status == 0:
            self.ended.wait(20)
        return status

    def wait(self, count: int, seconds: float = 15) -> list[Received]:
        """The first `count` posts, once they are there."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.posts) >= count, seconds), f"only {len(self.posts)} came"
        return self.posts[:count]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status = receiver.take(Received(self.command, self.path, self.headers, body, time.time()))
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST = answer

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        disable_nagle_algorithm = True

    server = Server(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
