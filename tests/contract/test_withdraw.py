"""Contacts that asked not to be called after they were taken in: kept back, taken back, or told that it is too late."""

from datetime import timedelta
from typing import Any

import pytest

from tests.chaos.crash_points import in_doubt, lose, taken_in
from tests.house import House, adds_up
from worker import control, review, submit, withdraw
from worker.errors import InputError
from worker.models import Outcome
from worker.store import gates

CREATE, CANCEL = "CreateCallList", "CancelCallListTask"
WHY = "asked by mail"


def ask(house: House, ulid: str, *rows: int) -> int:
    return withdraw.ask(house.ctx, ulid, rows, "anna", WHY)


def wishes(house: House) -> dict[int, str]:
    return {row: str(state) for row, state in house.sql('SELECT "row", state FROM withdrawal ORDER BY "row"')}


def outcome(house: House, row: int) -> tuple[Any, ...] | None:
    found = house.sql('SELECT disposition, terminal FROM outcome WHERE "row" = :row', row=row)
    return tuple(found[0]) if found else None


def calls(house: House, row: int) -> int:
    """How often the provider has dialled the contact of this row."""
    return sum(count for uuid, count in house.provider.calls.items() if uuid.endswith(f":{row}"))


def dialling(house: House, rows: int = 250) -> str:
    """One line, so that nearly everybody still waits for his call."""
    ulid = house.upload(rows, options={"max_simultaneous": 1})
    house.run(ulid, until=lambda s: s["state"] == "dialing", step=0.01)
    return ulid


