"""The states and every arrow between them; `docs/states.md` draws the same picture and a test keeps the two equal."""

from enum import StrEnum


class UploadState(StrEnum):
    RECEIVED = "received"
    INGESTING = "ingesting"
    SUBMITTING = "submitting"
    DIALING = "dialing"
    FINISHED = "finished"
    PAUSED = "paused"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Blocked(StrEnum):
    """What a blocked upload waits for.

    PROVIDER_DOWN ends by itself; BALANCE and CREDENTIAL do once a person has topped up the account or mended the
    credential; LATE and REJECTS wait for a person's decision.
    """

    BALANCE = "balance"
    CREDENTIAL = "credential"
    PROVIDER_DOWN = "provider_down"
    LATE = "late"
    REJECTS = "rejects"
    PILOT = "pilot"


class ChunkState(StrEnum):
    STAGED = "staged"
    READY = "ready"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    FINISHED = "finished"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    REVIEW = "review"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class ListState(StrEnum):
    OPEN = "open"
    STOPPED = "stopped"
    FINISHED = "finished"


class CallbackState(StrEnum):
    """A callback is applied to a contact, or ignored because it is about nobody that we know."""

    NEW = "new"
    APPLIED = "applied"
    IGNORED = "ignored"


class WithdrawalState(StrEnum):
    """What came of a contact that asked not to be called: never sent, taken back from the provider, or too late."""

    WANTED = "wanted"
    UNSENT = "unsent"
    TAKEN_BACK = "taken_back"
    TOO_LATE = "too_late"


class Disposition(StrEnum):
    """What became of a contact, in our words; the provider's own stand beside it."""

    PENDING = "pending"
    ANSWERED = "answered"
    VOICEMAIL = "voicemail"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    DECLINED = "declined"
    INVALID_NUMBER = "invalid_number"
    FAILED = "failed"
    PROCESSED = "processed"
    CANCELLED = "cancelled"
    NO_OUTCOME = "no_outcome"


U, C, L = UploadState, ChunkState, ListState

UPLOAD_ARROWS: dict[str, tuple[tuple[UploadState, ...], UploadState]] = {
    "claim_intake": ((U.RECEIVED, U.INGESTING), U.INGESTING),
    "fail_intake": ((U.INGESTING,), U.FAILED),
    "give_back_intake": ((U.INGESTING,), U.RECEIVED),
    "finish_intake": ((U.INGESTING,), U.SUBMITTING),
    "hold_rejects": ((U.INGESTING,), U.BLOCKED),
    "all_submitted": ((U.SUBMITTING,), U.DIALING),
    "more_to_submit": ((U.DIALING,), U.SUBMITTING),
    "finish": ((U.SUBMITTING, U.DIALING), U.FINISHED),
    "block": ((U.SUBMITTING, U.DIALING), U.BLOCKED),
    "unblock": ((U.BLOCKED,), U.SUBMITTING),
    "pause": ((U.RECEIVED, U.SUBMITTING, U.DIALING, U.BLOCKED), U.PAUSED),
    "resume_intake": ((U.PAUSED,), U.RECEIVED),
    "resume": ((U.PAUSED,), U.SUBMITTING),
    "cancel": ((U.RECEIVED, U.INGESTING, U.SUBMITTING, U.DIALING, U.PAUSED, U.BLOCKED), U.CANCELLED),
}

CHUNK_ARROWS: dict[str, tuple[tuple[ChunkState, ...], ChunkState]] = {
    "release": ((C.STAGED,), C.READY),
    "claim": ((C.READY,), C.CLAIMED),
    "give_back": ((C.CLAIMED,), C.READY),
    "accept": ((C.CLAIMED,), C.ACCEPTED),
    "refuse": ((C.CLAIMED,), C.REFUSED),
    "doubt": ((C.CLAIMED,), C.UNKNOWN),
    "doubt_expired": ((C.CLAIMED,), C.UNKNOWN),
    "found": ((C.UNKNOWN,), C.ACCEPTED),
    "absent": ((C.UNKNOWN,), C.READY),
    "absent_cancelled": ((C.UNKNOWN,), C.CANCELLED),
    "ask": ((C.CLAIMED, C.UNKNOWN), C.REVIEW),
    "question": ((C.STAGED, C.READY), C.UNKNOWN),
    "heard_in_review": ((C.REVIEW,), C.ACCEPTED),
    "heard_after_absent": ((C.READY,), C.REVIEW),
    "person_accepts": ((C.REVIEW,), C.ACCEPTED),
    "person_resends": ((C.REVIEW,), C.READY),
    "person_gives_up": ((C.REVIEW,), C.REFUSED),
    "cancel_unsent": ((C.STAGED, C.READY), C.CANCELLED),
    "skip": ((C.STAGED, C.READY), C.SKIPPED),
    "contradict": ((C.ACCEPTED,), C.REVIEW),
    "complete": ((C.ACCEPTED,), C.FINISHED),
}

LIST_ARROWS: dict[str, tuple[tuple[ListState, ...], ListState]] = {
    "stopped": ((L.OPEN,), L.STOPPED),
    "recovered": ((L.STOPPED,), L.OPEN),
    "finish_list": ((L.OPEN, L.STOPPED), L.FINISHED),
}

UPLOAD_GOES_ON = frozenset({U.SUBMITTING, U.DIALING})
UPLOAD_ENDED = frozenset({U.FINISHED, U.CANCELLED, U.FAILED})
CHUNK_SENT = frozenset({C.ACCEPTED, C.FINISHED})
AT_PROVIDER = (C.CLAIMED, C.UNKNOWN, C.REVIEW, C.ACCEPTED)  # contacts of it lie there, or may
CHUNK_WAITING = frozenset({C.STAGED, C.READY})
CHUNK_BUSY = (C.STAGED, C.READY, C.CLAIMED, C.UNKNOWN)  # goes on by itself
