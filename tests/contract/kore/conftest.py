"""Kore.ai's adapter beside a sandbox, which is one a module and as new for every test."""

from collections.abc import Iterator

import pytest

from tests.contract.kore_case import adapter_at, as_new
from tests.house import Provider
from worker.providers.kore import Kore


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Provider]:
    with Provider.running() as running:
        yield running


@pytest.fixture(autouse=True)
def provider(sandbox: Provider) -> Provider:
    return as_new(sandbox)


@pytest.fixture(params=["v1", "v2"])
def adapter(sandbox: Provider, request: pytest.FixtureRequest) -> Iterator[Kore]:
    with adapter_at(sandbox, api=request.param) as made:
        yield made


@pytest.fixture
def newer(sandbox: Provider) -> Iterator[Kore]:
    """Version 2 alone, for what does not depend on the version."""
    with adapter_at(sandbox) as made:
        yield made
