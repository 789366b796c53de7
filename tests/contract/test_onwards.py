"""From one chunk of a list to the next: one commit proves that the one was accepted and that the other is sent."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlmodel import col

from tests.contract.test_faults import APPEND
from tests.contract.test_interleaved import at
from tests.house import FLOWS, House
from worker import control, ingest
from worker.errors import StagingError, Unavailable
from worker.models import Chunk
from worker.payloads import Payloads
from worker.states import ChunkState
from worker.store import chunks, claims, gates, uploads
from worker.store.arrows import change


def taken_in(house: House, rows: int = 250, **job: Any) -> int:
    """An upload whose file was read; the id of its list."""
    ulid = house.upload(rows, **job)
    ingest.ingest(house.ctx, ulid)
    house.bells.clear()
    return int(house.sql("SELECT max(id) FROM call_list")[0][0])


def states(house: House) -> list[str]:
    return [row[0] for row in house.sql("SELECT state FROM chunk ORDER BY seq")]


def under_way(house: House) -> list[tuple[int, str]]:
    """What the journal says is being sent: the number of each chunk, and the step."""
    lines = "SELECT seq, step FROM attempt a JOIN chunk c ON c.id = a.chunk_id WHERE a.ended_at IS NULL ORDER BY seq"
    return [tuple(row) for row in house.sql(lines)]


def after_the_first(house: House, list_id: int) -> tuple[list[str], list[tuple[int, str]]]:
    """What others see once the first chunk is settled, while the list goes on."""
    seen: list[tuple[list[str], list[tuple[int, str]]]] = []
    with at("submit.settled", lambda: seen.append((states(house), under_way(house)))):
        FLOWS["submit"](house.ctx, list_id)
    return seen[0]


def test_the_next_chunk_is_claimed_when_one_was_accepted(house: House) -> None:
    list_id = taken_in(house)
    assert after_the_first(house, list_id) == (["accepted", "claimed", "ready"], [(2, "append")])
    assert states(house) == ["accepted"] * 3
    assert house.provider.ledger["called_twice"] == 0


def test_each_chunk_but_the_first_takes_one_commit(house: House) -> None:
    few, many, commits = taken_in(house, 250), taken_in(house, 450), 0

    def committed(_: object) -> None:
        nonlocal commits
        commits += 1

    def send(list_id: int) -> int:
        nonlocal commits
        commits = 0
        FLOWS["submit"](house.ctx, list_id)
        return commits

    event.listen(house.ctx.db.engine, "commit", committed)
    try:
        send(few)  # the account is asked for its balance once
        few = taken_in(house, 250)
        assert send(many) - send(few) == 2
    finally:
        event.remove(house.ctx.db.engine, "commit", committed)
    assert states(house) == ["accepted"] * 11


def test_nothing_is_claimed_when_the_worker_is_to_stop(house: House) -> None:
    list_id = taken_in(house)
    with at("submit.answered", house.ctx.stopping.set):
        assert after_the_first(house, list_id) == (["accepted", "ready", "ready"], [])
    assert states(house) == ["accepted", "ready", "ready"]


def test_nothing_is_claimed_of_an_upload_that_was_paused_meanwhile(house: House) -> None:
    list_id = taken_in(house)
    ulid = house.sql("SELECT ulid FROM upload")[0][0]
    with at("submit.answered", lambda: control.pause(house.ctx, ulid, "anna")):
        assert after_the_first(house, list_id) == (["accepted", "ready", "ready"], [])


def test_with_calling_windows_the_next_chunk_is_looked_at_first(house: House) -> None:
    list_id = taken_in(house, window="09:00-21:00")
    assert after_the_first(house, list_id)[0][1:] == ["ready", "ready"]
    assert states(house) == ["accepted"] * 3


def test_an_answer_after_failures_is_told_before_anything_else_is_sent(house: House) -> None:
    list_id = taken_in(house)
    with house.ctx.db.write() as session:
        gates.get(session, "sandbox")
        gates.strike(session, "sandbox", 1)
    assert after_the_first(house, list_id)[0] == ["accepted", "ready", "ready"]
    assert house.sql("SELECT strikes FROM gate") == [(0,)]
    assert states(house) == ["accepted"] * 3


def test_what_cannot_be_claimed_costs_no_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index refuses a second chunk in flight, and the transaction with it: the answer is written alone then."""
    list_id = taken_in(house)
    ready = update(Chunk).where(col(Chunk.list_id) == list_id, col(Chunk.state) == ChunkState.READY)
    two_at_once = ready.values(state=ChunkState.CLAIMED).returning(Chunk)

    with at("submit.answered", lambda: monkeypatch.setattr(claims, "_claim_next", lambda *_: (two_at_once, {}))):
        assert after_the_first(house, list_id) == (["accepted", "ready", "ready"], [])
    assert house.sql("SELECT result FROM attempt WHERE step = 'create'") == [("Accepted",)]


