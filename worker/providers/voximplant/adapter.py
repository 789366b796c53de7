"""The adapter: CreateCallList, CreateManualCallList, AppendToCallList, GetCallLists, GetCallListDetails,
StopCallListProcessing, RecoverCallList, GetAccountInfo; the rest is in `hands`.

Requests take the documented shape: scalars in the query, the file as a multipart part, the token in a header.
"""

import logging
import os
import tempfile
import time
from collections.abc import Iterator
from typing import IO, Any, NoReturn

import httpx
import polars as pl

from worker.errors import AccountRefused, NotSent, ProviderError, Refused, Throttled, Unknown
from worker.layout import Layout
from worker.providers import named
from worker.providers.answer import parsed
from worker.providers.base import (
    Accepted,
    Account,
    Capabilities,
    Found,
    Frames,
    Hands,
    Inbox,
    Pace,
    Place,
    Step,
    Submission,
)
from worker.providers.few import one_of_few
from worker.providers.http import Client, http_date, retry_after
from worker.providers.voximplant import details, options, sheet, verdicts
from worker.providers.voximplant.auth import Auth
from worker.providers.voximplant.hands import MOST_TASKS, ListHands

DELIMITER = ";"
PAGE = 1000
GOES_ON = ("in progress", "completed")  # statuses of a list that is not held
CALL_DEADLINE = 30.0
_ERROR_SIZE = 1 << 20  # bytes; no error is longer
_log = logging.getLogger("rollcall.voximplant")

CAPABILITIES = Capabilities(
    max_rows=1_000_000,
    max_bytes=100_000_000,
    appends=True,
    counts=True,
    finds_by_reference=True,
    shows_contacts=True,
    proves_absence=True,
    results="poll",
    starts="either",
    stops=True,
    resumes=True,
    tells_balance=True,
    edits=options.EDITABLE,
    withdraws=MOST_TASKS,
    by_hand=True,
    name_limit=options.NAME_LIMIT,
    roles={
        "Call list manager": "creates, appends to, reads, edits, stops and recovers call lists",
        "Owner, Admin or Developer": "may do the same, and read the account's balance (GetAccountInfo)",
    },
)


LAYOUT = Layout(delimiter=DELIMITER, windows=True)
SCHEDULE = "call_schedule"
CREATE, APPEND = Step("create"), Step("append")


def steps(reference: str | None) -> tuple[Step, ...]:
    return (CREATE,) if reference is None else (APPEND,)


def starts(_campaign: str | None) -> tuple[str, ...]:
    return ("recover",)


