"""What a callback proves of a chunk that nobody could be asked about, or that was taken for not sent."""

from datetime import timedelta
from typing import Any

import pytest

from schedules import sweep
from tests.chaos.crash_points import in_doubt, list_id
from tests.house import FLOWS, House
from tests.letters import Letters, letter, signed
from worker import heard, reconcile, review
from worker.errors import InputError
from worker.providers.base import Inbound
from worker.reconcile import Doubt, Seen
from worker.states import ChunkState
from worker.store import callbacks, chunks, claims, lists, uploads
from worker.store.callbacks import Arrival

PLUM, SANDBOX = "plum", "sandbox"


def hear(house: House, account: str, *letters: bytes) -> None:
    """Letters arrive, are stored as the door does it, and applied."""
    house.ctx.provider(account).inbox = Letters()
    for body in letters:
        headers = {name.lower(): value for name, value in signed(body).items()}
        event = Letters().receive(Inbound(("letters",), headers, body, at=0))
        with house.ctx.db.write() as session:
            callbacks.keep(session, [Arrival(account, event.id, event.upload, event.body)], house.ctx.db.now(session))
    heard.apply(house.ctx, account)


def chunk_states(house: House) -> list[tuple[str, str | None]]:
    return [(row[0], row[1]) for row in house.sql("SELECT state, code FROM chunk ORDER BY seq")]


def unanswered(house: House, rows: int = 150) -> str:
    """Two chunks at Plum, a list each; both requests were stored, not answered, and nothing is called back yet."""
    house.provider.faults({"fault": "accept_then_hang_up", "share": 1, "methods": ["queuecalls"], "times": 2})
    ulid = house.upload(rows, account=PLUM)
    house.run(ulid, until=lambda _: chunk_states(house) == [("review", "cannot_look")] * 2, step=5)
    house.lose_bells()
    return ulid


def test_a_callback_settles_a_chunk_that_nobody_could_be_asked_about(house: House) -> None:
    ulid = unanswered(house)
    hear(house, PLUM, letter("a", f"{ulid}:7"))
    assert chunk_states(house) == [("accepted", None), ("review", "cannot_look")]
    [(number, name, reference, until)] = house.sql(
        "SELECT number, name, reference, deadline_at FROM call_list WHERE reference IS NOT NULL"
    )
    assert (number, reference) == (1, name)
    assert until is not None
    assert house.sql("SELECT result, who FROM attempt WHERE step = 'heard'") == [("found", "callback")]
    assert house.status(ulid)["rows"]["accepted"] == 100
    hear(house, PLUM, letter("b", f"{ulid}:150"), letter("c", f"{ulid}:8"))
    assert chunk_states(house) == [("accepted", None)] * 2
    assert "needs_person" not in house.status(ulid)
    assert house.provider.ledger["called_twice"] == 0


@pytest.mark.parametrize("code", ["in_part", "short_count", "absent"])
def test_it_settles_nothing_that_was_seen(house: House, code: str) -> None:
    ulid = unanswered(house)
    with house.ctx.db.write() as session:
        for chunk in chunks.of_upload(session, 1, *ChunkState):
            chunk.code = code
            session.add(chunk)
    hear(house, PLUM, letter("a", f"{ulid}:7"))
    assert chunk_states(house) == [("review", code)] * 2
    assert house.sql("SELECT count(*) FROM outcome") == [(1,)]


def test_a_provider_that_can_be_asked_is_asked(house: House) -> None:
    ulid = in_doubt("CreateCallList")(house).ulid
    with house.ctx.db.write() as session:
        chunk = chunks.claim_check(session, list_id(house), house.now, 60)
        assert chunk is not None
        assert chunks.ask_unknown(session, chunk, chunks.UNSEEN, "It refuses to show the list.", {})
    hear(house, SANDBOX, letter("a", f"{ulid}:7"))
    assert chunk_states(house)[0] == ("review", "cannot_look")


def test_a_callback_that_comes_while_we_look_is_not_lost(house: House) -> None:
    """It was applied after we had read the outcomes and before the chunk went to a person."""
    house.provider.faults({"fault": "accept_then_hang_up", "share": 1, "methods": ["queuecalls"], "times": 1})
    ulid = house.upload(50, account=PLUM)
    house.run(ulid, until=lambda s: s["rows"]["unknown"] == 50, step=0.01)
    house.turn(house.account.http_deadline + 1)
    with house.ctx.db.write() as session:
        chunk = chunks.claim_check(session, list_id(house), house.now, 60)
        call_list, upload = lists.get(session, list_id(house)), uploads.by_ulid(session, ulid)
    assert chunk is not None
    assert call_list is not None
    assert upload is not None
    hear(house, PLUM, letter("a", f"{ulid}:7"))
    with house.ctx.db.write() as session:
        uploads.lock(session, upload.id)
        doubt = Doubt(upload, call_list, chunk, house.now)
        assert reconcile._settle(house.ctx, session, doubt, Seen(blind=True), house.now) == "found"
    assert chunk_states(house) == [("accepted", None)]


def requests(house: House) -> int:
    return int(house.provider.ledger["requests"])


