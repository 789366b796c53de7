"""Numbers that are not called: left out at intake, withdrawn from what is on its way."""

from pathlib import Path

import numpy as np
import pytest

from schedules.sweep import sweep
from tests.chaos.crash_points import bring_staging_back
from tests.house import START, House, adds_up, some_numbers
from worker import ingest, submit, suppress
from worker.intake.rejects import read_rejects
from worker.store import gates, suppressions
from worker.store.suppressions import EVERYWHERE


def listed(house: House, *rows: int, account: str = EVERYWHERE) -> int:
    numbers = [12022000000 + row - 1 for row in rows]
    return suppress.add(house.ctx, account, numbers, "asked by mail", "anna")


def sent(house: House) -> set[str]:
    return {one["uuid"].partition(":")[2] for one in house.provider.contacts}


@pytest.mark.parametrize("account", [EVERYWHERE, "sandbox"])
def test_intake_leaves_them_out_with_line_and_reason(house: House, account: str) -> None:
    assert listed(house, 3, 250, account=account) == 2
    ulid = house.upload(250)
    status = house.finish(ulid)
    assert (status["rows"]["accepted"], status["rows"]["suppressed"]) == (248, 2)
    assert adds_up(status)
    assert not sent(house) & {"3", "250"}
    (digest,) = house.sql("SELECT rejects_digest FROM upload")[0]
    rejects = [one for part in read_rejects(house.ctx.staging, digest) for one in part.to_pylist()]
    assert [(one["line"], one["code"]) for one in rejects] == [(4, "suppressed"), (251, "suppressed")]


def test_another_accounts_list_is_not_ours(house: House) -> None:
    listed(house, 3, account="kore")
    assert house.finish(house.upload(5))["rows"]["accepted"] == 5


def test_a_number_that_is_listed_and_stands_twice_is_suppressed_twice(house: House) -> None:
    listed(house, 1)
    status = house.finish(house.upload([*some_numbers(2), *some_numbers(2)]))
    assert (status["rows"]["suppressed"], status["rows"]["duplicate"], status["rows"]["accepted"]) == (2, 1, 1)


def test_what_was_taken_in_and_not_sent_leaves_again(house: House) -> None:
    ulid = house.upload(250, starts_at=START.timestamp() + 3600)
    house.run(ulid, until=lambda s: s["rows"]["waiting"] == 250)
    listed(house, 7, 120)
    house.work()
    assert house.status(ulid)["rows"]["suppressed"] == 2
    house.turn(3600)
    assert house.finish(ulid)["rows"]["accepted"] == 248
    assert not sent(house) & {"7", "120"}


def test_what_was_sent_is_taken_back(house: House) -> None:
    ulid = house.upload(250, options={"max_simultaneous": 1})
    house.run(ulid, until=lambda s: s["state"] == "dialing", step=0.01)
    listed(house, 250)
    house.work()
    assert house.finish(ulid, step=600, limit=24 * 3600)["outcomes"]["cancelled"] == 1
    assert house.provider.calls[f"{ulid}:250"] == 0


def test_nothing_is_sent_between_the_list_and_the_comparison(house: House) -> None:
    """The process that listed a number may die before anybody compares."""
    ulid = house.upload(90)
    ingest.ingest(house.ctx, ulid)
    (list_id,) = house.sql("SELECT id FROM call_list")[0]
    listed(house, 5)
    house.lose_bells()
    submit.run_list(house.ctx, list_id)
    assert house.provider.ledger["contacts"] == 0
    assert house.finish(ulid)["rows"]["accepted"] == 89
    assert house.sql("SELECT listed_since FROM gate WHERE account = 'sandbox'") == [(None,)]


def later(house: House, rows: int = 250) -> str:
    ulid = house.upload(rows, starts_at=START.timestamp() + 3600)
    house.run(ulid, until=lambda s: s["rows"]["waiting"] == rows)
    return ulid


