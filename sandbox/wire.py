"""Answers that no web framework offers: a hang-up, silence, a body cut in the middle.

They need the connection itself. `LineProtocol` hands it to the application in the request's state, under `line`.
"""

import asyncio
from typing import cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


class LineProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, with its transport within the application's reach."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.app_state = {**self.app_state, "line": transport}


def line_of(scope: Scope) -> asyncio.Transport:
    line = scope.get("state", {}).get("line")
    if line is None:
        raise RuntimeError("Hanging up needs a real connection: run the sandbox through sandbox.server.")
    return cast(asyncio.Transport, line)


async def gone(receive: Receive) -> None:
    """Waits until the connection is closed; uvicorn would answer 500 if we returned before."""
    while (await receive())["type"] != "http.disconnect":
        pass


class HangUp(Response):
    """Closes the connection without one byte of answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # close() would wait up to 30 s for the other end's TLS goodbye
        line_of(scope).abort()
        await gone(receive)


class Silence(Response):
    """Says nothing until the client gives up, or until the server is told to end."""

    def __init__(self, closing: asyncio.Event) -> None:
        super().__init__()
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        waits = [asyncio.ensure_future(gone(receive)), asyncio.ensure_future(self._closing.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if self._closing.is_set():
            await HangUp()(scope, receive, send)


class CutBody(Response):
    """Announces the whole body, sends half of it and closes."""

    def __init__(self, whole: Response, body: bytes) -> None:
        super().__init__(status_code=whole.status_code, media_type=whole.headers.get("content-type"))
        self._full = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        media_type = self.headers["content-type"].encode()
        headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(self._full))]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self._full[: len(self._full) // 2], "more_body": True})
        line_of(scope).close()
        await gone(receive)


async def body_of(response: Response) -> bytes:
    """The whole body, also of a streaming response."""
    pieces = getattr(response, "body_iterator", None)
    if pieces is None:
        return bytes(response.body)
    return b"".join([piece if isinstance(piece, bytes) else piece.encode() async for piece in pieces])


async def pause(seconds: float, closing: asyncio.Event) -> None:
    """Sleeps in real time, and no longer than the server lives."""
    try:
        async with asyncio.timeout(seconds):
            await closing.wait()
    except TimeoutError:
        return
