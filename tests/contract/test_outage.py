"""A provider that is down for an hour: the whole fleet leaves it alone, one worker probes it, and all goes on after."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.contract.test_faults import once
from tests.house import A_MOMENT, House, Provider, TurnedRates, adds_up, some_numbers
from worker import accounts, control
from worker.errors import NotSent, Unknown
from worker.retry import as_value

HOUR, STEP = 3600, 30
A_SECOND = timedelta(seconds=1)
FEW = 60  # requests in an hour, of five uploads and a campaign that comes due


class Counted(TurnedRates):
    """Every request takes a turn before it goes out, whether somebody listens or not."""

    taken = 0

    def wait(self, account: str, per_second: float | None, deadline: float, stopping: threading.Event) -> bool:
        self.taken += 1
        return super().wait(account, per_second, deadline, stopping)


@pytest.fixture
def house(tmp_path: Path, database_url: str, provider: Provider) -> Iterator[House]:
    """Nothing is late within two hours, so that all of it may go on by itself."""
    with House.at(tmp_path, database_url, provider, late_after=2 * HOUR) as made:
        made.ctx.rates = Counted(lambda: made.now.timestamp())
        yield made


def turns(house: House) -> int:
    rates = house.ctx.rates
    assert isinstance(rates, Counted)
    return rates.taken


Ends = Callable[[], None]


def nobody_listens(house: House) -> Ends:
    url, account = house.account.url, house.account

    def back() -> None:
        house.ctx.forget_connections()
        account.url = url

    house.ctx.forget_connections()
    account.url = "http://127.0.0.1:9"
    return back


def a_gateway_with_nobody_behind(house: House) -> Ends:
    house.provider.faults({"fault": "unavailable", "share": 1})
    return house.provider.faults


def silence(house: House) -> Ends:
    patient = house.account.http_deadline, house.account.read_deadline
    house.account.http_deadline = house.account.read_deadline = A_MOMENT * 10
    house.ctx.forget_connections()
    house.provider.faults({"fault": "no_answer", "share": 1})

    def back() -> None:
        house.provider.faults()
        house.ctx.forget_connections()
        house.account.http_deadline, house.account.read_deadline = patient

    return back


@pytest.mark.parametrize("goes_down", [nobody_listens, a_gateway_with_nobody_behind, silence])
def test_an_hours_outage_costs_tens_of_requests(house: House, goes_down: Callable[[House], Ends]) -> None:
    """Four campaigns dial, of a fifth a request is in doubt, and a sixth comes due in the middle."""
    dialling = [house.upload(some_numbers(250, first=1000 * i)) for i in range(4)]
    for ulid in dialling:
        house.run(ulid, until=lambda s: s["rows"]["accepted"] == 250)
    house.provider.faults(once("accept_then_hang_up", "AppendToCallList"))
    doubtful = house.upload(some_numbers(250, first=10_000))
    house.run(doubtful, until=lambda s: s["rows"]["unknown"] > 0, step=0.1)
    starts_at = house.now.timestamp() + HOUR / 2
    later = house.upload(some_numbers(250, first=20_000), starts_at=int(starts_at))
    every = [*dialling, doubtful, later]

    ends, before = goes_down(house), turns(house)
    for _ in range(HOUR // STEP):
        house.work()
        house.turn(STEP)
    asked = turns(house) - before
    print(f"{goes_down.__name__}: {asked} requests in an hour")
    assert 10 < asked <= FEW
    assert {house.status(ulid)["blocked"] for ulid in every} == {"provider_down"}
    assert "tried again until it answers" in house.status(later)["message"]

    ends()
    back_at = house.now.timestamp()
    for ulid in every:
        house.run(ulid, until=lambda s: s["rows"]["accepted"] == 250 and "blocked" not in s, step=STEP)
    within = house.ctx.settings.timing.probe_slowest + 2 * STEP
    assert house.now.timestamp() - back_at <= within
    for ulid in every:
        status = house.finish(ulid, step=STEP)
        assert adds_up(status)
        assert status["rows"]["accepted"] == 250
        assert sum(status["outcomes"].values()) == 250
        assert not {"no_outcome", "pending"} & set(status["outcomes"])
    assert house.provider.ledger["called_twice"] == 0


def test_a_probe_waits_twice_as_long_each_time(small_house: House) -> None:
    house, probed = small_house, []
    goes = nobody_listens(house)
    ulid = house.upload(20)
    house.run(ulid, until=lambda s: s.get("blocked") == "provider_down", limit=5)
    house.ctx.rates = Counted(lambda: house.now.timestamp())
    house.ctx.forget_connections()
    began = house.now
    while (house.now - began).total_seconds() < 1000:
        before = turns(house)
        house.work()
        if turns(house) > before:
            assert turns(house) == before + 1
            probed.append((house.now - began).total_seconds())
        house.turn(5)
    waits = [later - sooner for sooner, later in pairwise(probed)]
    assert waits[:5] == [20, 40, 80, 160, 300]
    goes()
    control.resume(house.ctx, ulid, "ana")  # somebody knows better than the next probe
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 20, step=1, limit=30)


def test_a_stop_does_not_wait_for_the_next_probe(house: House) -> None:
    """It was long away, so it is tried seldom; it is back, and somebody wants nobody to be called any more."""
    ulid = house.upload(250, options={"num_attempts": 2, "interval_seconds": 3600})
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 250)
    back = nobody_listens(house)
    for _ in range(25):
        house.work()
        house.turn(2 * STEP)
    back()
    control.cancel(house.ctx, ulid, "ana")
    for _ in range(3):
        house.work()
        house.turn(1)
    assert house.sql("SELECT state FROM call_list") == [("stopped",)]


def test_one_worker_is_on_trial_when_a_provider_comes_back(house: House) -> None:
    """A probe that is answered proves little: until a request is answered, the others wait for it."""
    for _ in range(house.ctx.settings.max_strikes - 1):
        assert not accounts.judge(house.ctx, "sandbox", Unknown("http_503", "Nobody is behind it."))
    assert accounts.in_reach(house.ctx, "sandbox")
    assert accounts.judge(house.ctx, "sandbox", Unknown("http_503", "Nobody is behind it."))
    with pytest.raises(NotSent, match="is left alone: The provider fails one request after another"):
        accounts.in_reach(house.ctx, "sandbox")
    house.turn(house.ctx.settings.timing.probe_every)
    accounts.probe(house.ctx, "sandbox")
    assert accounts.in_reach(house.ctx, "sandbox")
    assert accounts.in_reach(house.ctx, "sandbox"), "whoever is on trial may ask again"
    assert elsewhere(lambda: accounts.in_reach(house.ctx, "sandbox")) is None
    accounts.judge(house.ctx, "sandbox", "an answer")
    assert elsewhere(lambda: accounts.in_reach(house.ctx, "sandbox")) is not None


def test_what_a_claim_saw_of_a_provider_holds_for_a_moment_and_no_longer(house: House) -> None:
    """The next chunk is claimed where nothing failed, and goes out at once; one whose file took its time does not."""
    accounts.judge(house.ctx, "sandbox", NotSent("connect_failed", "Nobody listens."))
    assert accounts.in_reach(house.ctx, "sandbox", time.monotonic())
    with pytest.raises(NotSent, match="is left alone"):
        accounts.in_reach(house.ctx, "sandbox", time.monotonic() - accounts.FRESH)


def test_who_fails_on_trial_is_left_alone_for_longer_and_a_trial_ends_with_its_worker(house: House) -> None:
    down = Unknown("http_503", "Nobody is behind it.")
    for _ in range(house.ctx.settings.max_strikes):
        accounts.judge(house.ctx, "sandbox", down)
    for waited in (10, 20, 40):
        house.turn(waited - 1)
        accounts.probe(house.ctx, "sandbox")
        assert elsewhere(lambda: accounts.in_reach(house.ctx, "sandbox")) is None, "it was probed too early"
        house.turn(1)
        accounts.probe(house.ctx, "sandbox")
        assert elsewhere(lambda: accounts.in_reach(house.ctx, "sandbox")) is not None
        assert accounts.judge(house.ctx, "sandbox", down)
    house.turn(80)
    accounts.probe(house.ctx, "sandbox")
    assert elsewhere(lambda: accounts.in_reach(house.ctx, "sandbox")) is not None
    assert elsewhere(lambda: accounts.in_reach(house.ctx, "sandbox")) is None
    house.turn(house.ctx.settings.timing.lease + 1)
    assert accounts.in_reach(house.ctx, "sandbox"), "who was on trial never came back"


def test_failures_between_answers_hold_nothing_back(house: House) -> None:
    for _ in range(3 * house.ctx.settings.max_strikes):
        assert not accounts.judge(house.ctx, "sandbox", Unknown("read_timeout", "It did not answer."))
        assert not accounts.judge(house.ctx, "sandbox", "an answer")


def test_what_is_over_is_said_although_the_provider_is_away(house: House) -> None:
    """The deadline of a list passes in an outage: its contacts get `no_outcome`, and it is stopped when that can be."""
    house.provider.put("/outcomes", {"no answer": 1.0})
    ulid = house.upload(20, options={"num_attempts": 2, "interval_seconds": 3600})
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 20)
    back = nobody_listens(house)
    house.run(ulid, until=lambda s: s.get("blocked") == "provider_down", step=STEP)
    house.now += house.ctx.settings.timing.outcome_grace * 2 * A_SECOND
    before = turns(house)
    for _ in range(20):
        house.work()
        house.turn(STEP)
    assert house.status(ulid)["outcomes"] == {"no_outcome": 20}
    assert turns(house) - before <= 6, "beside the probes"
    back()
    assert adds_up(house.finish(ulid, step=60, limit=7200))


def elsewhere(call: Callable[[], object]) -> object:
    """What another worker is told; None where it is told to wait."""
    told: list[object] = []
    thread = threading.Thread(target=lambda: told.append(as_value(call)))
    thread.start()
    thread.join()
    return None if isinstance(told[0], NotSent) and told[0].code == "left_alone" else told[0]
