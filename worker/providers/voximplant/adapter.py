"""The adapter: CreateCallList, AppendToCallList, GetCallLists, GetCallListDetails, Stop, Recover, GetAccountInfo.

Requests take the documented shape: scalars in the query, the file as a multipart part, the token in a header.
"""

import email.utils
import json
import logging
import tempfile
import time
from collections.abc import Iterator
from typing import IO, Any

import httpx
import polars as pl

from worker.errors import AccountRefused, NotSent, Refused, Unknown
from worker.providers.base import Accepted, Account, Capabilities, Found, Submission
from worker.providers.http import Client
from worker.providers.voximplant import details, options, verdicts
from worker.providers.voximplant.auth import Auth

DELIMITER = ";"
PAGE = 1000
CALL_DEADLINE = 30.0
_log = logging.getLogger("rollcall.voximplant")

CAPABILITIES = Capabilities(
    max_rows=1_000_000,
    max_bytes=100_000_000,
    delimiter=DELIMITER,
    appends=True,
    finds_by_reference=True,
    proves_absence=True,
    results="poll",
    stops=True,
    resumes=True,
    name_limit=options.NAME_LIMIT,
    roles={
        "Call list manager": "creates, appends to, reads, stops and recovers call lists",
        "Owner, Admin or Developer": "may do the same, and read the account's balance (GetAccountInfo)",
    },
)


class Voximplant:
    """One account at Voximplant. `read_deadline` is in seconds, for one reading of a list's details."""

    name = "voximplant"
    capabilities = CAPABILITIES

    def __init__(self, url: str, auth: Auth, read_deadline: float) -> None:
        self._client = Client(url)
        self._auth = auth
        self._read_deadline = read_deadline

    def submit(self, submission: Submission, deadline: float) -> Accepted:
        """CreateCallList, or AppendToCallList where the list exists."""
        dialect = {"encoding": "UTF-8", "delimiter": DELIMITER}
        if submission.reference is None:
            method, query = "CreateCallList", {**submission.options, **dialect, "name": submission.list_name}
        else:
            method, query = "AppendToCallList", {**dialect, "list_id": submission.reference}
        answer = self._call(method, deadline, query, submission.payload)
        return _accepted(answer)

    def find(self, list_name: str) -> list[Found]:
        return [found for found in self._lists(name=list_name) if found.name == list_name]

    def status(self, reference: str) -> Found | None:
        return next((found for found in self._lists(list_id=reference) if found.reference == reference), None)

    def tasks(self, reference: str) -> Iterator[pl.DataFrame]:
        """The details as CSV, written to a temporary file first: nothing is handed out of a body that was cut."""
        query = {"list_id": reference, "output": "csv", "encoding": "UTF-8", "delimiter": DELIMITER}
        with tempfile.TemporaryFile() as file:
            self._download("GetCallListDetails", query, file)
            try:
                yield from details.frames_of_csv(file, DELIMITER)
                return
            except details.NoUuids:
                _log.info("the details come without uuids as CSV; reading them as JSON")
        yield from self._json_pages(reference)

    def stop(self, reference: str) -> None:
        self._steer("StopCallListProcessing", reference)

    def resume(self, reference: str) -> None:
        self._steer("RecoverCallList", reference)

    def account(self) -> Account | None:
        """GetAccountInfo. A role that lacks the method looks like a refused credential; another read tells which."""
        try:
            answer = self._call("GetAccountInfo", self._soon(), {"return_live_balance": "true"})
        except (AccountRefused, Refused):
            self._call("GetCallLists", self._soon(), {"count": 1})
            return None
        info = answer.get("result")
        if not isinstance(info, dict):
            raise Unknown("broken_answer", "The account info has no result.")
        balance = info.get("live_balance", info.get("balance"))
        return Account(None if balance is None else float(balance), info.get("currency"))

    def close(self) -> None:
        self._client.close()

    def _steer(self, method: str, reference: str) -> None:
        self._call(method, self._soon(), {"list_id": reference})

    def _lists(self, **filters: Any) -> Iterator[Found]:
        offset = 0
        while True:
            answer = self._call("GetCallLists", self._soon(), {**filters, "count": PAGE, "offset": offset})
            page, total = answer.get("result"), answer.get("total_count")
            if not isinstance(page, list) or not isinstance(total, int):
                raise Unknown("broken_answer", "GetCallLists answered without a list or its total.")
            yield from (_found(item) for item in page)
            offset += len(page)
            if offset >= total:
                return
            if not page:
                raise Unknown("broken_answer", "GetCallLists ended before its total was reached.")

    def _json_pages(self, reference: str) -> Iterator[pl.DataFrame]:
        offset = 0
        while True:
            query = {"list_id": reference, "output": "json", "count": PAGE, "offset": offset}
            page = self._call("GetCallListDetails", self._soon(), query).get("result")
            if not isinstance(page, list):
                raise Unknown("broken_answer", "GetCallListDetails answered without a list.")
            yield details.frame_of_json(page)
            offset += len(page)
            if len(page) < PAGE:
                return

    def _soon(self) -> float:
        return time.monotonic() + min(CALL_DEADLINE, self._read_deadline)

    def _call(
        self, method: str, deadline: float, query: dict[str, Any], payload: bytes | None = None
    ) -> dict[str, Any]:
        files = None if payload is None else {"file_content": ("call_list.csv", payload, "text/csv")}
        response = self._client.post(
            f"/platform_api/{method}",
            deadline,
            params=query,
            data=self._auth.fields(),
            files=files,
            headers=self._auth.headers(),
        )
        return self._parsed(response)

    def _parsed(self, response: httpx.Response) -> dict[str, Any]:
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            text = f"{self._client.host} answered with something that is not JSON; it may have been stored."
            raise Unknown("broken_answer", text, http_status=response.status_code)
        if "error" in answer:
            self._refuse(answer["error"], response)
        return answer

    def _refuse(self, error: Any, response: httpx.Response) -> None:
        try:
            verdicts.raise_error(error)
        except NotSent:  # the token's times: count by the provider's clock and try again
            date = email.utils.parsedate_to_datetime(response.headers.get("date", ""))
            self._auth.correct_clock(date.timestamp())
            raise

    def _download(self, method: str, query: dict[str, Any], file: IO[bytes]) -> None:
        request = {"params": query, "data": self._auth.fields(), "headers": self._auth.headers()}
        deadline = time.monotonic() + self._read_deadline
        with self._client.stream(f"/platform_api/{method}", deadline, **request) as response:
            for part in response.iter_bytes():
                file.write(part)
        file.seek(0)
        start = file.read(1 << 20)
        file.seek(0)
        if start[:1] == b"{":
            _raise_json(start)


def _raise_json(body: bytes) -> None:
    """An error comes as JSON where a file was asked for."""
    try:
        answer = json.loads(body)
    except ValueError:
        return
    if isinstance(answer, dict) and "error" in answer:
        verdicts.raise_error(answer["error"])


def _accepted(answer: dict[str, Any]) -> Accepted:
    reference, count = answer.get("list_id"), answer.get("count")
    if not answer.get("result") or reference is None or not isinstance(count, int):
        raise Unknown("broken_answer", "The answer has no list_id or no count; it may have been stored.")
    batch = answer.get("batch_id")
    return Accepted(str(reference), count, None if batch is None else str(batch))


def _found(item: dict[str, Any]) -> Found:
    status = str(item.get("status", ""))
    return Found(str(item["list_id"]), str(item.get("list_name", "")), status, status.lower() == "completed")
