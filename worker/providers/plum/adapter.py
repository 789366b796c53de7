"""The adapter: queuecalls, the one request there is. A campaign at Plum can neither be looked up nor stopped by us."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from worker.errors import ProviderError
from worker.providers.at_once import AtOnce
from worker.providers.base import Accepted, Account, Capabilities, Found, Inbox, Pace, Place, Submission
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
    name_limit=NAME_LIMIT,
    roles={"Sender login and PIN": "queue campaigns; ask Plum's account management for a PIN"},
)
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


class Plum(AtOnce):
    """One account at Plum Voice."""

    label, unit, desk = "Plum Voice", "campaign", "its campaign manager"
    to_stop = "stop it in its campaign manager"

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
        self.check_new(submission)
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
        self.cannot_look()

    def status(self, _place: Place) -> Found | None:
        self.cannot_look()

    def tallies(self, _place: Place) -> dict[str, int] | None:
        return None

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
