"""A sandbox of a provider that calls back, its customer's server, and a client that writes requests by hand."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from sandbox.server import running
from tests.patience import until
from tests.unit.receiver import Receiver, receiving

TOKEN = "01JD3K5M7N8P9QRSTVWXYZ0123"


@dataclass
class Stage:
    url: str
    http: httpx.Client
    customer: Receiver

    @classmethod
    @contextmanager
    def set(cls) -> Iterator["Stage"]:
        with (
            running(speed=0) as url,
            receiving() as customer,
            httpx.Client(base_url=url, timeout=20, verify=False) as http,
        ):
            yield cls(url, http, customer)

    def as_new(self) -> "Stage":
        """Everything but the clock, which only runs forward."""
        self.http.delete("/switches")
        self.put("/faults", [])
        self.put("/callbacks", {})
        self.put("/outcomes", {"answered": 1})
        self.put("/formant/keys", {"key": None})
        self.put("/formant/limits", {})
        self.http.delete("/ledger")
        self.customer.answers.clear()
        self.customer.posts.clear()
        self.customer.asked.clear()
        return self

    def put(self, path: str, document: Any) -> Any:
        answer = self.http.put(path, json=document)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        return self.http.get(path).json()

    def turn(self, seconds: float) -> None:
        self.put("/clock", {"advance": seconds})

    def switch(self, **values: Any) -> None:
        self.put("/switches", values)

    def fault(self, name: str, **options: Any) -> None:
        self.put("/faults", [{"fault": name, **options}])

    @property
    def now(self) -> float:
        return float(self.get("/clock")["now"])

    @property
    def ledger(self) -> dict[str, Any]:
        return dict(self.get("/ledger"))

    @property
    def contacts(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.http.get("/ledger/contacts").text)))

    @property
    def callbacks(self) -> dict[str, Any]:
        return dict(self.get("/callbacks"))

    def settled(self) -> dict[str, Any]:
        """The counts once every callback has been delivered, given up or dropped."""
        until(lambda: self.callbacks["queued"] == 0)
        return self.callbacks
