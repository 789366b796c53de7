"""Reconcile: settle what may have arrived, by asking the provider and never by sending again.

Found whole: accepted. Found in part: a person decides, with the missing rows named. Absent: only two complete reads,
`settle` seconds apart and both after the request's own deadline, prove that it never arrived.

A provider that shows no contacts is asked how many it holds; one that shows nothing at all is listened to: a callback
about one contact of a chunk proves that the chunk arrived. Where nothing is heard for `settle` a person decides, unless
a callback comes before. What was called back about is never taken for absent, whatever a provider shows.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import polars as pl
from sqlmodel import Session

from worker import accounts, retry, roster, strays, telemetry
from worker.context import Context
from worker.errors import ProviderError, Refused
from worker.giving_up import giving_up
from worker.models import CallList, Chunk, Upload
from worker.providers.base import Found, Place, Provider
from worker.states import CHUNK_SENT, UploadState
from worker.store import chunks, journal, lists, outcomes, progress, restored, uploads

PATIENCE = 4  # times `settle` that a list may show less than it holds before a person is asked


@dataclass(frozen=True)
class Doubt:
    """A chunk in doubt that is ours to look up, and when we began to."""

    upload: Upload
    call_list: CallList
    chunk: Chunk
    began: datetime


@dataclass(frozen=True)
class Seen:
    """What a complete read showed. `reference` is None where there is no list at all.

    `blind`: the provider cannot be asked. `short`: the list holds this many contacts, and which cannot be seen.
    `list_id`: the list of ours that it lies in. `behind`: lists that were made later, of which that cannot be told.
    Of other chunks in question, `both` are there whole, each in this list, and of `neither` nobody is anywhere.
    """

    reference: str | None = None
    present: int = 0
    missing: tuple[int, ...] = ()
    repeated: int = 0
    complete: bool = True
    lists: tuple[str, ...] = ()
    blind: bool = False
    short: int | None = None
    list_id: int | None = None
    behind: tuple[str, ...] = ()
    both: dict[int, int] = field(default_factory=dict)
    neither: tuple[int, ...] = ()


def reconcile(ctx: Context, list_id: int) -> None:
    """Look up the chunk of a list that is in doubt, and settle it or say when to look again."""
    with ctx.db.write() as session:
        now = ctx.db.now(session)
        chunk = chunks.claim_check(session, list_id, now, ctx.settings.reading_lease)
        call_list = lists.get(session, list_id)
        upload = uploads.get(session, call_list.upload_id) if call_list else None
    if chunk is None or call_list is None or upload is None:
        return
    telemetry.emit("reconcile.looking", upload=upload.ulid, chunk=chunk.seq)
    doubt = Doubt(upload, call_list, chunk, now)
    with giving_up(ctx.stopping):
        seen = retry.as_value(lambda: _look(ctx, doubt))
    if ctx.kind(upload.account).capabilities.finds_by_reference:
        accounts.judge(ctx, upload.account, seen)
    with ctx.db.write() as session:
        uploads.lock(session, upload.id)
        verdict = _settle(ctx, session, doubt, seen, ctx.db.now(session))
        progress.advance(session, upload.id, ctx.db.now(session))
    telemetry.emit("reconcile.settled", upload=upload.ulid, chunk=chunk.seq, verdict=verdict)
    if verdict in ("found", "absent"):
        ctx.ring("submit", list_id)


def _look(ctx: Context, doubt: Doubt) -> Seen:
    """One complete read of what the provider has; raises ProviderError where it cannot be had."""
    can = ctx.kind(doubt.upload.account).capabilities
    if not can.finds_by_reference:
        return _listen(ctx, doubt)
    provider = accounts.in_reach(ctx, doubt.upload.account)
    others = strays.beside(ctx, doubt.upload, doubt.call_list) if doubt.chunk.in_question or can.shows_contacts else []
    if others and not can.shows_contacts:
        return Seen(behind=tuple(str(one.reference) for one in others))
    reference = doubt.call_list.reference
    if reference is None or not can.shows_contacts:
        found = retry.reading(lambda: provider.find(doubt.call_list.name), ctx.stopping)
        if len(found) > 1:
            return _stop_all(ctx, doubt, provider, found)
        if found and not can.shows_contacts:
            return _by_number(doubt, found[0])
        reference = found[0].reference if found else None
    places = {str(one.reference): one.id for one in others}
    if reference is not None:
        places[reference] = doubt.call_list.id
    if not places:
        return Seen(neither=tuple(one.id for one in _in_question(ctx, doubt)))
    return _compare(ctx, doubt, provider, places, reference)


def _listen(ctx: Context, doubt: Doubt) -> Seen:
    """A provider that cannot be asked: callbacks about the chunk's contacts are the only proof there may be."""
    with ctx.db.read() as session:
        if not _told_of(ctx, session, doubt):
            return Seen(blind=True)
    return Seen(reference=doubt.call_list.reference or doubt.call_list.name, present=doubt.chunk.rows)


