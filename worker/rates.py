"""How often an account may send: within its limit in any second, over all workers, and not at all while it is held.

Turns are counted in Redis, on its clock. Nothing is reserved: whoever waits asks again when his time has come, so a
worker that dies takes no turn with it, and a hold that somebody else has set meanwhile is seen. While Redis is away
each process keeps to the limits by itself: a rate is not worth a campaign that stands still.
"""

import logging
import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.errors import ConfigError

_log = logging.getLogger("rollcall.rates")

Clock = Callable[[], float]

# We count a request when it is let go, the provider when it arrives, and not every one takes equally long. So the
# second that is counted is a little longer than the provider's.
MARGIN = 1.035
SPREAD = 0.8  # of their even distance, what turns keep at least: requests that start together hold each other up
REDIS_TIMEOUT = 1.0
REST = 2.0  # seconds between two questions to a Redis that is away

# KEYS: the latest turns, newest first; the hold. ARGV: turns, window and gap of the limit, in microseconds; 0 turns:
# no limit. Returns the microseconds to wait, 0 where the turn is taken, and the milliseconds left of a hold.
# A turn that lies in the future is of a clock that has been set back, and would stop the account for so long.
_TURN = """
local held = redis.call('PTTL', KEYS[2])
if held > 0 then return {held * 1000, held} end
local turns, window, gap = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if turns == 0 then return {0, 0} end
local function turn(index) return tonumber(redis.call('LINDEX', KEYS[1], index) or 0) end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if turn(0) > now then redis.call('DEL', KEYS[1]) end
local free = math.max(turn(turns - 1) + window, turn(0) + gap)
if free > now then return {free - now, 0} end
redis.call('LPUSH', KEYS[1], now)
redis.call('LTRIM', KEYS[1], 0, turns - 1)
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
return {0, 0}
"""

# KEYS: the hold. ARGV: its milliseconds. A hold is never made shorter.
_HOLD = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '', 'PX', ARGV[1]) end
"""


class Rates(Protocol):
    """Turns to send a request. Account by account; shared by all threads of a process."""

    def wait(self, account: str, per_second: float | None, deadline: float, stopping: threading.Event) -> bool:
        """Wait for a turn; True when it is ours. `per_second` None: no limit, but holds count.

        False as soon as none can come before `deadline` (of `time.monotonic()`), or a wait is ended by `stopping`.
        """

    def hold(self, account: str, seconds: float) -> None:
        """Nobody takes a turn of this account for so long; a longer hold stays."""


def rates_for(broker_url: str | None) -> Rates:
    """Shared through the broker where that is Redis or Valkey, else for this process alone.

    Raises ConfigError `bad_broker_url`.
    """
    if broker_url is None:
        return ProcessRates()
    client = _client(broker_url)
    if client is None:
        _log.warning("the broker is neither Redis nor Valkey: each process keeps to the accounts' rates by itself")
        return ProcessRates()
    return SharedRates(client)


class Limit(NamedTuple):
    """At most so many turns in any window of so many seconds, and each so long after the one before."""

    turns: int
    window: float
    gap: float

    @classmethod
    def of(cls, per_second: float) -> "Limit":
        """In no second are there more turns than the rate, rounded up."""
        even = MARGIN / per_second
        turns = math.ceil(per_second)
        return cls(turns, turns * even, even * SPREAD)


class _Line:
    """The threads of a process stand in line for an account's turns, so that only the first of them asks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._first: dict[str, threading.Lock] = {}

    def take(self, account: str, per_second: float | None) -> float:
        """Take a turn if there is one now: 0; else the seconds after which to ask again."""
        raise NotImplementedError

    def wait(self, account: str, per_second: float | None, deadline: float, stopping: threading.Event) -> bool:
        first = self._first.setdefault(account, threading.Lock())
        if not first.acquire(timeout=max(deadline - self._clock(), 0)):
            return False
        try:
            while (left := self.take(account, per_second)) > 0:
                if self._clock() + left >= deadline or stopping.wait(left):
                    return False
            return True
        finally:
            first.release()


