"""The sandbox's own endpoints, beside the providers' paths: what it accepted, and how it is to behave."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sandbox.files import CsvFile
from sandbox.refusals import ControlError, known_keys, number
from sandbox.state import Sandbox

CONTACT_COLUMNS = ("list_reference", "uuid", "number", "accepted_at", "times", "accepted_at_real")
CALL_COLUMNS = ("list_reference", "uuid", "number", "calls")


def routes() -> list[Route]:
    return [
        Route("/healthz", health),
        Route("/ledger", ledger, methods=["GET", "DELETE"]),
        Route("/ledger/contacts", ledger_contacts),
        Route("/ledger/calls", ledger_calls),
        Route("/ledger/requests", ledger_requests),
        Route("/faults", faults, methods=["GET", "PUT"]),
        Route("/clock", clock, methods=["GET", "PUT"]),
        Route("/switches", switches, methods=["GET", "PUT", "DELETE"]),
        Route("/switches/choices", switch_choices),
        Route("/outcomes", outcomes, methods=["GET", "PUT"]),
        Route("/callbacks", callbacks, methods=["GET", "PUT"]),
        Route("/balance", balance, methods=["GET", "PUT"]),
        Route("/accounts/{account_id:int}", account, methods=["PUT"]),
        Route("/keys/{account_id:int}", key, methods=["PUT"]),
    ]


async def refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ControlError)
    return JSONResponse({"error": {"code": error.code, "message": error.message}}, status_code=400)


def of(request: Request) -> Sandbox:
    sandbox: Sandbox = request.app.state.sandbox
    return sandbox


async def body(request: Request) -> object:
    try:
        return await request.json()
    except ValueError as error:
        raise ControlError("not_json", f"{request.method} {request.url.path} takes a JSON body.") from error


async def mapping(request: Request) -> dict[str, object]:
    document = await body(request)
    if not isinstance(document, dict):
        raise ControlError("not_an_object", f"{request.method} {request.url.path} takes a JSON object.")
    return document


async def health(request: Request) -> Response:
    return JSONResponse({"ok": True})


async def ledger(request: Request) -> Response:
    if request.method == "DELETE":
        of(request).reset()
    return JSONResponse(of(request).ledger.document())


async def ledger_contacts(request: Request) -> Response:
    return csv_of(request, CONTACT_COLUMNS, of(request).ledger.contact_rows())


async def ledger_calls(request: Request) -> Response:
    """Voximplant's calls are played when somebody asks for them, as here."""
    await of(request).voximplant.play()
    return csv_of(request, CALL_COLUMNS, of(request).ledger.call_rows())


def csv_of(request: Request, columns: tuple[str, ...], rows: Iterator[list[object]]) -> Response:
    if request.query_params.get("format", "csv") != "csv":
        raise ControlError("bad_value", "'format' must be csv.")
    sheet = CsvFile("text/csv", list(columns), ((row, ()) for row in rows), ",", "utf-8")
    return StreamingResponse(sheet.pieces(), media_type=sheet.media_type)


async def ledger_requests(request: Request) -> Response:
    return JSONResponse(of(request).ledger.arrivals())


async def faults(request: Request) -> Response:
    if request.method == "PUT":
        seed = request.query_params.get("seed")
        if seed is not None and not seed.isdigit():
            raise ControlError("bad_value", f"'seed' must be a whole number; it was {seed!r}.")
        of(request).faults.put(await body(request), None if seed is None else int(seed))
    return JSONResponse(of(request).faults.documents())


async def clock(request: Request) -> Response:
    told = of(request).clock
    if request.method == "PUT":
        document = await mapping(request)
        known_keys(document, {"speed", "advance"}, "PUT /clock")
        # both are checked before either is applied
        speed = number(document, "speed", 0) if "speed" in document else None
        advance = number(document, "advance", 0) if "advance" in document else 0.0
        if speed is not None:
            told.set_speed(speed)
        told.advance(advance)
        await of(request).play()
    return JSONResponse({"now": told.now(), "speed": told.speed})


async def switches(request: Request) -> Response:
    held = of(request)
    if request.method == "PUT":
        document = await mapping(request)
        await held.change_rules(lambda: held.switches.put(document))
    if request.method == "DELETE":
        await held.change_rules(held.switches.reset)
    return JSONResponse(held.switches.values())


async def switch_choices(request: Request) -> Response:
    return JSONResponse(of(request).switches.described())


async def outcomes(request: Request) -> Response:
    held = of(request)
    if request.method == "PUT":
        document = await mapping(request)
        await held.change_rules(lambda: held.odds.put(document))
    return JSONResponse(held.odds.mix)


async def callbacks(request: Request) -> Response:
    held = of(request).callbacks
    if request.method == "PUT":
        held.put(await mapping(request))
    return JSONResponse(held.document())


async def balance(request: Request) -> Response:
    platform = of(request).voximplant
    if request.method == "PUT":
        document = await mapping(request)
        await platform.change_rules(lambda: platform.accounts.put_balance(document))
    return JSONResponse(platform.accounts.balance())


async def account(request: Request) -> Response:
    platform, account_id = of(request).voximplant, request.path_params["account_id"]
    document = await mapping(request)
    await platform.change_rules(lambda: platform.accounts.put(account_id, document))
    held = platform.accounts.get(account_id)
    return JSONResponse(
        {
            "account_id": account_id,
            "account_name": held.name,
            "active": held.active,
            "frozen": held.frozen,
            "roles": dict.fromkeys(sorted(held.roles), True),
        }
    )


async def key(request: Request) -> Response:
    accounts, account_id = of(request).voximplant.accounts, request.path_params["account_id"]
    accounts.put_key(account_id, await mapping(request))
    return JSONResponse({"account_id": account_id, "key_ids": sorted(accounts.get(account_id).keys)})
