"""A web server with one file, which breaks connections, changes the file, or leads elsewhere, as a test tells it."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class FileServer:
    """`breaks`: after how many bytes of the body each of the next answers ends. `asked`: the Range header of each."""

    url: str = ""
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    ranges: bool = True
    length: bool = True
    status: list[int] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    leads: dict[str, str] = field(default_factory=dict)
    after_break: Any = None
    asked: list[str | None] = field(default_factory=list)
    authorized: list[str | None] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        said = handler.headers
        self.asked.append(said.get("Range"))
        self.authorized.append(said.get("Authorization"))
        if handler.path in self.leads:
            handler.send_response(302)
            handler.send_header("Location", self.leads[handler.path])
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        status, body = 200, self.content
        if self.ranges and said.get("Range") and said.get("If-Range") in (self.headers.get("ETag"), None):
            begin = int(said["Range"].removeprefix("bytes=").removesuffix("-"))
            status, body = 206, self.content[begin:]
        status = self.status.pop(0) if self.status else status
        handler.send_response(status)
        if status == 206:
            end = len(self.content)
            handler.send_header("Content-Range", f"bytes {end - len(body)}-{end - 1}/{end}")
        if self.length:
            handler.send_header("Content-Length", str(len(body)))
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if self.breaks:
            body = body[: self.breaks.pop(0)]
            if self.after_break is not None:
                self.after_break()
        handler.wfile.write(body)
        handler.close_connection = True


@contextmanager
def file_server(content: bytes = b"", tls: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    """A server of its own on this machine."""
    told = FileServer(content=content)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            told.answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
