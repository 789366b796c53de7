"""The adapter: queuecalls, the one request there is. A campaign at Plum can neither be looked up nor stopped by us."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import httpx
import polars as pl

from worker.errors import NotSent, ProviderError, Refused
from worker.providers.base import Accepted, Account, Capabilities, Found, Hands, Inbox, Pace, Place, Step, Submission
from worker.providers.http import Client
from worker.providers.plum.answers import Answers
from worker.providers.plum.options import NAME_LIMIT
from worker.providers.plum.results import Results
from worker.providers.plum.settings import Own

CAPABILITIES = Capabilities(
    max_rows=50_000,  # no limit of rows or bytes is documented
    max_bytes=8_000_000,
    appends=False,
    counts=False,
    finds_by_reference=False,
    shows_contacts=False,
    proves_absence=False,
    results="push",
    starts="at_once",
    stops=False,
    resumes=False,
    windows=False,
    name_limit=NAME_LIMIT,
    roles={"Sender login and PIN": "queue campaigns; ask Plum's account management for a PIN"},
)
CREATE = Step("create")
# Statuses that say more than the words beside them.
BY_STATUS = frozenset({401, 403, 408, 409, 429})
PASSED_ON = (
    "start_url",
    "message_reference",
    "call_parameters",
    "scheduled_timestamp",
    "scheduled_time",
    "expiration_timestamp",
    "expiration_time",
)


def steps(_reference: str | None) -> tuple[Step, ...]:
    return (CREATE,)


def starts(_campaign: str | None) -> tuple[str, ...]:
    return ()


class Plum:
    """One account at Plum Voice."""

    name = "plum"
    capabilities = CAPABILITIES
    hands: Hands | None = None

    def __init__(
        self, url: str, login: str, pin: str, own: Own, results: Results | None = None, pace: Pace | None = None
    ) -> None:
        self._client = Client(url, self._said_no, pace)
        self._credentials = {"login": login, "pin": pin}
        self._own = own
        self._results = results
        self._answers = Answers(own, (login, pin))
        self.inbox: Inbox | None = results

    def submit(self, submission: Submission, deadline: float) -> Accepted:
        """Queue a campaign. Raises NotSent `cannot_append` where it is to be added to one: Plum has no such thing."""
        if submission.step != CREATE.name or submission.reference is not None:
            text = "Plum Voice cannot add contacts to a campaign that exists; send them as a campaign of their own."
            raise NotSent("cannot_append", text, fault=True)
        response = self._client.post(
            self._own.path,
            deadline,
            data=self._form(submission),
            files={self._own.file_field: ("call_list.csv", submission.payload, "text/csv")},
        )
        with _answering(response):
            return self._answers.accepted(response.content, submission.list_name)

    def _form(self, submission: Submission) -> dict[str, str]:
        own, options = self._own, submission.options
        told: dict[str, Any] = {name: options.get(name) for name in PASSED_ON}
        told |= dict.fromkeys(own.retry_fields, options["num_attempts"] - 1)
        told |= {
            own.name_field: submission.list_name,
            "retry_interval": options.get("interval_seconds"),
            "result_url": options.get("result_url") or self._result_url(submission),
            own.secure_field: options.get("secure"),
        }
        return self._credentials | {name: str(value) for name, value in told.items() if value is not None}

    def _result_url(self, submission: Submission) -> str | None:
        if self._results is None:
            return None
        return self._results.url(submission.upload, submission.options["num_attempts"])

    def _said_no(self, response: httpx.Response) -> None:
        """A 4xx with words of Plum's own is judged by them."""
        if response.status_code not in BY_STATUS:
            with _answering(response):
                self._answers.refused(response.content)

    def find(self, _list_name: str) -> list[Found]:
        _cannot_look()

    def status(self, _place: Place) -> Found | None:
        _cannot_look()

    def contacts(self, _reference: str) -> Iterator[pl.DataFrame]:
        _cannot_look()

    def tasks(self, _place: Place) -> Iterator[pl.DataFrame]:
        _cannot_look()

    def tallies(self, _place: Place) -> dict[str, int] | None:
        return None

    def stop(self, _place: Place) -> None:
        text = "Plum Voice cannot be told by a program to stop a campaign; stop it in its campaign manager."
        raise Refused("cannot_stop", text)

    def start(self, _step: str, _place: Place) -> str | None:
        raise Refused("cannot_start", "A campaign at Plum Voice starts by itself; look at it in its campaign manager.")

    def account(self) -> Account | None:
        """Nothing can be asked of Plum that calls nobody: a wrong PIN shows with a campaign, and waits for a person."""
        return None

    def close(self) -> None:
        self._client.close()


@contextmanager
def _answering(response: httpx.Response) -> Iterator[None]:
    """What an answer proves came with its status."""
    try:
        yield
    except ProviderError as verdict:
        verdict.http_status = response.status_code
        raise


def _cannot_look() -> NoReturn:
    raise Refused("cannot_look", "Plum Voice shows no campaign to a program; look into its campaign manager.")
