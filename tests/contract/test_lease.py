"""A lease is kept while work goes on, seldom asked for, and seen to be lost."""

from datetime import datetime
from types import SimpleNamespace

import pytest
from sqlmodel import Session

from tests.house import House
from worker import lease
from worker.lease import Lost, kept

LASTS = 60.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    turned = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(lease, "time", SimpleNamespace(monotonic=lambda: turned.now))
    return turned


def test_it_is_extended_at_first_and_then_when_a_quarter_of_it_is_over(house: House, clock: SimpleNamespace) -> None:
    asked: list[datetime] = []

    def extend(_session: Session, now: datetime) -> bool:
        asked.append(now)
        return True

    beat = kept(house.ctx, LASTS, extend)
    for _ in range(100):
        beat()
    assert asked == [house.now]
    clock.now += LASTS / 4
    for _ in range(100):
        beat()
    assert asked == [house.now] * 2


def test_it_is_seen_to_be_lost_and_stays_so(house: House, clock: SimpleNamespace) -> None:
    is_ours = True
    beat = kept(house.ctx, LASTS, lambda _session, _now: is_ours)
    beat()
    is_ours = False
    beat()
    clock.now += LASTS / 4
    for _ in range(2):
        with pytest.raises(Lost):
            beat()
