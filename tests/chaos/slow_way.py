"""A way to the provider on which a submission is held up, and arrives when it is let go."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.house import House
from tests.patience import until
from worker.context import Context

HELD = ("CreateCallList", "AppendToCallList")
KEPT = ("content-type", "authorization")


class SlowWay:
    """`drops`: a request whose sender has hung up meanwhile is not handed on; else it is, as by a proxy."""

    def __init__(self, house: House, *, drops: bool) -> None:
        self._to, self._drops = house.provider.url, drops
        self.holds, self._go, self.done = threading.Event(), threading.Event(), threading.Event()

    @classmethod
    @contextmanager
    def leads(cls, house: House, *, drops: bool) -> Iterator[tuple["SlowWay", Context]]:
        """The way, and a worker that takes it. Its bells go nowhere."""
        way = cls(house, drops=drops)
        server = ThreadingHTTPServer(("127.0.0.1", 0), way._handler())
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        settings = house.ctx.settings.model_copy(deep=True)
        settings.accounts["sandbox"].url = f"http://127.0.0.1:{server.server_port}"
        worker = Context(settings, lambda *bell: None, clock=lambda: house.now)
        worker.rates, worker.stopping = house.ctx.rates, house.ctx.stopping
        try:
            yield way, worker
        finally:
            way._go.set()
            server.shutdown()
            server.server_close()
            thread.join()
            worker.close()

    def let_go(self) -> None:
        """Returns when what was held has arrived, or was dropped."""
        self._go.set()
        until(self.done.is_set, within=30)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        way = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                held = any(method in self.path for method in HELD) and not way.holds.is_set()
                if held:
                    way.holds.set()
                    way._go.wait(60)
                try:
                    if not (held and way._drops and gone(self.connection)):
                        self._hand_on(body)
                finally:
                    if held:
                        way.done.set()

            def _hand_on(self, body: bytes) -> None:
                headers = {name: value for name, value in self.headers.items() if name.lower() in KEPT}
                answer = httpx.post(f"{way._to}{self.path}", content=body, headers=headers, timeout=30)
                try:
                    self.send_response(answer.status_code)
                    self.send_header("content-type", answer.headers["content-type"])
                    self.send_header("content-length", str(len(answer.content)))
                    self.end_headers()
                    self.wfile.write(answer.content)
                except OSError:
                    self.close_connection = True  # nobody listens any more

            def log_message(self, *_: Any) -> None:
                """Nothing is printed."""

        return Handler


def gone(connection: socket.socket) -> bool:
    """Whether the other side has hung up."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.setblocking(True)
