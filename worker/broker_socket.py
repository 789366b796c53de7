"""Where the embedded broker's unix socket lies, and the URL that follows from it.

In `<home>/broker` wherever that works. Where the path is too long for the kernel or not plain, in a private directory
under the system's temporary one, and `<home>/broker/socket-path` says where.
"""

import os
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

from worker import flock
from worker.errors import Unavailable

LONGEST_PATH = 100  # bytes; the kernel's limit is 108 on Linux, 104 on macOS


def broker_directory(home: Path) -> Path:
    return home.absolute() / "broker"


def embedded_url(home: Path) -> str | None:
    """The URL of this home's embedded server, running or not; None while no place for it has been settled."""
    socket = _socket(broker_directory(home))
    return f"redis+socket://{socket}?virtual_host=0" if socket else None


def listening_url(home: Path) -> str | None:
    """The same, but None where no server of this home has a socket now."""
    socket = _socket(broker_directory(home))
    return embedded_url(home) if socket is not None and socket.exists() else None


def prepare(home: Path) -> str:
    """Make the directory and settle where the socket lies; returns the URL, which stays the same from then on.

    Raises Unavailable `no_broker_socket` where there is no place for it.
    """
    directory = broker_directory(home)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with flock.waiting(directory / "prepare.lock"):
        url = embedded_url(home)
        if url is None:
            _pointer(directory).write_text(str(_private_socket()))
            url = embedded_url(home)
    assert url is not None
    return url


def _socket(directory: Path) -> Path | None:
    near = directory / "broker.sock"
    if _usable(near):
        return near
    try:
        far = Path(_pointer(directory).read_text())
    except FileNotFoundError:
        return None
    return far if _is_private(far.parent) else None


def _pointer(directory: Path) -> Path:
    return directory / "socket-path"


def _usable(path: Path) -> bool:
    """Short enough for the kernel, and plain: Flower takes a percent escape in a socket URL for part of the name."""
    return len(os.fsencode(path)) <= LONGEST_PATH and quote(str(path)) == str(path)


def _private_socket() -> Path:
    for base in (tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR")):
        if base and _usable(Path(base, "rollcall-01234567", "broker.sock")):
            return Path(tempfile.mkdtemp(prefix="rollcall-", dir=base), "broker.sock")
    raise Unavailable(
        "no_broker_socket",
        "The broker's socket needs a short path: set TMPDIR to a directory with a short, plain name.",
    )


def _is_private(directory: Path) -> bool:
    """Ours and closed to others: in a directory of somebody else's, anybody could answer in the broker's place."""
    try:
        status = directory.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
