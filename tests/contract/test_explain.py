"""What `rollcall explain` tells, on both databases: nothing left out, in order, and no phone number."""

import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.chaos.dying_worker import dies
from tests.contract.test_control import decide, doubtful, short
from tests.contract.test_faults import CREATE, once
from tests.house import FLOWS, House, some_numbers
from worker import control, explain, review, suppress, view, withdraw
from worker.errors import InputError
from worker.explain import Event, Told

HOUR = 3600


def life(house: House, ulid: str) -> Told:
    with house.ctx.db.read() as session:
        return explain.life(session, view.find(session, ulid))


def contact(house: House, ulid: str, row: int, *, open_text: bool = False) -> Told:
    with house.ctx.db.read() as session:
        upload = view.find(session, ulid)
        return explain.contact(session, house.ctx.staging, upload, row, "US", open_text=open_text)


def kinds(told: Told) -> list[tuple[str, str | None]]:
    return [(event.step, event.result) for event in told.events]


def said(told: Told, step: str, result: str | None) -> str:
    """The sentence of the first event of a kind."""
    return next(event.sentence for event in told.events if (event.step, event.result) == (step, result))


def in_order(events: list[Event]) -> bool:
    return [event.at for event in events] == sorted(event.at for event in events)


def test_the_life_of_an_upload_is_told_in_order(house: House) -> None:
    house.provider.faults(once("accept_then_hang_up", CREATE))
    ulid = house.upload(["nothing", *some_numbers(200)])
    house.run(ulid, until=lambda s: s["state"] == "dialing", step=1)
    control.pause(house.ctx, ulid, "anna")
    house.work()
    house.turn(5)
    control.resume(house.ctx, ulid, "bob")
    house.finish(ulid)
    told = life(house, ulid)
    assert in_order(told.events)
    assert kinds(told) == [
        ("receive", "stored"),
        ("upload", "claim_intake"),
        ("upload", "finish_intake"),
        ("read", "done"),
        ("create", "Unknown"),
        ("look", "found"),
        ("append", "Accepted"),
        ("upload", "all_submitted"),
        ("pause", "decided"),
        ("upload", "pause"),
        ("stop", "done"),
        ("resume", "decided"),
        ("upload", "resume"),
        ("upload", "all_submitted"),
        ("recover", "done"),
        ("list", "finished"),
        ("upload", "finish"),
    ]
    assert "people.csv, for account sandbox (SHA-256 " in said(told, "receive", "stored")
    assert (
        said(told, "read", "done")
        == "It has 201 rows: 1 rejected, 0 duplicate, 0 suppressed; 200 contacts in 2 chunks."
    )
    assert "it may have arrived, so it is looked up and not repeated (broken_answer: " in said(
        told, "create", "Unknown"
    )
    assert "bob asked that it goes on." in [event.sentence for event in told.events]
    assert told.now.startswith("It is finished: 201 rows, of these 200 accepted, 1 rejected; outcomes: ")
    sent = next(event for event in told.events if event.step == "append")
    assert (sent.chunk, sent.list, sent.code) == (2, 1, None)
    assert sent.seconds is not None
    assert "+1202" not in str(told.as_data())


def test_each_row_has_a_life_of_its_own(house: House) -> None:
    suppress.add(house.ctx, "sandbox", [12022000099], "a call from +12022000099", "bob")
    house.lose_bells()
    numbers = ["+12022000001", "nothing", "+12022000099", "+12022000001", *some_numbers(8, first=10)]
    ulid = house.upload(numbers)
    FLOWS["ingest"](house.ctx, ulid)
    withdraw.ask(house.ctx, ulid, [6], "anna", "asked from 12022000011")
    house.finish(ulid)
    called, rejected, listed, twice, gone = (contact(house, ulid, row) for row in (1, 2, 3, 4, 6))
    assert "line 2 of the file" in said(called, "contact", "taken_in")
    assert called.now.startswith("The provider had it, and is done with it; its outcome is ")
    assert kinds(called)[-1][0] in ("contact", "upload")
    assert ("create", "Accepted") in kinds(called)
    assert said(rejected, "contact", "rejected").startswith(
        "The row (line 3 of the file) was rejected (not_a_number): "
    )
    assert (
        "list of account sandbox since 2030-01-07 09:00:00 UTC (a call from (a number); bob)"
        in listed.events[-1].sentence
    )
    assert "Line 2 has the same number" in twice.events[-1].sentence
    assert gone.now == "It was left out before it was sent, and is not called."
    assert said(gone, "contact", "withdrawn") == "anna asked that it is not called: asked from (a number)."
    assert "Its number is +12022000001." in said(contact(house, ulid, 1, open_text=True), "contact", "taken_in")
    assert "It read: Person 2,nothing" in contact(house, ulid, 2, open_text=True).events[-1].sentence
    for told in (called, rejected, listed, twice, gone):
        assert in_order(told.events)
        assert not re.search(r"\d{9}", " ".join(event.sentence for event in told.events).replace(reference(house), ""))


