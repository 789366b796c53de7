"""Fair shares: a campaign of thousands of requests does not hold up one of a few that comes behind it."""

import heapq
from collections import Counter

import pytest

from schedules.sweep import sweep
from tests.house import FLOWS, House, some_numbers
from worker.store.due import SHARE

LARGE, SMALL = 1500, 50
SLOTS = 8  # bells that the workers answer between two sweeps


def busy_workers(house: House) -> list[tuple[str, int]]:
    """One sweep and what few workers do until the next; the bells that they answered, in order."""
    sweep(house.ctx)
    answered: list[tuple[str, int]] = []
    while house.bells and house.bells[0][0] <= house.now and len(answered) < SLOTS:
        _, _, bell, key = heapq.heappop(house.bells)
        FLOWS[bell](house.ctx, key)
        answered.append((bell, key))
    house.turn(house.ctx.settings.timing.sweep_interval)
    return answered


@pytest.fixture
def house(house: House) -> House:
    """Each chunk is a list of its own: no provider needs more bells."""
    account = house.ctx.settings.account("formant")
    account.chunk_rows, account.poll_fast, account.poll_slow = 5, 60, 900
    return house


def test_a_small_campaign_is_sent_within_one_share_of_a_large_one(house: House) -> None:
    large = house.upload(some_numbers(LARGE), account="formant")
    for _ in range(5):
        busy_workers(house)
    assert 0 < house.status(large)["rows"]["accepted"] < LARGE / 2
    small = house.upload(some_numbers(SMALL, first=LARGE), account="formant")
    before, rounds = house.status(large)["rows"]["accepted"], 0
    while house.status(small)["rows"]["accepted"] < SMALL:
        busy_workers(house)
        rounds += 1
        assert rounds < 40, "it waits for the large one"
    lists = SMALL // 5
    meanwhile = (house.status(large)["rows"]["accepted"] - before) // 5
    assert meanwhile <= 2 * (SHARE + lists), "of the 260 lists that stood before it"
    assert house.provider.ledger["called_twice"] == 0


def test_no_upload_fills_the_queue_however_slow_the_workers_are(house: House) -> None:
    """A bell that nobody has answered yet is not rung for again and again."""
    house.upload(some_numbers(LARGE), account="formant")
    house.upload(some_numbers(SMALL, first=LARGE), account="formant")
    house.work()
    house.lose_bells()
    waiting = []
    for _ in range(60):  # half a minute in which nobody answers
        sweep(house.ctx)
        waiting.append(len(house.bells))
        house.turn(house.ctx.settings.timing.sweep_interval)
    rung = Counter((bell, key) for _, _, bell, key in house.bells)
    assert len(rung) <= SHARE + SMALL // 5
    assert max(rung.values()) <= 5
    assert max(waiting) <= 5 * (SHARE + SMALL // 5)
