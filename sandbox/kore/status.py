"""How a campaign is doing, and what became of each of its contacts."""

import time
import uuid
from collections.abc import Sequence
from math import ceil

from sandbox.kore.call import Call
from sandbox.kore.errors import KoreError
from sandbox.kore.lists import Answer
from sandbox.kore.platform import Platform
from sandbox.kore.reading import whole
from sandbox.kore.run import Run
from sandbox.odds import WORDS

PAGE_MOST = 100
# By the sandbox's own outcomes. The pages show "completed" alone, and blank while a contact is not done with.
DIALER_OUTCOMES = {
    "answered": ("completed", "completed"),
    "voicemail": ("voicemail", "voicemail"),
    "no answer": ("noAnswer", "no_answer"),
    "busy": ("busy", "busy"),
    "declined": ("rejected", "rejected"),
    "invalid number": ("invalidNumber", "invalid_number"),
    "failed": ("failed", "failed"),
}


async def campaign_status(kore: Platform, call: Call) -> Answer:
    await kore.play()
    found = kore.campaign_of(call.iid, call.target)
    if call.query.get("view", "status") != "status":
        raise KoreError("view must be one of status, contacts")
    status = found.status(time.monotonic())
    return {"status": "success", "data": {"id": found.campaign_id, "status": status, "name": found.brief.name}}


async def campaign_contacts(kore: Platform, call: Call) -> Answer:
    """The contacts of the newest run."""
    await kore.play()
    found, body = kore.campaign_of(call.iid, call.target), call.body
    page, limit = whole(body, "page", 1, 2**31, 1), whole(body, "limit", 1, PAGE_MOST, PAGE_MOST)
    rows = shown_rows(kore, call, found.run) if found.run is not None else []
    first = (page - 1) * limit
    data: Answer = {
        "results": [row(kore, found.run, index) for index in rows[first : first + limit] if found.run is not None],
        "page": page,
        "limit": limit,
        "totalPages": ceil(len(rows) / limit),
        "totalResults": len(rows),
    }
    return {"status": "success", "data": data}


def shown_rows(kore: Platform, call: Call, run: Run) -> Sequence[int]:
    everybody = kore.switches.choice("kore_view_contacts") == "all"
    rows: Sequence[int] = range(len(run.contacts)) if everybody else run.attempted()
    if "partial_details" in call.faults:
        rows = call.faults["partial_details"].part_of(rows)
    return rows


def outcome(kore: Platform, word: str) -> str:
    return DIALER_OUTCOMES[word][kore.switches.choice("kore_outcome_words") == "snake"]


def row(kore: Platform, run: Run, index: int) -> Answer:
    contact, fate = run.contacts[index], run.fate(index)
    word = None if fate.word is None else WORDS[fate.word]
    answered = word == "answered"
    by_agent = answered and index % 4 == 3
    return {
        "phoneNumber": contact.phone,
        "uniqueId": contact.unique_id if kore.switches.choice("kore_view_unique_id") == "given" else "",
        "dialerOutcome": "" if word is None or fate.open else outcome(kore, word),
        "numberOfAttemptsSoFar": fate.attempts,
        "botSessionId": uuid.uuid5(uuid.NAMESPACE_OID, f"{run.run_id}/{index}").hex[:24] if fate.attempts else "",
        "agentDispositionCodes": ["System Generated"] if answered else [],
        "botOutboundStatus": ("agentHangUp" if by_agent else "userHangUp") if answered else "",
        "botOutboundStatusDetail": ("agent_hangup" if by_agent else "user_hangup") if answered else "",
    }