class Voximplant:
    """One account at Voximplant. `read_deadline` is in seconds, for one reading of a list's details.

    `form` is the one that details are read in: csv, json or xls.
    """

    inbox: Inbox | None = None

    def __init__(self, url: str, auth: Auth, read_deadline: float, pace: Pace | None = None, form: str = "csv") -> None:
        self._client = Client(url, self._said_no, pace)
        self._auth = auth
        self._read_deadline = read_deadline
        self._form = form
        self.hands: Hands | None = ListHands(self._do, lambda filters: self._lists(**filters), auth.account_id)

    def submit(self, submission: Submission, deadline: float) -> Accepted:
        """CreateCallList, CreateManualCallList, or AppendToCallList where the list exists.

        A manual list dials nothing by itself, so there is nothing to hold back when it is to be stopped.
        """
        dialect = {"encoding": "UTF-8", "delimiter": DELIMITER}
        if submission.step == CREATE.name and options.by_hand(submission.options):
            told = {name: value for name, value in submission.options.items() if name != "call_list_type"}
            method, query = "CreateManualCallList", {**told, **dialect, "name": submission.list_name}
        elif submission.step == CREATE.name:
            method, query = "CreateCallList", {**submission.options, **dialect, "name": submission.list_name}
            query |= {"is_cancelled": "true"} if submission.stopped else {}
        else:
            method, query = "AppendToCallList", {**dialect, "list_id": submission.reference}
        answer = self._call(method, deadline, query, submission.payload)
        return _accepted(answer)

    def find(self, list_name: str) -> list[Found]:
        """By name; where that shows nothing, among all lists by the token at the name's end.

        A provider that changed a character of the name must not look like one that has no such list.
        """
        return named.bearing(list_name, self._lists(name=list_name)) or named.bearing(list_name, self._lists())

    def status(self, place: Place) -> Found | None:
        wanted = place.reference
        return next((found for found in self._lists(list_id=wanted) if found.reference == wanted), None)

    def contacts(self, reference: str) -> Iterator[pl.DataFrame]:
        for frame in self.tasks(Place(reference)):
            yield frame.select("uuid")

    def tasks(self, place: Place) -> Frames:
        """The details. A file is written to disk first: nothing is handed out of a body that was cut."""
        if self._form != "json":
            try:
                yield from self._frames_of_file(place.reference)
                return
            except details.NoUuids:
                _log.info("the details come without uuids as %s; reading them as JSON", self._form.upper())
        yield from self._json_pages(place.reference)

    def tallies(self, _place: Place) -> dict[str, int] | None:
        """Its details say it of every contact, so there is nothing to add."""
        return None

    def stop(self, place: Place) -> None:
        self._steer("StopCallListProcessing", place.reference)

    def start(self, _step: str, place: Place) -> str | None:
        """RecoverCallList, where there is something to recover: of a list that dials it may revive single tasks."""
        found = self.status(place)
        if found is None or not found.dials:
            self._steer("RecoverCallList", place.reference)
        return None

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
        return _account(info)

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

    def _frames_of_file(self, reference: str) -> Iterator[pl.DataFrame]:
        is_sheet = self._form == "xls"
        as_text = {} if is_sheet else {"encoding": "UTF-8", "delimiter": DELIMITER}
        with tempfile.TemporaryFile() as file:
            self._download({"list_id": reference, "output": self._form, **as_text}, file)
            with one_of_few(os.fstat(file.fileno()).st_size):
                yield from sheet.frames_of_xls(file) if is_sheet else details.frames_of_csv(file, DELIMITER)

    def _json_pages(self, reference: str) -> Iterator[pl.DataFrame]:
        offset = 0
        while True:
            query = {"list_id": reference, "output": "json", "count": PAGE, "offset": offset}
            page = self._call("GetCallListDetails", self._soon(), query).get("result")
            if not isinstance(page, list):
                raise Unknown("broken_answer", "GetCallListDetails answered without a list.")
            if not page:  # a page that is short need not be the last one
                return
            yield details.frame_of_json(page)
            offset += len(page)

    def _soon(self) -> float:
        return time.monotonic() + min(CALL_DEADLINE, self._read_deadline)

    def _do(self, method: str, fields: dict[str, Any]) -> dict[str, Any]:
        return self._call(method, self._soon(), {}, fields=fields)

    def _call(
        self,
        method: str,
        deadline: float,
        query: dict[str, Any],
        payload: bytes | None = None,
        fields: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        files = None if payload is None else {"file_content": ("call_list.csv", payload, "text/csv")}
        response = self._client.post(
            f"/platform_api/{method}",
            deadline,
            params=query,
            data={**self._auth.fields(), **(fields or {})},
            files=files,
            headers=self._auth.headers(),
        )
        return self._parsed(response)

    def _parsed(self, response: httpx.Response) -> dict[str, Any]:
        """The answer; a bare array, which the documents may mean for lists of tasks, as a `result`."""
        answer = parsed(response.content)
        answer = {"result": answer} if isinstance(answer, list) else answer
        if not isinstance(answer, dict):
            text = f"{self._client.host} answered with something that is not JSON; it may have been stored."
            raise Unknown("broken_answer", text, http_status=response.status_code)
        if "error" in answer:
            self._refuse(answer["error"], response)
        return answer

    def _said_no(self, response: httpx.Response) -> None:
        """A 4xx that carries the provider's own code is judged by it: "may have been stored" can come as HTTP 400."""
        answer = parsed(response.content)
        error = answer.get("error") if isinstance(answer, dict) else None
        if verdicts.code_of(error) in verdicts.LISTED:
            self._refuse(error, response)

    def _refuse(self, error: Any, response: httpx.Response) -> NoReturn:
        try:
            verdicts.raise_error(error)
        except ProviderError as verdict:
            verdict.http_status = response.status_code
            if isinstance(verdict, NotSent):
                self._correct_clock(response)
            if isinstance(verdict, Throttled) and verdict.retry_after is None:
                verdict.retry_after = retry_after(response.headers)
            if isinstance(verdict, Throttled):  # also of an answer with status 200
                self._client.hold(verdict)
            raise

    def _correct_clock(self, response: httpx.Response) -> None:
        """The token's times were rejected: from now on count by the provider's clock."""
        theirs = http_date(response.headers.get("date", ""))
        if theirs is not None:
            self._auth.correct_clock(theirs)

    def _download(self, query: dict[str, Any], file: IO[bytes]) -> None:
        """Write all of GetCallListDetails into `file`. An error comes as JSON where a file was asked for."""
        request = {"params": query, "data": self._auth.fields(), "headers": self._auth.headers()}
        deadline = time.monotonic() + self._read_deadline
        with self._client.stream("/platform_api/GetCallListDetails", deadline, **request) as response:
            for part in response.iter_bytes():
                file.write(part)
        file.seek(0)
        start = file.read(_ERROR_SIZE)
        file.seek(0)
        answer = parsed(start) if start.lstrip()[:1] == b"{" else None
        if isinstance(answer, dict) and "error" in answer:
            self._refuse(answer["error"], response)


def _accepted(answer: dict[str, Any]) -> Accepted:
    reference, count = answer.get("list_id"), answer.get("count")
    if not answer.get("result") or reference is None or not isinstance(count, int):
        raise Unknown("broken_answer", "The answer has no list_id or no count; it may have been stored.")
    return Accepted(str(reference), count)


def _found(item: Any) -> Found:
    if not isinstance(item, dict) or "list_id" not in item:
        raise Unknown("broken_answer", "GetCallLists answered with something that is not a list.")
    status, name = str(item.get("status", "")), str(item.get("list_name", ""))
    settings = {option: item[option] for option in options.SHOWN if item.get(option) is not None}
    word = status.lower()
    return Found(str(item["list_id"]), name, status, word == "completed", settings=settings, dials=word in GOES_ON)


def _account(info: dict[str, Any]) -> Account:
    live = info.get("live_balance")
    balance = info.get("balance") if live is None else live
    try:
        return Account(None if balance is None else float(balance), info.get("currency"))
    except (TypeError, ValueError):
        raise Unknown("broken_answer", "The account info has a balance that is not a number.") from None
