"""Runs the sandbox: in the foreground, or in a thread of the calling process."""

import gc
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn

from sandbox.app import create_app
from sandbox.state import Sandbox
from sandbox.wire import LineProtocol

HOST, PORT = "127.0.0.1", 8765
SPEED = 60.0
MANY_OBJECTS = 100_000
KEEP_ALIVE = 75  # long, so that a client's pool does not meet a connection that is just being closed


class CannotListen(Exception):
    """The address is taken or is not ours; the message says which."""


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, sandbox: Sandbox) -> None:
        super().__init__(config)
        self._sandbox = sandbox

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._sandbox.start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._sandbox.stop()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only then; without it every answer is 40 ms late.
    line = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        line.bind((host, port))
        line.listen(2048)
    except (OSError, OverflowError) as error:
        line.close()
        reason = getattr(error, "strerror", None) or error
        raise CannotListen(f"The sandbox cannot listen on {host}:{port} ({reason}); choose another --port.") from error
    return line


def server_for(sandbox: Sandbox, tls_certificate: Path | None = None, tls_key: Path | None = None) -> Server:
    config = uvicorn.Config(
        create_app(sandbox),
        http=LineProtocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=1,
        ssl_certfile=tls_certificate,
        ssl_keyfile=tls_key,
    )
    return Server(config, sandbox)


def serve(
    host: str = HOST,
    port: int = PORT,
    *,
    seed: int = 1,
    speed: float = SPEED,
    balance: float = 100.0,
    currency: str = "USD",
    tls_certificate: Path | None = None,
    tls_key: Path | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, then returns.

    `speed` is provider seconds a real second: 60 lets a campaign end in seconds, 1 is real time. Raises CannotListen,
    and ValueError for a speed below 0.
    """
    gc.freeze()  # rows come and go by the thousand: the collector need not look for rings among them so often
    gc.set_threshold(MANY_OBJECTS)
    server = server_for(Sandbox(seed=seed, speed=speed, balance=balance, currency=currency), tls_certificate, tls_key)
    line = listen(host, port)
    scheme = "https" if tls_certificate else "http"
    print(f"sandbox listens on {scheme}://{host}:{line.getsockname()[1]}", flush=True)
    with quiet_end():
        server.run(sockets=[line])


@contextmanager
def quiet_end() -> Iterator[None]:
    """uvicorn raises the signal that ended it once more; an ordered end is no failure."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def running(
    *,
    host: str = HOST,
    port: int = 0,
    seed: int = 1,
    speed: float = SPEED,
    balance: float = 100.0,
    currency: str = "USD",
    tls_certificate: Path | None = None,
    tls_key: Path | None = None,
) -> Iterator[str]:
    """Serves in a thread for as long as the block lasts, and gives the address; port 0 takes a free one."""
    server = server_for(Sandbox(seed=seed, speed=speed, balance=balance, currency=currency), tls_certificate, tls_key)
    line = listen(host, port)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [line]}, name="sandbox", daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls_certificate else 'http'}://{host}:{line.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
