"""Kore.ai's paths at the server's root, and the sandbox's own for it below /kore."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from math import ceil

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.control import mapping, of
from sandbox.faults import Fault
from sandbox.kore.call import Call, read_call
from sandbox.kore.errors import RATE_TEXT, KoreError
from sandbox.kore.methods import PLACES, Place, perform
from sandbox.kore.platform import PROVIDER
from sandbox.misfortune import Befallen, befall, told_to_wait
from sandbox.refusals import ControlError, known_keys
from sandbox.state import Sandbox


def routes() -> list[Route]:
    own = [
        Route("/kore/apps/{client_id}", app, methods=["PUT"]),
        Route("/kore/limits", limits, methods=["GET", "PUT"]),
        Route("/kore/dnc/{name}", dnc, methods=["PUT"]),
    ]
    return [*own, *(Route(place.path, endpoint(place), methods=[place.verb]) for place in PLACES)]


def endpoint(place: Place) -> Callable[[Request], Awaitable[Response]]:
    async def called(request: Request) -> Response:
        sandbox = of(request)
        shows_contacts = place.method == "campaignStatus" and request.query_params.get("view") == "contacts"
        at = replace(place, method="campaignContacts") if shows_contacts else place
        sandbox.ledger.arrived(PROVIDER, at.method)
        try:
            call = await read_call(request, at.method, at.version)
        except KoreError as error:
            return failure(sandbox, error)
        seconds = sandbox.kore.rates.wait(call.caller.account_id)
        return over_limit(sandbox, seconds) if seconds else await answer(sandbox, call)

    return called


async def answer(sandbox: Sandbox, call: Call) -> Response:
    befalls = sandbox.faults.choose(call.method)
    call.faults = befalls.content
    return await befall(befalls.answer, Voice(sandbox, call), sandbox.background)


class Voice(Befallen):
    """How Kore.ai might word what a fault makes it say. A fault's code is an HTTP status here."""

    def __init__(self, sandbox: Sandbox, call: Call) -> None:
        self._sandbox, self._call = sandbox, call

    async def perform(self) -> Response:
        return await respond(self._sandbox, self._call)

    def refuse(self, fault: Fault) -> Response:
        return failure(self._sandbox, KoreError("Invalid request", fault.code() or 400))

    def throttle(self, fault: Fault) -> Response:
        document = KoreError(RATE_TEXT, fault.code() or 429).document(form(self._sandbox))
        return told_to_wait(JSONResponse(document, status_code=fault.code() or 429), fault)

    def broken(self) -> Response:
        return failure(self._sandbox, KoreError("Internal Server Error", 500), as_is=True)


async def respond(sandbox: Sandbox, call: Call) -> Response:
    try:
        return JSONResponse(await perform(sandbox.kore, call))
    except KoreError as error:
        return failure(sandbox, error)


def form(sandbox: Sandbox) -> str:
    return sandbox.switches.choice("kore_error_body")


def failure(sandbox: Sandbox, error: KoreError, as_is: bool = False) -> Response:
    told = as_is or sandbox.switches.choice("kore_error_http_status") == "4xx"
    return JSONResponse(error.document(form(sandbox)), status_code=error.status if told else 200)


def over_limit(sandbox: Sandbox, seconds: float) -> Response:
    status = int(sandbox.switches.choice("kore_rate_status"))
    response = JSONResponse(KoreError(RATE_TEXT, status).document(form(sandbox)), status_code=status)
    if sandbox.switches.choice("kore_retry_after") == "present":
        response.headers["Retry-After"] = str(ceil(seconds))
    return response


async def app(request: Request) -> Response:
    client_id, document = request.path_params["client_id"], await mapping(request)
    of(request).kore.apps.put(client_id, document)
    return JSONResponse({"client_id": client_id})


async def limits(request: Request) -> Response:
    rates = of(request).kore.rates
    if request.method == "PUT":
        rates.put(await mapping(request))
    return JSONResponse({"requests_per_minute": rates.requests_per_minute})


async def dnc(request: Request) -> Response:
    """`{"numbers": [...]}`: no page shows how a DNC list is made by a request."""
    name, document = request.path_params["name"], await mapping(request)
    known_keys(document, {"numbers"}, "PUT /kore/dnc")
    numbers = document.get("numbers", [])
    if not isinstance(numbers, list) or not all(isinstance(one, str) for one in numbers):
        raise ControlError("bad_value", "'numbers' must be a list of texts.")
    of(request).kore.put_dnc(name, numbers)
    return JSONResponse({"name": name, "numbers": len(numbers)})
