"""`rollcall up`: everything that one machine needs, as a list of services under one supervisor."""

import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from worker import embedded, heartbeat
from worker.broker_socket import prepare
from worker.child import Service
from worker.errors import InputError, Unavailable
from worker.settings import Settings, Timing
from worker.supervisor import Supervisor, refuse_second

LOOPBACK = "127.0.0.1"
INTAKE_KEPT = 500_000  # KB; an intake process that had more is replaced, since much of it would never be given back
INTAKE_GRACE = 30.0  # an intake that is cut off is read again from the start
FEW_HEAPS = {"MALLOC_ARENA_MAX": "2"}  # a heap for each thread would only keep what they are done with
INTAKE_ENV = {"POLARS_MAX_THREADS": "1"}  # it has threads of its own: more beneath them would cost
WEB_GRACE = 15.0  # what is being stored is stored and answered
SANDBOX_SPEED = 60


@dataclass(frozen=True)
class Plan:
    """What to run. `own_broker` says whether the broker behind `broker_url` is ours to start; a port of None is no.

    `web` is the host and the port of the HTTP door. `stop_grace` is in seconds, for the worker that calls.
    """

    home: Path
    broker_url: str
    own_broker: bool
    sandbox_port: int | None
    flower_port: int | None
    web: tuple[str, int] | None = None
    stop_grace: float = Timing().stop_grace

    @property
    def ports(self) -> dict[str, int]:
        return {name: port for name, (_, port) in self.addresses.items()}

    @property
    def addresses(self) -> dict[str, tuple[str, int]]:
        """Host and port of everything that listens."""
        named = {"sandbox": self.sandbox_port, "flower": self.flower_port}
        here = {name: (LOOPBACK, port) for name, port in named.items() if port is not None}
        return here if self.web is None else {**here, "web": self.web}


def up(
    home: Path,
    *,
    broker_url: str | None = None,
    sandbox: bool = True,
    sandbox_port: int = 8765,
    flower_port: int = 5555,
    flower: bool = True,
    web: tuple[str, int] | None = None,
    stop_grace: float = Timing().stop_grace,
) -> int:
    """Run everything until a signal; returns the exit code. The database must have been migrated.

    Raises InputError (`already_running`, `port_busy`, `bad_port`) and Unavailable (`no_broker`, `broker_unreachable`)
    before anything is started, and what `Supervisor.run` raises.
    """
    home = home.absolute()
    refuse_second(home)
    plan = Plan(home, "", False, sandbox_port if sandbox else None, flower_port if flower else None, web, stop_grace)
    _check_addresses(plan.addresses)
    url, own = _broker(home, broker_url)
    plan = replace(plan, broker_url=url, own_broker=own)
    return Supervisor(home, services(plan), ports=plan.ports).run()


def is_called_back(settings: Settings) -> bool:
    """Whether a provider may call back: an address is known, or an account has a secret to prove callbacks with."""
    accounts = settings.accounts.values()
    proved = any(one.callback_secret_file or one.callback_secret_env for one in accounts)
    return settings.public_url is not None or proved


def services(plan: Plan) -> list[Service]:
    """In the order in which they start; they stop in reverse."""
    for name in ("heartbeats", "beat"):
        (plan.home / name).mkdir(parents=True, exist_ok=True)
    env = environment(plan)
    listed: list[Service] = []
    if plan.own_broker:
        listed.append(_broker_service(plan, env))
    if plan.sandbox_port is not None:
        listed.append(_sandbox(plan.sandbox_port, env))
    if plan.web is not None:
        listed.append(_web(*plan.web, env))
    listed += [_calls(plan, env), _intake(plan, env), _beat(plan, env)]
    if plan.flower_port is not None:
        listed.append(_flower(plan.flower_port, env))
    return listed


def environment(plan: Plan) -> dict[str, str]:
    """What every service is told on top of our own environment. Workers use the sandbox that we start, if we do."""
    told = {"ROLLCALL_HOME": str(plan.home), "ROLLCALL_BROKER_URL": plan.broker_url}
    env = {**told, **FEW_HEAPS, "PYTHONUNBUFFERED": "1"}
    if plan.sandbox_port is not None:
        env["ROLLCALL_SANDBOX_URL"] = f"http://{LOOPBACK}:{plan.sandbox_port}"
    return env


