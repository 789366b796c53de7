"""HTTP with a total deadline, and the one table that says what a failed request proves.

httpx's timeouts are for one read or write, so a slow reader stretches a request far beyond them, and a request that
outlives its claim is a double call. Here every socket operation gets what is left of the request's own deadline, and
the socket is closed when nothing is left.
"""

import contextvars
import email.utils
import math
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import httpcore
import httpx

from worker import giving_up, measures
from worker.errors import AccountRefused, NotSent, ProviderError, Refused, Throttled, Unknown
from worker.providers.base import Pace

# Raises what the provider's own words in an answer prove; returns where they prove nothing.
Verdict = Callable[[httpx.Response], None]

_deadline: contextvars.ContextVar[float] = contextvars.ContextVar("deadline")
_WRITE = 65536
LISTEN = 0.5  # seconds after which a read that may be given up looks whether it is to be
CONNECT = 10.0  # seconds within which a provider that listens is reached
LONGEST_WAIT = 3600.0  # seconds that a Retry-After may hold us

# exception of httpx -> (what it proves, stable code). The first class that fits counts.
PROOFS: tuple[tuple[type[Exception], type[ProviderError], str], ...] = (
    (httpx.ConnectTimeout, NotSent, "connect_timeout"),
    (httpx.PoolTimeout, NotSent, "pool_timeout"),
    (httpx.ConnectError, NotSent, "connect_failed"),
    (httpx.ReadTimeout, Unknown, "read_timeout"),
    (httpx.WriteTimeout, Unknown, "write_timeout"),
    (httpx.ReadError, Unknown, "connection_lost"),
    (httpx.WriteError, Unknown, "connection_lost"),
    (httpx.CloseError, Unknown, "connection_lost"),
    (httpx.RemoteProtocolError, Unknown, "broken_answer"),
    (httpx.ProxyError, Unknown, "proxy_error"),
    (httpx.TooManyRedirects, Unknown, "redirected"),
    (httpx.DecodingError, Unknown, "broken_answer"),
)
OUR_FAULT = (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL)


def proof(error: Exception, host: str) -> ProviderError:
    """What an exception of a request proves. The text names the host and never the request."""
    if isinstance(error, OUR_FAULT):
        text = f"The request to {host} could not be made ({type(error).__name__}); check the account's url."
        return NotSent("bad_request", text, fault=True)
    for kind, answer, code in PROOFS:
        if isinstance(error, kind):
            sent = "it was not sent" if answer is NotSent else "it may have arrived"
            return answer(code, f"{host} did not answer the request ({code.replace('_', ' ')}); {sent}.")
    return Unknown("unlisted_error", f"The request to {host} ended in {type(error).__name__}; it may have arrived.")


def judge_status(response: httpx.Response, host: str) -> None:
    """Raise what a status other than 200 proves."""
    status = response.status_code
    if status == 200:
        return
    text = f"{host} answered HTTP {status}."
    if status == 429:
        raise Throttled("http_429", text, retry_after=retry_after(response.headers), http_status=status)
    if status in (401, 403):
        raise AccountRefused(f"http_{status}", text, http_status=status)
    if 400 <= status < 500 and status not in (408, 409):
        raise Refused(f"http_{status}", text, http_status=status)
    raise Unknown(f"http_{status}", f"{text[:-1]}; it may have been stored.", http_status=status)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header (delta or HTTP date), at most an hour; None where there is none to read."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_WAIT)
    moment = http_date(value)
    return None if moment is None else min(max(moment - time.time(), 0.0), LONGEST_WAIT)


def http_date(value: str) -> float | None:
    """Unix seconds of an HTTP date; None where it is none."""
    try:
        return email.utils.parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


