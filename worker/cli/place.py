"""Which Rollcall a command talks to: its settings, its database, and a schema that fits."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from worker.errors import ConfigError

if TYPE_CHECKING:
    from worker.context import Context
    from worker.db import Database
    from worker.settings import Settings

LOOPBACK = "127.0.0.1"


def settings() -> "Settings":
    """The settings. Where `rollcall up` started the sandbox on a port of its own, that is the sandbox that is meant."""
    from worker import up_state
    from worker.settings import load

    read = load()
    up = up_state.running(read.home)
    port = up.ports.get("sandbox") if up else None
    if port is None or "sandbox_url" in read.model_fields_set:
        return read
    return load(sandbox_url=f"http://{LOOPBACK}:{port}")


def database(chosen: "Settings") -> "Database":
    """The database, for commands that look. A database file of our own is made where there is none yet."""
    from worker.db import Database

    file = _own_file(chosen)
    if file is not None and not file.exists():
        prepare(chosen)
    return Database(chosen.database)


def connect(chosen: "Settings") -> "Context":
    """A context for commands that push and decide. A database file of our own is brought up to date first."""
    from worker.producer import connect as connect_producer

    hear_warnings()
    if _own_file(chosen) is not None:
        prepare(chosen)
    return connect_producer(chosen)


def prepare(chosen: "Settings") -> bool:
    """Bring the schema up to date; True where it was not. Raises Unavailable `database_down`."""
    from worker import migrate

    make_home(chosen)
    if migrate.current(chosen):
        return False
    migrate.upgrade(chosen)
    return True


def make_home(chosen: "Settings") -> None:
    """Raises ConfigError `bad_home` where ROLLCALL_HOME cannot be used."""
    try:
        chosen.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        text = f"The home {chosen.home} cannot be made ({error.strerror}); set ROLLCALL_HOME to a folder of yours."
        raise ConfigError("bad_home", text) from None


def _own_file(chosen: "Settings") -> Path | None:
    """The SQLite file, which only this machine uses; None for a server, whose schema one `rollcall migrate` changes."""
    kind, _, path = chosen.database.partition(":///")
    return Path(path) if kind.startswith("sqlite") and path else None


class _Notes(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        from worker.cli.out import say

        say(f"note: {record.getMessage()}")


def hear_warnings() -> None:
    """What the library warns of becomes a note on stderr. Bells have a sentence of their own, in `presence`."""
    logging.root.addHandler(logging.NullHandler())
    ours = logging.getLogger("rollcall")
    if not ours.handlers:
        ours.addHandler(_Notes(logging.WARNING))
    bells = logging.getLogger("rollcall.bells")
    bells.addHandler(logging.NullHandler())
    bells.propagate = False
