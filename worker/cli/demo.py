"""`make demo`: the main job on the embedded default, with the commands that a person would type."""

import csv
import json
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.cli import out
from worker.cli.options import AsJson
from worker.errors import Exit, InputError, Unavailable

COLUMN, REGION = "TELEPHONE", "US"
FIRST = 6  # rejects that are shown
LONGEST = 44

Sample = Annotated[Path, typer.Argument(help="The call list.")]


def demo(file: Sample = Path("samples/us_hospitals.csv"), as_json: AsJson = False) -> int:
    """Run a real call list through everything, against the sandbox, and show what became of every row."""
    from worker.cli.stage import Stage

    if not file.exists():
        raise InputError("no_file", f"There is no {file} here; run the demo in Rollcall's own folder: make demo")
    home = _fresh_home()
    with Stage(home) as stage:
        out.say(f"Everything runs. Flower shows the tasks meanwhile: {stage.flower}")
        arguments = [str(file), "--phone-column", COLUMN, "--region", REGION]
        status = json.loads(_command(stage, "upload", *arguments, "--wait", "--json").splitlines()[-1])
        files = {name: home / f"{name}.csv" for name in ("rejects", "outcomes")}
        files["rejects"].write_text(_command(stage, "rejects", status["id"]), encoding="utf-8")
        _command(stage, "outcomes", status["id"], "-o", str(files["outcomes"]))
        ledger = stage.ledger()
        flower = stage.flower
    told = {"status": status, "ledger": ledger, "flower": flower, **{name: str(path) for name, path in files.items()}}
    if as_json:
        out.json_line(told)
    else:
        _show(told)
    return _verdict(status, ledger)


def _fresh_home() -> Path:
    """Each run begins with nothing, so that the same file may be uploaded again."""
    from worker import up_state
    from worker.settings import load

    home = load().home / "demo"
    if up_state.running(home) is not None:
        raise InputError("already_running", f"Another demo runs in {home}; wait until it has ended.")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    return home


def _command(stage: Any, *words: str) -> str:
    """Run one `rollcall` command, with its messages and its progress on our stderr; returns what it printed."""
    out.say(f"\n$ rollcall {shlex.join(words)}")
    done = subprocess.run(
        [sys.executable, "-m", "worker.cli", *words], env=stage.environment, stdout=subprocess.PIPE, text=True
    )
    if done.returncode != Exit.OK:
        text = f"`rollcall {words[0]}` ended with exit code {done.returncode}; what it said stands above."
        raise Unavailable("demo_failed", f"{text} Logs: {stage.home / 'logs'}")
    return done.stdout


def _verdict(status: dict[str, Any], ledger: dict[str, Any]) -> Exit:
    """The demo's own check: every row accounted for, every accepted contact with an outcome, nobody called twice."""
    rows = status["rows"]
    sums = rows["total"] == sum(n for name, n in rows.items() if name != "total")
    outcomes = sum(status["outcomes"].values()) == rows["accepted"] == ledger["contacts"]
    return Exit.OK if sums and outcomes and ledger["called_twice"] == 0 else Exit.FAILED


def _show(told: dict[str, Any]) -> None:
    from worker.cli import show

    status, rows = told["status"], told["status"]["rows"]
    out.line("")
    show.status(status)
    parts = " + ".join(f"{n:,} {name}" for name, n in rows.items() if n and name != "total")
    out.line(f"The rows add up: {rows['total']:,} = {parts}.")
    told_by = told["ledger"]
    out.line(f"The sandbox's ledger: {told_by['contacts']:,} contacts, {told_by['called_twice']} called twice.\n")
    _show_rejects(Path(told["rejects"]))
    out.line(f"Every outcome, row by row:   {told['outcomes']}")
    out.line(f"Flower, while it ran:        {told['flower']}")
    out.line("Everything was stopped. To run it for yourself: .venv/bin/rollcall up")


def _show_rejects(file: Path) -> None:
    from worker.cli import show

    with file.open(newline="", encoding="utf-8") as opened:
        rejects = list(csv.DictReader(opened))
    first = [(one["line"], one["code"], one["sentence"], _cut(one["text"])) for one in rejects[:FIRST]]
    codes = Counter(one["code"] for one in rejects)
    out.line(f"The first rows that are not called, of {len(rejects):,} in {file}:")
    show.console().print(show.table(["line", "code", "why", "row"], first, whole=[0, 1]))
    out.line("By reason: " + ", ".join(f"{n:,} {code}" for code, n in codes.most_common()) + "\n")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
