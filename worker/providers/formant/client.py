"""The HTTP client of one account at Formant AI. A 5xx may hide something stored, and its words say what went wrong."""

from functools import partial

import httpx

from worker.errors import Unknown
from worker.providers.base import Pace
from worker.providers.formant import verdicts
from worker.providers.http import Client


class Worded(Client):
    """Keeps the provider's words in every error, less numbers and the account's key."""

    def __init__(self, base_url: str, key: str, pace: Pace | None = None) -> None:
        super().__init__(base_url, partial(verdicts.raise_error, key=key), pace)
        self._key = key

    def _judge(self, response: httpx.Response) -> None:
        try:
            super()._judge(response)
        except Unknown as error:
            words = verdicts.words_of(response, self._key) if response.status_code >= 500 else None
            if words is None:
                raise
            text = f"{error.message} Formant AI: {words}"
            raise Unknown(error.code, text, http_status=error.http_status) from None
