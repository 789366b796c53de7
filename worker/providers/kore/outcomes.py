"""What became of the contacts of a campaign, from its view of contacts.

Of the dialer's words the page shows `completed` alone, and nothing at all while a contact is not done with. The others
are read as they are likely to be spelt; one that is not known means that the provider is done and does not say how.
"""

import re
from typing import Any

import polars as pl

from worker.providers.base import TASKS
from worker.providers.kore.contacts import NAMES, PHONE, number_of, text_of
from worker.states import Disposition as D

ACTIVE, COMPLETED, STOPPED = "Active", "Completed", "Stopped"
OVER = (COMPLETED, STOPPED)
COLUMNS = {**TASKS, "number": pl.Int64}

# letters of the dialer's word, in lower case -> ours
WORDS: dict[str, D] = {
    **dict.fromkeys(("completed", "complete", "answered", "connected", "success", "successful"), D.ANSWERED),
    **dict.fromkeys(("voicemail", "machine", "machinedetected", "answeringmachine", "amd"), D.VOICEMAIL),
    **dict.fromkeys(("noanswer", "notanswered", "unanswered", "noresponse", "ringtimeout", "timeout"), D.NO_ANSWER),
    **dict.fromkeys(("busy", "userbusy", "linebusy"), D.BUSY),
    **dict.fromkeys(("rejected", "declined", "callrejected", "userrejected"), D.DECLINED),
    **dict.fromkeys(("invalidnumber", "invalid", "wrongnumber", "unallocatednumber", "nonumber"), D.INVALID_NUMBER),
    **dict.fromkeys(("failed", "failure", "error", "callfailed", "networkerror"), D.FAILED),
    **dict.fromkeys(("cancelled", "canceled"), D.CANCELLED),
}
IN_PROGRESS = frozenset(
    {"", "inprogress", "progress", "dialing", "dialling", "ringing", "queued", "initiated", "pending"}
)


def frame(records: list[dict[str, Any]], campaign: str, most: int, unique_id_field: str) -> pl.DataFrame:
    """One row of COLUMNS for each contact. `campaign` is its status before they were read, `most` the attempts.

    Where a contact stands in several records, the one with the most attempts says what is known.
    """
    by_attempts = sorted(records, key=_attempts)
    rows = [_row(record, campaign, most, unique_id_field) for record in by_attempts]
    whole = pl.DataFrame(rows, schema=COLUMNS)
    known = whole.filter(pl.any_horizontal(pl.col(*NAMES).is_not_null()))
    return known.unique(list(NAMES), keep="last", maintain_order=True)


def never_dialled(contacts: pl.DataFrame, shown: pl.DataFrame, campaign: str) -> pl.DataFrame:
    """Rows of COLUMNS for the contacts of the list that a campaign which is over does not show.

    A stopped one did not come to them. One that has completed passed over them without a word: they stand on a list of
    people not to be called, or their own time zone was outside the hours.
    """
    numbers, uuids = (shown.select(name).drop_nulls() for name in ("number", "uuid"))
    left = contacts.join(numbers, on="number", how="anti").join(uuids, on="uuid", how="anti")
    phase, kind = ("cancelled", D.CANCELLED) if campaign == STOPPED else ("done", D.NO_OUTCOME)
    told = {"phase": phase, "disposition": kind.value, "status": None, "result": None, "last_attempt": None}
    literals = [pl.lit(value, dtype=pl.Utf8).alias(name) for name, value in told.items()]
    return left.with_columns(*literals, pl.lit(0, dtype=pl.Int64).alias("attempts_left")).select(list(COLUMNS))


def _row(record: dict[str, Any], campaign: str, most: int, unique_id_field: str) -> dict[str, Any]:
    word, attempts = str(record.get("dialerOutcome") or ""), _attempts(record)
    letters = re.sub(r"[^a-z]", "", word.lower())
    ended = letters not in IN_PROGRESS
    kind = WORDS.get(letters, D.PROCESSED) if ended else D.PENDING
    phase = "open"
    if campaign in OVER:
        phase, kind = ("done", kind) if ended else _cut_short(record, campaign, attempts)
    elif ended and (kind is D.ANSWERED or attempts >= most):
        phase = "done"
    return {
        "uuid": text_of(record, unique_id_field),
        "number": number_of(record.get(PHONE)),
        "phase": phase,
        "disposition": (kind if phase != "open" else D.PENDING).value,
        "status": word,
        "result": _said(record),
        "attempts_left": max(0, most - attempts) if phase == "open" else 0,
        "last_attempt": None,
    }


def _cut_short(record: dict[str, Any], campaign: str, attempts: int) -> tuple[str, D]:
    """A contact without an outcome in a campaign that is over."""
    if attempts:
        return "done", D.PROCESSED if _said(record) else D.NO_OUTCOME
    return ("cancelled", D.CANCELLED) if campaign == STOPPED else ("done", D.NO_OUTCOME)


def _attempts(record: dict[str, Any]) -> int:
    told = record.get("numberOfAttemptsSoFar")
    return int(told) if isinstance(told, (int, float)) and 0 <= told < 2**31 else 0


def _said(record: dict[str, Any]) -> str | None:
    """The agent's codes, or how the bot's call ended."""
    codes = record.get("agentDispositionCodes")
    named = [code for code in codes if isinstance(code, str) and code] if isinstance(codes, list) else []
    return ", ".join(named) or text_of(record, "botOutboundStatus")
