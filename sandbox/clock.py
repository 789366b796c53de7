"""The provider's clock: it starts at the real time and may run faster, be put forward, or stand still.

Dialling is a pure function of this clock. Tokens, faults and late visibility live in real time and do not look at it.
"""

import math
import time
from datetime import UTC, datetime
from functools import lru_cache


class Clock:
    """Seconds since 1970 as the provider sees them; never runs backwards."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = checked_speed(speed)
        self._shown = time.time()
        self._since = time.monotonic()

    @property
    def speed(self) -> float:
        return self._speed

    def now(self) -> float:
        return self._shown + (time.monotonic() - self._since) * self._speed

    def set_speed(self, speed: float) -> None:
        """Runs `speed` provider seconds a real second from now on; 0 stands still. Raises ValueError."""
        checked = checked_speed(speed)
        self._shown, self._since = self.now(), time.monotonic()
        self._speed = checked

    def advance(self, seconds: float) -> None:
        """Puts the clock forward at once. Raises ValueError for a step backwards."""
        if not math.isfinite(seconds) or seconds < 0:
            raise ValueError(f"The clock can only be put forward: 'advance' was {seconds}.")
        self._shown += seconds


def checked_speed(speed: float) -> float:
    if not math.isfinite(speed) or speed < 0:
        raise ValueError(f"The clock's speed must be 0 or more: 'speed' was {speed}.")
    return speed


@lru_cache(maxsize=65_536)
def utc_text(second: int) -> str:
    """`YYYY-MM-DD HH:MM:SS` in UTC. Cached: a million rows share few distinct seconds."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")
