"""Service accounts against a sandbox that checks their signatures, and clocks that disagree."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.adapter_case import NAME, adapter_at, as_new, refusal, submit, switch, tasks
from tests.house import Provider
from tests.unit.keys import credentials, public_pem, rsa_key
from tests.unit.wire_server import says, serving, status
from worker import retry
from worker.errors import AccountRefused, NotSent
from worker.providers.base import Place
from worker.providers.voximplant import Voximplant
from worker.providers.voximplant.auth import ServiceAccount

HOUR = 3600


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Provider]:
    with Provider.running() as running:
        running.put("/keys/12345", {"key_id": "k1", "public_key": public_pem(rsa_key("first"))})
        yield running


@pytest.fixture
def provider(sandbox: Provider) -> Provider:
    return as_new(sandbox)


@pytest.fixture
def open_with(provider: Provider) -> Iterator[Callable[..., Voximplant]]:
    opened = []

    def opener(wall: Callable[[], float] = time.time, **said: Any) -> Voximplant:
        opened.append(adapter_at(provider, ServiceAccount(credentials(**said), wall)))
        return opened[-1].__enter__()

    yield opener
    for one in opened:
        one.__exit__(None, None, None)


def ahead(seconds: float) -> Callable[[], float]:
    """A wall clock that is ahead of the provider's, or behind it."""
    return lambda: time.time() + seconds


def everything(adapter: Voximplant) -> None:
    accepted = submit(adapter)
    assert [found.reference for found in adapter.find(NAME)] == [accepted.reference]
    assert tasks(adapter, accepted.reference).height == 3
    adapter.stop(Place(accepted.reference))
    adapter.start("recover", Place(accepted.reference))
    assert adapter.account() is not None


@pytest.mark.parametrize("account_id", [12345, "12345"])
def test_the_registered_key_is_welcome_everywhere(open_with: Callable[..., Voximplant], account_id: Any) -> None:
    everything(open_with(account_id=account_id))


@pytest.mark.parametrize("http_status", ["200", "4xx"])
@pytest.mark.parametrize(
    ("said", "code"), [({"key": "second"}, 100), ({"key_id": "k2"}, 433), ({"account_id": "nobody"}, 115)]
)
def test_another_key_is_refused(
    provider: Provider, open_with: Callable[..., Voximplant], said: dict[str, Any], code: int, http_status: str
) -> None:
    switch(provider, error_http_status=http_status)
    adapter = open_with(**said)
    for call in (adapter.account, lambda: adapter.find(NAME), lambda: tasks(adapter, "1"), lambda: submit(adapter)):
        error = refusal(call)
        assert (type(error), error.code) == (AccountRefused, f"voximplant_{code}")
        assert error.http_status == (200 if http_status == "200" else 401)
    assert provider.ledger["lists"] == []


@pytest.mark.parametrize("seconds", [-60, -25, 60, 85])
def test_a_clock_that_is_a_little_wrong_does_not_matter(open_with: Callable[..., Voximplant], seconds: float) -> None:
    everything(open_with(ahead(seconds)))


@pytest.mark.parametrize("http_status", ["200", "4xx"])
@pytest.mark.parametrize(("seconds", "code"), [(2 * HOUR, 455), (-2 * HOUR, 456)])
@pytest.mark.parametrize("ask", ["submit", "find", "tasks"])
def test_a_clock_that_is_far_off_is_corrected_by_the_first_answer(
    provider: Provider,
    open_with: Callable[..., Voximplant],
    seconds: float,
    code: int,
    http_status: str,
    ask: str,
) -> None:
    reference = submit(open_with()).reference
    switch(provider, error_http_status=http_status)
    adapter = open_with(ahead(seconds))
    calls: dict[str, Callable[[], Any]] = {
        "submit": lambda: submit(adapter, list_name="late"),
        "find": lambda: adapter.find(NAME),
        "tasks": lambda: tasks(adapter, reference),
    }
    error = refusal(calls[ask])
    assert (type(error), error.code) == (NotSent, f"voximplant_{code}")
    everything_else = [calls[name] for name in calls]
    assert all(call() is not None for call in everything_else)


def test_the_submission_itself_tries_again_with_the_right_clock(
    provider: Provider, open_with: Callable[..., Voximplant]
) -> None:
    adapter = open_with(ahead(2 * HOUR))
    accepted = retry.sending(lambda: submit(adapter), threading.Event(), time.monotonic() + 5)
    assert accepted.count == 3
    assert [one["contacts"] for one in provider.ledger["lists"]] == [3]


@pytest.mark.parametrize("date", ["", "Thu, 01 Jan", "Fri, 31 Dec 99999 23:59:59 GMT"])
def test_an_answer_without_a_time_corrects_nothing(date: str) -> None:
    headers = {"date": date} if date else {}
    answer = status(200, b'{"error": {"code": 456, "msg": "The token has expired."}}', **headers)
    with serving(says(answer)) as server:
        auth = ServiceAccount(credentials())
        before = auth.headers()
        adapter = Voximplant(server.url, auth, 5)
        assert type(refusal(adapter.find, NAME)) is NotSent
        adapter.close()
        assert auth.headers() == before
