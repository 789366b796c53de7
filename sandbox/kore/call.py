"""One request, read off the wire."""

import json
from dataclasses import dataclass, field

from starlette.requests import Request

from sandbox.faults import Fault
from sandbox.kore.access import Caller, read_caller
from sandbox.kore.errors import KoreError

MAX_BYTES = 64 << 20


@dataclass
class Call:
    """`version` is 1 or 2: the pages' answers differ. `target` is the id in the path, of a list or a campaign."""

    method: str
    version: int
    caller: Caller
    target: str
    query: dict[str, str]
    raw: bytes
    faults: dict[str, Fault] = field(default_factory=dict)

    @property
    def iid(self) -> str:
        return self.caller.iid

    @property
    def body(self) -> dict[str, object]:
        """The JSON object that was sent, empty where nothing was. Raises KoreError 400."""
        if not self.raw.strip():
            return {}
        try:
            document = json.loads(self.raw)
        except ValueError as error:
            raise KoreError("Request body is not valid JSON") from error
        if not isinstance(document, dict):
            raise KoreError("Request body must be a JSON object")
        return document

    def seconds(self, fault: str) -> float:
        """How long the fault, if this request has it, makes the reads blind."""
        return self.faults[fault].seconds if fault in self.faults else 0.0


async def read_call(request: Request, method: str, version: int) -> Call:
    """Raises KoreError 400 or 401."""
    query = dict(request.query_params)
    caller = read_caller(request.headers, query, request.path_params["iid"])
    raw = await request.body()
    if len(raw) > MAX_BYTES:
        raise KoreError("Request body is too large", 413)
    return Call(method, version, caller, request.path_params.get("target", ""), query, raw)
