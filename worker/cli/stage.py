"""A whole Rollcall for the length of a demonstration: `rollcall up` as a child, on free ports, with its own home."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from worker import lifeline, up_state
from worker.cli.out import say
from worker.errors import Unavailable

LOOPBACK = "127.0.0.1"
START_WITHIN = 90.0
STOP_WITHIN = 120.0


class Stage:
    """Used with `with`: everything is ready inside, and nothing is left running after. Raises Unavailable."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self._sandbox_port, self._flower_port = _free_ports(2)
        self._up: subprocess.Popen[bytes] | None = None
        self._on_term = signal.getsignal(signal.SIGTERM)

    @property
    def flower(self) -> str:
        return f"http://{LOOPBACK}:{self._flower_port}"

    @property
    def environment(self) -> dict[str, str]:
        """Ours without any setting of Rollcall's: the default is what is shown."""
        bare = {name: value for name, value in os.environ.items() if not name.startswith("ROLLCALL_")}
        own = {"ROLLCALL_HOME": str(self.home), "ROLLCALL_CONFIG": os.devnull}
        return {**bare, **own}

    def ledger(self) -> dict[str, Any]:
        """What the sandbox accepted, by its own book."""
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self._sandbox_port}/ledger", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def __enter__(self) -> Self:
        ports = ["--sandbox-port", str(self._sandbox_port), "--flower-port", str(self._flower_port)]
        say(f"$ rollcall up {' '.join(ports)}")
        with ExitStack() as undo:
            undo.callback(self._stop)
            signal.signal(signal.SIGTERM, _interrupt)
            self._start([sys.executable, "-m", "worker.cli", "up", *ports])
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self, command: list[str]) -> None:
        """In a session of its own: Ctrl-C is for us, and we stop it in order. Should we be killed, it ends as well."""
        with (self.home / "up.log").open("wb") as log:
            self._up = subprocess.Popen(
                lifeline.bound(command, signal.SIGTERM),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        give_up = time.monotonic() + START_WITHIN
        while not _all_ready(self.home):
            if self._up.poll() is not None or time.monotonic() > give_up:
                raise Unavailable("up_failed", f"`rollcall up` did not come up: {self._last_words()}")
            time.sleep(0.1)

    def _last_words(self) -> str:
        lines = (self.home / "up.log").read_text(errors="replace").splitlines()
        return lines[-1] if lines else f"{self.home / 'logs'} may say why"

    def _stop(self) -> None:
        """Nothing may be left behind, so a second Ctrl-C does not cut this short."""
        process, self._up = self._up, None
        interrupts = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(STOP_WITHIN)
        finally:
            signal.signal(signal.SIGINT, interrupts)
            signal.signal(signal.SIGTERM, self._on_term)


def _all_ready(home: Path) -> bool:
    state = up_state.running(home)
    return state is not None and bool(state.services) and all(s["phase"] == "ready" for s in state.services.values())


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on at this moment."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