def test_who_is_listed_while_he_waits_is_told_why_and_by_whom(house: House) -> None:
    ulid = house.upload(
        ["+12022000001", *some_numbers(8, first=10)], starts_at=(house.now + timedelta(days=1)).isoformat()
    )
    FLOWS["ingest"](house.ctx, ulid)
    suppress.add(house.ctx, "sandbox", [12022000001], "a letter of 3 May", "bob")
    house.work()
    house.work()
    told = contact(house, ulid, 1)
    assert "(a letter of 3 May; bob)" in said(told, "contact", "withdrawn")
    assert "line 2 of the file" in said(told, "contact", "taken_in")
    assert told.now == "It was left out before it was sent, and is not called."


def test_who_is_listed_once_he_was_called_is_told_so(house: House) -> None:
    ulid = house.upload(["+12022000001", *some_numbers(3, first=10)])
    house.finish(ulid)
    suppress.add(house.ctx, "sandbox", [12022000001], "a letter of 3 May", "bob")
    house.work()
    told = contact(house, ulid, 1)
    assert (told.events[-1].result, "(a letter of 3 May; bob)" in told.events[-1].sentence) == ("listed", True)
    assert in_order(told.events)
    assert "its outcome is " in told.now


def reference(house: House) -> str:
    return str(house.sql("SELECT reference FROM call_list")[0][0])


def test_rows_that_a_decision_put_apart_share_their_life_until_then(house: House) -> None:
    ulid = short(house)
    stored = {int(one["uuid"].partition(":")[2]) for one in house.provider.contacts if ":" in one["uuid"]}
    there, missing = min(stored), next(row for row in range(1, 101) if row not in stored)
    decide(house, ulid, "resend")
    house.finish(ulid)
    arrived, sent_again = contact(house, ulid, there), contact(house, ulid, missing)
    assert kinds(arrived).count(("create", "Accepted")) == kinds(sent_again).count(("create", "Accepted")) == 1
    assert ("split", "arrived") in kinds(arrived)
    assert kinds(arrived).count(("decide", "resend")) == 1
    assert ("append", "Accepted") not in kinds(arrived)
    assert ("append", "Accepted") in kinds(sent_again)
    assert ("split", "arrived") not in kinds(sent_again)
    decided = said(sent_again, "decide", "resend")
    assert decided.startswith("anna decided that what is missing of chunk 1 is sent again; the provider showed ")
    assert decided.endswith(": I am sure.")
    assert said(sent_again, "look", "missing").startswith(
        "anna had chunk 1 looked up, to decide about it; the provider"
    )


def test_what_a_person_saw_stands_with_the_chunk(small_house: House) -> None:
    ulid = short(small_house)
    with pytest.raises(InputError, match="decide again at"):
        review.decide(small_house.ctx, ulid, doubtful(small_house), "resend", "anna", "a look")
    [(evidence,)] = small_house.sql("SELECT evidence FROM chunk WHERE state = 'review'")
    seen = json.loads(evidence)
    there = {one["uuid"] for one in small_house.provider.contacts}
    missing = [row for row in range(1, 101) if f"{ulid}:{row}" not in there]
    assert (seen["present"], seen["missing"], seen["rows"]) == (100 - len(missing), len(missing), missing[:50])


