"""The Voximplant adapter beside a sandbox: one of each a module, as new for every test."""

from collections.abc import Iterator

import pytest

from tests.contract.adapter_case import adapter_at, as_new
from tests.house import Provider
from worker.providers.voximplant import Voximplant


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Provider]:
    with Provider.running() as running:
        yield running


@pytest.fixture(autouse=True)
def provider(sandbox: Provider) -> Provider:
    return as_new(sandbox)


@pytest.fixture(scope="module")
def adapter(sandbox: Provider) -> Iterator[Voximplant]:
    with adapter_at(sandbox) as made:
        yield made