def test_a_chunk_that_cannot_be_read_is_not_sent_and_holds_up_no_other(house: House) -> None:
    """Who is in it nobody can tell. It is tried again, since the file may come back."""
    ulid = later(house)
    (digest,) = house.sql("SELECT index_digest FROM chunk WHERE seq = 2")[0]
    index = house.ctx.staging.read(digest)
    house.ctx.staging.delete(digest)
    listed(house, 7, 120)
    house.work()
    assert "nobody can tell" in house.status(ulid)["message"]
    house.turn(3600)
    status = house.run(ulid, until=lambda s: "needs_person" in s)
    assert (status["code"], status["rows"]["accepted"], status["rows"]["waiting"]) == ("not_compared", 149, 100)
    assert house.sql("SELECT code FROM attempt WHERE step = 'suppress'") == [("not_compared",)]
    house.ctx.staging.put(index)
    assert house.finish(ulid)["rows"]["accepted"] == 248
    assert not sent(house) & {"7", "120"}


def test_while_staging_is_away_the_account_waits_and_says_so(house: House) -> None:
    ulid = later(house)
    staging = house.ctx.settings.home / "staging"
    staging.rename(staging.with_name("away"))
    staging.touch()
    listed(house, 7)
    house.turn(3600)
    house.work()
    assert "waits to be compared with the do-not-call list" in house.status(ulid)["message"]
    bring_staging_back(house, ulid)
    assert house.finish(ulid)["rows"]["accepted"] == 249
    assert "7" not in sent(house)


def test_one_worker_compares_and_the_others_leave_it_alone(house: House) -> None:
    ulid = later(house, 90)
    listed(house, 5, account="sandbox")
    with house.ctx.db.write() as session:
        assert gates.claim_compare(session, "sandbox", house.now, 60) is not None
    house.work()
    assert house.sql("SELECT count(*) FROM withdrawal") == [(0,)]
    house.lose_bells()
    assert sweep(house.ctx) == 0
    house.turn(61)
    house.work()
    assert house.status(ulid)["rows"]["suppressed"] == 1


@pytest.mark.parametrize("last", ["take_in", "_leaving"], ids=["as it is read", "before the last transaction"])
def test_a_number_that_is_listed_while_the_file_is_read_is_not_called(
    house: House, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    step = getattr(ingest, last)

    def slowly(*given: object, **named: object) -> object:
        taken = step(*given, **named)
        listed(house, 5)
        suppress.compare(house.ctx, "sandbox")
        return taken

    monkeypatch.setattr(ingest, last, slowly)
    ulid = house.upload(90)
    status = house.finish(ulid)
    assert (status["rows"]["accepted"], status["rows"]["suppressed"]) == (89, 1)
    assert "5" not in sent(house)


def test_numbers_are_listed_once_and_may_be_taken_off(house: House) -> None:
    assert listed(house, 1, 2) == 2
    assert listed(house, 2, 3) == 1
    assert listed(house, 2, account="sandbox") == 1
    with house.ctx.db.write() as session:
        assert suppressions.remove(session, EVERYWHERE, [12022000001, 1]) == 1
    with house.ctx.db.read() as session:
        assert suppressions.of_account(session, "sandbox").tolist() == [12022000000, 12022000001, 12022000002]
        assert suppressions.of_account(session, "kore").tolist() == [12022000000, 12022000002]


def test_a_long_list_is_kept_in_batches(house: House, tmp_path: Path) -> None:
    numbers = np.arange(12022000000, 12022000000 + 20_001).tolist()
    assert suppress.add(house.ctx, EVERYWHERE, numbers, "imported", "anna") == 20_001
    assert suppress.add(house.ctx, EVERYWHERE, [*numbers[-5001:], 12022100000], "again", "anna") == 1
    assert house.finish(house.upload(some_numbers(3, first=20_000)))["rows"]["suppressed"] == 1