def test_what_was_taken_for_absent_and_is_told_of_is_not_sent_again(house: House) -> None:
    ulid = in_doubt("CreateCallList")(house).ulid
    with house.ctx.db.write() as session:
        chunk = chunks.claim_check(session, list_id(house), house.now, 60)
        assert chunk is not None
        assert chunks.absent(session, chunk)
    house.lose_bells()
    hear(house, SANDBOX, letter("never sent", f"{ulid}:101"))
    assert chunk_states(house)[0][0] == "ready"
    hear(house, SANDBOX, letter("sent", f"{ulid}:7"))
    assert chunk_states(house)[0] == ("review", "heard_after_absent")
    assert house.sql("SELECT result, code, who FROM attempt WHERE step = 'heard'") == [
        ("review", "heard_after_absent", "callback")
    ]
    for _ in range(20):
        house.turn(5)
        house.work()
    assert house.provider.ledger["contacts"] == 100
    assert house.provider.ledger["called_twice"] == 0
    assert "in doubt" in house.status(ulid)["needs_person"]


def test_what_is_told_of_is_never_taken_for_absent(house: House) -> None:
    """The callback came first, and then the provider showed nothing, twice."""
    house.hurry()
    house.provider.faults({"fault": "no_answer", "share": 1, "methods": ["CreateCallList"], "times": 1})
    ulid = house.upload(50)
    house.run(ulid, until=lambda s: s["rows"]["unknown"] == 50, step=0.01)
    hear(house, SANDBOX, letter("a", f"{ulid}:7"))
    for _ in range(10):
        house.turn(5)
        house.work()
    assert chunk_states(house) == [("review", "heard_after_absent")]
    assert house.provider.ledger["contacts"] == 0


def test_what_was_told_of_and_is_not_found_by_its_name_cannot_be_sent_again(house: House) -> None:
    """Its contacts are called and its list is not shown: a second one would call them again."""
    hidden = {"fault": "late_visible", "share": 1, "methods": ["batch-call"], "seconds": 10**7}
    house.provider.faults(hidden, {"fault": "accept_then_hang_up", "share": 1, "methods": ["batch-call"], "times": 1})
    ulid = house.upload(50, account="formant")
    house.run(ulid, until=lambda s: s["rows"]["unknown"] == 50, step=0.01)
    hear(house, "formant", letter("a", f"{ulid}:7"))
    house.run(ulid, until=lambda s: "needs_person" in s, step=10)
    assert chunk_states(house) == [("review", "heard_after_absent")]
    house.turn(3600)
    with pytest.raises(InputError) as raised:
        review.decide(house.ctx, ulid, 1, "resend", "anna", "it is not there")
    assert raised.value.code == "nothing_missing"
    review.decide(house.ctx, ulid, 1, "accept", "anna", "they are called")
    status = house.finish(ulid, step=3600, limit=30 * 24 * 3600)
    assert status["rows"]["accepted"] == sum(status["outcomes"].values()) == 50
    assert house.provider.ledger["contacts"] == 50


def test_what_is_told_of_while_a_person_decides_is_not_sent_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ulid, look = unanswered(house), review._look

    def looking(*args: Any) -> review.Evidence:
        evidence = look(*args)
        hear(house, PLUM, letter("a", f"{ulid}:7"))
        return evidence

    with house.ctx.db.write() as session:
        chunk = chunks.of_upload(session, 1, *ChunkState)[0]
        chunk.code = "absent"  # so that a callback does not settle it
        session.add(chunk)
    monkeypatch.setattr(review, "_look", looking)
    with pytest.raises(InputError, match="has just told of contacts"):
        review.decide(house.ctx, ulid, 1, "resend", "anna", "nobody answers")
    assert chunk_states(house)[0] == ("review", "absent")


def test_a_claimed_chunk_is_left_to_its_worker(house: House) -> None:
    ulid = house.upload(50)
    FLOWS["ingest"](house.ctx, ulid)
    with house.ctx.db.write() as session:
        run = lists.claim_run(session, list_id(house), house.now, 60)
        assert run is not None
        locked = uploads.hold(session, run.upload_id)
        assert claims.claim(session, locked, run, house.now, lease=60, deadline=5) is not None
    hear(house, SANDBOX, letter("a", f"{ulid}:7"))
    assert chunk_states(house) == [("claimed", None)]


def test_old_callbacks_go_a_few_at_a_time_and_new_ones_stay(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "FORGOTTEN", 2)
    ulid = house.upload(50)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 50, step=0.01)
    hear(house, SANDBOX, *(letter(str(row), f"{ulid}:{row}") for row in range(1, 4)), letter("nobody's", "word"))
    house.now += house.ctx.settings.callback_days * timedelta(days=1)
    with house.ctx.db.write() as session:
        callbacks.keep(session, [Arrival("plum", "waits", None, "{}")], house.now - timedelta(days=99))
        callbacks.keep(session, [Arrival(SANDBOX, "young", None, '{"uuid": null}')], house.now)
    heard.apply(house.ctx, SANDBOX)
    house.ctx.settings.timing.sweep_slice = 1e-9
    kept = []
    for seconds in (-1, 2, 0, 0):
        house.now += timedelta(seconds=seconds)
        sweep.sweep_for_a_while(house.ctx)
        kept.append(house.sql("SELECT count(*) FROM callback")[0][0])
    assert kept == [6, 4, 2, 2]
    assert set(house.sql("SELECT external_id, state FROM callback")) == {("waits", "new"), ("young", "ignored")}