def _told_of(ctx: Context, session: Session, doubt: Doubt) -> bool:
    """Whether anything was told of any contact of the chunk."""
    rows = roster.index(ctx.staging, doubt.chunk)["row"]
    return outcomes.known(session, doubt.upload.id, rows)["row"].is_in(rows.implode()).any()


def _by_number(doubt: Doubt, found: Found) -> Seen:
    """The list is there and its contacts cannot be seen: their number is what it can be judged by."""
    if found.count == doubt.chunk.rows:
        return Seen(reference=found.reference, present=doubt.chunk.rows)
    return Seen(reference=found.reference, short=found.count or 0)


def _stop_all(ctx: Context, doubt: Doubt, provider: Provider, found: list[Found]) -> Seen:
    """Several lists carry our token: nobody is to be dialled from any until a person has looked."""
    if ctx.kind(doubt.upload.account).capabilities.stops:
        for one in found:
            retry.reading(partial(provider.stop, Place(one.reference)), ctx.stopping)
    return Seen(lists=tuple(one.reference for one in found))


def _compare(ctx: Context, doubt: Doubt, provider: Provider, places: dict[str, int], own: str | None) -> Seen:
    """Test every contact of the chunk against these lists, by reference, read whole; `own` is the chunk's, if any.

    The read counts as complete only if it shows every contact that was accepted before; one that lacks any of those may
    lack ours too. A chunk whose file was divided otherwise before may lie in several: it stays where some of it lies.
    """
    with ctx.db.read() as session:
        settled = [chunk for list_id in places.values() for chunk in chunks.of_list(session, list_id, *CHUNK_SENT)]
    others = _in_question(ctx, doubt)
    known = roster.names(ctx, doubt.upload, [*settled, doubt.chunk, *others])
    shown = {at: retry.reading(partial(roster.rows_at, provider, at, known), ctx.stopping) for at in places}
    rows = pl.concat(shown.values())
    wanted = roster.index(ctx.staging, doubt.chunk)["row"]
    ours = rows.filter(rows.is_in(wanted.implode()))
    there = rows.unique()
    missing = wanted.filter(~wanted.is_in(there.implode()))
    among = {one.id: roster.index(ctx.staging, one)["row"] for one in others}
    present = {chunk_id: its.is_in(there.implode()) for chunk_id, its in among.items()}
    single = rows.n_unique() == rows.len()
    home = _home(wanted, shown, own) or own
    return Seen(
        reference=home,
        present=wanted.len() - missing.len(),
        missing=tuple(missing.to_list()),
        repeated=ours.len() - ours.n_unique(),
        complete=roster.holds_all(ctx.staging, there, settled),
        list_id=None if home is None else places[home],
        both={
            one: places[_home(among[one], shown, own) or ""] for one, here in present.items() if here.all() and single
        },
        neither=tuple(one for one, here in present.items() if not here.any()),
    )


def _home(wanted: pl.Series, shown: dict[str, pl.Series], own: str | None) -> str | None:
    """Their own list where that shows any of these rows, else the one that shows most; None where none shows any."""
    counts = {at: int(rows.is_in(wanted.implode()).sum()) for at, rows in shown.items()}
    found = [at for at, count in counts.items() if count]
    return own if own in found else max(found, key=lambda at: counts[at], default=None)


def _in_question(ctx: Context, doubt: Doubt) -> list[Chunk]:
    """Other chunks of the list of which a restored backup does not say whether they were sent: one reading tells."""
    if not doubt.chunk.in_question:
        return []
    with ctx.db.read() as session:
        return restored.in_question(session, doubt.call_list.id)


def _settle(ctx: Context, session: Session, doubt: Doubt, seen: Seen | ProviderError, now: datetime) -> str:
    """One arrow out of `unknown`, or a time to look again; returns what was found, in a word."""
    chunk = doubt.chunk
    if isinstance(seen, Refused):
        return _ask(session, doubt, now, "cannot_look", f"The provider refuses to show the list: {seen.message}", {})
    if isinstance(seen, ProviderError):
        chunks.check_again(session, chunk, now + timedelta(seconds=ctx.settings.timing.probe_every))
        return _note(session, doubt, now, "no_answer", seen.code, seen.message)
    if len(seen.lists) > 1:
        stops = ctx.kind(doubt.upload.account).capabilities.stops
        if stops:
            lists.stopped(session, doubt.call_list.id)
        return _ask(session, doubt, now, "several_lists", _several(seen, stops), {"references": list(seen.lists)})
    if seen.behind:
        return _ask(session, doubt, now, "unknown_list", _unknown(seen), {"references": list(seen.behind)})
    if seen.blind:
        return _unheard(ctx, session, doubt, now)
    if seen.short is not None:
        return _short(ctx, session, doubt, seen, now)
    if not seen.complete:
        return _incomplete(ctx, session, doubt, now)
    if seen.reference is not None and not seen.missing and not seen.repeated:
        return _found(ctx, session, doubt, seen, seen.reference, now)
    if seen.present == 0 and chunk.partial_at is None and (seen.reference is None or not chunk.creates):
        return _absent(ctx, session, doubt, seen, now)
    return _partial(ctx, session, doubt, seen, now)


