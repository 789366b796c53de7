"""Carries out a fault on one request, for any provider."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from sandbox.faults import Fault
from sandbox.wire import CutBody, HangUp, Silence, body_of, pause

GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class Befallen(ABC):
    """The request a fault befalls: how it would have gone, and the provider's words for no."""

    @abstractmethod
    async def perform(self) -> Response: ...

    @abstractmethod
    def refuse(self, fault: Fault) -> Response: ...

    @abstractmethod
    def throttle(self, fault: Fault) -> Response: ...

    def broken(self) -> Response:
        """HTTP 500; a provider that documents its words has its own."""
        return PlainTextResponse("Internal Server Error", status_code=500)


class Background:
    """Work that outlives its request. `closing` is set when the server is told to end."""

    def __init__(self) -> None:
        self.closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def later(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        async def run() -> None:
            await pause(seconds, self.closing)
            if not self.closing.is_set():
                await work()

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def drop(self) -> None:
        """Cancels what has not begun: what was to be stored late is not stored after a reset."""
        for task in self._tasks:
            task.cancel()


def told_to_wait(answer: Response, fault: Fault) -> Response:
    """The answer, with Retry-After where the fault names one."""
    if fault.options["retry_after"] is not None:
        answer.headers["Retry-After"] = f"{fault.options['retry_after']:g}"
    return answer


async def befall(fault: Fault | None, request: Befallen, background: Background) -> Response:
    """Without a fault the request goes as it would have gone."""
    if fault is None:
        return await request.perform()
    match fault.name:
        case "refuse":
            return request.refuse(fault)
        case "throttle":
            return request.throttle(fault)
        case "no_answer":
            return Silence(background.closing)
        case "unavailable":
            return PlainTextResponse("Service Unavailable", status_code=503)
        case "store_late":
            background.later(fault.seconds, request.perform)
            return HangUp()
    answer = await request.perform()
    match fault.name:
        case "accept_then_hang_up":
            return HangUp()
        case "accept_then_500":
            return request.broken()
        case "not_json":
            return HTMLResponse(GATEWAY_PAGE)
        case "cut_body":
            return CutBody(answer, await body_of(answer))
        case "slow":
            await pause(fault.seconds, background.closing)
    return answer
