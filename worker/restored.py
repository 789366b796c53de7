"""Restored: the database is a copy of an earlier moment, and the world has gone on since.

What waits there may have been sent, and who was not to be called may have said so since. So every upload that could
send is held until a person says go on, and whatever was not settled is looked up at the provider before it is sent.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from worker import accounts, retry
from worker.context import Context
from worker.errors import ProviderError, RollcallError
from worker.store import journal, restored, uploads

HELD = (
    "A backup was restored. Whoever asked since then not to be called has to be put on the list again; what was "
    "changed or cancelled since then is as it was before. `rollcall resume {ulid}` goes on, `rollcall cancel {ulid}` "
    "drops what was not sent."
)
TOKEN = re.compile(r"\[([0-9A-HJKMNP-TV-Z]{26})-\d+\]$")


@dataclass(frozen=True)
class Told:
    """`held`: uploads that wait for a person now. `chunks`, `contacts`: what is looked up before it is sent.

    `unknown`: by account, lists at the provider that carry our token and belong to no upload here. `unseen`: accounts
    whose lists could not be read, with the reason.
    """

    held: list[str]
    chunks: int
    contacts: int
    unknown: dict[str, list[str]]
    unseen: dict[str, str]


def restored_now(ctx: Context, who: str) -> Told:
    """To be called after a backup was restored and before any worker runs. Safe to repeat."""
    longest = max(account.http_deadline for account in ctx.settings.accounts.values())
    held = []
    with ctx.db.write() as session:
        every = restored.unfinished(session)
        now = ctx.db.now(session)
        chunks, contacts = restored.put_in_question(session, now, now + timedelta(seconds=longest))
        for upload in every:
            if restored.hold(session, upload, HELD.format(ulid=upload.ulid)):
                held.append(upload.ulid)
            journal.note(session, now, "restored", "decided", upload_id=upload.id, who=who)
    unknown, unseen = _unknown_lists(ctx)
    return Told(held, chunks, contacts, unknown, unseen)


def _unknown_lists(ctx: Context) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Uploads that were pushed after the backup are not known here; the lists that were made of them can be seen."""
    unknown, unseen = dict[str, list[str]](), dict[str, str]()
    for account in sorted(ctx.settings.accounts):
        try:
            found = retry.as_value(partial(_named, ctx, account))
        except RollcallError as error:
            unseen[account] = error.message
            continue
        if isinstance(found, ProviderError):
            unseen[account] = found.message
            continue
        with ctx.db.read() as session:
            strange = [reference for ulid, reference in found if uploads.by_ulid(session, ulid) is None]
        if strange:
            unknown[account] = strange
    return unknown, unseen


def _named(ctx: Context, account: str) -> list[tuple[str, str]]:
    """Upload and reference of the lists that carry a token of ours."""
    hands = accounts.provider(ctx, account).hands
    every = [] if hands is None else hands.lists(ctx.kind(account).check_filters({}))
    return [(token[1], one.reference) for one in every if (token := TOKEN.search(one.name)) is not None]