def _broker_service(plan: Plan, env: Mapping[str, str]) -> Service:
    return Service("broker", embedded.broker_command(plan.home), env, ready=lambda: embedded.answers(plan.broker_url))


def _sandbox(port: int, env: Mapping[str, str]) -> Service:
    command = [sys.executable, "-m", "sandbox", "--port", str(port), "--speed", str(SANDBOX_SPEED)]
    return Service("sandbox", command, env, ready=_listens(port))


def _web(host: str, port: int, env: Mapping[str, str]) -> Service:
    command = [sys.executable, "-m", "worker.cli", "web", "--host", host, "--port", str(port)]
    return Service("web", command, env, ready=_listens(port, host), grace=WEB_GRACE)


def _calls(plan: Plan, env: Mapping[str, str]) -> Service:
    """Threads: they wait for providers most of the time, and share one process's memory."""
    pool = ["--pool", "threads", "-c", "16", "-Q", "submit,collect,sweep", "-n", "calls@%h"]
    return _celery("calls", ["worker", *pool, *QUIET], plan, env, grace=plan.stop_grace)


def _intake(plan: Plan, env: Mapping[str, str]) -> Service:
    """A process of its own: parsing needs a core, and must not hold up what is due."""
    pool = ["--pool", "prefork", "-c", "1", "--max-memory-per-child", str(INTAKE_KEPT)]
    queue = ["-Q", "ingest", "-n", "intake@%h"]
    return _celery("intake", ["worker", *pool, *queue, *QUIET], plan, {**INTAKE_ENV, **env}, grace=INTAKE_GRACE)


def _beat(plan: Plan, env: Mapping[str, str]) -> Service:
    schedule = str(plan.home / "beat" / "schedule")
    return _celery("beat", ["beat", "-s", schedule, "-l", "INFO"], plan, env)


QUIET = ["--without-gossip", "--without-mingle", "-l", "INFO"]  # workers share rows, not what their neighbours know


def _celery(name: str, arguments: list[str], plan: Plan, env: Mapping[str, str], grace: float = 10.0) -> Service:
    alive = plan.home / "heartbeats" / name
    command = [sys.executable, "-m", "celery", "-A", "worker.app", *arguments]
    return Service(name, command, {**env, heartbeat.VARIABLE: str(alive)}, ready_file=alive, grace=grace)


def _flower(port: int, env: Mapping[str, str]) -> Service:
    """Loopback only, so without a password; its REST interface stays closed, and its buttons do nothing."""
    limits = ["--max-tasks=5000", "--purge-offline-workers=300", "--read-only"]
    where = [f"--address={LOOPBACK}", f"--port={port}"]
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "flower", *where, *limits]
    return Service("flower", command, env, ready=_listens(port))


def _listens(port: int, host: str = LOOPBACK) -> Callable[[], bool]:
    def listens() -> bool:
        try:
            socket.create_connection((host, port), timeout=1.0).close()
        except OSError:
            return False
        return True

    return listens


def _broker(home: Path, configured: str | None) -> tuple[str, bool]:
    """The broker's URL, and whether it is ours to start."""
    if configured:
        _must_answer(configured)
        return configured, False
    url = prepare(home)
    if embedded.answers(url):
        return url, False
    embedded.broker_command(home)  # says now, before anything is started, when there is no server
    return url, True


def _must_answer(configured: str) -> None:
    if configured.startswith("redis") and not embedded.answers(configured):
        raise Unavailable(
            "broker_unreachable",
            "The broker that is configured does not answer: start it, or correct ROLLCALL_BROKER_URL.",
        )


def _check_addresses(addresses: Mapping[str, tuple[str, int]]) -> None:
    for name, (host, port) in addresses.items():
        if not 1 <= port <= 65535:
            raise InputError("bad_port", f"Port {port} for {name} does not exist: choose one from 1 to 65535.")
        if _listens(port, host)() or not _free(host, port):
            chosen = "the setting web_port" if name == "web" else f"--{name}-port"
            raise InputError(
                "port_busy",
                f"Port {port} on {host} is taken, so {name} cannot start: end the program that holds it, "
                f"or choose another with {chosen}.",
            )
    if len({port for _, port in addresses.values()}) < len(addresses):
        names = ", ".join(addresses)
        raise InputError("port_busy", f"Of {names}, two were given the same port: choose different ones.")


def _free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
