"""The one door to the outside: every error leaves as one sentence on stderr and an exit code.

With `--json` the sentence is a JSON line, also on stderr: {"error": {"code", "message"}}.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import typer

from worker.cli.out import problem
from worker.errors import Exit, RollcallError, Unavailable

INTERRUPTED = 130


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code of the process."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    as_json = "--json" in arguments
    try:
        return _invoke(arguments)
    except RollcallError as error:
        return tell(error, as_json)
    except typer.TyperException as error:
        return tell(_usage(error), as_json, Exit.INPUT)
    except BrokenPipeError:
        _close_stdout()
        return Exit.UNEXPECTED
    except Exception as error:
        return tell(_foreign(error), as_json)


def tell(error: RollcallError, as_json: bool, code: Exit | None = None) -> int:
    problem(error.code, error.message, as_json)
    return error.exit if code is None else code


def _invoke(arguments: Sequence[str]) -> int:
    from worker.cli.root import app

    result = typer.main.get_command(app)(args=list(arguments), prog_name="rollcall", standalone_mode=False)
    sys.stdout.flush()
    return result if isinstance(result, int) else Exit.OK


def _usage(error: typer.TyperException) -> RollcallError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "rollcall"
    said = " ".join(error.format_message().split()).rstrip(".")
    return RollcallError("usage", f"{said}. `{command} --help` shows how.")


def _foreign(error: Exception) -> RollcallError:
    """An error that is not ours: of the database, or a fault of this program, which goes to a log."""
    if type(error).__module__.partition(".")[0] == "sqlalchemy":
        return _of_database(error)
    where = _write_down(error)
    return RollcallError("unexpected", f"Something went wrong that should not ({type(error).__name__}); {where}.")


def _of_database(error: Exception) -> RollcallError:
    """It is away, its schema is another, or it is no database at all."""
    from worker import migrate
    from worker.settings import load

    try:
        settled = migrate.current(load())
    except RollcallError as told:
        return told
    except Exception:
        return Unavailable("database_unusable", f"The database cannot be used ({_first_line(error)}); check its URL.")
    if not settled:
        return Unavailable("schema_outdated", "The database's schema is of another version; run `rollcall migrate`.")
    return Unavailable("database_failed", f"The database did not do what was asked ({_first_line(error)}); try again.")


def _first_line(error: Exception) -> str:
    """Without the statement and its values, which follow in later lines."""
    return next(iter(str(getattr(error, "orig", None) or error).splitlines()), type(error).__name__)


def _write_down(error: Exception) -> str:
    log = Path(os.environ.get("ROLLCALL_HOME", ".rollcall")).absolute() / "logs" / "cli.log"
    frames = "".join(traceback.format_tb(error.__traceback__))
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            file.write(f"{stamp} {type(error).__name__}: {_first_line(error)}\n{frames}\n")
    except OSError:
        return f"{log} could not be written to say more"
    return f"{log} says where"


def _close_stdout() -> None:
    """The reader of our output has gone; what is still in the buffer must not raise at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
