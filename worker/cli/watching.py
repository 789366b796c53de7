"""The displays of `rollcall watch`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from worker.cli import out, show
from worker.cli.live import Show


@contextmanager
def as_json() -> Iterator[Show]:
    """A status object a line, each different from the one before."""
    last: list[dict[str, Any]] = []

    def display(status: dict[str, Any]) -> None:
        if [status] != last:
            out.json_line(status)
            last[:] = [status]

    yield display


@contextmanager
def on_terminal() -> Iterator[Show]:
    """The upload's tables, drawn again in place."""
    from rich.live import Live

    with Live(console=show.console(), auto_refresh=False) as live:
        yield lambda status: live.update(show.card(status), refresh=True)