def test_a_worker_that_did_not_come_back_is_told(house: House) -> None:
    ulid = house.upload(50)
    FLOWS["ingest"](house.ctx, ulid)
    dies(house, "submit", int(house.sql("SELECT id FROM call_list")[0][0]), "submit.sending")
    house.turn(house.ctx.settings.timing.lease + 1)
    house.finish(ulid, step=30)
    told = contact(house, ulid, 50)
    found = kinds(told)
    assert found[found.index(("create", None)) :][:4] == [
        ("create", None),
        ("lease", "expired"),
        ("look", "not_seen"),
        ("look", "absent"),
    ]
    assert "nothing came back so far" in said(told, "create", None)


def test_a_family_is_told_from_both_sides(house: House) -> None:
    house.ctx.settings.reject_threshold = 1
    first = house.upload(["+12022000001", "nothing"])
    house.finish(first)
    corrected = house.folder / "corrected.csv"
    corrected.write_text("__row,name,phone\n2,Person 2,+12022000002\n")
    second = house.upload(source=corrected, continues=first)
    house.finish(second)
    assert life(house, first).events[-1].sentence == f"Upload {second} was handed in, which continues this one."
    assert f"it continues upload {first}." in said(life(house, second), "receive", "stored")
    assert contact(house, first, 2).events[-1].sentence == f"It came back corrected, as row 3 of upload {second}."
    assert "row 2 once it was corrected" in said(contact(house, second, 3), "contact", "taken_in")
    with pytest.raises(InputError, match=f"Row 3 is of upload {second}"):
        contact(house, first, 3)


def test_what_is_held_back_says_why_and_until_when(house: House) -> None:
    house.provider.put("/balance", {"balance": 0})
    ulid = house.upload(20, pilot=5)
    house.run(ulid, until=lambda s: s["state"] == "blocked", limit=60)
    house.provider.put("/balance", {"balance": 100})
    house.run(ulid, until=lambda s: s.get("blocked") == "pilot", step=10)
    assert "It waits until its chunk may be sent" in contact(house, ulid, 20).now
    assert "which is of the pilot" in said(contact(house, ulid, 1), "contact", "taken_in")
    control.cancel(house.ctx, ulid, "anna")
    told = life(house, ulid)
    held = [event.sentence for event in told.events if event.result == "block"]
    assert held[0].startswith("It is held back (balance): ")
    assert held[-1].startswith("It is held back (pilot): The pilot of 5 contacts has ended: ")
    assert ("upload", "unblock") in kinds(told)
    assert kinds(told)[-2:] == [("cancel", "decided"), ("upload", "cancel")]
    assert contact(house, ulid, 20).now == "It was never sent, since its upload was cancelled."
    assert ("contact", "cancelled") in kinds(contact(house, ulid, 20))


def test_the_deadline_is_told(house: House) -> None:
    house.provider.faults({"fault": "partial_details", "share": 1})
    ulid = house.upload(50)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 50, step=0.1)
    house.finish(ulid, step=24 * HOUR, limit=120 * HOUR)
    told = life(house, ulid)
    assert [pair for pair in kinds(told) if pair[0] in ("list", "stop")] == [
        ("stop", "done"),
        ("list", "deadline"),
        ("list", "over"),
    ]


def test_an_upload_of_an_earlier_version_is_told_as_far_as_it_goes(house: House) -> None:
    ulid = house.upload(20)
    house.finish(ulid)
    with house.ctx.db.write() as session:
        session.connection().exec_driver_sql("DELETE FROM attempt WHERE step NOT IN ('create', 'append')")
    assert kinds(life(house, ulid)) == [("receive", None), ("create", "Accepted")]
    assert kinds(contact(house, ulid, 20))[:2] == [("contact", "taken_in"), ("create", "Accepted")]


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda house, ulid: contact(house, "NOWHERE", 1), "no_such_upload"),
        (lambda house, ulid: contact(house, ulid, 1), "not_read"),
        (lambda house, ulid: house.work() and contact(house, ulid, 6), "no_such_row"),
    ],
)
def test_what_there_is_not_is_said_so(small_house: House, ask: Callable[[House, str], object], code: str) -> None:
    ulid = small_house.upload(5)
    with pytest.raises(InputError) as error:
        ask(small_house, ulid)
    assert error.value.code == code
