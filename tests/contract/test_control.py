"""Pause, resume, cancel and the decisions about a chunk in doubt."""

import contextlib
from datetime import timedelta

import pytest

from tests.contract.test_faults import APPEND, CREATE, all_accepted_once, once
from tests.house import House, adds_up, some_numbers
from worker import control, review
from worker.errors import InputError
from worker.store import progress


def provider_status(house: House) -> list[str]:
    response = house.provider.client.post(
        "/platform_api/GetCallLists", data={"account_id": "1", "api_key": "sandbox", "count": "100"}
    )
    return [one["status"] for one in response.json()["result"]]


def test_a_paused_upload_sends_nothing_and_its_list_is_stopped(house: House) -> None:
    house.provider.put("/outcomes", {"answered": 1.0})
    ulid = house.upload(250)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 250, step=0.1)
    control.pause(house.ctx, ulid, "anna")
    control.pause(house.ctx, ulid, "anna")
    house.work()
    assert provider_status(house) == ["Canceled"]
    house.turn(3600)
    house.work()
    assert house.status(ulid)["state"] == "paused"
    control.resume(house.ctx, ulid, "anna")
    all_accepted_once(house, house.finish(ulid))


def test_paused_before_the_file_was_read(house: House) -> None:
    ulid = house.upload(50)
    control.pause(house.ctx, ulid, "anna")
    house.work()
    assert house.provider.ledger["contacts"] == 0
    control.resume(house.ctx, ulid, "anna")
    all_accepted_once(house, house.finish(ulid), rows=50)


def test_cancel_drops_what_was_not_sent_and_says_what_was(house: House) -> None:
    house.provider.faults(once("throttle", APPEND, retry_after=300))
    ulid = house.upload(250)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 100, step=0.1)
    control.cancel(house.ctx, ulid, "anna")
    control.cancel(house.ctx, ulid, "anna")
    status = house.run(ulid, until=lambda s: sum(s["outcomes"].values()) == 100, step=60)
    assert status["state"] == "cancelled"
    assert (status["rows"]["accepted"], status["rows"]["cancelled"]) == (100, 150)
    assert adds_up(status)
    for _ in range(5):
        house.turn(60)
        house.work()
    assert "pending" not in house.status(ulid)["outcomes"]
    assert house.sql("SELECT ended_at FROM upload")[0][0] is not None
    assert house.provider.ledger["contacts"] == 100


def test_cancelled_while_in_doubt_is_settled_and_not_sent_again(house: House) -> None:
    house.hurry()
    house.provider.faults(once("no_answer", CREATE))
    ulid = house.upload(90)
    house.run(ulid, until=lambda s: s["rows"]["unknown"] == 90, step=0.1)
    control.cancel(house.ctx, ulid, "anna")
    status = house.run(ulid, until=lambda s: s["rows"]["cancelled"] == 90, step=2)
    assert adds_up(status)
    assert house.provider.ledger["contacts"] == 0


def test_an_ended_upload_cannot_be_cancelled_or_resumed(house: House) -> None:
    ulid = house.upload(10)
    house.finish(ulid)
    for verb in (control.cancel, control.pause, control.resume):
        with pytest.raises(InputError):
            verb(house.ctx, ulid, "anna")


def short(house: House, method: str = CREATE) -> str:
    house.provider.faults(once("short_count", method))
    ulid = house.upload(250)
    house.run(ulid, until=lambda s: "needs_person" in s, step=5)
    return ulid


def decide(house: House, ulid: str, decision: review.Decision) -> None:
    """A decision about what is not there takes two looks, `settle` apart."""
    seq = doubtful(house)
    with pytest.raises(InputError, match="decide again at"):
        review.decide(house.ctx, ulid, seq, decision, "anna", "first look")
    house.turn(house.account.settle + house.account.http_deadline + 1)
    review.decide(house.ctx, ulid, seq, decision, "anna", "I am sure")


def doubtful(house: House) -> int:
    return int(house.sql("SELECT seq FROM chunk WHERE state = 'review'")[0][0])


@pytest.mark.parametrize("method", [CREATE, APPEND])
def test_accepting_counts_the_missing_as_refused(house: House, method: str) -> None:
    ulid = short(house, method)
    stored = house.provider.ledger["contacts"]
    decide(house, ulid, "accept")
    status = house.finish(ulid)
    assert status["rows"]["accepted"] == stored
    assert status["rows"]["refused"] == 250 - stored > 0
    assert adds_up(status)
    assert sum(status["outcomes"].values()) == stored


@pytest.mark.parametrize("method", [CREATE, APPEND])
def test_resending_sends_only_what_is_missing(house: House, method: str) -> None:
    ulid = short(house, method)
    decide(house, ulid, "resend")
    status = house.finish(ulid)
    all_accepted_once(house, status)