def test_who_was_not_sent_never_is(house: House) -> None:
    ulid = house.upload(250, starts_at=(house.now.timestamp() + 3600) // 1)
    house.run(ulid, until=lambda s: s["rows"]["waiting"] == 250)
    assert ask(house, ulid, 7, 120, 250) == 3
    house.work()
    assert wishes(house) == {7: "unsent", 120: "unsent", 250: "unsent"}
    assert house.status(ulid)["rows"]["suppressed"] == 3
    house.turn(3600)
    status = house.finish(ulid)
    assert (status["rows"]["accepted"], status["rows"]["suppressed"]) == (247, 3)
    assert adds_up(status)
    sent = {one["uuid"] for one in house.provider.contacts}
    assert len(sent) == 247
    assert not sent & {f"{ulid}:7", f"{ulid}:120", f"{ulid}:250"}


def test_a_chunk_whose_contacts_all_withdrew_is_skipped(house: House) -> None:
    ulid = house.upload(120, starts_at=(house.now.timestamp() + 3600) // 1)
    house.run(ulid, until=lambda s: s["rows"]["waiting"] == 120)
    ask(house, ulid, *range(101, 121))
    house.work()
    assert house.sql("SELECT state FROM chunk ORDER BY seq") == [("ready",), ("skipped",)]
    house.turn(3600)
    status = house.finish(ulid)
    assert (status["rows"]["accepted"], status["rows"]["suppressed"]) == (100, 20)
    assert house.provider.ledger["contacts"] == 100


def test_who_was_sent_is_taken_back_and_never_dialled(house: House) -> None:
    ulid = dialling(house)
    ask(house, ulid, 40, 250)
    house.work()
    assert wishes(house) == {40: "taken_back", 250: "taken_back"}
    assert outcome(house, 40) == ("cancelled", 1)
    status = house.finish(ulid, step=600, limit=24 * 3600)
    assert (status["rows"]["accepted"], status["outcomes"]["cancelled"]) == (250, 2)
    assert sum(status["outcomes"].values()) == 250
    assert (calls(house, 40), calls(house, 250)) == (0, 0)
    assert calls(house, 41) > 0


def test_who_was_called_already_is_told_that_it_is_too_late(house: House) -> None:
    house.provider.put("/outcomes", {"answered": 1.0})
    ulid = house.upload(20)
    house.finish(ulid)
    ask(house, ulid, 3)
    house.work()
    assert wishes(house) == {3: "too_late"}
    assert outcome(house, 3) == ("answered", 1)


@pytest.mark.parametrize("fault", ["accept_then_hang_up", "accept_then_500", "not_json", "throttle"])
def test_a_request_that_was_not_answered_is_made_again(house: House, fault: str) -> None:
    ulid = dialling(house)
    house.provider.faults({"fault": fault, "share": 1, "times": 4, "methods": [CANCEL]})
    ask(house, ulid, 40)
    house.run(ulid, until=lambda s: wishes(house) == {40: "taken_back"}, step=20)
    assert calls(house, 40) == 0


def test_in_doubt_it_waits_and_nobody_who_withdrew_is_sent_a_second_time(house: House) -> None:
    """The chunk proves absent and would be sent again: without him."""
    house.hurry()
    house.provider.faults({"fault": "no_answer", "share": 1, "times": 1, "methods": [CREATE]})
    ulid = house.upload(90)
    house.run(ulid, until=lambda s: s["rows"]["unknown"] == 90, step=0.1)
    ask(house, ulid, 5)
    house.work()
    assert wishes(house) == {5: "wanted"}
    status = house.finish(ulid)
    assert wishes(house) == {5: "unsent"}
    assert (status["rows"]["accepted"], status["rows"]["suppressed"]) == (89, 1)
    assert f"{ulid}:5" not in {one["uuid"] for one in house.provider.contacts}


def test_in_doubt_and_found_he_is_taken_back(house: House) -> None:
    house.provider.put("/outcomes", {"answered": 1.0})
    lose(house, CREATE)
    ulid = house.upload(90, options={"max_simultaneous": 1})
    house.run(ulid, until=lambda s: s["rows"]["unknown"] == 90, step=0.01)
    ask(house, ulid, 90)
    house.run(ulid, until=lambda s: wishes(house) == {90: "taken_back"}, step=2)
    house.finish(ulid, step=600, limit=24 * 3600)
    assert calls(house, 90) == 0


def test_a_chunk_with_an_open_wish_is_not_claimed(house: House) -> None:
    """Whoever comes first: the sender waits for the wish."""
    ulid, _, key = taken_in(house)
    ask(house, ulid, 1)
    submit.run_list(house.ctx, key)
    assert house.sql("SELECT state FROM chunk ORDER BY seq") == [("ready",), ("accepted",), ("accepted",)]
    house.turn(house.ctx.settings.timing.rung)
    assert house.finish(ulid)["rows"]["accepted"] == 249


def test_a_list_that_was_stopped_and_goes_on_lets_them_go_again(house: House) -> None:
    house.provider.put("/switches", {"recover_cancelled_tasks": "come_back"})
    ulid = dialling(house)
    ask(house, ulid, 250)
    house.work()
    control.pause(house.ctx, ulid, "anna")
    house.run(ulid, until=lambda s: house.sql("SELECT state FROM call_list") == [("stopped",)])
    control.resume(house.ctx, ulid, "anna")
    house.run(ulid, until=lambda s: house.sql("SELECT state FROM call_list") == [("open",)])
    house.work()
    assert wishes(house) == {250: "taken_back"}
    house.finish(ulid, step=600, limit=24 * 3600)
    assert calls(house, 250) == 0


def test_a_wish_is_kept_once_and_an_unknown_row_withdraws_nobody(house: House) -> None:
    ulid = dialling(house, 20)
    with pytest.raises(InputError) as raised:
        ask(house, ulid, 3, 21)
    assert raised.value.code == "no_such_contact"
    assert wishes(house) == {}
    assert ask(house, ulid, 3, 3) == 1
    assert ask(house, ulid, 3) == 0
    lines = house.sql("SELECT who, message FROM attempt WHERE step = 'withdraw' AND result = 'decided'")
    assert [tuple(line) for line in lines] == [("anna", WHY)]


def test_where_contacts_cannot_be_taken_back_it_says_so(house: House) -> None:
    house.provider.put("/kore/limits", {"requests_per_minute": 0})
    house.provider.put("/switches", {"kore_add_delay_ms": 0, "kore_prepare_delay_ms": 0})
    ulid = house.upload(10, account="kore")
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 10, step=1)
    answered(house, 5)
    ask(house, ulid, 5)
    house.work()
    ask(house, ulid, 3)
    house.work()
    assert wishes(house) == {3: "too_late", 5: "too_late"}
    told = dict(map(tuple, house.sql('SELECT "row", message FROM withdrawal')))
    assert "cannot take single contacts back" in told[3]
    assert "before it could be taken back" in told[5]


def answered(house: House, row: int) -> None:
    """Somebody's call has ended, and we know."""
    what: dict[str, Any] = {"disposition": "answered", "terminal": True, "version": 1}
    with house.ctx.db.write() as session:
        session.add(Outcome(upload_id=1, row=row, list_id=1, **what, updated_at=house.now))


def in_review(house: House) -> str:
    """A list that the provider made shorter than it was told: most of its contacts are there, and are dialled."""
    house.provider.faults({"fault": "short_count", "share": 1, "times": 1, "methods": [CREATE]})
    ulid = house.upload(90, options={"max_simultaneous": 1})
    house.run(ulid, until=lambda s: "needs_person" in s, step=0.1)
    return ulid


def present(house: House) -> int:
    """The last row that the list holds, which is called last."""
    return max(int(one["uuid"].partition(":")[2]) for one in house.provider.contacts)


@pytest.mark.parametrize("decision", ["accept", "resend", "give_up"])
def test_in_review_he_is_taken_back_and_no_decision_sends_him_again(house: House, decision: review.Decision) -> None:
    ulid = in_review(house)
    row = present(house)
    ask(house, ulid, row)
    house.work()
    assert wishes(house) == {row: "taken_back"}
    if decision != "give_up":
        with pytest.raises(InputError, match="decide again at"):
            review.decide(house.ctx, ulid, 1, decision, "anna", "first look")
        house.turn(house.account.settle + house.account.http_deadline + 1)
    review.decide(house.ctx, ulid, 1, decision, "anna", "I am sure")
    assert adds_up(house.finish(ulid, step=600, limit=24 * 3600))
    assert calls(house, row) == 0


def test_who_lies_in_a_chunk_that_was_given_up_is_taken_back_too(house: House) -> None:
    ulid = in_review(house)
    row = present(house)
    missing = next(one for one in range(1, 91) if one not in rows_there(house))
    review.decide(house.ctx, ulid, 1, "give_up", "anna", "I am sure")
    ask(house, ulid, row, missing)
    house.work()
    assert wishes(house) == {row: "taken_back", missing: "too_late"}
    house.turn(24 * 3600)
    assert calls(house, row) == 0


def rows_there(house: House) -> set[int]:
    return {int(one["uuid"].partition(":")[2]) for one in house.provider.contacts}


@pytest.mark.parametrize("fault", ["accept_then_500", "accept_then_hang_up"])
def test_a_recovery_that_was_not_answered_revives_nobody(house: House, fault: str) -> None:
    house.provider.put("/switches", {"recover_cancelled_tasks": "come_back"})
    ulid = dialling(house)
    ask(house, ulid, 250)
    house.work()
    control.pause(house.ctx, ulid, "anna")
    house.run(ulid, until=lambda s: house.sql("SELECT state FROM call_list") == [("stopped",)])
    house.provider.faults({"fault": fault, "share": 1, "times": 3, "methods": ["RecoverCallList"]})
    control.resume(house.ctx, ulid, "anna")
    house.work()
    assert wishes(house) == {250: "taken_back"}
    house.finish(ulid, step=600, limit=24 * 3600)
    assert calls(house, 250) == 0


def test_a_balance_that_cannot_be_asked_for_starts_nothing(house: House) -> None:
    ulid = dialling(house)
    ask(house, ulid, 250)
    house.work()
    house.provider.faults({"fault": "throttle", "share": 1, "methods": ["GetAccountInfo"]})
    for _ in range(5):
        house.turn(10)
        house.work()
    assert house.sql("SELECT state FROM call_list") == [("open",)]
    assert house.sql("SELECT count(*) FROM attempt WHERE step = 'recover'") == [(0,)]


def test_a_chunk_that_cannot_be_read_holds_up_no_other(house: House) -> None:
    later = int(house.now.timestamp()) + 7200
    people = house.folder / "two.csv"
    lines = [f"+1202{2000000 + row},{later if row > 5 else ''}\n" for row in range(1, 11)]
    people.write_text("phone,__start_at\n" + "".join(lines))
    ulid = house.upload(source=people, options={"max_simultaneous": 1})
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 5, step=0.01)
    house.ctx.staging.delete(house.sql("SELECT digest FROM chunk WHERE state = 'ready'")[0][0])
    ask(house, ulid, 5, 9)
    house.work()
    assert wishes(house) == {5: "taken_back", 9: "wanted"}
    assert calls(house, 5) == 0


