"""A file on this machine."""

import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from worker.errors import InputError
from worker.intake.unpack import too_large
from worker.sources.bounds import changed, limited

COPY_BYTES = 1 << 20


def is_allowed(path: Path, folders: list[Path]) -> bool:
    """Whether a path lies in one of the folders, wherever its links lead."""
    try:
        return any(path.resolve().is_relative_to(folder.resolve()) for folder in folders)
    except (OSError, RuntimeError):  # links that lead in a circle
        return False


def read(path: Path, limit: int) -> Iterator[bytes]:
    """The file's bytes. Raises InputError `no_file`, `is_a_directory`, `empty_file`, `source_too_large` at once, and
    `source_changed` where it is written to meanwhile."""
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error.strerror, "path") from None
    if S_ISDIR(status.st_mode):
        raise InputError("is_a_directory", f"{path} is a directory; name the file in it.")
    if S_ISREG(status.st_mode) and status.st_size == 0:
        raise InputError("empty_file", f"The file {path} is empty; export it again.")
    if not S_ISREG(status.st_mode):
        raise _unreadable(path, "it is no ordinary file", "path")
    if status.st_size > limit:
        raise too_large(limit)
    return limited(_parts(path), limit)


def _parts(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            while part := file.read(COPY_BYTES):
                yield part
            after = os.fstat(file.fileno())
    except OSError as error:
        raise _unreadable(path, error.strerror, "rights") from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise changed(path.name)


def _unreadable(path: Path, why: str | None, what: str) -> InputError:
    return InputError("no_file", f"The file {path} cannot be read ({why}); check its {what}.")
