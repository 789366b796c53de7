"""Reads one call off the wire, in each of the five shapes that the documents and the official SDKs use.

A: method in the path, scalars in the query, the file a multipart part. B: the same with the file as the raw body.
C: everything in a urlencoded form, `cmd` among it. D: everything a multipart part, `cmd` among it. E: everything a
multipart part, method in the path. Reads may come by GET with everything in the query.
"""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header
from starlette.requests import Request

from sandbox.faults import Fault
from sandbox.voximplant.errors import ApiError

FORMS = (b"multipart/form-data", b"application/x-www-form-urlencoded")
NO_SPOOLING = {"MAX_MEMORY_FILE_SIZE": 1 << 40}


@dataclass
class Call:
    """One request: its method, its parameters as text, its file as bytes, and the faults it is to carry out."""

    method: str
    params: dict[str, str]
    file: bytes | None
    token: str | None
    host: str
    faults: dict[str, Fault] = field(default_factory=dict)


async def read_call(request: Request) -> Call:
    """Raises ApiError 101 for a body that is no form although it says so, 102 where no method is named."""
    query = dict(parse_qsl(request.url.query, keep_blank_values=True))
    params, file = {name: value for name, value in query.items() if name != "file_content"}, None
    if "file_content" in query:
        file = query["file_content"].encode()
    body = await request.body()
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind in FORMS:
        fields = read_form(kind, options.get(b"boundary"), body)
        file = fields.pop("file_content", file)
        params |= {name: value.decode("utf-8", "replace") for name, value in fields.items()}
    elif body:
        file = body
    method = request.path_params.get("method") or params.pop("cmd", "")
    return Call(method, params, file, bearer(request), request.headers.get("host", ""))


def read_form(kind: bytes, boundary: bytes | None, body: bytes) -> dict[str, bytes]:
    """Names and raw values. Values stay bytes: the file's encoding is a parameter of the call."""
    values: dict[str, bytes] = {}

    def on_field(one: Field) -> None:
        raw = one.value or b""
        if kind == FORMS[1]:
            values[unform(one.field_name or b"").decode()] = unform(raw)
        else:
            values[(one.field_name or b"").decode()] = raw

    def on_file(one: File) -> None:
        one.file_object.seek(0)
        values[(one.field_name or b"").decode()] = one.file_object.read()

    try:
        parser = FormParser(kind.decode(), on_field, on_file, boundary=boundary, config=NO_SPOOLING)
        parser.write(body)
        parser.finalize()
    except (FormParserError, UnicodeDecodeError) as error:
        raise ApiError(101) from error
    return values


def unform(value: bytes) -> bytes:
    return unquote_to_bytes(value.replace(b"+", b" "))


def bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
