"""`start = "verified"`: nobody is dialled before the whole list was compared with what was sent."""

from datetime import timedelta

import pytest

from tests.contract.test_control import provider_status
from tests.contract.test_faults import APPEND, CREATE, all_accepted_once, once
from tests.house import START, House, adds_up, some_numbers
from worker import control, review, verify
from worker.errors import InputError


@pytest.fixture
def house(house: House) -> House:
    house.account.start = "verified"
    return house


def test_the_list_dials_only_after_it_was_compared(house: House) -> None:
    ulid = house.upload(250)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 250, step=0.1)
    house.provider.put("/clock", {"advance": 600})
    assert provider_status(house) == ["Canceled"]
    assert house.sql("SELECT held FROM call_list")[0][0]
    all_accepted_once(house, house.finish(ulid))
    results = [row[0] for row in house.sql("SELECT step FROM attempt WHERE step NOT IN ('upload', 'list') ORDER BY id")]
    assert results[-2:] == ["compare", "recover"]


@pytest.mark.parametrize("method", [CREATE, APPEND])
def test_in_doubt_is_settled_before_it_is_compared(house: House, method: str) -> None:
    house.provider.faults(once("accept_then_hang_up", method))
    all_accepted_once(house, house.finish(house.upload(250)))


def test_what_stands_twice_goes_to_a_person_before_anybody_is_called(house: House) -> None:
    ulid = house.upload(250)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 250, step=0.1)
    digest = house.sql("SELECT digest FROM chunk WHERE seq = 1")[0][0]
    reference = house.status(ulid)["lists"][0]["reference"]
    append_again(house, reference, house.ctx.staging.read(digest))
    status = house.run(ulid, until=lambda s: "needs_person" in s, step=1)
    assert status["rows"]["unknown"] == 100
    assert adds_up(status)
    assert provider_status(house) == ["Canceled"]
    control.cancel(house.ctx, ulid, "anna")
    review.decide(house.ctx, ulid, 1, "give_up", "anna", "sent twice by hand")
    for _ in range(5):
        house.turn(60)
        house.work()
    assert house.sql("SELECT ended_at FROM upload")[0][0] is not None
    assert set(house.status(ulid)["outcomes"]) == {"cancelled"}


def append_again(house: House, reference: str, payload: bytes) -> None:
    """Somebody else's hand."""
    response = house.provider.client.post(
        "/platform_api/AppendToCallList",
        params={"list_id": reference, "delimiter": ";"},
        data={"account_id": "1", "api_key": "sandbox"},
        files={"file_content": ("again.csv", payload)},
    )
    assert response.json()["count"] == 100


def test_nobody_is_given_up_who_would_be_called_when_the_list_starts(house: House) -> None:
    ulid = house.upload(250)
    house.provider.faults({"fault": "partial_details", "share": 1})
    house.run(ulid, until=lambda s: "needs_person" in s, step=2)
    doubtful = [seq for (seq,) in house.sql("SELECT seq FROM chunk WHERE state = 'review' ORDER BY seq")]
    for code in ("too_early", "lies_there"):
        for seq in doubtful:
            with pytest.raises(InputError) as raised:
                review.decide(house.ctx, ulid, seq, "give_up", "anna", "leave it")
            assert raised.value.code == code
        house.provider.faults()
    for seq in doubtful:
        review.decide(house.ctx, ulid, seq, "accept", "anna", "they are all there")
    all_accepted_once(house, house.finish(ulid))


def test_what_is_missing_goes_to_a_person_and_may_be_sent(house: House) -> None:
    ulid = house.upload(250)
    house.provider.faults({"fault": "partial_details", "share": 1})
    house.run(ulid, until=lambda s: "needs_person" in s, step=2)
    house.provider.faults()
    for (seq,) in house.sql("SELECT seq FROM chunk WHERE state = 'review'"):
        review.decide(house.ctx, ulid, seq, "accept", "anna", "they are all there now")
    all_accepted_once(house, house.finish(ulid))


def test_who_read_for_too_long_contradicts_nothing(house: House) -> None:
    ulid = house.upload(100)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 100, step=0.1)
    house.now += timedelta(seconds=60)
    (list_id, chunk_id) = house.sql("SELECT list_id, id FROM chunk")[0]
    late = verify._claim(house.ctx, list_id)
    assert late is not None
    house.now += timedelta(seconds=house.ctx.settings.reading_lease + 1)
    verify.verify(house.ctx, list_id)
    verify._contradict(house.ctx, late, {chunk_id: {"reference": late.reference, "missing": 1, "repeated": 1}})
    assert house.sql("SELECT state FROM chunk") == [("accepted",)]


def test_paused_before_it_was_compared_it_stays_stopped(house: House) -> None:
    ulid = house.upload(100)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 100, step=0.1)
    control.pause(house.ctx, ulid, "anna")
    for _ in range(5):
        house.turn(30)
        house.work()
    assert provider_status(house) == ["Canceled"]
    control.resume(house.ctx, ulid, "anna")
    all_accepted_once(house, house.finish(ulid), rows=100)


def test_each_start_has_a_list_of_its_own(house: House) -> None:
    path = house.folder / "starts.csv"
    later = int((START + timedelta(minutes=10)).timestamp())
    numbers = some_numbers(3)
    path.write_text(f"phone,__start_at\n{numbers[0]},\n{numbers[1]},{later}\n{numbers[2]},{later}\n")
    ulid = house.upload(source=path)
    house.run(ulid, until=lambda s: sum(s["outcomes"].values()) >= 1, step=5)
    assert house.now < START + timedelta(minutes=9)
    status = house.finish(ulid, step=20, limit=3600)
    assert [one["rows"] for one in status["lists"]] == [1, 2]
    assert house.provider.ledger["called_twice"] == 0
