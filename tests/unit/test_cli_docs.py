"""What is documented is what is there: error codes, the job's schema, commands and exit codes."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker import errors
from worker.cli.root import app
from worker.errors import Exit, RollcallError
from worker.intake.rejects import Code
from worker.job import Job
from worker.providers.http import PROOFS
from worker.providers.voximplant.options import check
from worker.settings import load
from worker.states import Blocked, Disposition

ROOT = Path(__file__).parents[2]
KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, RollcallError)}
ASKING = {"_ask", "ask_claimed", "contradict", "End"}  # calls whose first plain word is a code, too
WORD = re.compile(r"^[a-z][a-z0-9_]+$")


def called(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def words(call: ast.Call) -> list[str]:
    found = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    return [word for word in found if isinstance(word, str) and WORD.match(word)]


def codes_of(tree: ast.AST) -> Iterator[str]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if called(call) in KINDS | ASKING:
            yield from words(call)[:1]
        for keyword in call.keywords:
            if keyword.arg == "code" and isinstance(keyword.value, ast.Constant) and keyword.value.value:
                yield str(keyword.value.value)


def in_code() -> set[str]:
    found = {code for file in (ROOT / "worker").rglob("*.py") for code in codes_of(ast.parse(file.read_text()))}
    found |= {code for _, _, code in PROOFS}
    found |= {code.word for code in Code if code is not Code.FINE}
    # blocked by rejects carries a code of its own
    found |= {reason.value for reason in Blocked if reason is not Blocked.REJECTS}
    return found | {"paused", "in_review"}


def documented() -> set[str]:
    lines = (ROOT / "docs" / "errors.md").read_text().splitlines()
    firsts = [line.split("|")[1] for line in lines if line.startswith("| `")]
    return {code for cell in firsts for code in re.findall(r"`([a-z0-9_]+)`", cell)}


def test_every_code_is_documented_and_every_documented_code_exists() -> None:
    assert len(in_code()) > 80
    assert in_code() - documented() == set()
    assert documented() - in_code() == set()


def test_the_schema_of_the_job_is_the_models_own() -> None:
    stored = json.loads((ROOT / "docs" / "job.schema.json").read_text())
    assert stored == {"$schema": "https://json-schema.org/draft/2020-12/schema", **Job.model_json_schema()}


def test_the_readme_names_every_command_and_every_exit_code() -> None:
    readme = (ROOT / "README.md").read_text()
    for command in app.registered_commands:
        assert f"rollcall {command.name}" in readme or command.hidden, command.name
    for code in Exit:
        assert re.search(rf"^\| {int(code)} \|", readme, re.M), code


def test_the_configuration_of_the_readme_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    (tmp_path / "rollcall.toml").write_text(shown)
    monkeypatch.setenv("ROLLCALL_CONFIG", str(tmp_path / "rollcall.toml"))
    madrid = load().account("madrid")
    assert madrid.dispositions == {"no thanks": Disposition.DECLINED}
    assert check({**madrid.options, "name": "leads"})["num_attempts"] == 2


@pytest.mark.parametrize("page", ["README.md", "docs/errors.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    file = ROOT / page
    for link in re.findall(r"\]\(([^)#]+)", file.read_text()):
        if "://" not in link:
            assert (file.parent / link).exists(), link
