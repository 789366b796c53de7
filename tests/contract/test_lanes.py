"""A large campaign lies in several lists that are filled at the same time, and together call as fast as one would."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from schedules.sweep import sweep
from tests.contract.backups import restored, take
from tests.contract.test_faults import APPEND, CREATE, once
from tests.contract.test_restored import called_once, go_on
from tests.house import START, House, adds_up, some_numbers
from worker import collect, control, ingest, lanes, reconcile, review, sizes, submit, withdraw
from worker.errors import InputError
from worker.models import CallList
from worker.restored import restored_now
from worker.settings import AccountSettings
from worker.store import suppressions

ROWS = 1000  # ten chunks


@pytest.fixture
def house(house: House) -> House:
    """From 800 contacts on two lists, of 400 at least."""
    house.account.list_rows = 400
    return house


def options(calls: int = 25, **more: Any) -> dict[str, Any]:
    return {"max_simultaneous": calls, **more}


def at_provider(house: House) -> list[tuple[int, int]]:
    """Calls at a time, and contacts, of each list, by number."""
    who = {"account_id": "1", "api_key": "sandbox"}
    shown = house.provider.client.post("/platform_api/GetCallLists", data=who).json()["result"]
    held = {one["name"]: one["contacts"] for one in house.provider.ledger["lists"]}
    return [(one["max_simultaneous"], held[one["list_name"]]) for one in sorted(shown, key=lambda one: one["list_id"])]


def rows_of(house: House) -> dict[str, list[int]]:
    """The rows that lie in each list at the provider."""
    found: dict[str, list[int]] = {}
    for one in house.provider.contacts:
        found.setdefault(one["list_reference"], []).append(int(one["uuid"].rpartition(":")[2]))
    return found


def test_each_list_has_its_part_of_the_contacts_and_of_the_calls(house: House) -> None:
    ulid = house.upload(ROWS, options=options())
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == ROWS, step=0.01)
    assert at_provider(house) == [(13, 500), (12, 500)]
    shown = house.status(ulid)["lists"]
    assert [(one["rows"], one["max_simultaneous"]) for one in shown] == [(500, 13), (500, 12)]
    first, second = (set(rows) for rows in rows_of(house).values())
    assert {*range(1, 101), *range(201, 301)} < first
    assert {*range(101, 201), *range(301, 401)} < second
    called_once(house, house.finish(ulid, step=60, limit=24 * 3600), rows=ROWS)


@pytest.mark.parametrize(
    ("rows", "account", "told", "lists"),
    [
        (800, {}, options(), 2),
        (799, {}, options(), 1),
        (800, {}, options(19), 1),
        (ROWS, {"lists": 1}, options(), 1),
        (ROWS, {"lists": 3}, options(), 2),
        (ROWS, {"lists": 3, "list_rows": 300}, options(40), 3),
        (ROWS, {"lists": 3, "list_rows": 300}, options(29), 2),
        (ROWS, {}, options(call_list_type="automatic"), 2),
        (ROWS, {}, options(call_list_type="progressive", queue_id=1), 1),
        (ROWS, {}, options(call_list_type="manual", num_attempts=1), 1),
    ],
)
def test_what_is_divided_and_into_how_many(
    house: House, rows: int, account: dict[str, int], told: dict[str, Any], lists: int
) -> None:
    for name, value in account.items():
        setattr(house.account, name, value)
    house.account.options = {"rule_id": 1}
    house.upload(rows, options=told)
    house.work()
    assert house.sql("SELECT count(*), max(lanes) FROM call_list") == [(lists, lists)]


def test_one_chunk_is_one_list(house: House) -> None:
    house.account.list_rows = 50
    house.upload(100, options=options())
    house.work()
    assert at_provider(house) == [(25, 100)]


def test_by_itself_an_account_divides_from_400_000_contacts_on() -> None:
    account = AccountSettings()
    assert (account.lists, account.list_rows) == (2, 200_000)


def test_its_lists_are_rung_for_together(house: House) -> None:
    """And not the second one by the next sweep, half a second later."""
    ulid = house.upload(ROWS, options=options())
    house.lose_bells()
    ingest.ingest(house.ctx, ulid)
    assert [(bell, key) for *_, bell, key in house.bells] == [("submit", 1), ("submit", 2)]


@pytest.mark.parametrize("method", [CREATE, APPEND])
def test_a_doubt_about_one_list_holds_up_no_other(house: House, method: str) -> None:
    house.provider.faults(once("accept_then_hang_up", method))
    ulid = house.upload(ROWS, options=options())
    house.work()
    settled = "SELECT count(*) FILTER (WHERE c.state = 'accepted') FROM chunk c GROUP BY list_id ORDER BY 1"
    (held_up,), (other,) = house.sql(settled)
    assert held_up < other == 5
    called_once(house, house.finish(ulid, limit=24 * 3600), rows=ROWS)


def test_a_change_of_the_calls_is_shared_too(house: House) -> None:
    ulid = house.upload(ROWS, options=options(num_attempts=1))
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == ROWS, step=0.01)
    control.edit(house.ctx, ulid, {"max_simultaneous": "7"}, "anna")
    house.work()
    assert [calls for calls, _ in at_provider(house)] == [4, 3]
    assert [one["max_simultaneous"] for one in house.status(ulid)["lists"]] == [4, 3]
    with pytest.raises(InputError, match="into 2 lists, which share max_simultaneous; give 2 or more") as caught:
        control.edit(house.ctx, ulid, {"max_simultaneous": 1}, "anna")
    assert caught.value.code == "bad_option"
    house.work()
    assert [calls for calls, _ in at_provider(house)] == [4, 3]


def test_a_change_while_the_file_is_read_counts_for_its_lists(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ulid, leaving = house.upload(ROWS, options=options()), ingest._leaving

    def changed(*given: Any) -> Any:
        control.edit(house.ctx, ulid, {"max_simultaneous": 3}, "anna")
        return leaving(*given)

    monkeypatch.setattr(ingest, "_leaving", changed)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == ROWS, step=0.01)
    assert at_provider(house) == [(3, ROWS)]


def half_of_them_later(house: House) -> Path:
    """So much later that the lists of the others have completed."""
    people, later = house.folder / "starts.csv", START.timestamp() + 3 * 3600
    now, then = some_numbers(ROWS), some_numbers(ROWS, first=ROWS)
    people.write_text(
        "\n".join(["phone,__start_at", *(f"{one}," for one in now), *(f"{one},{later:.0f}" for one in then)])
    )
    return people


def test_a_list_that_follows_a_completed_one_has_the_same_part(house: House) -> None:
    ulid = house.upload(source=half_of_them_later(house), options=options())
    status = house.run(ulid, until=lambda s: s["rows"]["accepted"] == 2 * ROWS, step=600, limit=4 * 3600)
    assert len(status["lists"]) == 4
    assert at_provider(house) == [(13, 500), (12, 500), (13, 500), (12, 500)]
    called_once(house, house.finish(ulid, step=60, limit=24 * 3600), rows=2 * ROWS)


def test_a_change_between_a_list_and_the_one_that_follows_it(house: House) -> None:
    """Nobody is told of no call at all, also where no list is there to be asked."""
    ulid = house.upload(source=half_of_them_later(house), options=options(100, num_attempts=1))
    ended = "SELECT count(*) FROM call_list WHERE state = 'finished'"
    house.run(ulid, until=lambda _: house.sql(ended) == [(2,)], step=60, limit=2.9 * 3600)
    with pytest.raises(InputError, match="into 2 lists"):
        control.edit(house.ctx, ulid, {"max_simultaneous": 1}, "anna")
    control.edit(house.ctx, ulid, {"max_simultaneous": 5}, "anna")
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 2 * ROWS, step=60, limit=4 * 3600)
    assert [calls for calls, _ in at_provider(house)] == [50, 50, 3, 2]


def test_each_is_compared_before_it_starts(house: House) -> None:
    house.account.start = "verified"
    ulid = house.upload(ROWS, options=options())
    status = house.finish(ulid, step=60, limit=24 * 3600)
    assert house.sql("SELECT count(DISTINCT list_id), count(*) FROM attempt WHERE step = 'compare'") == [(2, 2)]
    called_once(house, status, rows=ROWS)


def test_a_pilot_goes_first_in_a_list_of_its_own(house: House) -> None:
    ulid = house.upload(ROWS + 100, options=options(), pilot=100)
    house.run(ulid, until=lambda s: s.get("blocked") == "pilot", step=30, limit=24 * 3600)
    assert at_provider(house) == [(25, 100)]
    control.resume(house.ctx, ulid, "anna", accept_pilot=True)
    called_once(house, house.finish(ulid, step=60, limit=24 * 3600), rows=ROWS + 100)
    assert at_provider(house) == [(25, 100), (13, 500), (12, 500)]


def listed(house: House, numbers: list[str], *, on: bool = True) -> None:
    with house.ctx.db.write() as session:
        if on:
            suppressions.add(session, "sandbox", [int(one) for one in numbers], "asked", "anna", house.now)
        else:
            suppressions.remove(session, "sandbox", [int(one) for one in numbers])


def resent(house: House, ulid: str) -> None:
    """A person has what nobody got sent again, wherever he is asked."""
    for (seq,) in house.sql("SELECT seq FROM chunk WHERE state = 'review'"):
        review.decide(house.ctx, ulid, seq, "resend", "anna", "they never got there")


@pytest.mark.parametrize("gone", [1, 60, 150])
def test_a_file_that_is_read_anew_after_a_restore_is_cut_as_it_was(house: House, tmp_path: Path, gone: int) -> None:
    """Who was put on the do-not-call list since lies at the provider, so he is taken back there."""
    house.account.start = "verified"
    ulid = house.upload(ROWS, options=options(num_attempts=1))
    take(house, tmp_path / "backup")
    ingest.ingest(house.ctx, ulid)
    house.lose_bells()
    submit.run_list(house.ctx, 2)
    with restored(house, tmp_path / "backup") as other:
        other.account.start = "verified"
        listed(other, some_numbers(gone))
        (status,) = go_on(other, ulid)
        assert adds_up(status)
        called = other.provider.calls
        assert sum(called.get(f"{ulid}:{row}", 0) for row in range(1, gone + 1)) == 0
        assert all(called[f"{ulid}:{row}"] == 1 for row in range(gone + 1, ROWS + 1))
        assert status["rows"]["suppressed"] + status["outcomes"].get("cancelled", 0) == gone
        assert other.provider.ledger["called_twice"] == 0


@pytest.mark.parametrize("more", [1, 60, 100, 150])
def test_what_is_cut_otherwise_is_found_in_every_list(house: House, tmp_path: Path, more: int) -> None:
    """Somebody took numbers off the do-not-call list, so that chunks begin elsewhere: rows that lie in one list are in
    a chunk of the other one."""
    listed(house, some_numbers(more))
    ulid = house.upload(ROWS, options=options(10_000, num_attempts=1))
    take(house, tmp_path / "backup")
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == ROWS - more, step=0.01)
    with restored(house, tmp_path / "backup") as other:
        listed(other, some_numbers(more), on=False)
        restored_now(other.ctx, "anna")
        control.resume(other.ctx, ulid, "anna")
        settled = "SELECT count(*) FROM chunk WHERE state IN ('accepted', 'finished', 'review')"
        other.run(ulid, until=lambda _: other.sql(settled) == [(10,)], step=5, limit=3600)
        resent(other, ulid)
        status = other.finish(ulid, step=60, limit=4 * 3600)
        called_once(other, status, rows=ROWS)
        assert "no_outcome" not in status["outcomes"]
        assert sum(status["outcomes"].values()) == ROWS


@contextmanager
def cut_larger(
    house: House, folder: Path, monkeypatch: pytest.MonkeyPatch, *, own: bool
) -> Iterator[tuple[House, str]]:
    """The backup is older than the version that makes larger requests: an upload that was sent since, and goes on.

    `own`: with uuids of the user's, which do not tell their rows.
    """
    numbers = enumerate(some_numbers(ROWS), 1)
    lines = [f"{number},customer-{row}" if own else number for row, number in numbers]
    people = folder / "people.csv"
    people.write_text("\n".join(["phone,__task_uuid" if own else "phone", *lines, ""]))
    ulid = house.upload(source=people, options=options(10_000, num_attempts=1))
    take(house, folder / "backup")
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == ROWS, step=0.01)
    with restored(house, folder / "backup") as other:
        monkeypatch.setattr(sizes, "USUAL", sizes.Sizes(first=100, later=200, behind=500))
        other.account.chunk_rows = None
        restored_now(other.ctx, "anna")
        control.resume(other.ctx, ulid, "anna")
        yield other, ulid


@pytest.mark.parametrize("own", [False, True])
def test_outcomes_of_what_is_cut_larger_than_it_was_are_found_in_every_list(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    with cut_larger(house, tmp_path, monkeypatch, own=own) as (other, ulid):
        status = other.finish(ulid, step=60, limit=4 * 3600)
        assert other.sql("SELECT rows FROM chunk ORDER BY seq") == [(100,)] * 5 + [(200,)] * 2 + [(100,)]
        called_once(other, status, rows=ROWS)
        assert "no_outcome" not in status["outcomes"]
        assert sum(status["outcomes"].values()) == ROWS


def test_outcomes_of_a_chunk_that_is_still_looked_for_are_known_where_they_are_read(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be found while a list is read, which is over then and not read again."""
    with cut_larger(house, tmp_path, monkeypatch, own=True) as (other, ulid):
        ingest.ingest(other.ctx, ulid)
        sweep(other.ctx)
        other.lose_bells()
        other.turn(60)
        reconcile.reconcile(other.ctx, 1)
        found = other.sql("SELECT list_id, count(*) FROM chunk WHERE NOT in_question GROUP BY list_id")
        assert found == [(1, 4)]
        other.turn(7200)
        collect.collect(other.ctx, 1)
        assert other.sql("SELECT list_id, count(*) FROM outcome WHERE terminal GROUP BY list_id") == [(1, 500)]


