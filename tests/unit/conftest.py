"""Fixtures of the sandbox's tests: one server a module, forgotten between tests."""

from collections.abc import Iterator

import pytest

from tests.unit.sandbox_fixtures import Vox, sandboxed


@pytest.fixture(scope="module")
def served() -> Iterator[Vox]:
    with sandboxed() as vox:
        yield vox


@pytest.fixture
def vox(served: Vox) -> Vox:
    served.reset()
    return served
