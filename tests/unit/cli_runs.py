"""Commands run in this process, with the environment that a house would give them."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.house import House
from worker.cli.door import run


@dataclass
class Ran:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> Any:
        """The last line of stdout, as JSON."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def error(self) -> str:
        """The one line that says what is wrong."""
        lines = [line for line in self.err.splitlines() if not line.startswith("note: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


@dataclass
class Cli:
    """`cli("status", ulid)` runs a command; the environment is the test's own."""

    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    home: Path

    @classmethod
    def at(cls, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> "Cli":
        for name in [name for name in os.environ if name.startswith("ROLLCALL_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("ROLLCALL_HOME", str(home))
        monkeypatch.setenv("ROLLCALL_CONFIG", str(home / "rollcall.toml"))
        return cls(capsys, monkeypatch, home)

    def inside(self, house: House) -> "Cli":
        """Talk to the database, the staging and the sandbox of a house."""
        self.monkeypatch.setenv("ROLLCALL_DATABASE_URL", house.ctx.settings.database)
        self.monkeypatch.setenv("ROLLCALL_STAGING_URL", house.ctx.settings.staging)
        self.monkeypatch.setenv("ROLLCALL_SANDBOX_URL", house.provider.url)
        return self

    def configured(self, toml: str) -> "Cli":
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "rollcall.toml").write_text(toml)
        return self

    def __call__(self, *words: str) -> Ran:
        self.capsys.readouterr()
        code = run(words)
        said = self.capsys.readouterr()
        return Ran(code, said.out, said.err)