def test_a_lane_that_is_there_twice_proves_nothing_of_another(house: House, tmp_path: Path) -> None:
    """Somebody else made a list of the same name: what is not in ours may lie there, so a person is asked."""
    listed(house, some_numbers(100))
    ulid = house.upload(ROWS, options=options(10_000, num_attempts=1))
    take(house, tmp_path / "backup")
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == ROWS - 100, step=0.01)
    digest = house.sql("SELECT digest FROM chunk WHERE seq = 1")[0][0]
    told: dict[str, str | int] = {
        "rule_id": 1,
        "priority": 1,
        "max_simultaneous": 1,
        "num_attempts": 1,
        "delimiter": ";",
    }
    who = {"account_id": "1", "api_key": "sandbox", "name": f"people [{ulid}-1]"}
    file = {"file_content": house.ctx.staging.read(digest)}
    made = house.provider.client.post("/platform_api/CreateCallList", params=told, data=who, files=file)
    assert made.json()["result"]
    with restored(house, tmp_path / "backup") as other:
        requests = other.provider.ledger["contacts"]
        listed(other, some_numbers(100), on=False)
        restored_now(other.ctx, "anna")
        control.resume(other.ctx, ulid, "anna")
        for _ in range(100):
            other.work()
            other.turn(30)
        assert other.provider.ledger["contacts"] == requests == ROWS
        assert {code for (code,) in other.sql("SELECT code FROM chunk WHERE state = 'review'")} <= {
            "several_lists",
            "cannot_look",
        }


