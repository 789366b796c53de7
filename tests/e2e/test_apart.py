"""Workers on machines of their own, as it were: nothing in common but a database, a broker and a bucket."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.databases import databases
from tests.e2e import compose
from tests.e2e.compose import Here
from tests.e2e.fleet import Fleet, clean_environment, fleet
from tests.embedded_broker import EmbeddedBroker
from tests.house import adds_up, some_numbers
from tests.object_store import KEYS, Bucket, bucket_at, environment, served_s3
from tests.patience import until
from worker import producer, view
from worker.context import Context
from worker.intake.rejects import read_rejects
from worker.settings import Settings

STAGING, PREFIX = "s3://campaigns/of/rollcall", "of/rollcall"
ROWS, IN_A_CHUNK = 1000, 300
KEY = KEYS["AWS_SECRET_ACCESS_KEY"].encode()
LOCAL, REMOTE = some_numbers(ROWS), some_numbers(ROWS, first=ROWS)
OBJECTS = """
    SELECT digest FROM chunk UNION SELECT index_digest FROM chunk
    UNION SELECT source_digest FROM upload UNION SELECT rejects_digest FROM upload
"""


@dataclass
class Apart:
    """`folder` holds a folder for each machine."""

    folder: Path
    fleet: Fleet
    bucket: Bucket
    app: Context
    sandbox: str
    database: str

    def start(self, service: str, machine: str) -> None:
        """A service as the compose file describes it, on a machine that holds nothing yet."""
        here = Here(self.folder, {})
        command = here.command(machine, compose.services()[service]["command"])
        own = {"ROLLCALL_HOME": str(self.folder / machine / "home"), "TMPDIR": str(here.home(machine))}
        self.fleet.start(machine, command, **own)

    def says(self, machine: str, *words: str) -> str:
        """What a command writes that is run on a machine of its own."""
        folder = self.folder / machine
        folder.mkdir(exist_ok=True)
        env = {**clean_environment(), **self.fleet.env, "ROLLCALL_HOME": str(folder / "home")}
        command = [sys.executable, "-m", "worker.cli", *words]
        ran = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def loses(self, machine: str) -> None:
        """Whatever runs there is killed, and all that it holds is gone."""
        if machine in self.fleet.members:
            self.fleet.members.pop(machine).kill()
        shutil.rmtree(self.folder / machine)

    def status(self, ulid: str) -> dict[str, Any]:
        with self.app.db.read() as session:
            return view.status(session, view.find(session, ulid))

    def wait_until(self, state: str, ulids: list[str]) -> None:
        def reached() -> bool:
            with self.app.db.read() as session:
                return {view.find(session, ulid).state for ulid in ulids} == {state}

        until(reached, 60, f"all uploads are {state}")

    def keeps_nothing(self, machine: str) -> None:
        """Neither an object nor a number lies where a worker worked, nor the key to them."""
        kept = [one for one in (self.folder / machine).rglob("*") if one.is_file()]
        assert f"{machine}.log" in {one.name for one in kept}
        for one in kept:
            assert not re.search(r"[0-9a-f]{64}|\.incoming|\.db$", one.name), one
            assert not re.search(rb"1202[23]\d{6}|" + KEY, one.read_bytes()), one


def call_list(numbers: list[str]) -> str:
    return "phone,name\n" + "".join(f"{number},Ada\n" for number in [*numbers, "NOT AVAILABLE"])


@pytest.fixture(scope="module")
def apart(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    folder = tmp_path_factory.mktemp("apart")
    with (
        databases(folder, postgres_server) as database,
        EmbeddedBroker.running(folder / "broker") as broker,
        served_s3() as store,
        fleet(folder) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        sandbox = running.start_sandbox("--speed", "600")
        running.env = {
            "ROLLCALL_DATABASE_URL": database,
            "ROLLCALL_BROKER_URL": broker.url,
            "ROLLCALL_STAGING_URL": STAGING,
            "ROLLCALL_SANDBOX_URL": sandbox,
            "ROLLCALL_ACCOUNTS__SANDBOX__CHUNK_ROWS": str(IN_A_CHUNK),
            **environment(store),
        }
        for name, value in environment(store).items():
            patch.setenv(name, value)
        told = {"database_url": database, "broker_url": broker.url, "staging_url": STAGING, "sandbox_url": sandbox}
        with producer.connect(Settings(home=folder / "another-app", **told)) as app:  # type: ignore[arg-type]
            made = Apart(folder, running, bucket_at(store, "campaigns"), app, sandbox, database)
            yield made
        running.members.pop("sandbox").stop()
        assert running.stop() == dict.fromkeys(running.members, 0)


@pytest.fixture(scope="module")
def finished(apart: Apart) -> list[str]:
    """A local file and one in a bucket. Who pushed and who read is lost before others start, which hold nothing yet."""
    people = apart.folder / "an-app" / "people.csv"
    people.parent.mkdir()
    people.write_text(call_list(LOCAL))
    told = apart.says("an-app", "upload", "people.csv", "--account", "sandbox", "--json")
    apart.loses("an-app")
    apart.bucket.put("lists/people.csv", call_list(REMOTE).encode())
    remote = producer.enqueue({"source": "s3://campaigns/lists/people.csv", "account": "sandbox"}, context=apart.app).id
    apart.bucket.client.delete_object(Bucket="campaigns", Key="lists/people.csv")
    ulids = [json.loads(told.splitlines()[-1])["id"], remote]
    apart.start("worker-intake", "intake")
    apart.wait_until("submitting", ulids)
    apart.keeps_nothing("intake")
    apart.loses("intake")
    apart.start("beat", "beat")
    apart.start("worker-submit", "submit")
    apart.wait_until("dialing", ulids)
    apart.start("worker-collect", "collect")
    apart.wait_until("finished", ulids)
    return ulids


def test_everybody_is_called_once_and_every_outcome_comes(apart: Apart, finished: list[str]) -> None:
    for ulid in finished:
        status = apart.status(ulid)
        assert (status["rows"]["accepted"], status["rows"]["rejected"]) == (ROWS, 1)
        assert adds_up(status)
        assert sum(status["outcomes"].values()) == ROWS
        assert not {"pending", "no_outcome"} & set(status["outcomes"])
    ledger = httpx.get(f"{apart.sandbox}/ledger").json()
    assert (ledger["contacts"], ledger["called_twice"]) == (2 * ROWS, 0)


def test_whatever_a_row_names_lies_in_the_bucket_and_nothing_else(apart: Apart, finished: list[str]) -> None:
    with psycopg.connect(apart.database.replace("postgresql+psycopg://", "postgresql://")) as connection:
        named = {row[0] for row in connection.execute(OBJECTS).fetchall()}
    chunks = -(-ROWS // IN_A_CHUNK)
    assert len(named) == 2 * (1 + 2 * chunks) + 1  # files, chunks and indexes; the one rejected row is the same in both
    assert apart.bucket.names(PREFIX) == named
    assert apart.bucket.half_uploaded() == []


def test_the_machines_that_are_left_keep_nothing_either(apart: Apart, finished: list[str]) -> None:
    for machine in ("beat", "submit", "collect"):
        apart.keeps_nothing(machine)


def test_rejects_are_read_by_who_never_worked(apart: Apart, finished: list[str]) -> None:
    for ulid in finished:
        with apart.app.db.read() as session:
            digest = view.find(session, ulid).rejects_digest
        assert digest is not None
        assert [one["text"] for batch in read_rejects(apart.app.staging, digest) for one in batch.to_pylist()] == [
            b"NOT AVAILABLE,Ada"
        ]
