"""Voximplant's paths at the server's root: /platform_api/<Method>, /platform_api with `cmd`, /getServerLocations."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sandbox.control import of
from sandbox.faults import Fault
from sandbox.misfortune import Befallen, befall, told_to_wait
from sandbox.state import Sandbox
from sandbox.voximplant.errors import ApiError
from sandbox.voximplant.methods import METHODS, UPLOADS, perform
from sandbox.voximplant.platform import PROVIDER
from sandbox.voximplant.settings import SERVER_LOCATIONS
from sandbox.voximplant.transport import Call, read_call


def routes() -> list[Route]:
    paths = ["/platform_api", "/platform_api/", "/platform_api/{method}", "/platform_api/{method}/"]
    calls = [Route(path, platform_api, methods=["GET", "POST"]) for path in paths]
    return [*calls, Route("/getServerLocations", server_locations, methods=["GET"])]


async def platform_api(request: Request) -> Response:
    sandbox = of(request)
    arrival = sandbox.ledger.arrived(PROVIDER)
    try:
        call = await read_call(request)
    except ApiError as error:
        return failure(sandbox, error)
    arrival.method = call.method
    befalls = sandbox.faults.choose(call.method)
    call.faults = befalls.content
    return await befall(befalls.answer, Voice(sandbox, call), sandbox.background)


class Voice(Befallen):
    """How Voximplant words what a fault makes it say."""

    def __init__(self, sandbox: Sandbox, call: Call) -> None:
        self._sandbox, self._call = sandbox, call

    async def perform(self) -> Response:
        return await respond(self._sandbox, self._call)

    def refuse(self, fault: Fault) -> Response:
        default = 250 if self._call.method in UPLOADS else 101
        return failure(self._sandbox, ApiError(fault.code() or default))

    def throttle(self, fault: Fault) -> Response:
        """HTTP 429, or where the fault names a code that error with its usual status."""
        error = ApiError(fault.code() or 340)
        if fault.code() is not None:
            return failure(self._sandbox, error)
        return told_to_wait(JSONResponse(envelope(self._sandbox, error), status_code=429), fault)


async def respond(sandbox: Sandbox, call: Call) -> Response:
    by_path = sandbox.switches.choice("unknown_method") == "404"
    if by_path and call.method and call.method not in METHODS:
        return PlainTextResponse("Not Found", status_code=404)
    try:
        answer = await perform(sandbox.voximplant, call)
    except ApiError as error:
        return failure(sandbox, error)
    if isinstance(answer, dict | list):
        return JSONResponse(answer)
    return StreamingResponse(answer.pieces(), media_type=answer.media_type)


def envelope(sandbox: Sandbox, error: ApiError) -> dict[str, object]:
    body: dict[str, object] = {"error": error.document()}
    both = sandbox.switches.choice("error_envelope") == "error_and_errors"
    return body | ({"errors": [error.document()]} if both else {})


def failure(sandbox: Sandbox, error: ApiError) -> Response:
    status = 200 if sandbox.switches.choice("error_http_status") == "200" else error.status
    return JSONResponse(envelope(sandbox, error), status_code=status)


async def server_locations(request: Request) -> Response:
    """The documents name this URL and do not show its answer."""
    return JSONResponse({"result": list(SERVER_LOCATIONS)})
