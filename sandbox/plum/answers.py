"""Answers as queuecall's page shows one: XML that echoes the request, the PIN too. Other forms are switches."""

from xml.sax.saxutils import escape, quoteattr

from starlette.responses import JSONResponse, PlainTextResponse, Response

from sandbox.switches import Switches


def answer(
    switches: Switches, method: str, attributes: dict[str, str], children: dict[str, str], status: int = 200
) -> Response:
    if switches.choice("plum_answer") == "json":
        return JSONResponse(attributes | children, status_code=status)
    head = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    body = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in children.items())
    document = f'<?xml version="1.0"?><{method}{head}>{body}</{method}>'
    return Response(document, status_code=status, media_type="text/xml")


def failure(switches: Switches, method: str, words: str, status: int = 200) -> Response:
    form = switches.choice("plum_failure")
    if form == "as_answer":
        return answer(switches, method, {"status": "failed"}, {"error": words}, status)
    usual = 400 if form == "http_400" else 200
    return PlainTextResponse(f"failed: {words}", status_code=usual if status == 200 else status)
