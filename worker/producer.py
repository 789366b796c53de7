"""What upstream apps import: `from worker.producer import enqueue`.

The row is the acknowledgement. When `enqueue` returns, the file is staged and the job is a row; the bell is a courtesy,
and a broker that is away delays nothing but the beginning.
"""

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session
from ulid import ULID

from worker import calling, continuation, migrate, sources, telemetry, wishes
from worker import job as jobs
from worker.bells import CeleryRing, broker_of, celery_app
from worker.context import Context
from worker.errors import ConfigError, InputError, RollcallError, Unavailable
from worker.intake.stage import Staging
from worker.job import Job
from worker.models import Upload
from worker.settings import Settings, load
from worker.states import UploadState
from worker.store import journal, uploads

_log = logging.getLogger("rollcall.producer")


@dataclass(frozen=True)
class Receipt:
    """`created` is False where the idempotency key had been used for this very job before."""

    id: str
    created: bool


def connect(settings: Settings | None = None) -> Context:
    """A context for a process that pushes and looks, and does not work."""
    chosen = settings or load()
    if settings is None:
        _be_ready(chosen)
    app = lru_cache(maxsize=1)(lambda: celery_app(chosen, broker_of(chosen)))
    return Context(chosen, CeleryRing(app))


def _be_ready(chosen: Settings) -> None:
    """A database file of our own gets its tables; a server's are one `rollcall migrate` away."""
    if migrate.current(chosen):
        return
    if not chosen.database.startswith("sqlite"):
        raise Unavailable("schema_outdated", "The database's schema is not this version's; run `rollcall migrate`.")
    migrate.upgrade(chosen)


def enqueue(
    job: Job | dict[str, Any], *, context: Context | None = None, again: bool = True, who: str | None = None
) -> Receipt:
    """Store a job and ring for it.

    `job` is a `Job` or its JSON form. `again=False` refuses a file that this account was given before. `who` gave it,
    for the journal. Raises
    InputError (`bad_job`, `bad_option`, `window_unsupported`, `bad_calling_hours`, `key_reused`, `file_again`,
    `no_such_upload`, `cannot_continue`, `wishes_pruned`, and what is wrong with the file), ConfigError
    (`unknown_account`, `cannot_verify`, `bad_calling_hours`), Unavailable (database or staging). After an error nothing
    is stored.
    """
    ctx = context or connect()
    return _receive(ctx, _parsed(ctx, job), trusted=True, again=again, who=who or "a program")


def draft(ctx: Context, job: Job | dict[str, Any], staging: Staging, *, again: bool) -> Upload | Receipt:
    """The row that `enqueue` would store, with its file in `staging`; the receipt where it would store none.

    Raises what `enqueue` raises.
    """
    checked = _parsed(ctx, job)
    root, whole = continuation.inherit(ctx, checked)
    complete = _with_defaults(ctx, whole)
    digest = sources.stage(ctx, whole, trusted=True, staging=staging)
    same, ulid = checked.digest(digest), str(ULID())
    key = checked.idempotency_key or ulid
    with ctx.db.read() as session:
        if (earlier := uploads.by_key(session, key)) is not None:
            return _same(earlier, same)
        wishes.refuse_lost(session, checked.account, digest)
        if not again:
            _refuse_again(session, checked.account, digest)
        return _row(ctx, session, complete, ulid, key, digest, same, root)


def _parsed(ctx: Context, job: Job | dict[str, Any]) -> Job:
    if not isinstance(job, Job | dict):
        raise InputError("bad_job", "A job is a Job or an object with a source and an account; give one of these.")
    return jobs.parse(continuation.addressed(ctx, job.model_dump(mode="json") if isinstance(job, Job) else job))


def receive_message(ctx: Context, job: Any, message_id: str) -> None:
    """A raw Celery message. What is wrong with it becomes a failed upload under its key, for somebody to see."""
    job = dict(job) if isinstance(job, dict) else {}
    if job.get("idempotency_key") is None:
        job["idempotency_key"] = message_id
    try:
        _receive(ctx, jobs.parse(continuation.addressed(ctx, job)), trusted=False, again=True, who="a message")
    except (Unavailable, SQLAlchemyError):
        raise  # the door rings for it again
    except RollcallError as error:
        _store_failure(ctx, job, message_id, error)
    except Exception as error:
        _log.exception("message %s could not be read", message_id)
        text = f"The message could not be read ({type(error).__name__}); look at the worker's log."
        _store_failure(ctx, job, message_id, InputError("unreadable_message", text))


