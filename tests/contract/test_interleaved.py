"""What happens in between: a verb of a person, or a lost task, at the worst moment. Nothing is left standing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest

from tests.contract.test_control import provider_status
from tests.contract.test_faults import APPEND, CREATE, all_accepted_once, once
from tests.house import House, adds_up
from worker import accounts, collect, control, reconcile, review, steer, telemetry
from worker.errors import InputError
from worker.reconcile import Doubt, Seen
from worker.states import Blocked
from worker.store import chunks, lists, uploads


@contextmanager
def at(event: str, act: Callable[[], object]) -> Iterator[None]:
    """Do something the first time that `event` is emitted: exactly there, between two steps of a flow."""

    def hear(told: str, _fields: telemetry.Fields) -> None:
        if told == event:
            stop()
            act()

    stop = telemetry.listen(hear)
    try:
        yield
    finally:
        if hear in telemetry.listeners():
            stop()


def pass_time(house: House, steps: int = 30, step: float = 60) -> None:
    for _ in range(steps):
        house.turn(step)
        house.work()


def first_list(house: House) -> int:
    return int(house.sql("SELECT id FROM call_list")[0][0])


def test_a_list_that_ends_while_its_upload_is_held_back(house: House) -> None:
    ulid = house.upload(50)
    house.run(ulid, until=lambda s: s["state"] == "dialing", step=0.1)
    accounts.close(house.ctx, "sandbox", Blocked.PROVIDER_DOWN, "another upload could not connect")
    for _ in range(9):
        collect.collect(house.ctx, first_list(house))
        house.turn(60)
    pass_time(house)
    assert house.status(ulid)["state"] == "finished"


def test_what_is_accepted_while_outcomes_are_counted_is_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.provider.faults({"fault": "throttle", "share": 1, "methods": [APPEND], "retry_after": 30})
    house.run(house.upload(150), until=lambda s: s["rows"]["accepted"] == 100, step=0.1)
    house.turn(600)
    ended = collect._ended

    def counting(*args: Any) -> dict[int, int] | None:
        found = ended(*args)
        with house.ctx.db.write() as session:
            session.connection().exec_driver_sql("UPDATE chunk SET state = 'accepted' WHERE seq = 2")
        return found

    monkeypatch.setattr(collect, "_ended", counting)
    collect.collect(house.ctx, first_list(house))
    assert house.sql("SELECT terminal, count(*) FROM outcome GROUP BY terminal") == [(True, 100)]
    assert house.sql("SELECT state FROM call_list") == [("open",)]
    assert house.sql("SELECT state FROM chunk ORDER BY seq") == [("accepted",), ("accepted",)]


def test_cancelled_while_a_request_is_on_its_way_that_is_then_given_back(house: House) -> None:
    house.provider.faults({"fault": "throttle", "share": 1, "methods": [APPEND], "retry_after": 30})
    ulid = house.upload(250)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 100, step=0.1)
    house.provider.faults({"fault": "throttle", "share": 1, "methods": [CREATE, APPEND], "retry_after": 30})
    house.turn(60)
    with at("submit.answered", lambda: control.cancel(house.ctx, ulid, "anna")):
        house.work()
    pass_time(house)
    status = house.status(ulid)
    assert (status["rows"]["accepted"], status["rows"]["cancelled"]) == (100, 150)
    assert adds_up(status)
    assert house.sql("SELECT ended_at FROM upload")[0][0] is not None


def test_a_pause_while_the_list_is_read_is_no_cancellation(house: House) -> None:
    house.provider.put("/outcomes", {"busy": 1.0})
    ulid = house.upload(50, options={"num_attempts": 2, "interval_seconds": 7200})
    house.run(ulid, until=lambda s: s["state"] == "dialing", step=0.1)
    pass_time(house, 20)  # first attempts are over, and the numbers have not moved for a while

    def pause() -> None:
        control.pause(house.ctx, ulid, "anna")
        steer.steer(house.ctx, first_list(house))

    with at("collect.asking", pause):
        collect.collect(house.ctx, first_list(house))
    assert provider_status(house) == ["Canceled"]
    control.resume(house.ctx, ulid, "anna")
    status = house.finish(ulid, step=600, limit=4 * 3600)
    assert "cancelled" not in status["outcomes"]
    assert sum(status["outcomes"].values()) == 50


def test_a_list_that_ends_while_it_is_paused_holds_back_nothing_that_is_still_to_be_sent(house: House) -> None:
    house.provider.faults(once("throttle", APPEND, retry_after=300))
    ulid = house.upload(150)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 100, step=0.1)
    house.turn(200)  # whoever it holds has been called
    control.pause(house.ctx, ulid, "anna")
    pass_time(house, 3)
    assert house.sql("SELECT state FROM call_list") == [("finished",)]
    control.resume(house.ctx, ulid, "anna")
    all_accepted_once(house, house.finish(ulid), rows=150)


def test_a_pause_longer_than_the_deadline_does_not_end_the_campaign(house: House) -> None:
    house.provider.put("/outcomes", {"answered": 1.0})
    ulid = house.upload(50, options={"max_simultaneous": 1})
    house.run(ulid, until=lambda s: s["state"] == "dialing", step=0.1)
    control.pause(house.ctx, ulid, "anna")
    pass_time(house, 60, 3600)
    control.resume(house.ctx, ulid, "anna")
    assert house.finish(ulid, step=30, limit=7200)["outcomes"] == {"answered": 50}


@pytest.mark.parametrize("method", ["GetCallListDetails", "StopCallListProcessing"])
def test_the_deadline_holds_where_the_provider_refuses(house: House, method: str) -> None:
    ulid = house.upload(50)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 50, step=0.1)
    partial = {"fault": "partial_details", "share": 1}
    house.provider.faults({"fault": "refuse", "share": 1, "code": 255, "methods": [method]}, partial)
    status = house.finish(ulid, step=3600, limit=80 * 3600)
    assert status["outcomes"]["no_outcome"] > 0
    assert sum(status["outcomes"].values()) == 50


def somebody_makes_a_list_of_its_name(house: House, number: str = "+12029999999") -> None:
    query = {"rule_id": 1, "priority": 1, "max_simultaneous": 1, "num_attempts": 1}
    house.provider.client.post(
        "/platform_api/CreateCallList",
        params={**query, "name": house.sql("SELECT name FROM call_list")[0][0]},
        data={"account_id": "1", "api_key": "sandbox"},
        files={"file_content": ("a.csv", f"phone\n{number}\n".encode())},
    )


@pytest.mark.parametrize(("decision", "sent"), [("resend", 150), ("give_up", 50)])
def test_a_list_of_whose_name_there_are_several_is_made_when_none_of_them_is_it(
    house: House, decision: review.Decision, sent: int
) -> None:
    house.hurry()
    house.provider.faults(once("no_answer", CREATE))
    ulid = house.upload(150)
    house.run(ulid, until=lambda s: s["rows"]["unknown"] == 100, step=0.01)
    for number in ("+12029999998", "+12029999999"):
        somebody_makes_a_list_of_its_name(house, number)
    house.run(ulid, until=lambda s: "needs_person" in s, step=2)
    if decision == "resend":  # which takes two looks, settle apart
        with pytest.raises(InputError) as raised:
            review.decide(house.ctx, ulid, 1, decision, "anna", "they are tests")
        assert raised.value.code == "too_early"
        house.turn(house.account.settle + 1)
    review.decide(house.ctx, ulid, 1, decision, "anna", "they are tests")
    status = house.finish(ulid)
    assert (status["rows"]["accepted"], status["rows"]["refused"]) == (sent, 150 - sent)
    assert house.provider.ledger["called_twice"] == 0


@pytest.mark.parametrize("start", ["immediate", "verified"])
def test_a_list_that_was_stopped_as_one_of_several_goes_on_when_a_person_accepts(
    house: House, start: Literal["immediate", "verified"]
) -> None:
    house.hurry()
    house.account.start = start
    house.provider.faults(once("accept_then_hang_up", CREATE))
    ulid = house.upload(90)
    house.run(ulid, until=lambda s: s["rows"]["unknown"] == 90, step=0.01)
    somebody_makes_a_list_of_its_name(house)
    house.run(ulid, until=lambda s: "needs_person" in s, step=2)
    assert provider_status(house) == ["Canceled", "Canceled"]
    review.decide(house.ctx, ulid, 1, "accept", "anna", "the other one is a test")
    status = house.finish(ulid)
    assert sum(status["outcomes"].values()) == 90
    assert "cancelled" not in status["outcomes"]


def test_who_was_seen_once_is_never_proved_absent(house: House) -> None:
    house.hurry()
    house.provider.faults(once("no_answer", APPEND))
    ulid = house.upload(150)
    house.run(ulid, until=lambda s: s["rows"]["unknown"] == 50, step=0.01)
    reference = house.status(ulid)["lists"][0]["reference"]
    unseen, seen = Seen(reference, 0, tuple(range(101, 151))), Seen(reference, 10, tuple(range(111, 151)))
    verdicts = []
    for what in (unseen, seen, unseen, unseen):
        house.now = house.now.replace(minute=house.now.minute + 5)
        with house.ctx.db.write() as session:
            upload = uploads.by_ulid(session, ulid)
            chunk = chunks.claim_check(session, first_list(house), house.now, 60)
            call_list = lists.get(session, first_list(house))
            assert upload is not None
            assert call_list is not None
            if chunk is not None:
                doubt = Doubt(upload, call_list, chunk, house.now)
                verdicts.append(reconcile._settle(house.ctx, session, doubt, what, house.now))
    assert verdicts == ["not_seen", "in_part", "review"]


@pytest.mark.parametrize("url", ["htp://127.0.0.1:9", "{url}/wrong/path"])
def test_a_wrong_url_is_seen_and_burns_nothing(house: House, url: str) -> None:
    right = house.account.url
    house.account.url = url.format(url=right)
    ulid = house.upload(20)
    house.run(ulid, until=lambda s: s["state"] == "blocked", limit=5)
    assert house.status(ulid)["rows"]["waiting"] == 20
    house.ctx.forget_connections()
    house.account.url = right
    all_accepted_once(house, house.finish(ulid), rows=20)
