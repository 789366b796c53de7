"""A campaign whose outcomes are called back: sandbox, door, inbox and flows together, on both databases."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.house import House, adds_up
from tests.patience import until
from worker.context import Context
from worker.providers.plum.results import Results
from worker.settings import AccountSettings
from worker.web.server import listen, server_for

PLUM = {"start_url": "https://voice.example/start.php", "num_attempts": 2, "interval_seconds": 60}
ROWS = 150  # two chunks, each of which is a list of its own


@pytest.fixture
def door(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a door into the house, by a clock that is right: webhooks are signed at real times."""
    monkeypatch.setenv("PLAZA_KEY", "sandbox")
    line = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{line.getsockname()[1]}"
    usual: dict[str, Any] = {"url": house.provider.url, "api_key_env": "PLAZA_KEY", "callback_secret_env": "PLAZA_KEY"}
    usual |= {"http_deadline": 2, "chunk_rows": 100, "settle": 12, "poll_fast": 1, "poll_slow": 10}
    house.ctx.settings.public_url = url
    house.ctx.settings.accounts |= {
        "plum": AccountSettings(provider="plum", account_id="sandbox", options=PLUM, **usual),
        "formant": AccountSettings(provider="formant", options={"agent_id": 1}, **usual),
    }
    agent = {"webhook_url": f"{url}/callbacks/formant/formant", "secret": "sandbox"}
    house.provider.put("/formant/agents/1", agent)
    outside = Context(house.ctx.settings, lambda *_: None)  # bells are lost: the sweep has to do
    server = server_for(outside)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [line]}, daemon=True)
    thread.start()
    yield url
    server.should_exit = True
    thread.join(timeout=20)
    outside.close()
    assert not thread.is_alive()


def finish(house: House, ulid: str) -> dict[str, object]:
    """Turn the clocks; what was called back meanwhile is waited for, since it travels in real time."""

    def ended(status: dict[str, object]) -> bool:
        assert adds_up(status)
        until(lambda: house.provider.client.get("/callbacks").json()["queued"] == 0, 30)
        return status["state"] in ("finished", "failed")

    status: dict[str, object] = house.run(ulid, until=ended, step=90, limit=3 * 24 * 3600)
    return status


def everybody_has_an_outcome(house: House, status: dict[str, object]) -> None:
    assert status["state"] == "finished"
    assert status["rows"] == {**dict.fromkeys(status["rows"], 0), "total": ROWS, "accepted": ROWS}  # type: ignore[call-overload]
    told = status["outcomes"]
    assert isinstance(told, dict)
    assert sum(told.values()) == ROWS
    assert not {"pending", "no_outcome"} & set(told)
    assert house.provider.ledger["called_twice"] == 0
    assert house.sql("SELECT DISTINCT state FROM callback") == [("applied",)]


@pytest.mark.parametrize("account", ["plum", "formant"])
@pytest.mark.parametrize(
    "rules", [{"times": 3, "shuffle": True}, {"before_answer": True}], ids=["thrice and mixed", "early"]
)
def test_what_is_called_back_ends_the_campaign(house: House, door: str, account: str, rules: dict[str, object]) -> None:
    house.provider.put("/callbacks", rules)
    status = finish(house, house.upload(ROWS, account=account))
    everybody_has_an_outcome(house, status)


def test_callbacks_prove_that_what_is_in_doubt_arrived(house: House, door: str) -> None:
    house.provider.faults({"fault": "accept_then_hang_up", "share": 1, "methods": ["queuecalls"], "times": 1})
    status = finish(house, house.upload(ROWS, account="plum"))
    everybody_has_an_outcome(house, status)
    assert "found" in [row[0] for row in house.sql("SELECT result FROM attempt")]


def test_a_forged_result_url_changes_nothing(house: House, door: str) -> None:
    ulid = house.upload(ROWS, account="plum")
    inbox = house.ctx.provider("plum").inbox
    assert isinstance(inbox, Results)
    real = inbox.url(ulid, 2)
    forged = real[:-1] + ("1" if real.endswith("0") else "0")
    assert real.startswith(door)
    assert [httpx.get(address).status_code for address in (real, forged)] == [200, 404]
    answer = httpx.post(forged, data={"message_reference": f"{ulid}:1", "status": "failed"})
    assert answer.status_code == 401
    assert house.sql("SELECT count(*) FROM callback") == [(0,)]


def test_outcomes_that_go_elsewhere_are_not_waited_for(house: House, door: str) -> None:
    house.provider.faults({"fault": "accept_then_hang_up", "share": 1, "methods": ["queuecalls"], "times": 1})
    elsewhere = {**PLUM, "result_url": f"{house.provider.url}/healthz"}
    ulid = house.upload(ROWS, account="plum", options=elsewhere)
    house.run(ulid, until=lambda s: s["state"] == "dialing", step=1, limit=11)
    assert house.sql("SELECT code FROM chunk WHERE state = 'review'") == [("cannot_look",)]
    assert house.sql("SELECT result FROM attempt WHERE step = 'look'") == [("review",)]
    house.run(ulid, until=lambda s: s["outcomes"] == {"no_outcome": 50}, step=60, limit=15 * 60)