class Client:
    """An HTTP client for one account. Every request has a deadline, a moment of `time.monotonic()`.

    `verdict` is asked about every 4xx before its status is judged. `pace` waits for the account's turn.
    """

    def __init__(self, base_url: str, verdict: Verdict | None = None, pace: Pace | None = None) -> None:
        self._verdict = verdict
        self._pace = pace
        try:
            self.host = httpx.URL(base_url).host or base_url
            self._client = httpx.Client(base_url=base_url, transport=_Transport(), timeout=None)
        except (httpx.InvalidURL, UnicodeError):
            raise NotSent(
                "bad_url", f"The url {base_url!r} is not one; correct the account's url.", fault=True
            ) from None

    def post(self, path: str, deadline: float, **request: Any) -> httpx.Response:
        """POST and read the whole answer; raises what the table says."""
        return self._request("POST", path, deadline, request)

    def get(self, path: str, deadline: float, **request: Any) -> httpx.Response:
        """GET, in the same way."""
        return self._request("GET", path, deadline, request)

    def _request(self, method: str, path: str, deadline: float, request: dict[str, Any]) -> httpx.Response:
        with measures.request(self.host):
            with self._guard(deadline) as timeout:
                response = self._client.request(method, path, timeout=timeout, **request)
            self._judge(response)
        return response

    @contextmanager
    def stream(self, path: str, deadline: float, **request: Any) -> Iterator[httpx.Response]:
        """POST and hand out the answer before its body is read; the body is under the same deadline."""
        with (
            measures.request(self.host),
            self._guard(deadline) as timeout,
            self._client.stream("POST", path, timeout=timeout, **request) as response,
        ):
            if response.status_code != 200:
                response.read()
            self._judge(response)
            yield response

    def close(self) -> None:
        self._client.close()

    def hold(self, answer: Throttled) -> None:
        """The provider turned a request away: nobody of the account sends before it says."""
        if self._pace is not None and answer.retry_after is not None:
            self._pace.hold(answer.retry_after)

    def _judge(self, response: httpx.Response) -> None:
        try:
            if self._verdict is not None and 400 <= response.status_code < 500:
                self._verdict(response)
            judge_status(response, self.host)
        except Throttled as answer:
            self.hold(answer)
            raise

    @contextmanager
    def _guard(self, deadline: float) -> Iterator[httpx.Timeout]:
        giving_up.go_on()
        if self._pace is not None:
            self._pace(deadline)
        left = deadline - time.monotonic()
        if left <= 0:
            raise NotSent(
                "deadline_passed", f"The time for this request was over before it went out to {self.host}.", ours=True
            )
        token = _deadline.set(deadline)
        try:
            yield httpx.Timeout(None, pool=left)  # the sockets know the deadline, the pool has to be told
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            giving_up.go_on()
            raise proof(error, self.host) from error
        finally:
            _deadline.reset(token)


@cache
def _tls(*_named: str | None) -> ssl.SSLContext:
    """The certificates that the environment names, read once: that takes longer than a request."""
    return httpx.create_ssl_context()


class _Transport(httpx.HTTPTransport):
    """httpx's transport on a pool whose sockets know the deadline. It never sends anything again by itself."""

    def __init__(self) -> None:
        context = _tls(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        super().__init__(verify=context, retries=0)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=2.0,
            retries=0,
            network_backend=_Backend(),
        )


def _left(error: type[Exception], until: float = math.inf) -> float:
    """Seconds until the request's deadline, or until a moment before that; raises `error` where none are left."""
    left = min(_deadline.get(), until) - time.monotonic()
    if left <= 0:
        raise error("the request's deadline has passed")
    return left


class _Backend(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Try each address of the host in what is left: httpcore would give every one of them the whole time."""
        addresses = _resolve(host, port)
        error: Exception = httpcore.ConnectError(f"{host} has no address")
        until = time.monotonic() + CONNECT
        for tried, address in enumerate(addresses):
            share = _left(httpcore.ConnectTimeout, until) / (len(addresses) - tried)
            try:
                return _Stream(self._inner.connect_tcp(address, port, share, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is empty or too long
        raise httpcore.LocalProtocolError(f"{host} is no name of a host") from error
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Stream(httpcore.NetworkStream):
    """A connection of which every operation takes at most what is left of the deadline."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with self._unsent_dropped():
            while True:
                left = _left(httpcore.ReadTimeout)
                try:
                    return self._inner.read(max_bytes, min(left, LISTEN))
                except httpcore.ReadTimeout:
                    if giving_up.is_told():
                        raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send piece by piece: the inner stream would give each partial send the whole timeout again."""
        view = memoryview(buffer)
        with self._unsent_dropped():
            while view:
                self._socket.settimeout(_left(httpcore.WriteTimeout))
                view = view[self._send(view[:_WRITE]) :]

    def _send(self, view: memoryview) -> int:
        try:
            return self._socket.send(view)
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    @property
    def _socket(self) -> socket.socket:
        sock: socket.socket = self._inner.get_extra_info("socket")
        return sock

    @contextmanager
    def _unsent_dropped(self) -> Iterator[None]:
        """When time is over, close with a reset: what the kernel still holds must not go out after the deadline."""
        try:
            yield
        except httpcore.TimeoutException:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _left(httpcore.ConnectTimeout)))

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