def _found(ctx: Context, session: Session, doubt: Doubt, seen: Seen, reference: str, now: datetime) -> str:
    list_id = seen.list_id or doubt.call_list.id
    if not lists.may_adopt(session, list_id, reference):
        return _ask(session, doubt, now, "other_list", f"It lies in list {reference}, not in ours.", {})
    if chunks.found(session, doubt.chunk, now, list_id):
        _take(ctx, session, doubt, reference, list_id)
        for chunk_id, its_list in seen.both.items():
            restored.found(session, chunk_id, now, its_list)
        for its_list in {*seen.both.values()} - {list_id}:
            ctx.expect_outcomes(session, doubt.upload, its_list, now=now)
    return _note(session, doubt, now, "found", None, f"All {doubt.chunk.rows} contacts are in list {reference}.")


def _absent(ctx: Context, session: Session, doubt: Doubt, seen: Seen, now: datetime) -> str:
    """The first read without it starts the wait; one that comes `settle` later proves that it never arrived."""
    chunk, settle = doubt.chunk, _settling(ctx, doubt)
    if chunk.in_question:  # the list may have been made since the backup was taken, by another chunk
        _take(ctx, session, doubt, seen.reference)
    if chunk.absent_at is None or doubt.began < chunk.absent_at + settle:
        since = chunk.absent_at or now
        chunks.check_again(session, chunk, since + settle, absent_at=since)
        restored.not_seen(session, seen.neither, since)
        return _note(session, doubt, now, "not_seen", None, f"Not there; it is looked up again {settle} later.")
    looked = {"looked_at": chunk.absent_at.isoformat()}
    if _told_of(ctx, session, doubt):
        text = "The provider shows nothing of it, and yet told of its contacts; look there, then decide."
        return _ask(session, doubt, now, "heard_after_absent", text, looked)
    proves = ctx.kind(doubt.upload.account).capabilities.proves_absence
    if not proves or ctx.settings.account(doubt.upload.account).on_absence != "resend":
        return _ask(session, doubt, now, "absent", "It is not at the provider; decide whether to resend it.", looked)
    if uploads.get(session, doubt.upload.id).state == UploadState.CANCELLED:
        chunks.absent_cancelled(session, chunk, now)
        return _note(session, doubt, now, "cancelled", None, "It never arrived, and the upload was cancelled.")
    if chunk.deaths >= ctx.settings.max_deaths:
        text = f"Sending it ended its worker {chunk.deaths} times; look at the logs before it is sent again."
        return _ask(session, doubt, now, "kept_dying", text, looked)
    if chunk.vanished + 1 >= ctx.settings.max_vanished:
        text = f"It was sent {chunk.vanished + 1} times and never arrived; ask the provider before it is sent again."
        return _ask(session, doubt, now, "kept_vanishing", text, looked)
    chunks.absent(session, chunk)
    restored.clear(session, seen.neither, doubt.began - settle)
    return _note(session, doubt, now, "absent", None, "Two complete reads did not show it: it never arrived.")


def _unheard(ctx: Context, session: Session, doubt: Doubt, now: datetime) -> str:
    """Nothing to look at. A callback may still tell that it arrived; after `settle` a person decides."""
    chunk, settle = doubt.chunk, _settling(ctx, doubt)
    if _told_of(ctx, session, doubt):  # while we looked, and nobody will tell us again
        reference = doubt.call_list.reference or doubt.call_list.name
        return _found(ctx, session, doubt, Seen(reference), reference, now)
    if ctx.hears(doubt.upload) and (chunk.absent_at is None or doubt.began < chunk.absent_at + settle):
        since = chunk.absent_at or now
        chunks.check_again(session, chunk, min(now + settle / 4, since + settle), absent_at=since)
        return _note(session, doubt, now, "not_heard", None, "Nothing was called back about it so far.")
    text = (
        "The provider cannot be asked whether it arrived, and nothing was called back about it; look for the campaign "
        f"{doubt.call_list.name!r} on the provider's own screens, then decide."
    )
    return _ask(session, doubt, now, "cannot_look", text, {"name": doubt.call_list.name})


