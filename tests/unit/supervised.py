"""A supervisor in a process of its own, for tests that send it signals. `supervised.py HOME PLAN.json` runs it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.patience import until

ROOT = Path(__file__).parents[2]


def shell(name: str, script: str, **more: Any) -> dict[str, Any]:
    """A service that is a shell script."""
    return {"name": name, "command": ["/bin/sh", "-c", script], "grace": 5.0, **more}


class Supervised:
    """The process, what it said on stderr, and what it has running below it."""

    def __init__(self, home: Path, services: Sequence[dict[str, Any]]) -> None:
        self.home = home
        plan = home.with_suffix(".plan")
        plan.write_text(json.dumps(list(services)))
        self.said_file = home.with_suffix(".said")
        with self.said_file.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, __file__, str(home), str(plan)],
                stderr=said,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    @property
    def said(self) -> str:
        return self.said_file.read_text()

    def wait_until_it_says(self, words: str) -> None:
        until(lambda: words in self.said or self.process.poll() is not None, what=f"it says {words!r}")
        assert words in self.said

    def below(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def alive(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; a zombie does not, it only waits for its parent to look."""
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def main(home: Path, plan: Path) -> int:
    from worker.child import Service
    from worker.errors import RollcallError
    from worker.supervisor import Supervisor

    def service(given: dict[str, Any]) -> Service:
        ready_file = given.pop("ready_file", None)
        return Service(**given, ready_file=Path(ready_file) if ready_file else None)

    try:
        return Supervisor(home, [service(given) for given in json.loads(plan.read_text())]).run()
    except RollcallError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        return int(error.exit)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
