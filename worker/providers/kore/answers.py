"""What an answer of Kore.ai proves. No page shows an error, so it is read by its words, and in doubt it is Unknown."""

import re
from typing import Any

import httpx

from worker.errors import AccountRefused, Refused, Throttled, Unknown
from worker.providers.answer import parsed, spoken
from worker.providers.http import retry_after

WAIT = 10.0  # seconds: the limit is one of a rolling minute, so room comes back bit by bit
LONGEST = 2000  # characters of a refusal that are looked at
FAILED = ("failure", "failed", "error")

_OUR_NAME = re.compile(r"(list|campaign) .*\[[0-9a-z]{26}-\d+\]", re.IGNORECASE)
_RATE = re.compile(r"exceeded\b.{0,30}\brate.?limit|rate.?limit\b.{0,30}\bexceeded|too many requests", re.IGNORECASE)
_ACCOUNT = re.compile(
    r"\bjwt\b|(invalid|expired|missing|malformed) (access )?token|token (is |has )?(invalid|expired|missing)"
    r"|unauthori[sz]ed|not authori[sz]ed|auth header|unknown appid|api scope|access denied|permission",
    re.IGNORECASE,
)
_ABSENT = re.compile(r"not found|does(n't| not) exist|no such", re.IGNORECASE)
_THERE = re.compile(r"already|exists|duplicate", re.IGNORECASE)
_INVALID = re.compile(
    r"required|invalid|\bmust\b|should be|not (valid|allowed|supported)|missing|at most|at least|cannot|exceed"
    r"|too (long|large|many)|maximum|minimum",
    re.IGNORECASE,
)


def read(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer that is no refusal; raises what a refusal proves, or Unknown."""
    answer = _object(response)
    if answer is None:
        raise Unknown(
            "broken_answer",
            "Kore.ai answered with something that is not a JSON object; the request may have been carried out.",
            http_status=response.status_code,
        )
    if _failed(answer):
        judge(response, _words(answer))
    return answer


def said_no(response: httpx.Response) -> None:
    """Judge a 4xx by its words; one that says nothing, and one that leaves open what was done, by its status."""
    answer, status = _object(response), response.status_code
    words = "" if answer is None else _words(answer)
    if status in (401, 403) and words:
        raise AccountRefused("kore_account", _sentence(words), http_status=status)
    if status == 429 or _RATE.search(words):
        judge(response, words or "Too many requests")
    if words and status not in (401, 403, 408, 409):
        judge(response, words, otherwise=Refused)


def judge(response: httpx.Response, words: str, otherwise: type[Refused] | type[Unknown] = Unknown) -> None:
    """Raise what the words of a refusal prove; `otherwise` where they say nothing that is known."""
    status, text = response.status_code, _sentence(words)
    told = _OUR_NAME.sub(r"\1", words)  # a campaign may be called anything
    if status == 429 or _RATE.search(told):
        wait = retry_after(response.headers)
        raise Throttled("kore_rate_limit", text, retry_after=WAIT if wait is None else wait, http_status=status)
    if _ACCOUNT.search(told):
        raise AccountRefused("kore_account", text, http_status=status)
    if _ABSENT.search(told):
        raise Refused("kore_not_found", text, http_status=status)
    if _THERE.search(told):
        raise Unknown("kore_already", text, http_status=status)
    if _INVALID.search(told) or otherwise is Refused:
        raise Refused("kore_refused", text, http_status=status)
    raise Unknown("kore_unclear", text, http_status=status)


def _object(response: httpx.Response) -> dict[str, Any] | None:
    answer = parsed(response.content)
    return answer if isinstance(answer, dict) else None


def _failed(answer: dict[str, Any]) -> bool:
    return str(answer.get("status", "")).lower() in FAILED or bool(answer.get("errors") or answer.get("error"))


def _words(answer: dict[str, Any]) -> str:
    """The words of a refusal, wherever they stand."""
    told = [answer.get("message"), answer.get("error"), answer.get("errors")]
    return "; ".join(_texts(told))[:LONGEST]


def _texts(told: Any) -> list[str]:
    if isinstance(told, str):
        return [told] if told else []
    if isinstance(told, dict):
        return _texts([told.get("msg"), told.get("message")])
    return [text for one in told for text in _texts(one)] if isinstance(told, list) else []


def _sentence(words: str) -> str:
    return f"Kore.ai says: {spoken(words).rstrip('.') or 'nothing'}."
