"""A few rounds of each kind; `make chaos` plays as many as there is time for."""

from collections.abc import Iterator

import pytest

from tests.chaos.arena import Arena
from tests.chaos.rounds import KINDS

SHORT = [("crash", seed) for seed in (2, 9, 11)] + [("mixed", 4), ("machine", 5), ("abroad", 6)]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def arena(request: pytest.FixtureRequest) -> Iterator[Arena]:
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    with Arena.open(server) as opened:
        yield opened


@pytest.mark.parametrize(("kind", "seed"), SHORT, ids=lambda told: str(told))
def test_a_round(arena: Arena, kind: str, seed: int) -> None:
    _, play = KINDS[kind]
    done = play(arena, seed)
    assert done.wrong == []
    assert (done.lost, done.doubled) == (0, 0)
    assert done.contacts > 0
    assert done.faults
