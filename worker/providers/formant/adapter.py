"""The adapter: POST /v1/batch-call, GET /v1/batch-calls, one batch, and its metrics.

A batch is made in one request and cannot be added to, stopped, or read contact by contact. No idempotency is offered
for it, so the advice to repeat a request that ended in 500 is not followed: the batch is looked for by its name.
"""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

from worker.errors import Refused, Unknown
from worker.providers import named
from worker.providers.answer import parsed
from worker.providers.at_once import AtOnce
from worker.providers.base import Accepted, Account, Capabilities, Found, Inbox, Pace, Place, Submission
from worker.providers.formant.client import Worded
from worker.providers.formant.options import NAME_LIMIT
from worker.providers.formant.settings import Own

PAGE = 100
CALL_DEADLINE = 30.0
CREATED, BATCHES = "/v1/batch-call", "/v1/batch-calls"
NO_TALLIES = frozenset({"avg_duration_seconds", "success_rate"})  # numbers, and not of contacts

CAPABILITIES = Capabilities(
    max_rows=10_000,  # no limit of rows or bytes is documented
    max_bytes=8_000_000,
    appends=False,
    counts=True,
    finds_by_reference=True,
    shows_contacts=False,
    proves_absence=True,
    results="push",
    starts="at_once",
    stops=False,
    resumes=False,
    name_limit=NAME_LIMIT,
    roles={"API key": "makes, lists and reads batch calls of the agents that it reaches"},
)


class Formant(AtOnce):
    """One account at Formant AI. `read_deadline` is in seconds, for one reading of all batches."""

    label, unit, desk, to_stop = "Formant AI", "batch", "its dashboard", "ask its support"

    def __init__(
        self,
        url: str,
        key: str,
        own: Own,
        inbox: Inbox | None = None,
        read_deadline: float = 600,
        pace: Pace | None = None,
    ) -> None:
        self._client = Worded(url, key, pace)
        self._headers = {"Authorization": f"Bearer {key}"}
        self._complete = frozenset(own.complete_states)
        self._read_deadline = read_deadline
        self.inbox = inbox

    def submit(self, submission: Submission, deadline: float) -> Accepted:
        """Make a batch. Raises NotSent `cannot_append` where it is to be added to one: Formant has no such thing."""
        self.check_new(submission)
        response = self._client.post(
            CREATED,
            deadline,
            data={"agent_id": str(submission.options["agent_id"]), "name": submission.list_name},
            files={"file": ("call_list.csv", submission.payload, "text/csv")},
            headers=self._headers,
        )
        made = self._found(_data(response))
        if made.count is None:
            raise Unknown("broken_answer", "Formant AI's answer has no total_recipients; it may have been stored.")
        return Accepted(made.reference, made.count)

    def find(self, list_name: str) -> list[Found]:
        return named.bearing(list_name, self._batches())

    def status(self, place: Place) -> Found | None:
        document = self._of(place, "")
        return None if document is None else self._found(document)

    def tallies(self, place: Place) -> dict[str, int] | None:
        """The whole numbers of the batch's metrics."""
        metrics = self._of(place, "/metrics")
        if metrics is None:
            return None
        return {name: count for name, count in metrics.items() if _is_count(count) and name not in NO_TALLIES}

    def account(self) -> Account | None:
        """There is no balance to be read; a key that is refused shows by reading one batch."""
        self._client.get(BATCHES, self._soon(), params={"limit": 1}, headers=self._headers)
        return None

    def close(self) -> None:
        self._client.close()

    def _batches(self) -> Iterator[Found]:
        """Every batch that the key reaches, of all agents: a complete read, or an error.

        Pages overlap while batches are made, and none is known to be the last one before an empty one has come.
        """
        deadline = time.monotonic() + self._read_deadline
        seen: set[str] = set()
        offset = 0
        while True:
            query = {"limit": PAGE, "offset": offset}
            response = self._client.get(BATCHES, deadline, params=query, headers=self._headers)
            page = _answer(response).get("data")
            if not isinstance(page, list):
                raise Unknown("broken_answer", "Formant AI answered without a list of batches.")
            if not page:
                return
            batches = [self._found(one) for one in page]
            fresh = [one for one in batches if one.reference not in seen]
            if not fresh:
                raise Unknown("broken_answer", "Formant AI's list of batches does not go on from page to page.")
            seen.update(one.reference for one in fresh)
            yield from fresh
            offset += len(page)

    def _of(self, place: Place, what: str) -> dict[str, Any] | None:
        """A document of one batch; None where the provider says that there is no such batch."""
        try:
            path = f"{BATCHES}/{quote(place.reference, safe='')}{what}"
            return _data(self._client.get(path, self._soon(), headers=self._headers))
        except Refused as error:
            if error.code == "formant_not_found":
                return None
            raise

    def _found(self, batch: Any) -> Found:
        reference = batch.get("id") if isinstance(batch, dict) else None
        if isinstance(reference, bool) or not isinstance(reference, (int, str)) or reference == "":
            raise Unknown("broken_answer", "Formant AI answered with something that is not a batch.")
        status, count = str(batch.get("status") or ""), batch.get("total_recipients")
        complete = status.strip().lower() in self._complete
        return Found(
            str(reference), str(batch.get("name") or ""), status, complete, count if _is_count(count) else None
        )

    def _soon(self) -> float:
        return time.monotonic() + min(CALL_DEADLINE, self._read_deadline)


def _answer(response: httpx.Response) -> dict[str, Any]:
    answer = parsed(response.content)
    if not isinstance(answer, dict):
        text = "Formant AI answered with something that is not JSON; it may have been stored."
        raise Unknown("broken_answer", text, http_status=response.status_code)
    return answer


def _data(response: httpx.Response) -> dict[str, Any]:
    data = _answer(response).get("data")
    if not isinstance(data, dict):
        text = "Formant AI's answer has no data; it may have been stored."
        raise Unknown("broken_answer", text, http_status=response.status_code)
    return data


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