def test_who_asked_before_does_not_stand_in_the_way_of_others(house: House) -> None:
    ulid = house.upload(20, starts_at=(house.now.timestamp() + 3600) // 1)
    house.run(ulid, until=lambda s: s["rows"]["waiting"] == 20)
    ask(house, ulid, 7)
    house.work()
    assert ask(house, ulid, 7, 9) == 1
    house.work()
    assert wishes(house) == {7: "unsent", 9: "unsent"}


def test_what_is_refused_is_asked_for_ever_less_often(house: House) -> None:
    """He is in the middle of a call that lasts, and may be called again after it."""
    house.provider.put("/outcomes", {"busy": 1.0})
    ulid = house.upload(1, options={"num_attempts": 3, "interval_seconds": 7200})
    house.run(ulid, until=lambda s: s["state"] == "dialing", step=0.01)
    house.provider.faults({"fault": "refuse", "share": 1, "methods": [CANCEL]})
    ask(house, ulid, 1)
    for _ in range(40):
        house.turn(90)
        house.work()
    assert wishes(house) == {1: "wanted"}
    asked = house.sql("SELECT count(*) FROM attempt WHERE step = 'withdraw' AND result <> 'decided'")[0][0]
    assert 5 < asked < 30


def requests(house: House) -> int:
    return int(house.sql("SELECT count(*) FROM attempt WHERE step = 'withdraw' AND result <> 'decided'")[0][0])


def test_a_provider_that_is_away_is_asked_once_in_a_pass(house: House) -> None:
    ulid = dialling(house)
    house.provider.faults({"fault": "throttle", "share": 1, "methods": [CANCEL]})
    ask(house, ulid, 50, 150, 250)
    house.work()
    assert requests(house) == 1
    assert wishes(house) == {50: "wanted", 150: "wanted", 250: "wanted"}
    house.provider.faults()
    house.run(ulid, until=lambda s: set(wishes(house).values()) == {"taken_back"}, step=10)


@pytest.mark.parametrize(("wait", "state"), [(2, "taken_back"), (600, "wanted")])
def test_a_long_wait_is_kept_and_a_short_one_holds_nobody(small_house: House, wait: float, state: str) -> None:
    ulid = dialling(small_house, 90)
    with small_house.ctx.db.write() as session:
        gates.throttle(session, "sandbox", small_house.now + timedelta(seconds=wait))
    ask(small_house, ulid, 90)
    small_house.work()
    assert wishes(small_house) == {90: state}


def test_a_pass_that_lasts_is_not_begun_again_beside_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ulid = dialling(house)
    hands = house.ctx.provider("sandbox").hands
    assert hands is not None
    takes_back = hands.withdraw

    def slowly(*given: Any) -> Any:
        house.turn(2 * house.ctx.settings.timing.probe_every)
        withdraw.withdraw(house.ctx, ulid)
        return takes_back(*given)

    monkeypatch.setattr(hands, "withdraw", slowly)
    ask(house, ulid, 150, 250)
    house.work()
    assert requests(house) == 2
    assert wishes(house) == {150: "taken_back", 250: "taken_back"}


def test_rows_of_a_chunk_in_doubt_wait_for_it(house: House) -> None:
    bell = in_doubt(CREATE)(house)
    house.lose_bells()
    ask(house, bell.ulid, 3)
    withdraw.withdraw(house.ctx, bell.ulid)
    assert wishes(house) == {3: "wanted"}
