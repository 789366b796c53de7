"""A sentence for every line of the journal.

A line is a request, whose sentence says what was asked and what came back, or a note, of something that was over at
once. What a later version writes, and this one has no sentence for, is told in the journal's own words.
"""

from collections.abc import Mapping
from string import Formatter

from worker.explain.event import Event, Words, contacts
from worker.models import Attempt, CallList, Chunk

REQUESTS = {
    "create": "{Chunk} was sent with the request that makes {list}",
    "append": "{Chunk} was sent, to be added to {list}",
    "create_list": "The provider was asked for an empty {list}",
    "add_contacts": "{Chunk} was sent, to be added to {list}",
    "create_campaign": "The provider was asked for a campaign that dials {list}",
    "play": "The provider was told to start the campaign of {list}",
    "recover": "The provider was told to let {list} dial",
    "stop": "The provider was told to stop {list}",
    "edit": "The provider was told the changed options of {list}",
    "next": "{Who} had the provider dial the next contact of {list}",
    "withdraw": "The provider was asked to take contacts of {chunk} back",
}

ANSWERS = {
    None: "nothing came back so far, or the worker died before it could say so",
    "Accepted": "it was accepted into the provider's list {reference}",
    "Made": "it made {reference}",
    "done": "it was done",
    "NotSent": "it never left this machine",
    "Throttled": "it was turned away unread and may be sent again later",
    "Refused": "the provider said no",
    "AccountRefused": "the provider refuses the account",
    "LowBalance": "the account has too little money",
    "Unknown": "it may have arrived, so it is looked up and not repeated",
}

NOTES = {
    ("receive", "stored"): "{Who} handed the upload in",
    ("read", "done"): "It has {count} rows: {message}",
    ("upload", "claim_intake"): "A worker began to read the file",
    ("upload", "fail_intake"): "The file could not be taken in ({code}): {message}",
    ("upload", "give_back_intake"): "The file is read later ({code}): {message}",
    ("upload", "finish_intake"): "The file was read to its end",
    ("upload", "hold_rejects"): "The file was read to its end, and waits for a person ({code}): {message}",
    ("upload", "all_submitted"): "Nothing is left to be sent",
    ("upload", "more_to_submit"): "There is something to be sent again",
    ("upload", "finish"): "It is finished: nothing more is sent and nothing more is heard",
    ("upload", "block"): "It is held back ({code}): {message}",
    ("upload", "unblock"): "It is held back no longer",
    ("upload", "pause"): "It is paused: nothing more is sent{why}",
    ("upload", "resume_intake"): "It is paused no longer: its file is read next",
    ("upload", "resume"): "It is paused no longer",
    ("upload", "cancel"): "It is cancelled: what was not sent never will be, and lists that can be stopped are",
    ("pause", "decided"): "{Who} asked for a pause",
    ("resume", "decided"): "{Who} asked that it goes on",
    ("cancel", "decided"): "{Who} asked that it is cancelled",
    ("edit", "decided"): "{Who} changed {message}",
    ("adopt", "decided"): "{Who} took over the list {reference}, which was made elsewhere",
    ("withdraw", "decided"): "{Who} asked for {contacts} that they are not called: {message}",
    ("decide", "accept"): "{Who} decided that the provider has {chunk}{seen}: {message}",
    ("decide", "resend"): "{Who} decided that what is missing of {chunk} is sent again{seen}: {message}",
    ("decide", "give_up"): "{Who} gave {chunk} up: {message}",
    ("restored", "decided"): "{Who} restored a backup: what was not settled then is looked up before it is sent",
    ("forget", "erased"): "{Who} had somebody forgotten, who was erased from {contacts} of it",
    ("split", "arrived"): "{Chunk} was made of the {contacts} of chunk {reference} that had arrived",
    ("lease", "expired"): "The worker that sent {chunk} did not come back: whether it arrived is looked up",
    ("look", "no_answer"): "{Chunk} was looked up, and the provider did not tell ({code}): {message}",
    ("look", "not_seen"): "{Chunk} was looked up: {message}",
    ("look", "not_heard"): "{Chunk} was waited for: {message}",
    ("look", "short_count"): "{Chunk} was looked up: {message}",
    ("look", "incomplete"): "{Chunk} was looked up, which proved nothing: {message}",
    ("look", "in_part"): "{Chunk} was looked up: {message}",
    ("look", "found"): "{Chunk} was looked up, and it had arrived: {message}",
    ("look", "absent"): "{Chunk} was looked up and may be sent again: {message}",
    ("look", "cancelled"): "{Chunk} was looked up and is dropped: {message}",
    ("look", "review"): "{Chunk} waits for a person ({code}): {message}",
    ("look", "missing"): "{Who} had {chunk} looked up, to decide about it{seen}",
    ("heard", "review"): "{Chunk} waits for a person ({code}): {message}",
    ("heard", "found"): "{Chunk} was called back about: {message}",
    ("compare", "equal"): "{List} was compared whole with what was sent: it is equal, and may dial",
    ("compare", "differs"): "{Chunk} was compared with what was sent, and waits for a person: {message}",
    ("retime", "held"): "{Chunk} wants new calling windows and cannot get them ({code}): {message}",
    ("retime", "renewed"): "{Chunk} got new calling windows, and {contacts} have none left. {message}",
    ("suppress", "held"): "{Chunk} is held ({code}): {message}",
    ("list", "rotated"): "{List} was begun, for what the one before cannot take any more",
    ("list", "deadline"): "The deadline of {list} passed, and nothing final was heard of {contacts}",
    ("list", "finished"): "{List} is finished: every contact in it has an outcome",
    ("list", "over"): "{List} is over: its deadline has passed",
}


