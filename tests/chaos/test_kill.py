"""Workers that are killed or frozen at every event there is: nobody is called twice, and nobody is lost."""

import ast
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from schedules.sweep import sweep
from tests.chaos.bell_worker import ROOT
from tests.chaos.crash_points import (
    ELSEWHERE,
    LEASE,
    ROWS,
    SENDING,
    Bell,
    CrashPoint,
    dialing,
    in_doubt,
    received,
    taken_in,
)
from tests.chaos.dying_worker import Strike, dies, frozen
from tests.house import FLOWS, House, adds_up
from tests.patience import until

READ_LEASE = 240.0  # reconcile and collect hold what they look at for as long as one read may take, and a lease
FROZEN = (Strike("submit.sending", blow=signal.SIGSTOP), Strike("submit.answered", blow=signal.SIGSTOP))
IN_TESTS_BELOW = {"ingest.lost", "ingest.failed", "submit.late_answer"}
OF_RETENTION = {"prune.marked", "prune.emptied", "prune.removed", "forget.asked", "forget.erased", "forget.done"}


def emitted() -> Iterator[str]:
    """The events that the code emits, read from its source. A name made of parts ends in a star."""
    for package in ("worker", "schedules", "tasks"):
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "telemetry.emit":
                    yield event_name(node.args[0])


def event_name(told: ast.expr) -> str:
    parts = told.values if isinstance(told, ast.JoinedStr) else [told]
    return "".join(part.value if isinstance(part, ast.Constant) else "*" for part in parts)  # type: ignore[misc]


def test_every_event_is_a_crash_point() -> None:
    tried = {point.event for point in SENDING + ELSEWHERE} | IN_TESTS_BELOW | OF_RETENTION
    assert tried == set(emitted())


def accounted_for(house: House) -> bool:
    """Promise one, in SQL: the rows of an upload are those that intake turned away and those in its chunks."""
    query = """
        SELECT u.total, u.rejected + u.duplicate + u.suppressed + coalesce(sum(c.rows), 0)
        FROM upload u LEFT JOIN chunk c ON c.upload_id = u.id GROUP BY u.id
    """
    return all(total == parts for total, parts in house.sql(query))


def go_on_until_it_ends(house: House, ulid: str) -> dict[str, Any]:
    def ended(status: dict[str, Any]) -> bool:
        assert accounted_for(house)
        assert adds_up(status)
        return status["state"] in ("finished", "failed")

    status: dict[str, Any] = house.run(ulid, until=ended, step=20, limit=4 * 3600)
    return status


def everybody_was_accepted_once(house: House, status: dict[str, Any], rows: int = ROWS, withdrawn: int = 0) -> None:
    assert status["state"] == "finished"
    counted = {"total": rows + withdrawn, "accepted": rows, "suppressed": withdrawn}
    assert status["rows"] == {**dict.fromkeys(status["rows"], 0), **counted}
    assert sum(status["outcomes"].values()) == rows
    assert "pending" not in status["outcomes"]
    times = Counter(contact["number"] for contact in house.provider.contacts)
    assert len(times) == rows
    assert set(times.values()) == {1}
    assert house.provider.ledger["called_twice"] == 0


def survives(house: House, point: CrashPoint) -> None:
    ulid, flow, key = point.prepare(house)
    dies(house, flow, key, point.event, point.nth)
    ulid = ulid or house.sql("SELECT ulid FROM upload")[0][0]
    assert accounted_for(house)
    assert adds_up(house.status(ulid))
    house.lose_bells()
    point.afterwards(house, ulid)
    house.turn(LEASE)
    everybody_was_accepted_once(house, go_on_until_it_ends(house, ulid), point.rows, point.withdrawn)


@pytest.mark.parametrize("point", SENDING, ids=str)
def test_a_worker_dies_while_it_sends(house: House, point: CrashPoint) -> None:
    survives(house, point)


@pytest.mark.parametrize("point", ELSEWHERE, ids=str)
def test_a_worker_dies_elsewhere(small_house: House, point: CrashPoint) -> None:
    survives(small_house, point)


def journal(house: House) -> list[str]:
    """What came of each request and each look, first to last."""
    query = "SELECT result FROM attempt WHERE step IN ('create', 'append', 'look') ORDER BY id"
    return [row[0] for row in house.sql(query)]


def test_what_was_not_sent_is_sent_again_only_after_its_absence_is_proved(house: House) -> None:
    ulid, flow, key = taken_in(house)
    dies(house, flow, key, "submit.sending")
    assert house.provider.ledger["contacts"] == 0
    house.turn(LEASE)
    everybody_was_accepted_once(house, go_on_until_it_ends(house, ulid))
    found = journal(house)
    assert found[:3] == [None, "not_seen", "absent"]
    assert found.count("absent") == 1


