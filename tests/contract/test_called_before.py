"""Numbers that the account calls in another upload, and rows that the upload itself leaves out."""

from typing import Any

import pytest

from tests.house import House, adds_up, some_numbers
from worker import control, ingest, review
from worker.errors import InputError
from worker.intake.rejects import read_rejects

DAY = 86_400


def codes(house: House, ulid: str) -> dict[int, str]:
    (digest,) = house.sql("SELECT rejects_digest FROM upload WHERE ulid = :ulid", ulid=ulid)[0]
    rows = [one for part in read_rejects(house.ctx.staging, digest) for one in part.to_pylist()]
    return {one["row"]: one["code"] for one in rows}


def again(house: House, numbers: list[str], **job: Any) -> tuple[str, dict[str, Any]]:
    ulid = house.upload(numbers, **job)
    return ulid, house.finish(ulid)


def test_who_was_called_a_short_while_ago_is_a_duplicate(house: House) -> None:
    house.account.call_again_after = 7
    again(house, some_numbers(5))
    house.turn(6 * DAY)
    ulid, status = again(house, some_numbers(5, first=3))
    assert (status["rows"]["duplicate"], status["rows"]["accepted"]) == (2, 3)
    assert adds_up(status)
    assert codes(house, ulid) == {1: "called_before", 2: "called_before"}
    house.turn(2 * DAY)
    _, status = again(house, some_numbers(3))
    assert status["rows"]["accepted"] == 3


def test_the_days_count_from_the_calls_and_not_from_when_the_file_was_given(house: House) -> None:
    house.account.call_again_after = 7
    first = house.upload(some_numbers(5), starts_at=house.now.timestamp() + 10 * DAY)
    house.run(first, until=lambda s: s["rows"]["waiting"] == 5)
    house.turn(10 * DAY)
    assert house.finish(first)["rows"]["accepted"] == 5
    house.turn(6 * DAY)
    assert again(house, some_numbers(5))[1]["rows"]["duplicate"] == 5
    house.turn(2 * DAY)
    assert again(house, some_numbers(5), options={"priority": 3})[1]["rows"]["accepted"] == 5


def test_an_account_may_call_again_at_once_where_it_does_not_say_otherwise(house: House) -> None:
    again(house, some_numbers(5))
    assert again(house, some_numbers(5))[1]["rows"]["accepted"] == 5


def test_what_was_never_sent_does_not_count(house: House) -> None:
    house.account.call_again_after = 7
    first = house.upload(some_numbers(5), starts_at=house.now.timestamp() + 3600)
    house.run(first, until=lambda s: s["rows"]["waiting"] == 5)
    assert again(house, some_numbers(5))[1]["rows"]["duplicate"] == 5
    control.cancel(house.ctx, first, "anna")
    assert again(house, some_numbers(5), options={"priority": 3})[1]["rows"]["accepted"] == 5


def test_what_a_person_gave_up_may_have_called(house: House) -> None:
    house.account.call_again_after = 7
    house.provider.faults({"fault": "short_count", "share": 1, "methods": ["CreateCallList"], "times": 1})
    first = house.upload(some_numbers(8))
    house.run(first, until=lambda s: "needs_person" in s, step=2)
    review.decide(house.ctx, first, 1, "give_up", "anna", "leave it")
    assert house.finish(first)["rows"]["refused"] == 8
    rows = again(house, some_numbers(10))[1]["rows"]
    assert (rows["duplicate"], rows["accepted"]) == (8, 2)


@pytest.mark.parametrize("last", ["take_in", "_leaving"], ids=["as it is read", "before the last transaction"])
def test_two_files_that_are_read_at_the_same_time_call_nobody_twice(
    house: House, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """The second is taken in whole while the first is still being read."""
    house.account.call_again_after = 7
    first = house.upload(some_numbers(100))
    second = house.upload(some_numbers(100, first=90), options={"priority": 3})
    step = getattr(ingest, last)
    began: list[int] = []

    def slowly(*given: Any, **named: Any) -> Any:
        taken = step(*given, **named)
        if not began:
            began.append(1)
            ingest.ingest(house.ctx, second)
        return taken

    monkeypatch.setattr(ingest, last, slowly)
    house.lose_bells()
    ingest.ingest(house.ctx, first)
    statuses = [house.finish(ulid) for ulid in (first, second)]
    assert sum(status["rows"]["accepted"] for status in statuses) == 190
    assert all(adds_up(status) for status in statuses)
    numbers = [one["number"] for one in house.provider.contacts]
    assert len(numbers) == len(set(numbers)) == 190


def test_only_types_and_countries_that_are_asked_for(small_house: House) -> None:
    """What is left out as it was asked for is no sign of a bad file, however much it is."""
    house = small_house
    numbers = ["+447912345678", "+442079460018", "+12025550123", "+16135550123", "+18005550123"]
    ulid, status = again(house, numbers, only=["mobile", "fixed_line_or_mobile"], countries=["GB", "US"])
    assert (status["rows"]["accepted"], status["rows"]["rejected"]) == (2, 3)
    assert codes(house, ulid) == {2: "other_type", 4: "other_country", 5: "other_type"}


def test_what_is_not_asked_for_hides_no_bad_file(small_house: House) -> None:
    ulid = small_house.upload(
        ["+12025550123", "nobody", *(f"+1613555{row}" for row in range(1000, 1018))], countries=["US"]
    )
    small_house.work()
    assert "1 of 2 rows were rejected" in small_house.status(ulid)["message"]


@pytest.mark.parametrize("wrong", [{"only": ["cell"]}, {"only": []}, {"countries": ["United States"]}])
def test_what_is_no_type_or_country_is_refused(small_house: House, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError) as raised:
        small_house.upload(5, **wrong)
    assert raised.value.code == "bad_job"


def test_where_nobody_can_say_who_was_called_nobody_is(house: House) -> None:
    house.account.call_again_after = 7
    first, _ = again(house, some_numbers(5))
    (digest,) = house.sql("SELECT index_digest FROM chunk")[0]
    house.ctx.staging.delete(digest)
    _, status = again(house, some_numbers(5), options={"priority": 3})
    assert (status["state"], status["code"]) == ("failed", "calls_unknown")
    assert first in status["message"]
    assert digest in status["message"]
    house.account.call_again_after = 0
    assert again(house, some_numbers(5, first=5))[1]["rows"]["accepted"] == 5