def event(line: Attempt, chunks: Mapping[int, Chunk], lists: Mapping[int, CallList], words: Words) -> Event:
    """The event that a line tells of."""
    chunk, call_list = chunks.get(line.chunk_id or 0), lists.get(line.list_id or 0)
    seconds = None if line.ended_at is None else (line.ended_at - line.sent_at).total_seconds()
    return Event(
        at=line.sent_at,
        step=line.step,
        result=line.result,
        sentence=f"{_sentence(line, chunk, call_list, words).rstrip('.: ')}.",
        chunk=None if chunk is None else chunk.seq,
        list=None if call_list is None else call_list.number,
        who=line.who,
        code=line.code,
        seconds=seconds if is_request(line) else None,
    )


def is_request(line: Attempt) -> bool:
    return line.step in REQUESTS and (line.step, line.result) not in NOTES


def has_sentence(step: str, result: str | None) -> bool:
    """Whether this version knows lines of this kind."""
    return (step, result) in NOTES or (step in REQUESTS and result in ANSWERS)


def _sentence(line: Attempt, chunk: Chunk | None, call_list: CallList | None, words: Words) -> str:
    facts = _facts(line, chunk, call_list, words)
    if is_request(line):
        asked = _filled(REQUESTS[line.step], facts)
        return f"{asked}{_after(line)}; {_filled(_answer(line), facts)}"
    if line.result is not None and (line.step, line.result) in NOTES:
        return _filled(NOTES[line.step, line.result], facts)
    said = [f"{line.step}: {line.result}", facts["code"], facts["message"]]
    return ", ".join(one for one in said if one)


def _after(line: Attempt) -> str:
    if line.ended_at is None:
        return ""
    return f", and answered after {(line.ended_at - line.sent_at).total_seconds():.2f} s"


def _answer(line: Attempt) -> str:
    said = ANSWERS.get(line.result, f"it came to {line.result}")
    if line.count is not None:
        said += f", {contacts(line.count)}"
    return f"{said} ({{code}}: {{message}})" if line.code and line.message else said


def _facts(line: Attempt, chunk: Chunk | None, call_list: CallList | None, words: Words) -> dict[str, str]:
    who = line.who or "Somebody"
    of_chunk = "a chunk" if chunk is None else f"chunk {chunk.seq}"
    of_list = "a list" if call_list is None else f"list {call_list.number}"
    said = words((line.message or "").strip().rstrip("."))
    return {
        "chunk": of_chunk,
        "Chunk": _capital(of_chunk),
        "list": of_list,
        "List": _capital(of_list),
        "who": who,
        "Who": _capital(who) if line.who in (None, "a program", "a message") else who,
        "code": line.code or "",
        "message": said,
        "why": f": {said}" if said else "",
        "count": str(line.count),
        "contacts": contacts(line.count),
        "reference": line.reference or "",
        "seen": _seen(line),
    }


def _seen(line: Attempt) -> str:
    if line.count is None:
        return ""
    where = f" in list {line.reference}" if line.reference else ""
    return f"; the provider showed {contacts(line.count)} of it{where}"


def _filled(template: str, facts: Mapping[str, str]) -> str:
    return Formatter().vformat(template, (), facts)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
