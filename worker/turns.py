"""An account's turns to send, as its HTTP client asks for them."""

import threading
import time

from worker.errors import Throttled
from worker.rates import Rates

AGAIN = 1.0  # seconds after which somebody who got no turn asks again


class Turns:
    """Waits for the account's turn, for half of a request's time at most: the rest is for the request itself.

    A request that was begun late would end in doubt, and one that was not begun does not.
    """

    def __init__(self, rates: Rates, account: str, per_second: float | None, stopping: threading.Event) -> None:
        self._rates = rates
        self._account = account
        self._per_second = per_second
        self._stopping = stopping

    def __call__(self, deadline: float) -> None:
        """Raises Throttled `no_turn`: nothing was sent."""
        now = time.monotonic()
        if not self._rates.wait(self._account, self._per_second, now + (deadline - now) / 2, self._stopping):
            text = f"The account {self._account} had no turn to send in time; it is tried again."
            raise Throttled("no_turn", text, retry_after=AGAIN)

    def hold(self, seconds: float) -> None:
        """The provider said when to come again: nobody of the account sends before."""
        self._rates.hold(self._account, seconds)
