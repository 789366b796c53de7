"""The documented limit: so many requests of an account in any sixty real seconds."""

import time
from collections import deque
from collections.abc import Mapping

from sandbox.refusals import known_keys, number

WINDOW = 60.0
DOCUMENTED = 60


class Rates:
    def __init__(self) -> None:
        self.requests_per_minute = DOCUMENTED
        self.clear()

    def clear(self) -> None:
        self._came: dict[str, deque[float]] = {}

    def put(self, document: Mapping[str, object]) -> None:
        """`{"requests_per_minute": n}`; 0 is no limit. Raises ControlError."""
        known_keys(document, {"requests_per_minute"}, "PUT /kore/limits")
        self.requests_per_minute = int(number(document, "requests_per_minute", 0))

    def wait(self, account_id: str, now: float | None = None) -> float:
        """Books a request and gives 0, or, over the limit, gives the seconds until there is room and books nothing."""
        now = time.monotonic() if now is None else now
        came = self._came.setdefault(account_id, deque())
        while came and came[0] <= now - WINDOW:
            came.popleft()
        if self.requests_per_minute and len(came) >= self.requests_per_minute:
            return came[0] + WINDOW - now
        came.append(now)
        return 0.0
