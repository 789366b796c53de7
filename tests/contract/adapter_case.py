"""An adapter beside a sandbox: what the contract's tests do with the two."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import polars as pl
import pytest

from tests.house import Provider, some_numbers
from worker.errors import ProviderError
from worker.providers.base import Accepted, Place, Submission
from worker.providers.voximplant import Voximplant
from worker.providers.voximplant.auth import ApiKey, Auth

TOKEN = "01JD3K5M7N8P9QRSTVWXYZ0123"
NAME = f"spring [{TOKEN}-1]"
OPTIONS = {"rule_id": 1, "priority": 1, "max_simultaneous": 100, "num_attempts": 1, "interval_seconds": 0}


def as_new(provider: Provider) -> Provider:
    """Everything but the clock, which only runs forward, and the keys of service accounts."""
    provider.client.delete("/switches")
    provider.faults()
    provider.put("/balance", {"balance": 100, "currency": "USD"})
    provider.put("/accounts/1", {"api_key": None, "active": True, "roles": {}})
    provider.put("/outcomes", {"answered": 1})
    provider.client.delete("/ledger")
    return provider


@contextmanager
def adapter_at(provider: Provider, auth: Auth | None = None) -> Iterator[Voximplant]:
    made = Voximplant(provider.url, auth or ApiKey("1", "sandbox"), read_deadline=10)
    try:
        yield made
    finally:
        made.close()


def payload(rows: int = 3, first: int = 0, uuids: bool = True, own: Mapping[str, str] | None = None) -> bytes:
    """A call list as intake writes it; `own` are the user's own columns with what stands in every row."""
    columns = own or {}
    header = ["phone", *columns, *(["__task_uuid"] if uuids else [])]
    lines = [";".join(header)]
    for row, number in enumerate(some_numbers(rows, first), first + 1):
        lines.append(";".join([number, *columns.values(), *([f"{TOKEN}:{row}"] if uuids else [])]))
    return "".join(f"{line}\n" for line in lines).encode()


def submit(adapter: Voximplant, content: bytes | None = None, seconds: float = 5, **told: Any) -> Accepted:
    """Create a list, or append to `reference`; what is not told is usual."""
    content = payload() if content is None else content
    usual: dict[str, Any] = {"list_name": NAME, "reference": None, "rows": content.count(b"\n") - 1, "upload": TOKEN}
    usual |= {"options": OPTIONS, "payload": content, "step": "append" if told.get("reference") else "create"}
    answer = adapter.submit(Submission(**(usual | told)), time.monotonic() + seconds)
    assert isinstance(answer, Accepted)
    return answer


def refusal(call: Any, *args: Any, **told: Any) -> ProviderError:
    """The error that a call ends in; its message is a sentence, or the provider's words."""
    with pytest.raises(ProviderError) as raised:
        call(*args, **told)
    assert raised.value.message.endswith(".") or raised.value.message.startswith("Voximplant error ")
    return raised.value


def tasks(adapter: Voximplant, reference: str) -> pl.DataFrame:
    frames = list(adapter.tasks(Place(reference)))
    return pl.concat(frames) if frames else pl.DataFrame()


def switch(provider: Provider, **values: Any) -> None:
    provider.put("/switches", values)


def turn(provider: Provider, seconds: float) -> None:
    """Turn the provider's clock: calls are made and end."""
    provider.put("/clock", {"advance": seconds})