def test_what_was_sent_is_found_and_not_sent_again(house: House) -> None:
    ulid, flow, key = taken_in(house)
    dies(house, flow, key, "submit.answered")
    assert house.provider.ledger["contacts"] == 100
    house.turn(LEASE)
    everybody_was_accepted_once(house, go_on_until_it_ends(house, ulid))
    assert journal(house)[:2] == [None, "found"]


def test_a_chunk_that_keeps_killing_its_worker_waits_for_a_person(small_house: House) -> None:
    house = small_house
    ulid, flow, key = taken_in(house)
    for _ in range(house.ctx.settings.max_deaths):
        dies(house, flow, key, "submit.sending")
        house.turn(LEASE)
        sweep(house.ctx)
        FLOWS["reconcile"](house.ctx, key)
        house.turn(house.account.settle + 1)
        FLOWS["reconcile"](house.ctx, key)
        house.lose_bells()
    house.work()
    assert house.sql("SELECT state, code FROM chunk ORDER BY seq")[0] == ("review", "kept_dying")
    status = house.status(ulid)
    assert status["rows"]["unknown"] == 100
    assert status["rows"]["waiting"] == 150  # a create that may have arrived holds its list
    assert "rollcall review" in status["needs_person"]
    assert house.provider.ledger["contacts"] == 0


def test_a_file_that_keeps_killing_its_reader_fails_and_sends_nothing(small_house: House) -> None:
    house = small_house
    ulid, flow, key = received(house)
    for event in ["ingest.claimed"] * house.ctx.settings.max_deaths + ["ingest.failed"]:
        dies(house, flow, key, event)
        house.turn(LEASE)
    status = go_on_until_it_ends(house, ulid)
    assert (status["state"], status["code"]) == ("failed", "intake_kept_dying")
    assert house.provider.ledger["contacts"] == 0


@pytest.mark.parametrize("strike", FROZEN, ids=lambda strike: str(strike.event))
def test_a_worker_that_thaws_after_its_lease_finds_its_claim_gone(house: House, strike: Strike) -> None:
    house.hurry()
    ulid, flow, key = taken_in(house)
    with frozen(house, flow, key, strike) as worker:
        began = time.monotonic()
        house.turn(LEASE)
        everybody_was_accepted_once(house, go_on_until_it_ends(house, ulid))
        until(lambda: time.monotonic() > began + house.account.http_deadline)  # real time: the socket's own
        chunks = house.sql("SELECT seq, state, token, settled_at FROM chunk ORDER BY seq")
        requests = house.provider.ledger["requests"]
        worker.tell_time(house)
        worker.thaw()
        assert worker.ended() == 0
    assert house.provider.ledger["requests"] == requests
    assert house.sql("SELECT seq, state, token, settled_at FROM chunk ORDER BY seq") == chunks
    everybody_was_accepted_once(house, house.status(ulid))
    late = house.sql("SELECT result, code FROM attempt WHERE step = 'create' ORDER BY id")[0]
    assert tuple(late) == (("NotSent", "deadline_passed") if strike.event == "submit.sending" else ("Accepted", None))


def test_a_worker_that_thaws_and_dies_with_its_late_answer_changes_nothing(house: House) -> None:
    ulid, flow, key = taken_in(house)
    strikes = (Strike("submit.answered", blow=signal.SIGSTOP), Strike("submit.late_answer"))
    with frozen(house, flow, key, *strikes) as worker:
        house.turn(LEASE)
        sweep(house.ctx)
        worker.tell_time(house)
        worker.thaw()
        assert worker.ended() == -signal.SIGKILL
    everybody_was_accepted_once(house, go_on_until_it_ends(house, ulid))
    assert journal(house)[:2] == [None, "found"]


def test_a_reader_that_thaws_after_another_has_read_the_file_gives_up(small_house: House) -> None:
    house = small_house
    ulid, flow, key = received(house)
    with frozen(house, flow, key, Strike("ingest.claimed", blow=signal.SIGSTOP), Strike("ingest.lost")) as worker:
        house.turn(LEASE)
        everybody_was_accepted_once(house, go_on_until_it_ends(house, ulid))
        worker.tell_time(house)
        worker.thaw()
        assert worker.ended() == -signal.SIGKILL  # it came to ingest.lost
    everybody_was_accepted_once(house, house.status(ulid))


@pytest.mark.parametrize(
    ("prepare", "event"),
    [(in_doubt("CreateCallList"), "reconcile.looking"), (dialing, "collect.asking")],
    ids=["who looks", "who asks"],
)
def test_a_worker_that_thaws_after_others_have_looked_changes_nothing(
    small_house: House, prepare: Callable[[House], Bell], event: str
) -> None:
    house = small_house
    ulid, flow, key = prepare(house)
    with frozen(house, flow, key, Strike(event, blow=signal.SIGSTOP)) as worker:
        house.turn(READ_LEASE)
        everybody_was_accepted_once(house, go_on_until_it_ends(house, ulid))
        worker.tell_time(house)
        worker.thaw()
        assert worker.ended() == 0
    everybody_was_accepted_once(house, house.status(ulid))
