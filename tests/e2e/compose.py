"""docker-compose.yml read as Compose reads it, and its services' commands made fit to run on this machine."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.chaos.bell_worker import ROOT

FILE = ROOT / "docker-compose.yml"
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<rest>[^}]*)\}")
PROGRAMS = {
    "python": [sys.executable],
    "celery": [sys.executable, "-m", "celery"],
    "rollcall": [sys.executable, "-m", "worker.cli"],
}


def document() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return read


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = document()["services"]
    return found


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def option(command: list[str], name: str) -> str:
    """The value that follows an option."""
    return command[command.index(name) + 1]


@dataclass
class Here:
    """Where the services' names, ports and paths lie when everything runs on this machine.

    `words` maps what stands in the file to what stands for it here; the first that fits is put in. Staging, the
    settings and the secrets are shared: all else that a service may write to it has to itself, as in its container.
    """

    folder: Path
    words: dict[str, str]

    def home(self, service: str) -> Path:
        home = self.folder / service / "tmp"
        home.mkdir(parents=True, exist_ok=True)
        return home

    def put(self, service: str, text: str) -> str:
        own = str(self.home(service))
        paths = {
            "/var/lib/rollcall/staging": str(self.folder / "staging"),
            "/etc/rollcall": str(self.folder),
            "/run/secrets": str(self.folder / "secrets"),
            "/var/tmp": own,
            "/tmp": own,
        }
        known = {**self.words, **paths}
        return re.sub("|".join(map(re.escape, known)), lambda found: known[found[0]], text)

    def command(self, service: str, words: list[str]) -> list[str]:
        program, *rest = words
        return [*PROGRAMS.get(program, [program]), *(self.put(service, word) for word in rest)]

    def environment(self, service: str) -> dict[str, str]:
        told = services()[service].get("environment", {})
        return {name: self.put(service, str(value)) for name, value in told.items()}
