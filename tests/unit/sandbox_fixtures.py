"""A sandbox in a thread and a client for it, whose clock stands still unless a test turns it."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from sandbox.server import running

KEY: dict[str, Any] = {"account_id": "12345", "api_key": "secret-key"}
LIST: dict[str, Any] = {"rule_id": 1, "priority": 0, "max_simultaneous": 10, "num_attempts": 1, "name": "spring"}
TOKEN = "01JD3K5M7N8P9QRSTVWXYZ0123"
ROWS = "phone;__task_uuid;name\n+14155550001;a-1;Ann\n+14155550002;a-2;Bob\n+14155550003;a-3;Cid\n"


class Vox:
    """Calls methods as a client in shape A does, and turns the sandbox's knobs."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url, self.http = url, http

    def raw(self, method: str, file: str | bytes | None = None, **params: Any) -> httpx.Response:
        query = KEY | {name: value for name, value in params.items() if value is not None}
        if file is None:
            return self.http.post(f"/platform_api/{method}", params=query)
        content = file.encode() if isinstance(file, str) else file
        return self.http.post(f"/platform_api/{method}", params=query, files={"file_content": content})

    def call(self, method: str, file: str | bytes | None = None, **params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.raw(method, file, **params).json()
        return answer

    def error(self, method: str, file: str | bytes | None = None, **params: Any) -> int:
        code: int = self.call(method, file, **params)["error"]["code"]
        return code

    def create(self, file: str | bytes = ROWS, **params: Any) -> int:
        """A list with LIST's settings; its id."""
        made = self.call("CreateCallList", file, **(LIST | params))
        list_id: int = made["list_id"]
        return list_id

    def append(self, list_id: int, file: str | bytes, **params: Any) -> dict[str, Any]:
        return self.call("AppendToCallList", file, list_id=list_id, **params)

    def tasks(self, list_id: int, **params: Any) -> list[dict[str, str]]:
        """The details as CSV, one dict a task."""
        text = self.raw("GetCallListDetails", list_id=list_id, **params).text
        return list(csv.DictReader(io.StringIO(text), delimiter=";"))

    def statuses(self, list_id: int) -> list[str]:
        return [task["status"] for task in self.tasks(list_id)]

    def status(self, list_id: int) -> str:
        status: str = self.call("GetCallLists", list_id=list_id)["result"][0]["status"]
        return status

    def put(self, path: str, document: Any) -> Any:
        answer = self.http.put(path, json=document)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def advance(self, seconds: float) -> None:
        self.put("/clock", {"advance": seconds})

    def now(self) -> float:
        now: float = self.http.get("/clock").json()["now"]
        return now

    def ledger(self) -> dict[str, Any]:
        book: dict[str, Any] = self.http.get("/ledger").json()
        return book

    def reset(self) -> None:
        """Everything but the clock, which only runs forward, and the accounts' keys."""
        self.http.delete("/switches")
        self.put("/faults", [])
        self.put("/balance", {"balance": 100, "currency": "USD"})
        self.put("/outcomes", {"answered": 1})
        self.http.delete("/ledger")


@contextmanager
def sandboxed(**options: Any) -> Iterator[Vox]:
    with running(**({"speed": 0.0} | options)) as url, httpx.Client(base_url=url, timeout=20, verify=False) as http:
        vox = Vox(url, http)
        vox.reset()
        yield vox
