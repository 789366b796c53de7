"""Runs the door until it is told to stop."""

import socket
from types import FrameType

import uvicorn

from worker.context import Context
from worker.errors import InputError
from worker.web.app import create_app

AT_ONCE = 1000  # connections; more are answered with 503, and the provider comes again
KEEP_ALIVE = 75
GRACE = 10  # seconds for what is being stored


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """An end that was asked for is no failure: uvicorn would raise the signal once more."""
        self.force_exit = self.should_exit
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises InputError `port_busy`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once only where the protocol is named
    line = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        line.bind((host, port))
        line.listen(AT_ONCE)
    except (OSError, OverflowError) as error:
        line.close()
        why = getattr(error, "strerror", None) or error
        text = f"`rollcall web` cannot listen on {host}:{port} ({why}); choose another --host or --port."
        raise InputError("port_busy", text) from None
    return line


def serve(ctx: Context, line: socket.socket) -> None:
    """Answer until SIGTERM or SIGINT; what is being stored is stored and answered first."""
    server_for(ctx).run(sockets=[line])


def server_for(ctx: Context) -> uvicorn.Server:
    config = uvicorn.Config(
        create_app(ctx),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=AT_ONCE,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
    return _Server(config)
