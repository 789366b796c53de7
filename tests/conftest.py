"""Fixtures every tier shares: real databases, a real sandbox, a clock that is turned by hand."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import databases, postgres
from tests.embedded_broker import EmbeddedBroker
from tests.house import House, Provider, compiled_before
from tests.unit.sandbox_fixtures import Vox, sandboxed
from worker import telemetry

os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")  # the PostgreSQL wheel asks for it and warns without

MANY_OBJECTS = 10_000


def pytest_collection_finish() -> None:
    """Six thousand tests and all that they import are here to stay: the collector need not look through them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(MANY_OBJECTS)


@pytest.fixture(autouse=True)
def listeners_are_taken_off() -> Iterator[None]:
    """Whoever listens to telemetry goes with the test that hung him on: the next one would hear him, too."""
    before = telemetry.listeners()
    yield
    assert telemetry.listeners() == before


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server that lives as long as the tests."""
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated database: the same tests run on both."""
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    with databases(tmp_path, server) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> Iterator[str]:
    with databases(tmp_path, None) as url:
        yield url


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A sandbox of this test's own."""
    with Provider.running() as running:
        yield running


@pytest.fixture
def house(tmp_path: Path, database_url: str, provider: Provider) -> Iterator[House]:
    """Rollcall without Celery, on both databases: flows are called as their bells ring."""
    with House.at(tmp_path, database_url, provider) as made:
        compiled_before(made.ctx.db)
        yield made


@pytest.fixture
def small_house(tmp_path: Path, sqlite_url: str, provider: Provider) -> Iterator[House]:
    """The same on SQLite only, for what the database has no say in."""
    with House.at(tmp_path, sqlite_url, provider) as made:
        compiled_before(made.ctx.db)
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The ROLLCALL_HOME of what is not a House."""
    return tmp_path / "home"


@pytest.fixture
def broker(home: Path) -> Iterator[EmbeddedBroker]:
    """An embedded broker of this test's own."""
    with EmbeddedBroker.running(home) as running:
        yield running


@pytest.fixture(scope="module")
def served() -> Iterator[Vox]:
    """A sandbox of this module, for Voximplant's own requests."""
    with sandboxed() as vox:
        yield vox


@pytest.fixture
def vox(served: Vox) -> Vox:
    """The same, forgotten between tests."""
    served.reset()
    return served
