"""A worker that is started before `rollcall migrate` waits for it, says so, and then begins by itself."""

from pathlib import Path

from alembic import command

from tests.e2e.fleet import CALLS, fleet
from tests.embedded_broker import EmbeddedBroker
from tests.patience import until
from worker import migrate
from worker.db import Database
from worker.settings import Settings


def test_a_worker_that_comes_before_its_schema_waits(tmp_path: Path, home: Path, broker: EmbeddedBroker) -> None:
    url = f"sqlite:///{tmp_path}/rollcall.db"
    with Database(url) as database, database.write() as session:
        command.upgrade(migrate.config(session.connection()), "0001")
    env = {"ROLLCALL_HOME": str(home), "ROLLCALL_DATABASE_URL": url, "ROLLCALL_BROKER_URL": broker.url}
    with fleet(tmp_path / "fleet", **env) as running:
        worker = running.start("calls", CALLS)
        until(lambda: "run `rollcall migrate`" in worker.said() or not worker.alive(), 60, "the worker waits")
        assert worker.alive(), worker.said()
        assert not worker.alive_file.exists()
        migrate.upgrade(Settings(database_url=url))
        worker.wait_until_it_works()
        assert worker.said().count("run `rollcall migrate`") == 1
        assert worker.stop() == 0
