"""The operator of a round. He knows the truth, since he may look into the provider's ledger, and decides by it."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Literal

from tests.chaos.given import Given
from tests.chaos.judges import ENDED, adds_up
from tests.chaos.members import members
from tests.house import House
from worker import control, review
from worker.errors import InputError, ProviderError, StagingError

LIES_THERE = ("nothing_missing", "lies_there")
WAITS = ("late", "rejects", "pilot")
LONGEST = timedelta(hours=80)  # the last call, and the two days in which outcomes are asked for
STEPS = (30.0, 1800.0)  # seconds that the clock is turned by, at first and at most


class Stuck(Exception):
    """It did not come to rest; the message says how it stands."""


class Person:
    """`asked` counts the contacts about whom he was asked, of each code."""

    def __init__(self, house: House, given: Sequence[Given], dice: Random) -> None:
        self.house = house
        self.given = given
        self.asked: dict[tuple[int, int], tuple[str, int]] = {}
        self._dice = dice

    @property
    def in_review(self) -> int:
        return sum(rows for _, rows in self.asked.values())

    @property
    def reasons(self) -> set[str]:
        return {code for code, _ in self.asked.values()}

    def attend(self) -> None:
        """Answer what is asked of him at this moment."""
        for one in self.given:
            state, blocked = self.house.sql("SELECT state, blocked FROM upload WHERE ulid = :u", u=one.ulid)[0]
            if state == "paused" or (state == "blocked" and blocked in WAITS):
                self._resume(one)
        query = """
            SELECT u.ulid, u.state, c.id, c.seq, c.attempts, c.code, c.rows, c.index_digest
            FROM chunk c JOIN upload u ON u.id = c.upload_id WHERE c.state = 'review' ORDER BY c.id
        """
        for ulid, state, chunk, seq, attempts, code, rows, digest in self.house.sql(query):
            self.asked[chunk, attempts] = (code, rows)
            self._decide(ulid, seq, digest, cancelled=state == "cancelled")

    def _resume(self, one: Given) -> None:
        try:
            control.resume(self.house.ctx, one.ulid, "anna", accept_rejects=True, accept_pilot=True)
        except (InputError, StagingError):
            return
        one.decided_at.append(self.house.now)

    def _decide(self, ulid: str, seq: int, digest: str, *, cancelled: bool) -> None:
        """What lies at the provider is accepted; the rest is sent again, or given up."""
        there = {line["uuid"] for line in self.house.provider.contacts}
        found = [f"{ulid}:{row}" in there for row in members(Path(self.house.ctx.settings.home), digest)]
        decision: Literal["accept", "resend", "give_up"] = "accept" if all(found) else "resend"
        if not any(found) and (cancelled or self._dice.random() < 0.3):
            decision = "give_up"
        elif cancelled:
            decision = "accept"
        try:
            review.decide(self.house.ctx, ulid, seq, decision, "anna", "as the ledger says")
        except (InputError, ProviderError, StagingError) as error:
            if error.code not in LIES_THERE or not self._accepts(ulid, seq):
                return  # it is too early, or the provider does not answer: he comes again
        for one in self.given:
            if one.ulid == ulid:
                one.decided_at.append(self.house.now)

    def _accepts(self, ulid: str, seq: int) -> bool:
        """It lies in a list that was not started yet, so the ledger has nobody of it."""
        try:
            review.decide(self.house.ctx, ulid, seq, "accept", "anna", "as the list shows")
        except (InputError, ProviderError, StagingError):
            return False
        return True

    def see_it_through(self, longest: timedelta = LONGEST) -> list[str]:
        """Until everything has ended; returns what was wrong on the way. Raises Stuck."""
        house, step, end, wrong = self.house, STEPS[0], self.house.now + longest, set[str]()
        before: object = None
        while any(row[0] is None or row[1] not in ENDED for row in house.sql("SELECT ended_at, state FROM upload")):
            if house.now > end:
                raise Stuck(f"after {longest} it still stands: {self._standing()}; {self._why()}")
            house.work()
            wrong.update(adds_up(house))
            self.attend()
            now = self._standing()
            step = STEPS[0] if now != before else min(step * 1.5, STEPS[1])
            before = now
            house.turn(step)
        return sorted(wrong)

    def _why(self) -> object:
        """What there is to be said about what goes on no more."""
        queries = (
            "SELECT id, account, state, blocked, message FROM upload WHERE ended_at IS NULL",
            "SELECT upload_id, seq, state, code, not_after, retry_at, check_at, uncompared_since FROM chunk "
            "WHERE state NOT IN ('finished', 'cancelled', 'refused', 'skipped')",
            "SELECT upload_id, state, held, stop_wanted, steer_at, next_poll_at, deadline_at FROM call_list "
            "WHERE state <> 'finished'",
            "SELECT upload_id, row, state, message FROM withdrawal WHERE state = 'wanted'",
            "SELECT account, blocked, message, probe_at, throttled_until, compare_at FROM gate",
        )
        return [[tuple(str(cell) for cell in row) for row in self.house.sql(query)] for query in queries]

    def _standing(self) -> object:
        uploads = self.house.sql("SELECT state, blocked, code FROM upload ORDER BY id")
        chunks = self.house.sql("SELECT state, code, count(*) FROM chunk GROUP BY state, code ORDER BY state, code")
        lists = self.house.sql("SELECT state, count(*) FROM call_list GROUP BY state ORDER BY state")
        outcomes = self.house.sql("SELECT terminal, count(*) FROM outcome GROUP BY terminal ORDER BY terminal")
        return [[tuple(row) for row in table] for table in (uploads, chunks, lists, outcomes)]
