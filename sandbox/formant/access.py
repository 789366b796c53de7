"""Who may ask, and how often: API keys with their agents, and the requests each key has left in this minute."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from starlette.responses import Response

from sandbox.formant.errors import FormantError
from sandbox.refusals import ControlError, known_keys, number

MINUTE = 60.0
REQUESTS_PER_MINUTE = 6000


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Keys:
    """From the first key on, only configured keys are accepted."""

    def __init__(self) -> None:
        self._agents: dict[str, frozenset[int] | None] = {}

    def put(self, document: Mapping[str, object]) -> dict[str, object]:
        """`agents` are those that the key reaches, all where none is named. A key of null takes all keys back."""
        known_keys(document, {"key", "agents"}, "PUT /formant/keys")
        key, agents = document.get("key"), document.get("agents")
        if key is None:
            self._agents.clear()
        elif not isinstance(key, str) or not key:
            raise ControlError("bad_value", "'key' must be a text, or null.")
        elif agents is not None and not (isinstance(agents, list) and all(isinstance(one, int) for one in agents)):
            raise ControlError("bad_value", f"'agents' must be a list of whole numbers; it was {agents!r}.")
        else:
            self._agents[key] = None if agents is None else frozenset(agents)
        return {"keys": len(self._agents)}

    def admit(self, key: str) -> frozenset[int] | None:
        """The agents that the key reaches, None for all. Raises FormantError 401."""
        if not key or (self._agents and key not in self._agents):
            raise FormantError(401, "Invalid or missing API key")
        return self._agents.get(key)


@dataclass(frozen=True)
class Standing:
    """What the rate headers of one answer say. `over` asks for more than was left."""

    limit: int
    remaining: int
    reset_at: float
    over: bool = False

    @property
    def wait(self) -> int:
        return max(1, math.ceil(self.reset_at - time.time()))

    def used_up(self, seconds: float) -> "Standing":
        return replace(self, remaining=0, reset_at=time.time() + seconds)

    def stamp(self, answer: Response) -> Response:
        answer.headers["X-RateLimit-Limit"] = str(self.limit)
        answer.headers["X-RateLimit-Remaining"] = str(self.remaining)
        answer.headers["X-RateLimit-Reset"] = iso(math.ceil(self.reset_at))
        return answer


class Limits:
    """Requests a key may make in a minute that begins with its first; in real time. 0 concurrent calls: no limit."""

    def __init__(self) -> None:
        self.requests_per_minute, self.concurrent_calls = REQUESTS_PER_MINUTE, 0
        self._minutes: dict[str, tuple[float, int]] = {}

    def put(self, document: Mapping[str, object]) -> dict[str, object]:
        """What is not named goes back to its default, and every key's minute begins anew."""
        known_keys(document, {"requests_per_minute", "concurrent_calls"}, "PUT /formant/limits")
        told = {"requests_per_minute": REQUESTS_PER_MINUTE, "concurrent_calls": 0} | dict(document)
        requests, calls = int(number(told, "requests_per_minute", 1)), int(number(told, "concurrent_calls", 0))
        self.requests_per_minute, self.concurrent_calls = requests, calls
        self._minutes.clear()
        return {"requests_per_minute": requests, "concurrent_calls": calls}

    def take(self, key: str) -> Standing:
        """Counts one request of this key."""
        now = time.time()
        began, used = self._minutes.get(key, (now, 0))
        if now - began >= MINUTE:
            began, used = now, 0
        over = used >= self.requests_per_minute
        self._minutes[key] = (began, used if over else used + 1)
        remaining = 0 if over else self.requests_per_minute - used - 1
        return Standing(self.requests_per_minute, remaining, began + MINUTE, over)
