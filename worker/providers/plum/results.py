"""Posts to result_url, which Plum neither signs nor documents.

The address itself is the proof: it holds the upload, how often each contact may be called, and an HMAC of both, so that
nobody else can make one up. Names of fields are settings, and words are read leniently. What is posted is kept whole
but for numbers and secrets, so that a name or word that was not foreseen can still be seen, and set.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import polars as pl
from python_multipart import parse_form
from python_multipart.exceptions import FormParserError

from worker.errors import CallbackRefused
from worker.providers.base import TASKS, Event, Inbound
from worker.providers.plum.document import Unreadable, facts
from worker.providers.plum.settings import Own
from worker.states import Disposition

MOST_FIELDS = 100
LONGEST_VALUE = 500
LONGEST_REFERENCE = 128
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_ATTEMPTS = re.compile(r"[1-9]|1[01]")
_LEFT_OUT = re.compile(r"pin|pass|secret|token|login|phone|number|callee|(^|_)(ani|dnis|to|from)$")
_GAPS = re.compile(r"[^a-z0-9]+")

D = Disposition
# Words of `status` and `result`, in lower case with blanks between; PENDING: the call is not over, or another follows.
DISPOSITIONS: dict[str, Disposition] = {
    **dict.fromkeys(("completed", "complete", "success"), D.PROCESSED),
    **dict.fromkeys(("answered", "answer", "human", "connected"), D.ANSWERED),
    **dict.fromkeys(("machine", "answering machine", "voicemail"), D.VOICEMAIL),
    **dict.fromkeys(("no answer", "noanswer", "not answered", "timeout"), D.NO_ANSWER),
    **dict.fromkeys(("busy", "line busy"), D.BUSY),
    **dict.fromkeys(("declined", "call declined"), D.DECLINED),
    **dict.fromkeys(("invalid number", "invalid", "bad number", "unallocated number"), D.INVALID_NUMBER),
    **dict.fromkeys(("failed", "failure", "error", "rejected"), D.FAILED),
    **dict.fromkeys(("canceled", "cancelled", "expired"), D.CANCELLED),
    **dict.fromkeys(("queued", "scheduled", "pending", "dialing", "ringing", "in progress", "retry"), D.PENDING),
}
# How a contact may end while attempts are left, which are then not made.
ENDS = frozenset({D.PROCESSED, D.ANSWERED, D.CANCELLED})


class Results:
    """The inbox of one account; `base` is the address of its callbacks."""

    def __init__(self, base: str, secret: str, own: Own) -> None:
        self._base, self._secret = base, secret.encode()
        self._fields = own.result_fields
        self._only_final = own.result_posts == "final"
        self._kept = own.result_fields.every()
        self._words = DISPOSITIONS | {_plain(word): kind for word, kind in own.result_words.items()}

    def url(self, upload: str, attempts: int) -> str:
        """Where the results of an upload are to be posted, whose contacts are called so often at most."""
        return f"{self._base}/plum/{upload}/{attempts}/{self._proof(upload, str(attempts))}"

    def greet(self, path: tuple[str, ...]) -> bool:
        """Plum asks whether the address answers before it calls anybody."""
        try:
            self._proven(path)
        except CallbackRefused:
            return False
        return True

    def receive(self, inbound: Inbound) -> Event:
        upload, attempts = self._proven(inbound.path)
        told = _fields_of(inbound)
        if not told:
            raise CallbackRefused("unreadable_callback", "A post to result_url holds no fields.")
        whole = _canonical(told)
        kept = {name: value for name, value in told.items() if name in self._kept or not _LEFT_OUT.search(name)}
        # The same words about the same upload say the same, however often they come.
        identity = hashlib.sha256(f"{upload}\n{whole}".encode()).hexdigest()
        return Event(identity, json.dumps({"attempts": attempts, "told": kept}, sort_keys=True), upload)

    def read(self, bodies: Sequence[str]) -> pl.DataFrame:
        rows = [self._row(json.loads(body)) for body in bodies]
        return pl.DataFrame(rows, schema=TASKS, orient="row")

    def _row(self, kept: dict[str, Any]) -> tuple[Any, ...]:
        told, fields = kept["told"], self._fields
        uuid, status, result = (_first(told, names) for names in (fields.reference, fields.status, fields.result))
        left = self._attempts_left(told, kept["attempts"])
        kind = self._disposition(status, result)
        ended = self._only_final or left == 0 or any(self._known(word) in ENDS for word in (status, result))
        over = ended and kind is not D.PENDING
        shown = kind if over else D.PENDING
        usable = uuid if uuid is not None and len(uuid) <= LONGEST_REFERENCE else None
        return usable, "done" if over else "open", shown.value, status, result or status, left, _first(told, fields.at)

    def _attempts_left(self, told: dict[str, str], asked: int) -> int | None:
        """None where it cannot be told: then a failure stays open, for who takes it for the end may call again."""
        attempts, most = (_whole(_first(told, names)) for names in (self._fields.attempts, self._fields.max_attempts))
        if attempts is None:
            return 0 if asked == 1 else None
        return max(0, (asked if most is None else most) - attempts)

    def _disposition(self, status: str | None, result: str | None) -> Disposition:
        """The result says more than the status. A word that nobody knows: it is done, and how is not known."""
        if status is None and result is None:
            return D.PENDING
        if self._known(status) is D.PENDING:
            return D.PENDING
        return self._known(result) or self._known(status) or D.PROCESSED

    def _known(self, word: str | None) -> Disposition | None:
        return None if word is None else self._words.get(_plain(word))

    def _proof(self, upload: str, attempts: str) -> str:
        return hmac.new(self._secret, f"{upload}/{attempts}".encode(), "sha256").hexdigest()

    def _proven(self, path: tuple[str, ...]) -> tuple[str, int]:
        """The upload and the attempts that a path names and proves; raises CallbackRefused."""
        if len(path) != 4 or path[0] != "plum" or not _ULID.fullmatch(path[1]) or not _ATTEMPTS.fullmatch(path[2]):
            raise CallbackRefused("unknown_callback", "There is no such result_url.")
        if not hmac.compare_digest(self._proof(path[1], path[2]).encode(), path[3].encode("utf-8", "replace")):
            raise CallbackRefused("forged_callback", "The result_url does not prove itself.")
        return path[1], int(path[2])


def _fields_of(inbound: Inbound) -> dict[str, str]:
    """The fields of a form, or of XML or JSON; names in lower case, the first of each. Raises CallbackRefused."""
    try:
        if inbound.headers.get("content-type", "").lower().startswith("multipart/"):
            pairs = _multipart(inbound)
        elif inbound.body.lstrip()[:1] in (b"<", b"{"):
            pairs = [(fact.name, fact.value) for fact in facts(inbound.body)][:MOST_FIELDS]
        else:
            text = inbound.body.decode("utf-8", "replace")
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace")
    except (Unreadable, FormParserError, ValueError):
        raise CallbackRefused("unreadable_callback", "A post to result_url cannot be read.") from None
    return {name.lower()[:64]: value.replace("\x00", "").strip()[:LONGEST_VALUE] for name, value in reversed(pairs)}


def _multipart(inbound: Inbound) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    headers = {"Content-Type": inbound.headers["content-type"].encode("latin-1", "replace")}

    def on_field(field: Any) -> None:
        pairs.append((_text(field.field_name), _text(field.value)))

    parse_form(headers, BytesIO(inbound.body), on_field, None)
    return pairs[:MOST_FIELDS]


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def _canonical(told: dict[str, str]) -> str:
    return json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _plain(word: str) -> str:
    return _GAPS.sub(" ", word.lower()).strip()


def _first(told: dict[str, str], names: Iterable[str]) -> str | None:
    return next((value for name in names if (value := told.get(name.lower()))), None)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 6 else None
