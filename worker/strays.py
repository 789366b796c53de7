"""Strays: lists of an upload that a restored database does not know, since they were made after its backup was taken.

A list that completes is followed by another with the next number, and so is what a person sends again where nothing can
be appended. They are kept as lists of the upload: their outcomes are asked for, and they are stopped where it is.
What was sent into one of them must not look as if it had never arrived.
"""

from functools import partial

from worker import accounts, retry
from worker.context import Context, list_name
from worker.models import CallList, Upload
from worker.providers.base import Found
from worker.states import ChunkState, UploadState
from worker.store import chunks, lists, uploads

GAP = 3  # numbers in a row under which there is no list, and after which none is looked for


def behind(ctx: Context, upload: Upload, number: int) -> list[CallList]:
    """Lists of the upload at the provider that came after the one with this number; raises ProviderError.

    Where lists take one chunk each, those that belong to a chunk are its own.
    """
    if upload.restored_at is None or not ctx.kind(upload.account).capabilities.finds_by_reference:
        return []
    _keep(ctx, upload, _unknown(ctx, upload))
    with ctx.db.read() as session:
        every = [one for one in lists.of_upload(session, upload.id) if one.number > number and one.reference]
        if ctx.kind(upload.account).capabilities.appends:
            return every
        return [one for one in every if not chunks.of_list(session, one.id, *ChunkState)]


def _unknown(ctx: Context, upload: Upload) -> dict[int, Found]:
    """Lists with a number behind the last that we know. Where lists take one chunk each, as many numbers may be missing
    in between as there are chunks."""
    with ctx.db.read() as session:
        number = lists.next_number(session, upload.id)
        count, _ = chunks.tally(session, upload.id, *ChunkState)
    gap = GAP if ctx.kind(upload.account).capabilities.appends else max(GAP, count)
    provider, found, missed = accounts.in_reach(ctx, upload.account), dict[int, Found](), 0
    while missed < gap:
        there = retry.reading(partial(provider.find, list_name(ctx, upload, number)), ctx.stopping)
        missed = 0 if there else missed + 1
        found.update((number, one) for one in there)
        number += 1
    return found


def _keep(ctx: Context, upload: Upload, found: dict[int, Found]) -> None:
    for number, one in found.items():
        with ctx.db.write() as session:
            state = uploads.lock(session, upload.id).state
            if lists.next_number(session, upload.id) > number:
                continue
            fresh = lists.add(session, upload.id, number, list_name(ctx, upload, number), held=False)
            lists.adopt(session, fresh.id, one.reference)
            ctx.expect_outcomes(session, upload, fresh.id)
            if state == UploadState.CANCELLED and ctx.kind(upload.account).capabilities.stops:
                lists.stop_again(session, fresh.id)
