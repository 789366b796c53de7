"""Waiting for what another process or thread does in its own time."""

import time
from collections.abc import Callable


def until(
    met: Callable[[], object], within: float = 10, what: str = "it did not come about", every: float = 0.01
) -> None:
    """Looks `every` so many seconds until it is met; fails after `within` seconds, and says what was waited for."""
    give_up = time.monotonic() + within
    while not met():
        assert time.monotonic() < give_up, f"waited {within:g} s in vain: {what}"
        time.sleep(every)
