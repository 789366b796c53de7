"""Reads a form off the wire: multipart or urlencoded, its fields as text and its files as bytes."""

from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

MAX_FIELD = 64 << 20


class NotAForm(Exception):
    """The body is no form, or a broken one."""


@dataclass(frozen=True)
class Form:
    """`files` holds name of the file and content; a file that came without a name is a field."""

    fields: dict[str, str]
    files: dict[str, tuple[str, bytes]]
    multipart: bool


async def read_form(request: Request) -> Form:
    """Raises NotAForm."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        raise NotAForm
    fields: dict[str, str] = {}
    files: dict[str, tuple[str, bytes]] = {}
    try:
        async with request.form(max_part_size=MAX_FIELD) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    files[name] = (value.filename or "", await value.read())
                else:
                    fields[name] = value
    except (HTTPException, UnicodeDecodeError, LookupError) as error:
        raise NotAForm from error
    return Form(fields, files, kind == "multipart/form-data")