class ProcessRates(_Line):
    """The rates of this process alone."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._lock = threading.RLock()
        self._taken: defaultdict[str, deque[float]] = defaultdict(deque)
        self._held_until: dict[str, float] = {}

    def hold(self, account: str, seconds: float) -> None:
        with self._lock:
            until = self._clock() + seconds
            self._held_until[account] = max(until, self._held_until.get(account, until))

    def take(self, account: str, per_second: float | None) -> float:
        with self._lock:
            left = self.left(account, per_second)
            if left == 0 and per_second is not None:
                self.note(account, per_second, self._clock())
            return left

    def left(self, account: str, per_second: float | None) -> float:
        """The same, but nothing is taken."""
        with self._lock:
            now = self._clock()
            free = self._held_until.get(account, now)
            taken = self._taken[account]
            if per_second is not None and taken:
                limit = Limit.of(per_second)
                free = max(free, taken[-1] + limit.gap)
                if len(taken) >= limit.turns:
                    free = max(free, taken[-limit.turns] + limit.window)
            return max(free - now, 0.0)

    def note(self, account: str, per_second: float, moment: float) -> None:
        """A turn was taken at a moment of our clock."""
        with self._lock:
            taken = self._taken[account]
            taken.append(moment)
            while len(taken) > Limit.of(per_second).turns:
                taken.popleft()


class SharedRates(_Line):
    """The rates of all processes that share a Redis. Our own turns are known here too, for when it is away."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(time.monotonic)
        self._own = ProcessRates()
        self._turn = client.register_script(_TURN)
        self._hold = client.register_script(_HOLD)
        self._lock = threading.Lock()
        self._away = False
        self._ask_at = self._clock()

    def hold(self, account: str, seconds: float) -> None:
        self._own.hold(account, seconds)
        milliseconds = math.ceil(seconds * 1000)
        if milliseconds > 0 and self._may_ask():
            self._ask(lambda: self._hold(keys=[_key(account, "hold")], args=[milliseconds]))

    def take(self, account: str, per_second: float | None) -> float:
        left = self._own.left(account, per_second)
        if left > 0:
            return left
        if self._may_ask():
            answer = self._ask(lambda: self._take_shared(account, per_second))
            if answer is not None:
                return answer
        return self._own.take(account, per_second)

    def _take_shared(self, account: str, per_second: float | None) -> float:
        asked = self._clock()  # not after the turn, so that our own count never says later than Redis
        turns, window, gap = (0, 0.0, 0.0) if per_second is None else Limit.of(per_second)
        keys = [_key(account, "turns"), _key(account, "hold")]
        wait, held = self._turn(keys=keys, args=[turns, math.ceil(window * 1e6), math.ceil(gap * 1e6)])
        if held:
            self._own.hold(account, held / 1000)
        elif not wait and per_second is not None:
            self._own.note(account, per_second, asked)
        return float(wait) / 1e6

    def _may_ask(self) -> bool:
        """While Redis is away, one thread asks again every REST seconds, and the others do not wait for it."""
        with self._lock:
            if self._clock() < self._ask_at:
                return False
            if self._away:
                self._ask_at = self._clock() + REST
            return True

    def _ask(self, question: Callable[[], float | None]) -> float | None:
        try:
            answer = question()
        except (redis.RedisError, OSError) as error:
            self._gone(error)
            return None
        self._back()
        return answer

    def _gone(self, error: Exception) -> None:
        with self._lock:
            self._ask_at = self._clock() + REST
            if not self._away:
                text = "the broker is away (%s); this process keeps to its accounts' rates by itself"
                _log.warning(text, type(error).__name__)
            self._away = True

    def _back(self) -> None:
        with self._lock:
            if self._away:
                _log.info("the broker is back; the accounts' rates are shared again")
            self._away, self._ask_at = False, self._clock()


def _key(account: str, what: str) -> str:
    return f"rollcall:rates:{account}:{what}"


def _client(url: str) -> redis.Redis | None:
    """None where the broker is not Redis. `redis+socket` is Celery's name for what redis-py calls `unix`."""
    scheme, _, rest = url.partition("://")
    if scheme == "redis+socket":
        scheme, rest = "unix", rest.replace("virtual_host=", "db=")
    if scheme not in {"redis", "rediss", "unix"}:
        return None
    try:
        return redis.Redis.from_url(
            f"{scheme}://{rest}",
            socket_timeout=REDIS_TIMEOUT,
            socket_connect_timeout=REDIS_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:
        raise ConfigError("bad_broker_url", "The broker's URL cannot be read: check ROLLCALL_BROKER_URL.") from None
