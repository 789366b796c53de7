"""`rollcall up` as a process with a home of its own, and commands run against it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.patience import until
from tests.ran import Ran
from worker import up_state

ROOT = Path(__file__).parents[2]
ROLLCALL = [sys.executable, "-m", "worker.cli"]


@dataclass
class Machine:
    """One machine with everything running."""

    home: Path
    sandbox: str
    environment: dict[str, str]

    def __call__(self, *words: str, timeout: float = 90) -> Ran:
        ran = subprocess.run(
            [*ROLLCALL, *words],
            env=self.environment,
            cwd=self.home.parent,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert "Traceback" not in ran.stderr, ran.stderr
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def put(self, path: str, body: Any) -> None:
        httpx.put(f"{self.sandbox}{path}", json=body).raise_for_status()

    @property
    def ledger(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.sandbox}/ledger").json()
        return found


def environment(home: Path, **more: str) -> dict[str, str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("ROLLCALL_")}
    (config := home.parent / "rollcall.toml").touch()
    own = {"ROLLCALL_HOME": str(home), "ROLLCALL_CONFIG": str(config), "PYTHONPATH": str(ROOT)}
    return {**bare, **own, **more}


@contextmanager
def machine(folder: Path, toml: str = "") -> Iterator[Machine]:
    """Everything is up inside, and stopped after."""
    home = folder / "home"
    home.mkdir(parents=True)
    (folder / "rollcall.toml").write_text(toml)
    sandbox, flower = free_ports(2)
    ports = ["--sandbox-port", str(sandbox), "--flower-port", str(flower)]
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen([*ROLLCALL, "up", *ports], env=environment(home), stderr=log, cwd=folder)
    try:
        until(lambda: all_ready(home) or process.poll() is not None, 90)
        assert process.poll() is None, (folder / "up.log").read_text()
        yield Machine(home, f"http://127.0.0.1:{sandbox}", environment(home))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0, (folder / "up.log").read_text()
    assert left_behind(home) == []


def all_ready(home: Path) -> bool:
    state = up_state.running(home)
    return state is not None and bool(state.services) and all(s["phase"] == "ready" for s in state.services.values())


def left_behind(home: Path) -> list[str]:
    """Processes that still belong to a home."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("ROLLCALL_HOME") == str(home):
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
