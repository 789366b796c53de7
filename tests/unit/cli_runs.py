"""Commands run in this process, with the environment that a house would give them."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.house import House
from tests.ran import Ran
from worker.cli.door import run


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
        monkeypatch.setenv("ROLLCALL_CONFIG", os.devnull)
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
        self.monkeypatch.setenv("ROLLCALL_CONFIG", str(self.home / "rollcall.toml"))
        return self

    def __call__(self, *words: str) -> Ran:
        self.capsys.readouterr()
        code = run(words)
        said = self.capsys.readouterr()
        return Ran(code, said.out, said.err)
