"""Continuations: rejected rows that were corrected, as an upload of their own that belongs to the one they come from.

Whatever the job does not say again is as it was there. Whom the family has taken in already is found when the file is
read: see `ingest`.
"""

from typing import Any

from worker.context import Context
from worker.errors import InputError
from worker.job import Job
from worker.models import Upload
from worker.states import UploadState
from worker.store import families, uploads
from worker.view import find
from worker.windows import is_asked

INHERITED = ("phone_column", "region", "only", "countries", "window", "zone_column")
INSTEAD = "; upload the file without --continues, as a campaign of its own."


def addressed(ctx: Context, data: dict[str, Any]) -> dict[str, Any]:
    """The job with the account of the upload that it continues, where it names none. Raises InputError."""
    continues = data.get("continues")
    if data.get("account") is not None or not isinstance(continues, str) or not continues.isalnum():
        return data
    with ctx.db.read() as session:
        return {**data, "account": find(session, continues).account}


def inherit(ctx: Context, job: Job) -> tuple[int | None, Job]:
    """The id of the upload with which the family began, and the job with what it leaves open; (None, job) without one.

    A start that has passed is not inherited: the continuation begins at once. Raises InputError `no_such_upload`, or
    `cannot_continue` where the upload is another account's, was never read, was cancelled, or was made elsewhere. A job
    whose key is known was asked about before.
    """
    if job.continues is None:
        return None, job
    with ctx.db.read() as session:
        upload = find(session, job.continues)
        root = uploads.get(session, families.root(upload))
        now = ctx.db.now(session)
        received = job.idempotency_key is not None and uploads.by_key(session, job.idempotency_key) is not None
    for one in () if received else (upload, root):
        _refuse(one, job.account)
    before = Job.model_validate(upload.job)
    open_ = {name: getattr(before, name) for name in INHERITED if getattr(job, name) is None}
    if "phone_column" in open_ and upload.found is not None:
        open_["phone_column"] = upload.found["phone_column"]
    if job.window is not None and not is_asked(job.window):
        open_.pop("zone_column", None)
    if job.starts_at is None and before.starts_at is not None and before.starts_at > now:
        open_["starts_at"] = before.starts_at
    return root.id, job.model_copy(update={**open_, "options": {**before.options, **job.options}})


def _refuse(upload: Upload, account: str) -> None:
    if upload.pruned_at is not None:
        why = f"was pruned at {upload.pruned_at:%Y-%m-%d}, so nobody knows any more who is in it"
    elif upload.account != account:
        why = f"belongs to account {upload.account!r} and not to {account!r}"
    elif upload.state == UploadState.CANCELLED:
        why = "was cancelled, so nobody is called for it any more"
    elif not upload.total:
        why = f"is {upload.state} and its file has not been read, so it has no rejected rows"
    elif upload.source_digest is None:
        why = "was made elsewhere and has no file"
    else:
        return
    raise InputError("cannot_continue", f"Upload {upload.ulid} {why}{INSTEAD}")
