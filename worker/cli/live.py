"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from worker.cli.out import say

if TYPE_CHECKING:
    from rich.progress import Progress

Status = dict[str, Any]
Show = Callable[[Status], None]
LINE_EVERY = 5.0  # seconds between lines while only numbers change


@contextmanager
def display() -> Iterator[Show]:
    """Gives a function that shows a status."""
    if not sys.stderr.isatty():
        yield lines()
        return
    with _progress() as progress:
        yield bars(progress)


def figures(status: Status) -> tuple[int, int, int, int]:
    """Settled contacts, contacts to send in all, contacts with a final outcome, accepted contacts."""
    rows = status["rows"]
    to_send = rows["total"] - rows["rejected"] - rows["suppressed"] - rows["duplicate"]
    settled = rows["accepted"] + rows["refused"] + rows["cancelled"]
    final = sum(n for name, n in status["outcomes"].items() if name != "pending")
    return settled, to_send, final, rows["accepted"]


def state_of(status: Status) -> str:
    """The state, with what it waits for, or that only a pilot is on its way."""
    aside = status.get("blocked") or ("pilot" if "pilot" in status else None)
    return f"{status['state']} ({aside})" if aside else str(status["state"])


def describe(status: Status) -> str:
    """One line that says how far an upload has come."""
    _, to_send, final, accepted = figures(status)
    state = state_of(status)
    if not status["rows"]["total"]:
        return f"{state}: {status['message'] if state == 'failed' else 'the file has not been read yet'}"
    text = f"{state}: {accepted:,} of {to_send:,} contacts accepted, {final:,} outcomes"
    asides = {
        "waiting": "waiting",
        "unknown": "on their way or in doubt",
        "refused": "refused",
        "cancelled": "cancelled",
    }
    return text + "".join(f", {status['rows'][name]:,} {word}" for name, word in asides.items() if status["rows"][name])


def lines(clock: Callable[[], float] = time.monotonic) -> Show:
    """A line when the state changes, and every few seconds while the numbers do."""
    last = ("", "", 0.0)

    def show(status: Status) -> None:
        nonlocal last
        state, text, now = f"{status['state']}{status.get('blocked')}", describe(status), clock()
        last_state, last_text, at = last
        if text != last_text and (state != last_state or now - at >= LINE_EVERY):
            say(text)
            last = (state, text, now)

    return show


def _progress() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def bars(progress: "Progress") -> Show:
    sent = progress.add_task("waiting", total=None)
    outcomes = progress.add_task("outcomes", total=None)

    def show(status: Status) -> None:
        settled, to_send, final, accepted = figures(status)
        state = state_of(status)
        progress.update(sent, description=f"{state}: sent", completed=settled, total=to_send or None)
        progress.update(outcomes, completed=final, total=accepted or None)

    return show