def test_a_person_cannot_send_again_what_is_merely_not_visible(house: House) -> None:
    house.provider.faults({"fault": "partial_details", "share": 1}, once("short_count", CREATE))
    ulid = house.upload(90)
    house.run(ulid, until=lambda s: "needs_person" in s, step=2)
    with pytest.raises(InputError, match="not to be seen yet"):
        review.decide(house.ctx, ulid, doubtful(house), "resend", "anna", "at once")
    house.provider.faults()
    house.turn(house.account.settle + house.account.http_deadline + 1)
    review.decide(house.ctx, ulid, doubtful(house), "resend", "anna", "later")
    house.finish(ulid)
    assert house.provider.ledger["called_twice"] == 0
    assert house.provider.ledger["contacts"] == 90


def test_of_two_persons_who_decide_one_decides(house: House) -> None:
    ulid = short(house)
    seq, outcome = doubtful(house), []
    house.turn(house.account.settle + house.account.http_deadline + 1)
    for _ in range(2):
        with contextlib.suppress(InputError):
            review.decide(house.ctx, ulid, seq, "give_up", "anna", "")
            outcome.append("decided")
    assert outcome == ["decided"]
    assert adds_up(house.status(ulid))


def test_giving_up_sends_nothing(house: House) -> None:
    ulid = short(house)
    stored = house.provider.ledger["contacts"]
    review.decide(house.ctx, ulid, doubtful(house), "give_up", "anna", "leave it")
    status = house.finish(ulid)
    assert status["rows"]["refused"] == 100
    assert house.provider.ledger["contacts"] == stored
    assert adds_up(status)


def test_only_what_is_in_review_can_be_decided(house: House) -> None:
    ulid = house.upload(10)
    house.finish(ulid)
    with pytest.raises(InputError, match="not in review"):
        review.decide(house.ctx, ulid, 1, "resend", "anna", "")


def test_too_many_rejects_stop_the_upload_before_anything_is_sent(house: House) -> None:
    ulid = house.upload([*some_numbers(5), *["NOT AVAILABLE"] * 5])
    house.work()
    house.work()
    status = house.status(ulid)
    assert (status["state"], status["blocked"]) == ("blocked", "rejects")
    assert status["rows"] == {**dict.fromkeys(status["rows"], 0), "total": 10, "rejected": 5, "waiting": 5}
    assert house.provider.ledger["contacts"] == 0
    with pytest.raises(InputError, match="rejected"):
        control.resume(house.ctx, ulid, "anna")
    control.resume(house.ctx, ulid, "anna", accept_rejects=True)
    assert house.finish(ulid)["rows"]["accepted"] == 5


def test_lines_that_a_quote_took_into_a_rejected_row_count_as_rows(small_house: House) -> None:
    numbers = some_numbers(10)
    path = small_house.folder / "open.csv"
    names = ["x"] * 6 + ['"x'] + ["x"] * 3
    path.write_text("name,phone\n" + "".join(map("{},{}\n".format, names, numbers)))
    ulid = small_house.upload(source=path)
    small_house.work()
    small_house.work()
    status = small_house.status(ulid)
    assert (status["state"], status["blocked"], status["swallowed_lines"]) == ("blocked", "rejects", 3)
    assert (status["rows"]["total"], status["rows"]["rejected"]) == (7, 1)
    assert (
        "1 of 7 rows were rejected (an open quote has taken 3 lines that look like rows into rejected ones)"
        in status["message"]
    )
    control.resume(small_house.ctx, ulid, "anna", accept_rejects=True)
    assert small_house.finish(ulid)["rows"]["accepted"] == 6


def test_it_is_said_when_the_first_may_be_called(small_house: House) -> None:
    later = small_house.now + timedelta(days=400)
    ulid = small_house.upload(10, starts_at=later.isoformat())
    small_house.work()
    small_house.work()
    assert small_house.status(ulid)["next_start"] == later.isoformat()
    control.cancel(small_house.ctx, ulid, "anna")
    assert "next_start" not in small_house.status(ulid)


def test_cancelling_a_blocked_upload_sends_nothing(house: House) -> None:
    ulid = house.upload([*some_numbers(5), *["NOT AVAILABLE"] * 5])
    house.work()
    control.cancel(house.ctx, ulid, "anna")
    house.work()
    status = house.status(ulid)
    assert status["rows"]["cancelled"] == 5
    assert house.sql("SELECT ended_at FROM upload")[0][0] is not None
    assert house.provider.ledger["contacts"] == 0


def test_who_waits_for_a_cancelled_list_to_end_does_nothing_meanwhile(small_house: House) -> None:
    ulid = small_house.upload(10, account="formant")
    small_house.run(ulid, until=lambda s: s["rows"]["accepted"] == 10)
    control.cancel(small_house.ctx, ulid, "anna")
    small_house.work()
    with small_house.ctx.db.read() as session:
        assert progress.standing(session) == []
    assert small_house.sql("SELECT ended_at FROM upload") == [(None,)]
