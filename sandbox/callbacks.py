"""Callbacks: what a provider posts to its customer, delivered for real and mistreated on demand.

What gets no 2xx in time is tried again, each time after twice the wait, and given up after the last try. All of it is
in real seconds. Only this machine is called back unless a host is named.
"""

import asyncio
import ipaddress
import random
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from heapq import heappop, heappush
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import httpx

from sandbox.refusals import ControlError, flag, known_keys, number

AT_ONCE = 8
LONGEST_WAIT = 60.0
FLUSHED_WITHIN = 10.0


@dataclass(frozen=True)
class Callback:
    """`headers` are made anew for each try, since some carry the time."""

    url: str
    body: bytes
    headers: Callable[[], Mapping[str, str]]


@dataclass(frozen=True)
class Rules:
    """How callbacks are treated; `PUT /callbacks` replaces them all."""

    times: int = 1
    delay: float = 0.0
    drop: float = 0.0
    shuffle: bool = False
    before_answer: bool = False
    hold: bool = False
    timeout: float = 10.0
    tries: int = 6
    backoff: float = 1.0
    hosts: tuple[str, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, object]) -> "Rules":
        """Raises ControlError."""
        known_keys(document, set(asdict(cls())), "PUT /callbacks")
        given: dict[str, float | bool] = {}
        for name, low, high in (("delay", 0, None), ("drop", 0, 1), ("timeout", 0.05, None), ("backoff", 0, None)):
            if name in document:
                given[name] = number(document, name, low, high)
        for name in ("times", "tries"):
            if name in document:
                given[name] = int(number(document, name, 1, 100))
        for name in ("shuffle", "before_answer", "hold"):
            if name in document:
                given[name] = flag(document, name)
        return cls(**given, hosts=host_names(document.get("hosts", [])))  # type: ignore[arg-type]  # checked by name


def host_names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ControlError("bad_value", f"'hosts' must be a list of host names; it was {value!r}.")
    return tuple(str(name).lower() for name in value)


def reachable(url: str, hosts: tuple[str, ...]) -> bool:
    """Whether this URL may be called: this machine by name or address, or a host that was named."""
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback or host in hosts
    except ValueError:
        return host == "localhost" or host in hosts


@dataclass
class Counts:
    queued: int = 0
    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    retried: int = 0
    last_error: str | None = None


@dataclass
class Delivery:
    callback: Callback
    counts: Counts
    tries: int = field(default=0)


@cache
def trust() -> ssl.SSLContext:
    """Read once: the world's certificates take longer than a small campaign."""
    return httpx.create_ssl_context(trust_env=False)


def calling_client(**options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False, verify=trust(), **options)


class Callbacks:
    """The queue of what is still to be delivered, and those who deliver it."""

    def __init__(self, seed: int) -> None:
        self.rules = Rules()
        self._seed = seed
        self._wake = asyncio.Event()
        self.clear()

    def clear(self) -> None:
        """Forgets what is still to be delivered; what is on its way is no longer counted."""
        self._draw = random.Random(f"{self._seed}/callbacks")
        self._order = count()
        self._ready: deque[Delivery] = deque()
        self._later: list[tuple[float, int, Delivery]] = []
        self._under_way = 0
        self.counts = Counts()

    def put(self, document: Mapping[str, object]) -> None:
        self.rules = Rules.of(document)
        self._wake.set()

    def document(self) -> dict[str, object]:
        return asdict(self.counts) | asdict(self.rules)

    def send(self, callback: Callback) -> None:
        if self._draw.random() < self.rules.drop:
            self.counts.dropped += 1
            return
        for _ in range(self.rules.times):
            self.counts.queued += 1
            self._put(Delivery(callback, self.counts), self.rules.delay)

    async def flush(self) -> None:
        """Waits until everything that is due was tried once, though not for ever."""
        end = time.monotonic() + FLUSHED_WITHIN
        while (self._ready or self._under_way) and not self.rules.hold and time.monotonic() < end:
            await asyncio.sleep(0.002)

    async def answers_200(self, url: str) -> bool:
        """A GET before anybody is called, as some providers make it."""
        if not reachable(url, self.rules.hosts):
            return False
        try:
            async with asyncio.timeout(self.rules.timeout), calling_client() as client:
                return (await client.get(url)).status_code == 200
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            return False

    async def run(self) -> None:
        """Delivers until it is cancelled."""
        await self._wake.wait()  # most sandboxes never call back, and a client costs its start
        async with calling_client(timeout=None) as client, asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._deliver(client))

    def _put(self, delivery: Delivery, after: float) -> None:
        if after:
            heappush(self._later, (time.monotonic() + after, next(self._order), delivery))
        else:
            self._ready.append(delivery)
        self._wake.set()

    async def _deliver(self, client: httpx.AsyncClient) -> None:
        while True:
            delivery = await self._next()
            self._under_way += 1
            error = await self._try(client, delivery)
            if delivery.counts is self.counts:  # nothing was cleared meanwhile
                self._under_way -= 1
                self._settle(delivery, error)

    async def _next(self) -> Delivery:
        while True:
            self._wake.clear()
            now = time.monotonic()
            while self._later and self._later[0][0] <= now:
                self._ready.append(heappop(self._later)[2])
            if self._ready and not self.rules.hold:
                if self.rules.shuffle:
                    self._ready.rotate(self._draw.randrange(len(self._ready)))
                return self._ready.popleft()
            wait = max(0.001, self._later[0][0] - now) if self._later else None
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _try(self, client: httpx.AsyncClient, delivery: Delivery) -> str | None:
        """One try; what went wrong, or None."""
        callback, rules = delivery.callback, self.rules
        if not reachable(callback.url, rules.hosts):
            delivery.tries = rules.tries
            return "the host is neither this machine nor among 'hosts'"
        delivery.tries += 1
        try:
            async with asyncio.timeout(rules.timeout):
                answer = await client.post(callback.url, content=callback.body, headers=dict(callback.headers()))
        except TimeoutError:
            return f"no answer within {rules.timeout:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return type(error).__name__
        return None if answer.is_success else f"HTTP {answer.status_code}"

    def _settle(self, delivery: Delivery, error: str | None) -> None:
        counts = self.counts
        if error is None:
            counts.queued -= 1
            counts.delivered += 1
            return
        counts.last_error = error
        if delivery.tries >= self.rules.tries:
            counts.queued -= 1
            counts.failed += 1
            return
        counts.retried += 1
        self._put(delivery, min(LONGEST_WAIT, self.rules.backoff * 2 ** (delivery.tries - 1)) or 0.001)
