"""When waiting for an upload is over, and what is shown meanwhile."""

from typing import Any

import pytest

from tests.house import House
from worker.cli.follow import End, ended, follow, judge
from worker.cli.live import describe, figures, lines
from worker.cli.show import console, rows_table
from worker.errors import Exit

ROWS = {"accepted": 0, "rejected": 0, "suppressed": 0, "duplicate": 0, "refused": 0, "cancelled": 0, "waiting": 0}


def status(state: str, *, blocked: str | None = None, outcomes: dict[str, int] | None = None, **rows: int) -> Any:
    parts = {**ROWS, "unknown": 0, **rows}
    told: dict[str, Any] = {"id": "01ABC", "state": state, "rows": {"total": sum(parts.values()), **parts}}
    told |= {"lists": [], "outcomes": outcomes or {}, "message": "Why."}
    return told | ({"blocked": blocked} if blocked else {})


@pytest.mark.parametrize("state", ["received", "ingesting", "submitting", "dialing"])
def test_an_upload_that_goes_on_is_waited_for(state: str) -> None:
    assert judge(status(state, waiting=3), 0, 20) is None


def test_finished_with_contacts_accepted_is_success() -> None:
    assert judge(status("finished", accepted=1, rejected=9), 0, 20) == End(Exit.OK)


def test_finished_with_nobody_accepted_is_failure() -> None:
    end = judge(status("finished", rejected=9), 0, 20)
    assert end is not None
    assert (end.exit, end.code) == (Exit.FAILED, "nothing_accepted")


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_failed_and_cancelled_are_failure(state: str) -> None:
    end = judge(status(state, accepted=1), 0, 20)
    assert end is not None
    assert end.exit == Exit.FAILED


def test_what_needs_a_person_ends_the_wait_with_its_sentence() -> None:
    told = {**status("blocked", blocked="late", waiting=1), "needs_person": "Decide.", "code": "late"}
    assert judge(told, 0, 20) == End(Exit.NEEDS_PERSON, "late", "Decide.")
    assert ended(told) is None


@pytest.mark.parametrize(("state", "code"), [("paused", "paused"), ("dialing", "in_review")])
def test_paused_and_in_review_have_codes_of_their_own(state: str, code: str) -> None:
    end = judge({**status(state, unknown=1), "needs_person": "Decide."}, 0, 20)
    assert end is not None
    assert (end.exit, end.code) == (Exit.NEEDS_PERSON, code)


def test_a_provider_may_be_down_for_a_while() -> None:
    told = status("blocked", blocked="provider_down", waiting=1)
    assert judge(told, 20, 20) is None
    end = judge(told, 20.1, 20)
    assert end is not None
    assert (end.exit, end.code) == (Exit.UNAVAILABLE, "provider_down")
    assert end.sentence.startswith("Why.")


def test_following_shows_every_look_until_the_end(small_house: House) -> None:
    ulid = small_house.upload(5)
    seen: list[str] = []

    def show(told: dict[str, Any]) -> None:
        seen.append(told["state"])
        small_house.finish(ulid)

    told, end = follow(small_house.ctx.db, ulid, show, patience=20)
    assert seen == ["received", "finished"]
    assert end == End(Exit.OK)
    assert told["rows"]["accepted"] == 5


def test_figures_count_what_is_to_be_sent_and_what_is_final() -> None:
    told = status("dialing", accepted=5, refused=1, cancelled=1, rejected=2, duplicate=3, unknown=1, waiting=2)
    told["outcomes"] = {"answered": 2, "pending": 3}
    assert figures(told) == (7, 10, 2, 5)
    assert describe(told) == (
        "dialing: 5 of 10 contacts accepted, 2 outcomes, 2 waiting, 1 on their way or in doubt, 1 refused, 1 cancelled"
    )


def test_a_line_comes_when_the_state_changes_and_else_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now = [100.0]
    show = lines(lambda: now[0])
    show(status("received"))
    show(status("received"))
    show(status("submitting", waiting=5))
    show(status("submitting", waiting=4, accepted=1))  # too soon
    now[0] += 5
    show(status("submitting", waiting=3, accepted=2))
    now[0] += 5
    show(status("submitting", waiting=3, accepted=2))  # nothing new
    show(status("blocked", blocked="balance", waiting=3, accepted=2))
    assert capsys.readouterr().err.splitlines() == [
        "received: the file has not been read yet",
        "submitting: 0 of 5 contacts accepted, 0 outcomes, 5 waiting",
        "submitting: 2 of 5 contacts accepted, 0 outcomes, 3 waiting",
        "blocked (balance): 2 of 5 contacts accepted, 0 outcomes, 3 waiting",
    ]


def test_rows_that_do_not_add_up_are_not_glossed_over(capsys: pytest.CaptureFixture[str]) -> None:
    told = status("finished", accepted=4, rejected=1)
    console().print(rows_table(told["rows"]))
    assert " adds up" in capsys.readouterr().out
    console().print(rows_table({**told["rows"], "total": 6}))
    assert "DOES NOT ADD UP: the parts make 5" in capsys.readouterr().out
