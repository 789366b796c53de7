"""Plum's paths at the server's root, /webservice/queuecalls.php and queuecall.php; and who may log in."""

import math
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.campaign import Contact
from sandbox.control import mapping, of
from sandbox.faults import Befall, Fault, thinned
from sandbox.forms import Form, NotAForm, read_form
from sandbox.misfortune import Befallen, befall
from sandbox.plum.answers import answer, failure
from sandbox.plum.fields import Failed, Order, call_file, campaign_name, checked, echo
from sandbox.plum.sheet import number_in, read_sheet
from sandbox.plum.webservice import CALL, CALLS, PROVIDER, Webservice


def routes() -> list[Route]:
    return [
        Route(f"/webservice/{CALLS}.php", queuecalls, methods=["POST"]),
        Route(f"/webservice/{CALL}.php", queuecall, methods=["POST"]),
        Route("/plum/accounts/{login}", account, methods=["PUT"]),
    ]


async def account(request: Request) -> Response:
    of(request).plum.put_account(request.path_params["login"], await mapping(request))
    return JSONResponse({"login": request.path_params["login"]})


async def queuecalls(request: Request) -> Response:
    return await asked(request, CALLS)


async def queuecall(request: Request) -> Response:
    return await asked(request, CALL)


async def asked(request: Request, method: str) -> Response:
    sandbox = of(request)
    sandbox.ledger.arrived(PROVIDER, method)
    try:
        form = await read_form(request)
    except NotAForm:
        return failure(sandbox.switches, method, "the request is not a form")
    befalls = sandbox.faults.choose(method)
    question = Question(sandbox.plum, method, form, befalls)
    return await befall(befalls.answer, question, sandbox.background)


@dataclass
class Question(Befallen):
    """One request, and how Plum words what a fault makes it say."""

    plum: Webservice
    method: str
    form: Form
    befalls: Befall

    async def perform(self) -> Response:
        try:
            order = checked(self.form, self.plum.switches, self.plum.clock.now())
            self.plum.admit(order.login, self.form.fields["pin"])
            return await (self._campaign(order) if self.method == CALLS else self._call(order))
        except Failed as failed:
            return failure(self.plum.switches, self.method, str(failed))

    async def _campaign(self, order: Order) -> Response:
        if not self.form.multipart:
            raise Failed("the request must be multipart/form-data")
        switches = self.plum.switches
        contacts = read_sheet(call_file(self.form, switches), order, switches)
        if dropping := self.befalls.content.get("short_count"):
            contacts = thinned(contacts, dropping.fraction("drop"))
        name = campaign_name(self.form, switches)
        await self.plum.preflight(order)
        self.plum.claim_name(order.login, name)
        campaign_id = await self.plum.queue(name, order, contacts)
        told = {"status": "queued"}
        if switches.choice("plum_campaign_id") == "told":
            told["campaign_id"] = str(campaign_id)
        if switches.choice("plum_count") == "told":
            told["count"] = str(len(contacts))
        return self._answer(told)

    async def _call(self, order: Order) -> Response:
        cell = self.form.fields.get("phone_number", "").strip()
        number = number_in(cell)
        if number is None:
            raise Failed("phone_number is not valid")
        await self.plum.preflight(order)
        contact = Contact(number, order.message_reference, (cell, order.call_parameters))
        campaign_id = await self.plum.queue("", order, [contact])
        return self._answer({"status": "queued", "call_id": str(campaign_id + 1)})

    def _answer(self, told: dict[str, str]) -> Response:
        switches = self.plum.switches
        echoed = echo(self.form) if switches.choice("plum_echo") == "all" else {}
        return answer(switches, self.method, told, echoed)

    def refuse(self, fault: Fault) -> Response:
        return failure(self.plum.switches, self.method, "the request was refused", fault.code() or 200)

    def throttle(self, fault: Fault) -> Response:
        said = failure(self.plum.switches, self.method, "too many requests", fault.code() or 429)
        if fault.options["retry_after"] is not None:
            said.headers["Retry-After"] = str(math.ceil(float(str(fault.options["retry_after"]))))
        return said
