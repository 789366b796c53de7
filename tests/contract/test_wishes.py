"""Who asked not to be called stays out of the very file, also once all that knew his number was pruned."""

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.test_prune import later
from tests.house import House, some_numbers
from worker import control, producer, prune, suppress, withdraw
from worker.errors import InputError
from worker.store import suppressions

NUMBERS = some_numbers(20)
ROW = 7
HIS = NUMBERS[ROW - 1]


def job(house: House, numbers: list[str] = NUMBERS, **more: Any) -> dict[str, Any]:
    return {"source": str(house.file(numbers)), "account": "sandbox", **more}


def waiting(house: House, wanted: dict[str, Any]) -> str:
    """An upload that was read, and starts in an hour."""
    starts_at = (house.now + timedelta(hours=1)).isoformat()
    ulid = producer.enqueue({**wanted, "starts_at": starts_at}, context=house.ctx).id
    house.work()
    house.work()
    return ulid


def over(house: House, *ulids: str) -> None:
    house.turn(3600)
    for ulid in ulids:
        house.finish(ulid)
    later(house, 10)


def calls(house: House) -> int:
    return [one["number"] for one in house.provider.contacts].count(HIS)


def refused(house: House, wanted: dict[str, Any], **how: Any) -> str:
    with pytest.raises(InputError) as raised:
        producer.enqueue(wanted, context=house.ctx, **how)
    assert raised.value.code == "wishes_pruned"
    return raised.value.message


def test_a_file_that_was_stored_before_the_prune_and_is_read_after_it(small_house: House) -> None:
    house = small_house
    first = waiting(house, job(house))
    withdraw.ask(house.ctx, first, [ROW], "anna", "asked")
    over(house, first)
    second = producer.enqueue(job(house), context=house.ctx).id
    prune.prune(house.ctx, 9)
    house.run(second, until=lambda status: status["state"] == "failed", limit=5)
    assert house.status(second)["code"] == "wishes_pruned"
    assert calls(house) == 0


def test_the_file_of_a_continuation_that_left_him_out(small_house: House) -> None:
    house = small_house
    first = waiting(house, job(house))
    withdraw.ask(house.ctx, first, [ROW], "anna", "asked")
    over(house, first)
    second = job(house, ["nobody", HIS, *(f"+1202555012{digit}" for digit in range(5))])
    ulid = producer.enqueue({**second, "continues": first}, context=house.ctx).id
    assert house.finish(ulid)["rows"]["suppressed"] == 1
    later(house, 10)
    assert prune.prune(house.ctx, 9).uploads == 2
    assert refused(house, second).endswith(f"in upload {ulid}, now pruned: row 2. Take them out and upload the rest.")


@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("why", ["do-not-call list", "no calling window is left", "asked"])
def test_a_wish_is_no_list_whatever_its_words(small_house: House, why: str, pruned: bool) -> None:
    house = small_house
    first = waiting(house, job(house))
    assert withdraw.ask(house.ctx, first, [ROW], "anna", why) == 1
    over(house, first)
    left_out(house, pruned)


@pytest.mark.parametrize("pruned", [False, True])
def test_who_was_on_a_list_and_asks_himself_stays_out_when_he_leaves_the_list(small_house: House, pruned: bool) -> None:
    house = small_house
    first = waiting(house, job(house))
    number = int(HIS.removeprefix("+"))
    suppress.add(house.ctx, "sandbox", [number], "asked by mail", "anna")
    house.work()
    assert [withdraw.ask(house.ctx, first, [ROW], "anna", "asked by mail") for _ in range(2)] == [1, 0]
    over(house, first)
    with house.ctx.db.write() as session:
        suppressions.remove(session, "sandbox", [number])
    left_out(house, pruned)


def left_out(house: House, pruned: bool) -> None:
    if pruned:
        prune.prune(house.ctx, 9)
        assert f"row {ROW}. Take" in refused(house, job(house))
    else:
        again = producer.enqueue(job(house), context=house.ctx).id
        assert house.finish(again)["rows"]["suppressed"] == 1
    assert calls(house) == 0


def test_all_rows_of_all_uploads_are_named_and_again_is_not_advised(small_house: House) -> None:
    house = small_house
    ulids = [waiting(house, job(house)) for _ in range(2)]
    for ulid, row in zip(ulids, (ROW, 9), strict=True):
        withdraw.ask(house.ctx, ulid, [row], "anna", "asked")
    over(house, *ulids)
    prune.prune(house.ctx, 9)
    for again in (True, False):
        told = refused(house, job(house), again=again)
        assert f"in uploads {', '.join(sorted(ulids))}, now pruned: rows {ROW}, 9. Take" in told


def test_a_wish_that_nobody_attended_to_ends_with_the_prune(small_house: House) -> None:
    house = small_house
    ulid = waiting(house, job(house))
    control.cancel(house.ctx, ulid, "anna")
    later(house, 10)
    with house.ctx.db.write() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO withdrawal (upload_id, row, chunk_id, state, who, why, asked_at, since, again_at) "
            "SELECT upload_id, 7, id, 'wanted', 'anna', 'asked', not_before, not_before, not_before FROM chunk"
        )
    prune.prune(house.ctx, 9)
    assert house.sql("SELECT state, why FROM withdrawal") == [("too_late", "")]
