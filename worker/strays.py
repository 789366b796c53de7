"""Strays: lists of an upload that a restored database does not know, since they were made after its backup was taken.

A list that completes is followed by another with the next number, and so is what a person sends again where nothing can
be appended. They are kept as lists of the upload: their outcomes are asked for, and they are stopped where it is.
What was sent into one of them must not look as if it had never arrived; nor what was sent into another list than that
in which it is looked for, since the file was read anew, and divided otherwise than before.
"""

from functools import partial

from worker import accounts, retry
from worker.context import Context, list_name
from worker.errors import Refused
from worker.models import CallList, Upload
from worker.providers.base import Found
from worker.states import ChunkState, UploadState
from worker.store import chunks, lists, uploads

GAP = 3  # numbers in a row under which there is no list, and after which none is looked for


def beside(ctx: Context, upload: Upload, call_list: CallList) -> list[CallList]:
    """Lists of the upload at the provider in which a chunk of this one may lie as well; raises ProviderError.

    Where lists take one chunk each, those that came after it and belong to no chunk.
    """
    can = ctx.kind(upload.account).capabilities
    if upload.restored_at is None or not can.finds_by_reference:
        return []
    _keep(ctx, upload, _unknown(ctx, upload))
    if can.appends:
        _look_up(ctx, upload, call_list)
    with ctx.db.read() as session:
        every = [one for one in lists.of_upload(session, upload.id) if one.id != call_list.id and one.reference]
        if can.appends:
            return every
        later = [one for one in every if one.number > call_list.number]
        return [one for one in later if not chunks.of_list(session, one.id, *ChunkState)]


def _unknown(ctx: Context, upload: Upload) -> dict[int, Found]:
    """Lists with a number behind the last that we know. Where lists take one chunk each, as many numbers may be missing
    in between as there are chunks."""
    with ctx.db.read() as session:
        number = lists.next_number(session, upload.id)
        count, _ = chunks.tally(session, upload.id, *ChunkState)
    appends, most = ctx.kind(upload.account).capabilities.appends, ctx.settings.account(upload.account).lists
    gap = max(GAP, most if appends else count)
    provider, found, missed = accounts.in_reach(ctx, upload.account), dict[int, Found](), 0
    while missed < gap:
        there = retry.reading(partial(provider.find, list_name(ctx, upload, number)), ctx.stopping)
        missed = 0 if there else missed + 1
        found.update((number, one) for one in there)
        number += 1
    return found


def _look_up(ctx: Context, upload: Upload, call_list: CallList) -> None:
    """Those of our lists that the database knows nothing of may be there all the same. Raises Refused where there are
    several of one: nobody can tell then that a chunk lies in none of them."""
    with ctx.db.read() as session:
        every = lists.of_upload(session, upload.id)
    for one in every:
        if one.reference is None and one.id != call_list.id:
            find = partial(accounts.in_reach(ctx, upload.account).find, one.name)
            there = retry.reading(find, ctx.stopping)
            if len(there) > 1:
                text = f"list {one.number} of the upload is there {len(there)} times, and it may lie in any; decide."
                raise Refused("several_lists", text)
            if there:
                _adopt(ctx, upload, one.id, there[0].reference)


def _adopt(ctx: Context, upload: Upload, list_id: int, reference: str) -> None:
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        if lists.adopt(session, list_id, reference):
            ctx.expect_outcomes(session, upload, list_id)


def _keep(ctx: Context, upload: Upload, found: dict[int, Found]) -> None:
    for number, one in found.items():
        with ctx.db.write() as session:
            state = uploads.lock(session, upload.id).state
            if lists.next_number(session, upload.id) > number:
                continue
            held = ctx.holds(upload) and state != UploadState.CANCELLED
            fresh = lists.add(session, upload.id, number, list_name(ctx, upload, number), held)
            lists.adopt(session, fresh.id, one.reference)
            ctx.expect_outcomes(session, upload, fresh.id)
            if state == UploadState.CANCELLED and ctx.kind(upload.account).capabilities.stops:
                lists.stop_again(session, fresh.id)