def _short(ctx: Context, session: Session, doubt: Doubt, seen: Seen, now: datetime) -> str:
    """The list holds another number of contacts than were sent. It may still be filling; after `settle` a person
    decides."""
    chunk, settle = doubt.chunk, _settling(ctx, doubt)
    text = f"The list {seen.reference} holds {seen.short} of {chunk.rows} contacts, and which cannot be seen"
    if chunk.partial_at is None or doubt.began < chunk.partial_at + settle:
        since = chunk.partial_at or now
        chunks.check_again(session, chunk, min(now + _soon(ctx), since + settle), partial_at=since, absent_at=None)
        return _note(session, doubt, now, "short_count", None, f"{text}.")
    _take(ctx, session, doubt, seen.reference)
    evidence = {"looked_at": chunk.partial_at.isoformat(), "reference": seen.reference, "count": seen.short}
    return _ask(session, doubt, now, "short_count", f"{text}; decide.", evidence)


def _incomplete(ctx: Context, session: Session, doubt: Doubt, now: datetime) -> str:
    """The read lacks what was accepted before, so it proves nothing. A list that stays so is a matter for a person."""
    chunk, settle = doubt.chunk, _settling(ctx, doubt)
    text = "The list does not show all that was accepted into it before"
    if chunk.partial_at is not None and doubt.began >= chunk.partial_at + PATIENCE * settle:
        return _ask(session, doubt, now, "incomplete", f"{text}; ask the provider, then decide.", {})
    since = chunk.partial_at or now
    chunks.check_again(session, chunk, now + settle / 4, partial_at=since, absent_at=None)
    return _note(session, doubt, now, "incomplete", None, f"{text}.")


def _partial(ctx: Context, session: Session, doubt: Doubt, seen: Seen, now: datetime) -> str:
    """Some contacts are there. The rest may become visible; after `settle` a person decides."""
    chunk, settle = doubt.chunk, _settling(ctx, doubt)
    if chunk.partial_at is None or doubt.began < chunk.partial_at + settle:
        since = chunk.partial_at or now
        again = min(now + _soon(ctx), since + settle)
        chunks.check_again(session, chunk, again, partial_at=since, absent_at=None)
        return _note(session, doubt, now, "in_part", None, f"{seen.present} of {chunk.rows} contacts are visible.")
    _take(ctx, session, doubt, seen.reference, seen.list_id)
    evidence = {
        "looked_at": chunk.partial_at.isoformat(),
        "reference": seen.reference,
        "present": seen.present,
        "missing": len(seen.missing),
        "rows": list(seen.missing[: roster.NAMED]),
        "repeated": seen.repeated,
    }
    text = f"{seen.present} of {chunk.rows} contacts are in list {seen.reference}, {len(seen.missing)} are not; decide."
    return _ask(session, doubt, now, "in_part", text, evidence)


def _ask(session: Session, doubt: Doubt, now: datetime, code: str, text: str, evidence: dict[str, Any]) -> str:
    chunks.ask_unknown(session, doubt.chunk, code, text, evidence)
    telemetry.emit("chunk.review", upload=doubt.upload.ulid, chunk=doubt.chunk.seq, code=code)
    return _note(session, doubt, now, "review", code, text)


def _note(session: Session, doubt: Doubt, now: datetime, result: str, code: str | None, text: str) -> str:
    journal.note(
        session,
        now,
        "look",
        result,
        upload_id=doubt.upload.id,
        list_id=doubt.call_list.id,
        chunk_id=doubt.chunk.id,
        code=code,
        message=text,
    )
    return result


def _several(seen: Seen, stopped: bool) -> str:
    named = ", ".join(seen.lists)
    then = "all were stopped" if stopped else "they cannot be stopped from here"
    return f"{len(seen.lists)} lists carry this list's name ({named}); {then}. Decide which holds."


def _unknown(seen: Seen) -> str:
    named = ", ".join(seen.behind)
    return f"Since the backup that was restored more lists were made ({named}), and it may lie in one of them. Decide."


def _take(ctx: Context, session: Session, doubt: Doubt, reference: str | None, list_id: int | None = None) -> None:
    """Contacts of the chunk lie there, so it is the list's reference, unless that has another one."""
    into = list_id or doubt.call_list.id
    if reference is not None and lists.may_adopt(session, into, reference):
        lists.adopt(session, into, reference)
        ctx.expect_outcomes(session, doubt.upload, into)


def _settling(ctx: Context, doubt: Doubt) -> timedelta:
    return timedelta(seconds=ctx.settings.account(doubt.upload.account).settle)


def _soon(ctx: Context) -> timedelta:
    return timedelta(seconds=ctx.settings.timing.rung)
