"""One claim admits one worker, and who lost it settles nothing."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from tests.house import House
from worker import submit
from worker.errors import NotSent, Refused, Unknown
from worker.models import CallList, Chunk, Upload
from worker.providers.base import Accepted
from worker.states import CHUNK_ARROWS, ChunkState
from worker.store import arrows, chunks, lists, uploads
from worker.submit import Answer, Claimed


def taken_in(house: House, rows: int = 250) -> tuple[Upload, CallList]:
    """An upload whose file was read, with its list claimed by us."""
    ulid = house.upload(rows)
    house.bells.clear()
    from worker.ingest import ingest

    ingest(house.ctx, ulid)
    house.bells.clear()
    with house.ctx.db.write() as session:
        upload = uploads.by_ulid(session, ulid)
        assert upload is not None
        call_list = lists.claim_run(session, lists.of_upload(session, upload.id)[0].id, house.now, 60)
    assert call_list is not None
    return upload, call_list


def claim(house: House, upload: Upload, call_list: CallList) -> Claimed:
    claimed = submit._claim(house.ctx, upload, call_list)
    assert claimed is not None
    return claimed


def settle(house: House, claimed: Claimed, answer: Answer) -> None:
    with house.ctx.db.write() as session:
        uploads.hold(session, claimed.upload.id)
        submit._move(house.ctx, session, claimed, answer, house.now)


def states(house: House) -> list[str]:
    return [row[0] for row in house.sql("SELECT state FROM chunk ORDER BY seq")]


def test_a_second_chunk_of_a_list_is_not_claimed_while_one_is_in_flight(house: House) -> None:
    upload, call_list = taken_in(house)
    claim(house, upload, call_list)
    assert submit._claim(house.ctx, upload, call_list) is None
    assert states(house) == ["claimed", "ready", "ready"]


def test_the_database_itself_refuses_a_second_chunk_in_flight(house: House) -> None:
    upload, call_list = taken_in(house)
    claim(house, upload, call_list)
    with pytest.raises(IntegrityError), house.ctx.db.write() as session:
        arrows.change(
            session,
            Chunk,
            col(Chunk.seq) == 2,
            state="claimed",
            token=arrows.new_token(),
            lease_until=house.now,
        )


def test_nothing_is_claimed_while_something_is_in_doubt(house: House) -> None:
    upload, call_list = taken_in(house)
    settle(house, claim(house, upload, call_list), Unknown("read_timeout", "It may have arrived."))
    assert submit._claim(house.ctx, upload, call_list) is None
    assert states(house) == ["unknown", "ready", "ready"]


@pytest.mark.parametrize("answer", [NotSent("connect_failed", "Not sent."), Refused("no", "No."), Accepted("77", 100)])
def test_who_lost_the_claim_settles_nothing(house: House, answer: Answer) -> None:
    upload, call_list = taken_in(house)
    late = claim(house, upload, call_list)
    house.now = house.now.replace(hour=house.now.hour + 1)
    with house.ctx.db.write() as session:
        assert chunks.doubt_expired(session, upload.id, house.now) == 1
    settle(house, late, answer)
    assert states(house) == ["unknown", "ready", "ready"]
    assert house.sql("SELECT reference FROM call_list") == [(None,)]
    assert house.sql("SELECT result FROM attempt WHERE step = 'create'")[0][0] == type(answer).__name__


def test_a_thawed_worker_does_not_free_the_claim_of_another(house: House) -> None:
    """A's lease ends, the chunk is proved absent, B claims it; then A wakes and says that it was not sent."""
    upload, call_list = taken_in(house)
    a = claim(house, upload, call_list)
    house.now = house.now.replace(hour=house.now.hour + 1)
    with house.ctx.db.write() as session:
        chunks.doubt_expired(session, upload.id, house.now)
        looked = chunks.claim_check(session, call_list.id, house.now, 60)
        assert looked is not None
        assert chunks.absent(session, looked)
        session.connection().exec_driver_sql("UPDATE chunk SET not_after = '2040-01-01 00:00:00'")
        again = lists.claim_run(session, call_list.id, house.now, 60)
    assert again is not None
    b = claim(house, upload, again)
    settle(house, a, NotSent("connect_failed", "Not sent."))
    assert states(house) == ["claimed", "ready", "ready"]
    settle(house, b, Accepted("77", 100))
    assert states(house) == ["accepted", "ready", "ready"]


def test_an_answer_from_another_list_is_a_matter_for_a_person(house: House) -> None:
    upload, call_list = taken_in(house)
    settle(house, claim(house, upload, call_list), Accepted("77", 100))
    settle(house, claim(house, upload, call_list), Accepted("78", 100))
    assert states(house) == ["accepted", "review", "ready"]


def test_a_dead_runner_is_replaced_and_a_living_one_is_not(house: House) -> None:
    _, call_list = taken_in(house)
    with house.ctx.db.write() as session:
        assert lists.claim_run(session, call_list.id, house.now, 60) is None
        later = house.now.replace(hour=house.now.hour + 1)
        assert lists.claim_run(session, call_list.id, later, 60) is not None


def test_many_workers_on_one_list_send_each_chunk_once(house: House) -> None:
    ulid = house.upload(1000)
    house.work()
    house.bells.clear()
    list_id = house.sql("SELECT id FROM call_list")[0][0]
    workers = [threading.Thread(target=submit.run_list, args=(house.ctx, list_id)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert house.finish(ulid)["rows"]["accepted"] == 1000
    assert house.provider.ledger["called_twice"] == 0


def test_every_arrow_out_of_claimed_needs_the_token(house: House) -> None:
    upload, call_list = taken_in(house)
    claimed = claim(house, upload, call_list)
    stranger = replace(claimed, chunk=claimed.chunk.model_copy(update={"token": arrows.new_token()}))
    for answer in (Accepted("77", 100), Refused("no", "No."), NotSent("x", "x", fault=True), Unknown("x", "x")):
        settle(house, stranger, answer)
        assert states(house)[0] == "claimed"
    out = {name for name, (sources, _) in CHUNK_ARROWS.items() if ChunkState.CLAIMED in sources}
    assert out == {"give_back", "accept", "refuse", "doubt", "doubt_expired", "ask"}