def test_who_lost_a_claim_claims_nothing_more(house: House) -> None:
    list_id = taken_in(house)

    def give_up() -> None:
        house.turn(house.ctx.settings.timing.lease + 1)
        with house.ctx.db.write() as session:
            assert chunks.doubt_expired(session, uploads.newest(session, 1)[0].id, house.now) == 1

    with at("submit.answered", give_up):
        assert after_the_first(house, list_id) == (["unknown", "ready", "ready"], [])
    assert states(house) == ["unknown", "ready", "ready"]


def test_a_request_that_fails_leaves_the_next_chunk_alone(house: House) -> None:
    list_id = taken_in(house)
    house.provider.faults({"fault": "throttle", "share": 1, "methods": [APPEND], "retry_after": 30})
    FLOWS["submit"](house.ctx, list_id)
    assert states(house) == ["accepted", "ready", "ready"]


class TestPayloads:
    """The next payload is read while one is sent, and nothing else comes of it."""

    def some(self, house: House) -> list[Chunk]:
        taken_in(house, 450)
        with house.ctx.db.read() as session:
            upload = uploads.newest(session, 1)[0]
            return chunks.of_upload(session, upload.id, ChunkState.READY)

    def test_it_is_there_when_its_turn_comes(self, house: House) -> None:
        first, second, third, *_ = self.some(house)
        there = house.ctx.staging.read(third.digest)
        with Payloads(house.ctx) as payloads:
            payloads.read(first, house.now)
            payloads.read(second, house.now)
            assert payloads._ahead is not None
            payloads._ahead.result()
            house.ctx.staging.delete(third.digest)
            assert payloads.read(third, house.now) == there

    def test_a_list_of_one_chunk_is_not_read_on(self, house: House) -> None:
        first, *_ = self.some(house)
        with Payloads(house.ctx) as payloads:
            payloads.read(first, house.now)
            payloads.read(first, house.now)
            assert payloads._ahead is None

    @pytest.mark.parametrize("column", ["not_before", "retry_at"])
    def test_what_is_not_due_is_not_read(self, house: House, column: str) -> None:
        first, second, *rest = self.some(house)
        with house.ctx.db.write() as session:
            later = {column: house.now + timedelta(seconds=1)}
            change(session, Chunk, col(Chunk.seq) > second.seq, not_after=house.now + timedelta(hours=1), **later)
        with Payloads(house.ctx) as payloads:
            payloads.read(first, house.now)
            payloads.read(second, house.now)
            assert payloads._ahead is not None
            assert payloads._ahead.result() is None
            assert payloads.read(rest[0], house.now) == house.ctx.staging.read(rest[0].digest)

    def test_one_that_is_gone_is_missed_when_its_turn_comes(self, house: House) -> None:
        first, second, third, *_ = self.some(house)
        house.ctx.staging.delete(third.digest)
        with Payloads(house.ctx) as payloads:
            payloads.read(first, house.now)
            assert payloads.read(second, house.now) == house.ctx.staging.read(second.digest)
            with pytest.raises(StagingError, match="missing"):
                payloads.read(third, house.now)

    def test_staging_that_is_silent_is_waited_for_once(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        first, second, third, *_ = self.some(house)
        read, asked = house.ctx.staging.read, []

        def silent(digest: str) -> bytes:
            asked.append(digest)
            if digest == third.digest:
                raise Unavailable("staging_unavailable", "It does not answer.")
            return read(digest)

        monkeypatch.setattr(house.ctx.staging, "read", silent)
        with Payloads(house.ctx) as payloads:
            payloads.read(first, house.now)
            payloads.read(second, house.now)
            with pytest.raises(Unavailable, match="does not answer"):
                payloads.read(third, house.now)
            assert asked == [first.digest, second.digest, third.digest]

    def test_a_chunk_that_has_another_payload_now_is_read_anew(self, house: House) -> None:
        first, second, third, *_ = self.some(house)
        with Payloads(house.ctx) as payloads:
            payloads.read(first, house.now)
            payloads.read(second, house.now)
            third.digest = house.ctx.staging.put(b"somebody left\n")
            assert payloads.read(third, house.now) == b"somebody left\n"

    def test_where_no_thread_is_to_be_had_all_is_sent(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        list_id = taken_in(house)

        def none_left(*_: object) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(ThreadPoolExecutor, "submit", none_left)
        FLOWS["submit"](house.ctx, list_id)
        assert states(house) == ["accepted"] * 3
