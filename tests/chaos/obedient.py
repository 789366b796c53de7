"""What makes a process obey an order to die: `celery -A worker.app worker --include tests.chaos.obedient`.

The order lies in a file, may come at any time, and is torn up by whoever carries it out. It counts what the process
that carries it out has done since it came. `python -m tests.chaos.obedient JOB` is an app that pushes, and obeys too.
"""

import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from celery.signals import worker_init

from tests.chaos import moments
from tests.chaos.dying_worker import ANY
from worker import producer, telemetry
from worker.context import Context
from worker.settings import load


@dataclass(frozen=True)
class Order:
    """`whole` is whether a worker that has children falls with them, or the child alone. `number` tells two apart."""

    event: str
    nth: int
    blow: signal.Signals
    whole: bool = True
    number: int = field(default_factory=time.monotonic_ns)

    def give(self, file: Path) -> None:
        """Replaced whole: nobody reads half an order."""
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)))
        fresh.replace(file)

    @classmethod
    def read(cls, text: str) -> "Order":
        told = json.loads(text)
        return cls(**{**told, "blow": signal.Signals(told["blow"])})


class Obedient:
    """Hears every event, and strikes its own process."""

    def __init__(self, file: Path) -> None:
        self._file, self._text = file, ""
        self._seen: Counter[str] = Counter()

    def __call__(self, event: str, _: telemetry.Fields) -> None:
        try:
            text = self._file.read_text()
        except FileNotFoundError:
            return
        if text != self._text:
            self._text, self._seen = text, Counter()
        self._seen.update((event, ANY))
        order = Order.read(text)
        if order.event in (event, ANY) and self._seen[order.event] >= order.nth:
            self._obey(order, event)

    def _obey(self, order: Order, event: str) -> None:
        """Of the threads and processes that have come so far, one."""
        torn = self._file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        with suppress(FileNotFoundError):
            self._file.rename(torn)
            if torn.read_text() != self._text:
                torn.replace(self._file)  # it is another one, of this moment: to be counted anew
                return
            torn.write_text(event)
            torn.replace(done_by(self._file))
            (os.killpg if order.whole else os.kill)(os.getpgrp() if order.whole else os.getpid(), order.blow)


def done_by(file: Path) -> Path:
    """Where it stands at what event the order was carried out."""
    return file.with_suffix(".done")


def withdrawn(file: Path) -> bool:
    """Take an order back. False where somebody is carrying it out at this moment: `done_by` tells of it, at once."""
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    return True


def orders(home: Path, who: str) -> Path:
    return home / f"orders-{who}"


def obey(ctx: Context, who: str) -> None:
    moments.tell_of(ctx.db.engine, pytest.MonkeyPatch())
    telemetry.listen(Obedient(orders(Path(ctx.settings.home), who)))


@worker_init.connect
def _ready(sender: Any, **_: Any) -> None:
    from worker.app import context

    obey(context(), sender.hostname.partition("@")[0])


if __name__ == "__main__":
    with producer.connect(load()) as ctx:
        obey(ctx, "app")
        producer.enqueue(json.loads(sys.argv[1]), context=ctx)
