"""The door's addresses. A callback is proved, stored once and only then answered; what it says is applied by a worker.

`GET /callbacks/ACCOUNT/…`   200 where the account's provider may look whether somebody is here
`POST /callbacks/ACCOUNT/…`  a callback; the answer is the status of its result, below
`GET /healthz`               200 while the database answers
`GET /metrics`               for Prometheus

An account that does not exist and one that is never called back are answered alike, so that nobody learns which there
are. 503 makes a provider send again.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import unquote

from anyio import CapacityLimiter, to_thread
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from worker.context import Context
from worker.errors import CallbackRefused, RollcallError, Unavailable
from worker.providers.base import Event, Inbound, Inbox
from worker.store.callbacks import Arrival
from worker.web.bell import InboxBell
from worker.web.metrics import Metrics
from worker.web.writer import Writer

_log = logging.getLogger("rollcall.web")
LARGEST = 64 * 1024
READ_WITHIN = 10.0  # seconds a body may take to arrive
LONGEST_ID = 255
LOOKS = 4  # questions about health and metrics at a time; a database that hangs must not hold the threads of callbacks
SAY_EVERY = 60.0  # seconds between two lines about the same trouble, which everybody outside can cause

STATUS = {
    "stored": 200,
    "repeated": 200,
    "unreadable": 400,
    "stale": 400,
    "forged": 401,
    "unknown": 404,
    "slow": 408,
    "oversized": 413,
    "failed": 500,
    "away": 503,
}


class Door:
    """What the addresses share. `began` tells when a trouble was last logged."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._metrics = Metrics(ctx.db, ctx.settings)
        self._bell = InboxBell(ctx.ring)
        self._writer = Writer(ctx.db, self._bell.wanted)
        self._looks = CapacityLimiter(LOOKS)
        self._said: dict[tuple[str, str], float] = {}

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/callbacks/{rest:path}", self.greet, methods=["GET"]),
                Route("/callbacks/{rest:path}", self.receive, methods=["POST"]),
                Route("/healthz", self.health),
                Route("/metrics", self.tell_metrics),
            ],
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        with self._bell, self._writer:
            yield

    async def greet(self, request: Request) -> Response:
        account, path = address(request.scope)
        try:
            known = (await run_in_threadpool(self._inbox, account)).greet(path)
        except CallbackRefused:
            known = False
        except RollcallError as error:
            self._say(account, "away", error.message)
            return _answer(STATUS["away"])
        return _answer(200 if known else STATUS["unknown"])

    async def receive(self, request: Request) -> Response:
        account, path = address(request.scope)
        result = await self._take(request, account, path)
        self._metrics.count(account if account in self._ctx.settings.accounts else "", result)
        return _answer(STATUS[result])

    async def _take(self, request: Request, account: str, path: tuple[str, ...]) -> str:
        """The result, in a word of STATUS. Nothing that came with the request is logged."""
        try:
            inbox = await run_in_threadpool(self._inbox, account)
            body = await _body(request)
            inbound = Inbound(path, dict(request.headers), body, self._now())
            arrival = _storable(account, await run_in_threadpool(inbox.receive, inbound))
            is_new = await asyncio.wrap_future(self._writer.put(arrival))
            return "stored" if is_new else "repeated"
        except CallbackRefused as error:
            result = error.code.removesuffix("_callback")
            if result != "unknown":
                self._say(account, result, "refused")
            return result if result in STATUS else "unreadable"
        except (RollcallError, SQLAlchemyError) as error:
            self._say(account, "away", error.message if isinstance(error, RollcallError) else type(error).__name__)
            return "away"
        except Exception as error:  # its text may hold a part of the body
            self._say(account, "failed", type(error).__name__)
            return "failed"

    def _inbox(self, account: str) -> Inbox:
        """Raises CallbackRefused where there is none, and RollcallError where the account cannot be opened."""
        if account in self._ctx.settings.accounts:
            inbox = self._ctx.provider(account).inbox
            if inbox is not None:
                return inbox
        raise CallbackRefused("unknown_callback", "This account is not called back.")

    def _now(self) -> float:
        return time.time() if self._ctx.clock is None else self._ctx.clock().timestamp()

    def _say(self, account: str, result: str, message: str) -> None:
        now = time.monotonic()
        if now - self._said.get((account, result), -SAY_EVERY) >= SAY_EVERY:
            self._said[account, result] = now
            _log.warning("a callback to account %s: %s (%s)", account, result, message)

    async def health(self, _request: Request) -> Response:
        try:
            await to_thread.run_sync(self._ctx.db.ping, limiter=self._looks)
        except (Unavailable, SQLAlchemyError):
            return JSONResponse({"ok": False}, status_code=503)
        return JSONResponse({"ok": True})

    async def tell_metrics(self, _request: Request) -> Response:
        text = await to_thread.run_sync(self._metrics.text, limiter=self._looks)
        return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})


def create_app(ctx: Context) -> Starlette:
    return Door(ctx).app()


def address(scope: Scope) -> tuple[str, tuple[str, ...]]:
    """The account and what follows it, taken apart before an encoded slash becomes one."""
    parts = [unquote(part) for part in scope["raw_path"].decode("latin-1").split("/")[2:]]
    return (parts[0] if parts else ""), tuple(part for part in parts[1:] if part)


async def _body(request: Request) -> bytes:
    """Raises CallbackRefused for one that is too large or comes too slowly; counted while it comes."""
    body = bytearray()
    try:
        async with asyncio.timeout(READ_WITHIN):
            async for part in request.stream():
                body += part
                if len(body) > LARGEST:
                    raise CallbackRefused("oversized_callback", f"It is larger than {LARGEST} bytes.")
    except (TimeoutError, ClientDisconnect):
        raise CallbackRefused("slow_callback", f"It did not arrive whole within {READ_WITHIN:g} s.") from None
    return bytes(body)


def _storable(account: str, event: Event) -> Arrival:
    """Raises CallbackRefused for what a column cannot hold: it would hold up those that are written with it."""
    texts = (event.id, event.body, event.upload or "")
    if not 0 < len(event.id) <= LONGEST_ID or any("\0" in text or not _is_utf8(text) for text in texts):
        raise CallbackRefused("unreadable_callback", "Its id or its text cannot be stored.")
    return Arrival(account, event.id, event.upload, event.body)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _answer(status: int) -> Response:
    """Whoever is refused is hung up on: the rest of a body is not listened to."""
    headers = {} if status == HTTPStatus.OK else {"connection": "close"}
    return PlainTextResponse(HTTPStatus(status).phrase, status, headers)