def test_who_lies_in_another_list_than_ours_is_taken_back_all_the_same(house: House, tmp_path: Path) -> None:
    listed(house, some_numbers(60))
    ulid = house.upload(ROWS, options=options(20, num_attempts=1))
    take(house, tmp_path / "backup")
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == ROWS - 60, step=0.01)
    with restored(house, tmp_path / "backup") as other:
        listed(other, some_numbers(60), on=False)
        restored_now(other.ctx, "anna")
        control.resume(other.ctx, ulid, "anna")
        other.run(ulid, until=lambda s: s["rows"]["accepted"] >= ROWS - 100, step=1, limit=3600)
        last = range(ROWS - 99, ROWS + 1)
        before = {row for row in last if other.provider.calls.get(f"{ulid}:{row}")}
        withdraw.ask(other.ctx, ulid, list(last), "anna", "they said so")
        for _ in range(30):
            other.work()
            other.turn(60)
        assert {row for row in last if other.provider.calls.get(f"{ulid}:{row}")} == before
        assert len(before) < 50


@pytest.mark.parametrize("many", range(1, 9))
@pytest.mark.parametrize("calls", [8, 10, 11, 17, 80, 81, 1000, 1003])
def test_parts_are_equal_but_for_one_and_add_up(calls: int, many: int) -> None:
    every = [CallList(upload_id=1, number=1 + lane, name="people", lane=lane, lanes=many) for lane in range(many)]
    parts = [lanes.options_of(one, {"max_simultaneous": calls, "num_attempts": 1}) for one in every]
    told = [one.pop("max_simultaneous") for one in parts]
    assert sum(told) == calls
    assert max(told) - min(told) <= 1
    assert parts == [{"num_attempts": 1}] * many
