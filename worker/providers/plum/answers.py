"""What Plum's answer to queuecalls proves.

Its form is documented for the sibling queuecall only: XML that echoes the request, login and PIN included. So the
answer is read leniently by content, and believed strictly. Accepted is a whole document whose every status says so;
refused is one that says nothing but no, or a plain text that begins with it; all else may have been stored. Nothing but
status, id, count and the words of an error is taken out of it.
"""

import re
from collections.abc import Iterable
from typing import NoReturn

from worker.errors import AccountRefused, Refused, Unknown
from worker.providers.answer import spoken
from worker.providers.base import Accepted
from worker.providers.plum.document import Fact, Unreadable, facts
from worker.providers.plum.settings import Own

STATUS = frozenset({"status", "result", "state"})
ERROR = frozenset({"error", "errors", "error_message", "errormessage"})
WORDS = ERROR | {"message", "reason", "description"}
NO = frozenset({"failed", "failure", "fail", "error", "rejected", "denied", "refused", "invalid"})
LONGEST_TEXT = 2000
_PLAIN_NO = re.compile(r"\W*(failed|failure)\b(?!\W*\d)", re.IGNORECASE)
_FIRST_WORD = re.compile(r"[a-z]+")
_URL = re.compile(r"\w+://\S+")
_ACCOUNT = re.compile(r"\b(log-?in|pin|password|credential|account|authenti|authori[sz]|unauthori[sz])", re.IGNORECASE)
_TAKEN = re.compile(r"\b(unique|exists?|duplicate|already|in use)\b", re.IGNORECASE)


class Answers:
    """Reads answers for one account; `secrets` (login, PIN) never get into the words that are kept."""

    def __init__(self, own: Own, secrets: Iterable[str]) -> None:
        self._own = own
        self._yes = frozenset(own.accepted_words)
        self._secrets = tuple(secret for secret in secrets if secret)

    def accepted(self, body: bytes, list_name: str) -> Accepted:
        """Raises Refused, AccountRefused or Unknown. Without an id the campaign goes by its name."""
        self.refused(body)
        try:
            told = facts(body)
        except Unreadable:
            raise _unclear() from None
        if not self._says_yes(told):
            raise _unclear()
        reference = next((text for text in _named(told, self._own.id_fields) if text), list_name)
        count = next((text for text in _named(told, self._own.count_fields) if _is_count(text)), None)
        return Accepted(reference[:255], None if count is None else int(count))

    def refused(self, body: bytes) -> None:
        """Raise what a clear no means; return where the answer is none."""
        try:
            told = facts(body)
        except Unreadable:
            self._refused_in_plain(body)
            return
        stated = [_FIRST_WORD.match(status) for status in _statuses(told)]
        if stated:
            says_no = all(word is not None and word[0] in NO for word in stated)
        else:
            says_no = any(fact.depth == 1 and fact.name in ERROR and fact.value not in ("", "0") for fact in told)
        if says_no:
            said = [fact.value for fact in told if fact.name in WORDS or (fact.depth == 1 and fact.name in STATUS)]
            self._refuse(": ".join(filter(None, said)))

    def _refused_in_plain(self, body: bytes) -> None:
        """A text that is no document. One that also says yes, or counts what failed, says nothing clear."""
        text = body[: LONGEST_TEXT + 1].decode("utf-8", "replace")
        says_yes = any(word in text.lower() for word in self._yes)
        if len(text) <= LONGEST_TEXT and "<" not in text and _PLAIN_NO.match(text) and not says_yes:
            self._refuse(text)

    def _says_yes(self, told: list[Fact]) -> bool:
        at_root = any(fact.depth == 1 and fact.name in STATUS for fact in told)
        faulty = any(fact.name in ERROR and fact.value not in ("", "0") for fact in told)
        return at_root and not faulty and all(status in self._yes for status in _statuses(told))

    def _refuse(self, words: str) -> NoReturn:
        for secret in self._secrets:
            words = words.replace(secret, "[secret]")
        words = " ".join(_URL.sub("[url]", words).split())
        text = f"Plum Voice: {spoken(words)}"
        if _TAKEN.search(words):  # perhaps by the very request that we ask about
            raise Unknown("plum_name_taken", text)
        if _ACCOUNT.search(words):
            raise AccountRefused("plum_account", text)
        raise Refused("plum_failed", text)


def _statuses(told: list[Fact]) -> list[str]:
    return [fact.value.strip().lower() for fact in told if fact.name in STATUS]


def _named(told: list[Fact], names: list[str]) -> Iterable[str]:
    """What stands at the root under any of these names, in their order."""
    return (fact.value for name in names for fact in told if fact.depth == 1 and fact.name == name.lower())


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9


def _unclear() -> Unknown:
    return Unknown(
        "broken_answer", "Plum Voice's answer does not say clearly what became of it; it may have been stored."
    )
