"""Kore.ai's adapter beside the sandbox: what its contract's tests do with the two."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
import pytest

from tests.house import Provider, some_numbers
from tests.patience import until
from tests.unit.wire_server import Server
from worker.errors import ProviderError, Throttled
from worker.providers.base import Accepted, Made, Opening, Pace, Place, Submission
from worker.providers.kore import KIND, Kore
from worker.providers.kore.settings import Own
from worker.providers.kore.token import Credential

IID, ACCOUNT, CLIENT = "st-1111-2222", "acc-1", "cs-1"
SECRET = "a client secret of more than thirty-two characters"
TOKEN = "01JD3K5M7N8P9QRSTVWXYZ0123"
NAME = f"spring [{TOKEN}-1]"
WEEK = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
ALWAYS = {
    "frequency": "WEEKLY",
    "timezone": "UTC",
    "days": [{"day": day, "start": "12:00 AM", "end": "11:59 PM"} for day in WEEK],
}
OPTIONS = KIND.check_options({"caller_id": "+15551230000", "calling_hours": ALWAYS, "experience_flow_name": "Survey"})
V2 = f"/campaign/api/v2/public/{IID}/campaign"


def as_new(provider: Provider) -> Provider:
    """Nothing stored, no limit, no delays, everybody answers, and signatures are looked at."""
    provider.client.delete("/ledger")
    provider.client.delete("/switches")
    provider.faults()
    provider.put("/kore/limits", {"requests_per_minute": 0})
    provider.put(f"/kore/apps/{CLIENT}", {"secret": SECRET, "account_id": ACCOUNT, "iid": IID})
    provider.put("/outcomes", {"answered": 1})
    switch(provider, add_delay_ms=0, prepare_delay_ms=0)
    return provider


def switch(provider: Provider, **values: str | int) -> None:
    provider.put("/switches", {f"kore_{name}": value for name, value in values.items()})


def turn(provider: Provider, seconds: float = 7200) -> None:
    """Turn the provider's clock: calls are made and end."""
    provider.put("/clock", {"advance": seconds})


@contextmanager
def adapter_at(
    provider: Provider | Server,
    read_deadline: float = 10,
    secret: str = SECRET,
    pace: Pace | None = None,
    **own: Any,
) -> Iterator[Kore]:
    checked = KIND.check_own({"iid": IID, "client_id": CLIENT, **own})
    opening = Opening(provider.url, ACCOUNT, secret=secret, read_deadline=read_deadline, own=checked, pace=pace)
    made = KIND.connect(opening)
    assert isinstance(made, Kore)
    try:
        yield made
    finally:
        made.close()


def payload(rows: int = 3, first: int = 0, **extras: str) -> bytes:
    """A chunk as intake writes it; `extras` are further columns with what stands in every row."""
    lines = [",".join(["phoneNumber", "uniqueId", *extras])]
    for row, number in enumerate(some_numbers(rows, first), first + 1):
        lines.append(",".join([number, f"{TOKEN}:{row}", *extras.values()]))
    return "".join(f"{line}\n" for line in lines).encode()


def step(
    adapter: Kore,
    name: str,
    reference: str | None = None,
    content: bytes | None = None,
    seconds: float = 5,
    **told: Any,
) -> Made | Accepted:
    """One step of a submission; what is not told is usual."""
    content = payload() if content is None else content
    usual: dict[str, Any] = {"upload": TOKEN, "list_name": NAME, "options": OPTIONS, "stopped": True}
    usual |= {"payload": content, "rows": content.count(b"\n") - 1}
    submission = Submission(step=name, reference=reference, **(usual | told))
    return adapter.submit(submission, time.monotonic() + seconds)


def create(adapter: Kore, **told: Any) -> str:
    made = step(adapter, "create_list", **told)
    assert isinstance(made, Made)
    return made.reference


def submit(adapter: Kore, content: bytes | None = None, reference: str | None = None, **told: Any) -> str:
    """Every step that a chunk needs, and then until it is stored; returns the list's reference."""
    content = payload() if content is None else content
    before = 0 if reference is None else len(who(adapter, reference))
    for one in KIND.steps(reference):
        answer = step(adapter, one.name, reference, content, **told)
        reference = answer.reference
    assert reference is not None
    expected, there = before + content.count(b"\n") - 1, reference
    until(lambda: len(who(adapter, there)) == expected)
    return reference


def who(adapter: Kore, reference: str) -> list[tuple[Any, ...]]:
    """(uuid, number) of every contact of a list, by number."""
    return pl.concat(adapter.contacts(reference)).sort("number").rows()


def place(reference: str, campaign: str | None = None, **told: Any) -> Place:
    return Place(reference, campaign, **({"list_name": NAME, "options": OPTIONS} | told))


def ready(adapter: Kore, reference: str, **told: Any) -> Place:
    """The list with a campaign that may be played."""
    campaign = adapter.start("create_campaign", place(reference, **told))
    assert campaign is not None
    made = place(reference, campaign, **told)
    until(lambda: status(adapter, made) == "Ready")
    return made


def playing(adapter: Kore, content: bytes | None = None, **told: Any) -> Place:
    made = ready(adapter, submit(adapter, content), **told)
    assert adapter.start("play", made) is None
    return made


def status(adapter: Kore, at: Place) -> str:
    found = adapter.status(at)
    assert found is not None
    return found.status


def tasks(adapter: Kore, at: Place) -> pl.DataFrame:
    return pl.concat(adapter.tasks(at)).sort("number")


def refusal(call: Callable[..., Any], *args: Any, **told: Any) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        call(*args, **told)
    assert raised.value.message.endswith(".")
    return raised.value


def campaigns(provider: Provider) -> list[dict[str, Any]]:
    """What the provider has, asked without the adapter."""
    asked = provider.client.post(f"{V2}/getAllCampaignDetails", json={"type": "voice"}, headers=headers())
    found: list[dict[str, Any]] = asked.json()["data"]["results"]
    return found


def headers() -> dict[str, str]:
    return Credential(ACCOUNT, SECRET, Own(iid=IID, client_id=CLIENT)).headers()


class MakingRoom:
    """A pace at which nobody waits: where one would, the provider takes one request more. `waits` are in seconds."""

    def __init__(self, provider: Provider) -> None:
        self._provider, self._room, self._held = provider, 1, 0.0
        self.waits: list[float] = []
        self._tell()

    def __call__(self, deadline: float) -> None:
        if not self._held:
            return
        if deadline - time.monotonic() < 2 * self._held:  # half of the time is for the request itself
            raise Throttled("no_turn", "There was no turn to send in time.", retry_after=1)
        self.waits.append(self._held)
        self._held = 0.0
        self._room += 1
        self._tell()

    def hold(self, seconds: float) -> None:
        self._held = seconds

    def _tell(self) -> None:
        self._provider.put("/kore/limits", {"requests_per_minute": self._room})
