"""Formant's paths at the server's root, /v1/batch-call and /v1/batch-calls; keys, limits and agents beside them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.control import mapping, of
from sandbox.faults import Befall, Fault
from sandbox.formant.access import Standing
from sandbox.formant.agents import Agent
from sandbox.formant.errors import FormantError, bad
from sandbox.formant.methods import METHODS, Asked
from sandbox.formant.platform import CREATE, GET, LIST, METRICS, PROVIDER, Platform, too_many_calls
from sandbox.forms import Form, NotAForm, read_form
from sandbox.misfortune import Befallen, befall


def routes() -> list[Route]:
    return [
        Route("/v1/batch-call", asked(CREATE), methods=["POST"]),
        Route("/v1/batch-calls", asked(LIST), methods=["GET"]),
        Route("/v1/batch-calls/{batch_id}", asked(GET), methods=["GET"]),
        Route("/v1/batch-calls/{batch_id}/metrics", asked(METRICS), methods=["GET"]),
        Route("/formant/keys", keys, methods=["PUT"]),
        Route("/formant/limits", limits, methods=["PUT"]),
        Route("/formant/agents/{agent_id:int}", agent, methods=["PUT"]),
    ]


async def keys(request: Request) -> Response:
    return JSONResponse(of(request).formant.keys.put(await mapping(request)))


async def limits(request: Request) -> Response:
    return JSONResponse(of(request).formant.limits.put(await mapping(request)))


async def agent(request: Request) -> Response:
    """The secret is not told again."""
    agent_id, told = request.path_params["agent_id"], Agent.of(await mapping(request))
    of(request).formant.agents[agent_id] = told
    return JSONResponse({"agent_id": agent_id, "webhook_url": told.webhook_url, "max_attempts": told.max_attempts})


def asked(method: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await answered(request, method)

    return endpoint


async def answered(request: Request, method: str) -> Response:
    """Every answer carries the rate headers."""
    sandbox = of(request)
    sandbox.ledger.arrived(PROVIDER, method)
    try:
        form = await read_form(request) if method == CREATE else None
    except NotAForm:
        form = None
    befalls = sandbox.faults.choose(method)
    key = bearer(request)
    standing = sandbox.formant.limits.take(key)
    question = Question(sandbox.formant, method, request, form, key, standing, befalls)
    return await befall(befalls.answer, question, sandbox.background)


def bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


@dataclass
class Question(Befallen):
    """One request, and how Formant words what a fault makes it say."""

    formant: Platform
    method: str
    request: Request
    form: Form | None
    key: str
    standing: Standing
    befalls: Befall

    async def perform(self) -> Response:
        if self.standing.over:
            return self._wait(FormantError(429, "Rate limit exceeded"), self.standing)
        try:
            agents = self.formant.keys.admit(self.key)
            batch_id = self.request.path_params.get("batch_id", "")
            told = Asked(agents, self.request.query_params, batch_id, self.form, self.befalls.content)
            answer = await METHODS[self.method](self.formant, told)
        except FormantError as error:
            if error.status == 429:
                return self._wait(error, self.standing)
            return self.standing.stamp(error.answer())
        return self.standing.stamp(JSONResponse(answer))

    def refuse(self, fault: Fault) -> Response:
        code = fault.code()
        error = FormantError(code, "Request refused") if code else bad("Request refused")
        return self.standing.stamp(error.answer())

    def throttle(self, fault: Fault) -> Response:
        seconds = fault.options["retry_after"]
        standing = self.standing.used_up(1.0 if seconds is None else float(str(seconds)))
        if self.formant.switches.choice("formant_throttle") == "rate_limit_exceeded":
            return self._wait(FormantError(429, "Rate limit exceeded"), standing)
        under_way = self.formant.dialling.under_way
        return self._wait(too_many_calls(under_way, self.formant.limits.concurrent_calls or under_way), standing)

    def broken(self) -> Response:
        return self.standing.stamp(FormantError(500, "Internal server error").answer())

    def _wait(self, error: FormantError, standing: Standing) -> Response:
        answer = error.answer()
        if self.formant.switches.choice("formant_retry_after") == "seconds":
            answer.headers["Retry-After"] = str(standing.wait)
        return standing.stamp(answer)