def _receive(ctx: Context, job: Job, *, trusted: bool, again: bool, who: str) -> Receipt:
    root, whole = continuation.inherit(ctx, job)
    complete = _with_defaults(ctx, whole)
    digest = sources.stage(ctx, whole, trusted=trusted)
    same, ulid = job.digest(digest), str(ULID())
    key = job.idempotency_key or ulid
    with ctx.db.write() as session:
        earlier = uploads.by_key(session, key)
        if earlier is None:
            wishes.refuse_lost(session, job.account, digest)
            if not again:
                _refuse_again(session, job.account, digest)
            row = _row(ctx, session, complete, ulid, key, digest, same, root)
            earlier = None if uploads.receive(session, row) else uploads.by_key(session, key)
            if earlier is None:
                journal.note(session, row.created_at, "receive", "stored", upload_id=row.id, who=who)
    if earlier is not None:
        return _same(earlier, same)
    telemetry.emit("producer.received", upload=ulid, account=job.account)
    ctx.ring("ingest", ulid)
    return Receipt(ulid, created=True)


def _with_defaults(ctx: Context, job: Job) -> Job:
    """The account's options and window below the job's own, checked as the provider would; a name of the file's."""
    account = ctx.settings.account(job.account)
    if account.start == "verified" and ctx.kind(job.account).capabilities.starts == "at_once":
        raise ConfigError(
            "cannot_verify",
            f"The account {job.account} says start = verified, and its provider dials what it is given at once; set "
            "start = immediate, or choose an account whose provider can fill a list before it starts.",
        )
    options = {"name": _plain_name(job.source), **account.options, **job.options}
    checked = job.model_copy(update={"options": ctx.kind(job.account).check_options(options)})
    return calling.with_window(ctx, checked)


def _plain_name(source: str) -> str:
    """The file's name, without what a web address may carry behind it and what no list's name may hold."""
    stem = Path(urlsplit(source).path).stem.replace("\\", "-")
    return "".join(letter for letter in stem if letter.isprintable()).strip()[:100] or "rollcall"


def _row(
    ctx: Context, session: Session, job: Job, ulid: str, key: str, digest: str, same: str, root: int | None
) -> Upload:
    return Upload(
        ulid=ulid,
        account=job.account,
        idempotency_key=key,
        job_digest=same,
        job={**job.model_dump(mode="json"), "source": _without_secrets(job.source)},
        source_digest=digest,
        created_at=ctx.db.now(session),
        starts_at=job.starts_at,
        continues_id=root,
    )


def _without_secrets(source: str) -> str:
    """An address may carry a key before its host or behind its path; the file is staged, so it is not needed again."""
    if "://" not in source:
        return source
    parts = urlsplit(source)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _same(earlier: Upload, same: str) -> Receipt:
    if earlier.job_digest != same:
        raise InputError(
            "key_reused",
            f"The key {earlier.idempotency_key!r} belongs to upload {earlier.ulid}, another job; use a new key.",
        )
    return Receipt(earlier.ulid, created=False)


def _refuse_again(session: Session, account: str, digest: str) -> None:
    earlier = uploads.with_digest(session, account, digest)
    if earlier is None:
        return
    if earlier.ended_at is None and not uploads.was_sent(session, earlier):
        told = f"is upload {earlier.ulid} of account {account!r}, which is {earlier.state} and has sent nothing so far"
        then = f"`rollcall cancel {earlier.ulid}` drops that one, and then it can be uploaded anew"
    else:
        told = f"went to account {account!r} as upload {earlier.ulid}"
        then = f"rows that were corrected go with --continues {earlier.ulid}, and --again calls its people once more"
    raise InputError("file_again", f"This very file {told}; {then}.")


def _store_failure(ctx: Context, job: dict[str, Any], message_id: str, error: RollcallError) -> None:
    """Under the job's key, or under the message's id where that key is another upload's."""
    _log.error("message %s was refused: %s", message_id, error.message)
    account = _storable(job.get("account", ""))
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        for key in dict.fromkeys((_storable(job["idempotency_key"]), _storable(message_id))):
            row = Upload(ulid=str(ULID()), account=account, idempotency_key=key, job_digest="", created_at=now)
            row.state, row.code, row.message, row.ended_at = UploadState.FAILED, error.code, error.message, now
            if uploads.receive(session, row):
                return


def _storable(value: object) -> str:
    return str(value).replace("\0", "").encode("utf-8", "replace").decode()[:255]
