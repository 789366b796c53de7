"""Where a campaign's file comes from. It is staged whole before anything is acknowledged, whatever becomes of it later.

What a raw message names is not trusted: its paths must lie in `source_folders`, and its hosts and buckets, those that a
redirect leads to among them, in `source_hosts`.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from worker.context import Context
from worker.errors import InputError
from worker.intake.dialect import Dialect
from worker.intake.header import column_named, resolve_phone_column
from worker.intake.opened import peek
from worker.intake.phones import Phones
from worker.intake.stage import Staging
from worker.job import Job
from worker.sources import disk, store, web


def stage(ctx: Context, job: Job, *, trusted: bool, staging: Staging | None = None) -> str:
    """Copy the job's file into staging (or another one) as it is, look at its header, and return its digest.

    Raises InputError (`no_file`, `is_a_directory`, `empty_file`, `no_rows`, `no_phone_column`, `no_such_column`,
    `unsupported_source`, `source_not_allowed`, `source_too_large`, `source_changed`, `bad_archive`, ...), ConfigError
    `no_source_driver`, or Unavailable where the source or staging does not answer.
    """
    limit = ctx.settings.source_limit
    staging = staging or ctx.staging
    digest, _ = staging.put_stream(_bytes_of(ctx, job.source, trusted, limit))
    with staging.open(digest) as file:
        columns = peek(file, Dialect(job.delimiter, job.encoding, job.quote, job.escape), limit)
    resolve_phone_column(columns, job.phone_column)
    if job.zone_column is not None:
        column_named(columns, job.zone_column)
    Phones(job.region or ctx.settings.account(job.account).region)  # refuses a region that there is not
    return digest


def _bytes_of(ctx: Context, source: str, trusted: bool, limit: int) -> Iterator[bytes]:
    parts = urlsplit(source)
    if parts.scheme in ("https", "http", *store.DRIVERS) and not parts.netloc.rpartition("@")[2]:
        text = f"The source names no {'bucket' if parts.scheme in store.DRIVERS else 'host'} behind {parts.scheme}://"
        raise InputError("unsupported_source", f"{text}; give the whole address of the file.")
    if parts.scheme == "https" or (parts.scheme == "http" and trusted):

        def may_visit(host: str) -> None:
            if not trusted:
                _require(host, ctx.settings.source_hosts)

        may_visit(parts.hostname or "")
        return web.download(source, may_visit, limit)
    if parts.scheme in store.DRIVERS:
        if not trusted:
            _require(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", ctx.settings.source_hosts)
        return store.read(source, limit)
    if parts.scheme in ("", "file") or len(parts.scheme) == 1:
        path = Path(source.removeprefix("file://"))
        if not trusted and not disk.is_allowed(path, ctx.settings.source_folders):
            text = f"The file {path.name} is in no folder that messages may name; list its folder in source_folders."
            raise InputError("source_not_allowed", text)
        return disk.read(path, limit)
    raise InputError(
        "unsupported_source",
        f"A source of kind {parts.scheme}:// is not supported; give a path, https://, s3://, gs:// or az://.",
    )


def _require(host: str, allowed: list[str]) -> None:
    if host not in allowed:
        raise InputError("source_not_allowed", f"The host {host!r} is not allowed; list it in source_hosts.")
