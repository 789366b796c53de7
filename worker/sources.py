"""Where a campaign's file comes from. It is staged whole before anything is acknowledged, whatever becomes of it later.

What a raw message names is not trusted: its paths must lie in `source_folders`, its hosts in `source_hosts`, and a
redirect is never followed.
"""

from collections.abc import Iterator
from pathlib import Path
from stat import S_ISDIR
from urllib.parse import urlsplit

import httpx

from worker.context import Context
from worker.errors import InputError, Unavailable
from worker.intake import Dialect, peek, resolve_phone_column
from worker.intake.phones import Phones
from worker.job import Job

TIMEOUT = 60.0


def stage(ctx: Context, job: Job, *, trusted: bool) -> str:
    """Copy the job's file into staging, look at its header, and return its digest.

    Raises InputError (`no_file`, `is_a_directory`, `empty_file`, `no_rows`, `no_phone_column`, `unsupported_source`,
    `source_not_allowed`, ...) or Unavailable where the source or staging does not answer.
    """
    scheme = urlsplit(job.source).scheme
    if scheme == "https" or (scheme == "http" and trusted):
        digest = _from_web(ctx, job.source, trusted)
    elif scheme in ("", "file") or len(scheme) == 1:
        digest = _from_disk(ctx, Path(job.source.removeprefix("file://")), trusted)
    else:
        raise InputError(
            "unsupported_source", f"A source of kind {scheme}:// is not supported; give a path or https://."
        )
    with ctx.staging.open(digest) as file:
        columns = peek(file, Dialect(job.delimiter, job.encoding, job.quote, job.escape))
    resolve_phone_column(columns, job.phone_column)
    Phones(job.region or ctx.settings.account(job.account).region)  # refuses a region that there is not
    return digest


def _is_allowed(ctx: Context, path: Path) -> bool:
    try:
        return any(path.resolve().is_relative_to(folder.resolve()) for folder in ctx.settings.source_folders)
    except (OSError, RuntimeError):  # links that lead in a circle
        return False


def _from_disk(ctx: Context, path: Path, trusted: bool) -> str:
    if not trusted and not _is_allowed(ctx, path):
        text = f"The file {path.name} is in no folder that messages may name; list its folder in source_folders."
        raise InputError("source_not_allowed", text)
    try:
        status = path.stat()
    except OSError as error:
        raise InputError("no_file", f"The file {path} cannot be read ({error.strerror}); check the path.") from None
    if S_ISDIR(status.st_mode):
        raise InputError("is_a_directory", f"{path} is a directory; name the CSV file in it.")
    if status.st_size == 0:
        raise InputError("empty_file", f"The file {path} is empty; export it again.")
    try:
        return ctx.staging.put_file(path)[0]
    except PermissionError as error:
        raise InputError("no_file", f"The file {path} cannot be read ({error.strerror}); check its rights.") from None


def _from_web(ctx: Context, url: str, trusted: bool) -> str:
    host = urlsplit(url).hostname or ""
    if not trusted and host not in ctx.settings.source_hosts:
        raise InputError("source_not_allowed", f"The host {host!r} is not allowed; list it in source_hosts.")
    try:
        with httpx.stream("GET", url, timeout=TIMEOUT, follow_redirects=False) as response:
            if response.status_code != 200:
                text = f"{host} answered HTTP {response.status_code} for the file; check the address."
                raise InputError("source_refused", text)
            return ctx.staging.put_stream(_limited(response.iter_bytes(), ctx.settings.source_limit))[0]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        text = f"The file could not be fetched from {host} ({type(error).__name__}); nothing was stored, try again."
        raise Unavailable("source_down", text) from error


def _limited(parts: Iterator[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for part in parts:
        size += len(part)
        if size > limit:
            raise InputError(
                "source_too_large", f"The file is larger than {limit} bytes; raise source_limit or split it."
            )
        yield part
