"""A broker that is killed and comes back under workers that hold a message with a slot to spare.

The controls run without the guard: with an affected kombu they die, which proves that the others could. With any
other kombu they must live, and once no supported version is affected, the guard can go.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import kombu
import pytest
from kombu.transport.redis import Channel

from tests.chaos.bell_worker import BellWorker
from tests.embedded_broker import EmbeddedBroker
from tests.patience import until
from worker import broker_guard
from worker.embedded import answers, connect

HELD = [(pool, holds) for pool in ("threads", "prefork") for holds in ("busy", "eta")]
CONTROLS = [("threads", "eta"), ("prefork", "eta")]
Fleet = dict[tuple[str, str, bool], BellWorker]


class Outage:
    """One broker, its workers, and one end that it comes to."""

    def __init__(self, folder: Path) -> None:
        self.broker = EmbeddedBroker(folder / "home")
        self.broker.start()
        url = self.broker.url
        self.fleet: Fleet = {
            (pool, holds, guarded): BellWorker(folder, url, pool, holds, guarded=guarded)
            for pool, holds, guarded in [(*held, True) for held in HELD] + [(*held, False) for held in CONTROLS]
        }

    def strike(self, number: signal.Signals) -> None:
        """End the broker by that signal under loaded workers, let all of them notice, and bring it back."""
        for worker in self.fleet.values():
            worker.give_message()
        for worker in self.fleet.values():
            worker.wait_until_it_holds()
        url = self.broker.url
        with connect(url) as client:
            assert client.hlen("unacked") == len(self.fleet)
            pid = client.info("server")["process_id"]
        os.kill(pid, number)
        until(lambda: not answers(url), 30, "the broker ends")
        for worker in self.fleet.values():
            worker.wait_until_it_notices()
        self.broker.stop()
        self.broker.start()

    def end(self) -> None:
        for worker in self.fleet.values():
            worker.kill()
        self.broker.stop()


@pytest.fixture(scope="module", params=[signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def outage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    struck = Outage(tmp_path_factory.mktemp("outage"))
    try:
        struck.strike(request.param)
        yield struck
    finally:
        struck.end()


@pytest.mark.parametrize(("pool", "holds"), HELD)
def test_a_guarded_worker_lives_and_does_the_next_task(outage: Outage, pool: str, holds: str) -> None:
    worker = outage.fleet[pool, holds, True]
    assert worker.runs_the_next_task(), worker.log.read_text()
    assert worker.alive()


@pytest.mark.parametrize(("pool", "holds"), CONTROLS)
def test_a_worker_without_the_guard_dies_of_exactly_the_versions_that_are_listed(
    outage: Outage, pool: str, holds: str
) -> None:
    worker = outage.fleet[pool, holds, False]
    if kombu.__version__ in broker_guard.AFFECTED:
        until(lambda: not worker.alive(), 15, "the control dies")
        assert worker.said("Unrecoverable error: AttributeError")
    else:
        assert worker.runs_the_next_task(), f"add kombu {kombu.__version__} to broker_guard.AFFECTED"


def test_the_guard_is_laid_once_and_only_where_it_is_needed() -> None:
    needed = kombu.__version__ in broker_guard.AFFECTED
    assert broker_guard.apply() is needed
    laid = Channel._connparams
    assert broker_guard.apply() is needed
    assert Channel._connparams is laid


def test_the_guard_leaves_other_versions_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kombu, "__version__", "5.6.2")
    assert broker_guard.apply() is False
