"""What cannot be asked of providers that make a list in one request and dial it at once."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.wire_server import Server, says, serving
from worker.errors import NotSent, Refused
from worker.providers import formant, plum
from worker.providers.base import Kind, Opening, Place, Provider, Submission


@pytest.fixture(params=[formant.KIND, plum.KIND], ids=["formant", "plum"])
def kind(request: pytest.FixtureRequest) -> Kind:
    made: Kind = request.param
    return made


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(says()) as listening:
        yield listening


@pytest.fixture
def provider(kind: Kind, server: Server) -> Iterator[Provider]:
    opened = kind.connect(Opening(url=server.url, account_id="acme", secret="8642", own=kind.check_own({})))
    yield opened
    opened.close()


def test_one_step_and_none_to_start(kind: Kind) -> None:
    assert [(step.name, step.carries) for step in kind.steps(None)] == [("create", True)]
    assert kind.starts(None) == ()


@pytest.mark.parametrize("told", [{"reference": "77"}, {"step": "append"}])
def test_nothing_is_added_to_a_list(provider: Provider, server: Server, told: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"step": "create", "upload": "01JD3K5M7N8P9QRSTVWXYZ0123", "list_name": "spring"}
    usual |= {"reference": None, "payload": b"13347938701\n", "rows": 1, "options": {}}
    with pytest.raises(NotSent) as raised:
        provider.submit(Submission(**(usual | told)), time.monotonic() + 5)
    assert (raised.value.code, raised.value.fault, server.connections) == ("cannot_append", True, 0)


def test_what_cannot_be_asked(provider: Provider) -> None:
    place = Place("77")
    asked: dict[str, list[Callable[[], object]]] = {
        "cannot_look": [lambda: provider.contacts("77"), lambda: provider.tasks(place)],
        "cannot_stop": [lambda: provider.stop(place)],
        "cannot_start": [lambda: provider.start("play", place)],
    }
    for code, asks in asked.items():
        for ask in asks:
            with pytest.raises(Refused) as raised:
                ask()
            assert raised.value.code == code
            assert raised.value.message.endswith(".")
