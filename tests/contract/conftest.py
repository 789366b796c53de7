"""Fixtures of the sandbox's Kore.ai tests: one server a module, forgotten between tests."""

from collections.abc import Iterator

import pytest

from tests.contract.kore_caller import Kore


@pytest.fixture(scope="module")
def running() -> Iterator[Kore]:
    with Kore.running() as told:
        yield told


@pytest.fixture
def kore(running: Kore) -> Kore:
    return running.as_new()
