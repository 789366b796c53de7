"""Corrected rejects as a continuation: everybody once, rows that number on, nobody whom the family has already."""

import csv
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.house import START, House, adds_up, sample_accounts, some_numbers
from worker import continuation, control, ingest, review, sizes, withdraw
from worker.cli.export import as_csv
from worker.errors import InputError
from worker.intake.correct import header_to_correct, rows_to_correct
from worker.intake.dialect import Dialect
from worker.intake.rejects import read_rejects
from worker.intake.run import take_in
from worker.job import Job
from worker.models import Upload
from worker.preview import Preview, preview
from worker.producer import enqueue, receive_message
from worker.providers.registry import KINDS
from worker.settings import sandbox_account
from worker.view import find

URL = "http://127.0.0.1:1"
BAD = ["NOT AVAILABLE", "12", "none"]


@pytest.fixture(autouse=True)
def any_share(request: pytest.FixtureRequest) -> None:
    """Small files, of which many rows are wrong."""
    for name in ("house", "small_house"):
        if name in request.fixturenames:
            request.getfixturevalue(name).ctx.settings.reject_threshold = 1


def kept(house: House, ulid: str) -> Upload:
    with house.ctx.db.read() as session:
        return find(session, ulid)


def to_correct(house: House, ulid: str) -> Path:
    """What `rollcall rejects ID -o FILE` writes."""
    upload, path = kept(house, ulid), house.folder / "rejects.csv"
    assert upload.found is not None
    dialect = Dialect(*(upload.found[name] for name in ("delimiter", "encoding", "quote", "escape")))
    rows = rows_to_correct(house.ctx.staging, upload.rejects_digest, upload.found["columns"], dialect)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        as_csv(rows, header_to_correct(upload.found["columns"]), file, delimiter=",")
    return path


def corrected(house: House, ulid: str, numbers: list[str], name: str = "corrected.csv") -> Path:
    """The rejects with other numbers, as somebody types them."""
    with to_correct(house, ulid).open(newline="", encoding="utf-8-sig") as file:
        header, *rows = csv.reader(file)
    path = house.folder / name
    with path.open("w", newline="") as file:
        at = header.index("phone")
        mended = ([*row[:at], number, *row[at + 1 :]] for row, number in zip(rows, numbers, strict=True))
        csv.writer(file).writerows([header, *mended])
    return path


def go_on(house: House, ulid: str, path: Path, **job: Any) -> str:
    return enqueue({"source": str(path), "continues": ulid, **job}, context=house.ctx).id


def codes(house: House, ulid: str) -> dict[int, str]:
    digest = kept(house, ulid).rejects_digest
    batches = [] if digest is None else read_rejects(house.ctx.staging, digest)
    return {one["row"]: one["code"] for batch in batches for one in batch.to_pylist()}


def called(house: House) -> list[str]:
    return sorted(one["number"] for one in house.provider.contacts)


def finished(house: House, numbers: list[str], **job: Any) -> str:
    ulid = house.upload(numbers, **job)
    house.finish(ulid)
    return ulid


def test_corrected_rows_are_called_once_and_number_on(house: House) -> None:
    first = finished(house, [*some_numbers(4), *BAD], options={"priority": 3})
    wanted = some_numbers(3, first=10)
    second = go_on(house, first, corrected(house, first, wanted))
    status = house.finish(second)
    assert (status["rows"]["total"], status["rows"]["accepted"], adds_up(status)) == (3, 3, True)
    assert called(house) == sorted([*some_numbers(4), *wanted])
    uuids = {one["uuid"] for one in house.provider.contacts}
    assert uuids == {f"{first}:{row}" for row in range(1, 5)} | {f"{second}:{row}" for row in range(8, 11)}
    assert status["continues"] == {"id": first, "first_row": 8}
    (told,) = house.status(first)["continuations"]
    assert (told["id"], told["first_row"], told["rows"]) == (second, 8, status["rows"])
    assert "continuations" not in house.status(second)
    assert kept(house, second).job["options"]["priority"] == 3
    assert house.provider.ledger["called_twice"] == 0


def test_the_same_file_twice_calls_nobody_twice(small_house: House) -> None:
    house = small_house
    first = finished(house, [*some_numbers(4), *BAD])
    path = corrected(house, first, some_numbers(3, first=10))
    house.finish(go_on(house, first, path))
    with pytest.raises(InputError, match="--again"):
        enqueue({"source": str(path), "continues": first}, context=house.ctx, again=False)
    told = preview(house.ctx, {"source": str(path), "continues": first})
    assert isinstance(told, Preview)
    assert told.codes == {"already_taken_in": 3}
    third = go_on(house, first, path)
    rows = house.finish(third)["rows"]
    assert (rows["accepted"], rows["duplicate"]) == (0, 3)
    assert set(codes(house, third).values()) == {"already_taken_in"}
    assert len(called(house)) == len(set(called(house))) == 7


def test_a_corrected_number_that_was_taken_in_is_a_duplicate_however_long_ago(small_house: House) -> None:
    house = small_house
    first = finished(house, [*some_numbers(4), *BAD])
    house.turn(90 * 86_400)
    second = go_on(house, first, corrected(house, first, [*some_numbers(2), "+12023334444"]))
    rows = house.finish(second)["rows"]
    assert (rows["accepted"], rows["duplicate"]) == (1, 2)
    assert codes(house, second) == {8: "already_taken_in", 9: "already_taken_in"}


def test_whoever_waits_to_be_sent_is_not_taken_in_again(house: House) -> None:
    late = START.timestamp() + 3600
    first = house.upload([*some_numbers(4), *BAD], starts_at=late)
    house.run(first, until=lambda s: s["rows"]["waiting"] == 4)
    second = go_on(house, first, corrected(house, first, [*some_numbers(2), "+12023334444"]))
    status = house.run(second, until=lambda s: s["rows"]["total"] == 3)
    assert (status["rows"]["waiting"], status["rows"]["duplicate"]) == (1, 2)
    assert status["starts_at"] == house.status(first)["starts_at"], "nobody is called before the campaign begins"
    assert called(house) == []
    house.finish(first, limit=7200, step=60)
    house.finish(second, limit=7200, step=60)
    assert len(called(house)) == len(set(called(house))) == 5


def test_a_start_that_has_passed_is_not_inherited(small_house: House) -> None:
    first = finished(small_house, [*some_numbers(1), *BAD], starts_at=START.timestamp() + 60)
    second = go_on(small_house, first, corrected(small_house, first, some_numbers(3, first=10)))
    assert small_house.finish(second)["rows"]["accepted"] == 3


def test_rows_that_are_wrong_again_can_be_continued_with_again(small_house: House) -> None:
    house = small_house
    first = finished(house, [*some_numbers(4), *BAD])
    second = go_on(house, first, corrected(house, first, [*some_numbers(1, first=10), "x", "y"]))
    house.finish(second)
    assert codes(house, second).keys() == {9, 10}
    third = go_on(house, second, corrected(house, second, [*some_numbers(1, first=10), *some_numbers(1, first=20)]))
    assert house.finish(third)["continues"] == {"id": second, "first_row": 11}
    assert codes(house, third) == {11: "already_taken_in"}
    assert [one["id"] for one in house.status(first)["continuations"]] == [second, third]
    assert [one["id"] for one in house.status(second)["continuations"]] == [third]
    assert len(called(house)) == len(set(called(house))) == 6


def test_two_continuations_at_once_share_neither_rows_nor_people(house: House) -> None:
    first = finished(house, [*some_numbers(4), *BAD])
    both = [*some_numbers(2, first=10)]
    paths = [corrected(house, first, [*both, f"+1202333444{n}"], f"{n}.csv") for n in range(2)]
    ulids = [go_on(house, first, path) for path in paths]
    house.lose_bells()
    readers = [threading.Thread(target=ingest.ingest, args=(house.ctx, ulid)) for ulid in ulids]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    statuses = [house.finish(ulid) for ulid in ulids]
    assert sorted(status["rows"]["accepted"] for status in statuses) == [1, 3]
    assert sorted(status["continues"]["first_row"] for status in statuses) == [8, 11]
    assert len(called(house)) == len(set(called(house))) == 8


def test_while_one_of_the_family_is_read_the_next_waits(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long ago its reader was heard of: it is read by another, or fails, and only then the next one begins."""
    first = finished(house, [*some_numbers(4), *BAD])
    one, other = (
        go_on(house, first, corrected(house, first, some_numbers(3, first=at), f"{at}.csv")) for at in (10, 20)
    )
    seen: list[str] = []

    def slowly(*given: Any, **named: Any) -> Any:
        if not seen:
            house.now = house.now.replace(hour=house.now.hour + 1)
            ingest.ingest(house.ctx, other)
            seen.append(house.status(other)["state"])
            house.now = house.now.replace(hour=house.now.hour - 1)
        return take_in(*given, **named)

    monkeypatch.setattr("worker.ingest.take_in", slowly)
    house.lose_bells()
    ingest.ingest(house.ctx, one)
    assert seen == ["received"]
    assert [house.finish(ulid)["continues"]["first_row"] for ulid in (one, other)] == [8, 11]


def test_a_uuid_of_the_family_is_not_used_again(small_house: House) -> None:
    house = small_house
    path = house.folder / "own.csv"
    path.write_text(f"phone,__task_uuid\n{some_numbers(1)[0]},mine\nnone,yours\nnone,\n")
    first = house.upload(source=str(path))
    house.finish(first)
    second = go_on(house, first, corrected(house, first, some_numbers(2, first=5)))
    assert house.finish(second)["rows"]["accepted"] == 2
    assert {one["uuid"] for one in house.provider.contacts} == {"mine", "yours", f"{second}:5"}
    path.write_text(f"phone,__task_uuid\n{some_numbers(1, first=8)[0]},mine\n{some_numbers(1, first=9)[0]},new\n")
    third = go_on(house, second, path)
    house.finish(third)
    assert codes(house, third) == {6: "repeated_task_uuid"}


def test_what_is_not_said_again_is_as_it_was(small_house: House) -> None:
    house = small_house
    path = house.folder / "own.csv"
    path.write_text("Kontakt;Name\n0655500001;A\nnichts;B\n030 1234567;C\n")
    told = {"phone_column": "Kontakt", "region": "DE", "only": ["mobile", "fixed_line"], "countries": ["DE", "AT"]}
    first = house.upload(source=str(path), **told, options={"name": "herbst", "num_attempts": 3})
    house.finish(first)
    fixed = house.folder / "fixed.csv"
    fixed.write_text("Kontakt,Name\n0151 23456789,B\n0800 1234567,C\n")
    second = go_on(house, first, fixed, options={"num_attempts": 2})
    job = kept(house, second).job
    assert {name: job[name] for name in told} == told
    assert (job["options"]["name"], job["options"]["num_attempts"]) == ("herbst", 2)
    assert house.finish(second)["rows"]["accepted"] == 1
    assert codes(house, second) == {5: "other_type"}
    third = go_on(house, first, fixed, only=["toll_free"])
    assert house.finish(third)["rows"]["accepted"] == 1


def test_the_calling_hours_hold_for_what_was_corrected(small_house: House) -> None:
    house = small_house
    path = house.folder / "zones.csv"
    path.write_text("phone,zone\n+12022000001,America/New_York\nnone,America/Denver\n")
    first = house.upload(source=str(path), window="09:00-18:00", zone_column="zone")
    house.run(first, until=lambda s: s["rows"]["total"] == 2)
    fixed = corrected(house, first, some_numbers(1, first=10))
    jobs = [kept(house, go_on(house, first, fixed, **said)).job for said in ({}, {"window": "any"})]
    assert [(job["window"], job["zone_column"]) for job in jobs] == [("09:00-18:00", "zone"), ("any", None)]


def test_every_field_of_a_job_is_inherited_or_of_the_file_itself() -> None:
    """A new field has to be thought about: the calling hours of a campaign must hold for its continuation as well."""
    itself = {"source", "account", "options", "starts_at", "idempotency_key", "continues", "pilot"}
    itself |= {"delimiter", "encoding", "quote", "escape"}
    assert {*continuation.INHERITED} | itself == {*Job.model_fields}


def test_options_that_were_checked_pass_the_check_again() -> None:
    """Those of the upload are the continuation's, and were checked when it was received."""
    accounts = {"sandbox": sandbox_account(URL), **sample_accounts(URL)}
    for account in accounts.values():
        kind = KINDS[account.provider]
        once = kind.check_options({**account.options, "name": "herbst"})
        assert kind.check_options(once) == once
    assert {account.provider for account in accounts.values()} == {*KINDS}


def test_what_cannot_be_continued(small_house: House) -> None:
    house = small_house
    more = house.file(some_numbers(3, first=50), "more.csv")

    def refused(ulid: str, **job: Any) -> str:
        with pytest.raises(InputError) as said:
            go_on(house, ulid, more, **job)
        assert "\n" not in said.value.message
        assert house.sql("SELECT count(*) FROM upload WHERE continues_id IS NOT NULL") == [(0,)]
        return f"{said.value.code}: {said.value.message}"

    assert refused("01ARZ3NDEKTSV4RRFFQ69G5FAV").startswith("no_such_upload")
    assert refused("yester-day", account="sandbox").startswith("no_such_upload")
    assert refused("a\0b").startswith("bad_job")
    unread = house.upload(5, starts_at=START.timestamp() + 3600)
    assert refused(unread).startswith("cannot_continue")
    assert "has not been read" in refused(unread)
    house.run(unread, until=lambda s: s["rows"]["waiting"] == 5)
    assert "belongs to account" in refused(unread, account="formant")
    control.cancel(house.ctx, unread, "anna")
    assert "was cancelled" in refused(unread)
    receive_message(house.ctx, {"nonsense": True}, "message-1")
    ((failed,),) = house.sql("SELECT ulid FROM upload WHERE state = 'failed'")
    assert "belongs to account ''" in refused(failed, account="sandbox")
    adopted = finished(house, some_numbers(3))
    with house.ctx.db.write() as session:
        session.connection().exec_driver_sql("UPDATE upload SET source_digest = NULL")  # as `adopt` keeps it
    assert "made elsewhere" in refused(adopted)


def test_what_was_acknowledged_is_so_whatever_became_of_its_parent(small_house: House) -> None:
    house = small_house
    first = house.upload([*some_numbers(2), *BAD], starts_at=START.timestamp() + 3600)
    house.run(first, until=lambda s: s["rows"]["waiting"] == 2)
    path = house.file(some_numbers(3, first=50), "more.csv")
    second = go_on(house, first, path, idempotency_key="monday")
    control.cancel(house.ctx, first, "anna")
    assert go_on(house, first, path, idempotency_key="monday") == second


def test_whom_a_person_gave_up_may_have_been_called(house: House) -> None:
    house.provider.faults({"fault": "short_count", "share": 1, "methods": ["CreateCallList"], "times": 1})
    first = house.upload([*some_numbers(8), *BAD])
    house.run(first, until=lambda s: "needs_person" in s, step=2)
    review.decide(house.ctx, first, 1, "give_up", "anna", "leave it")
    assert house.finish(first)["rows"]["refused"] == 8
    reached = house.provider.ledger["contacts"]
    second = go_on(house, first, house.file([*some_numbers(8), *some_numbers(1, first=20)], "all.csv"))
    rows = house.finish(second)["rows"]
    assert (rows["duplicate"], rows["accepted"]) == (8, 1)
    assert house.provider.ledger["contacts"] == reached + 1


def test_whom_the_provider_refused_in_a_larger_request_a_smaller_one_carries(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "USUAL", sizes.Sizes(first=10, later=20, behind=20))
    house.account.chunk_rows = None
    house.provider.put("/switches", {"max_rows": 10})
    path = house.file(some_numbers(60), "all.csv")
    first = house.upload(source=path)
    rows = house.finish(first)["rows"]
    assert rows == {**dict.fromkeys(rows, 0), "total": 60, "accepted": 20, "refused": 40}
    house.account.chunk_rows = 10
    rows = house.finish(go_on(house, first, path))["rows"]
    assert rows == {**dict.fromkeys(rows, 0), "total": 60, "accepted": 40, "duplicate": 20}
    assert called(house) == sorted(some_numbers(60))
    assert house.provider.ledger["called_twice"] == 0


def test_a_raw_message_may_continue_as_well(small_house: House) -> None:
    house = small_house
    house.ctx.settings.source_folders = [house.folder]
    first = finished(house, [*some_numbers(1), *BAD])
    path = corrected(house, first, some_numbers(3, first=10))
    receive_message(house.ctx, {"source": str(path), "continues": first.lower()}, "message-1")
    ((ulid,),) = house.sql("SELECT ulid FROM upload WHERE idempotency_key = 'message-1'")
    assert house.finish(ulid)["rows"]["accepted"] == 3
    receive_message(house.ctx, {"source": str(path), "continues": ["x"]}, "message-2")
    assert house.sql("SELECT state, code FROM upload WHERE idempotency_key = 'message-2'") == [("failed", "bad_job")]


def test_whoever_asked_not_to_be_called_is_not_taken_in_by_a_continuation(house: House) -> None:
    late = START.timestamp() + 3600
    numbers = some_numbers(250)  # three chunks
    first = house.upload([*numbers, *BAD], starts_at=late)
    house.run(first, until=lambda s: s["rows"]["waiting"] == 250)
    withdraw.ask(house.ctx, first, [3, *range(201, 251)], "anna", "asked by mail")
    house.run(first, until=lambda s: s["rows"]["suppressed"] == 51)
    second = go_on(house, first, corrected(house, first, [numbers[2], numbers[249], "+12023334444"]))
    rows = house.run(second, until=lambda s: s["rows"]["total"] == 3)["rows"]
    assert (rows["suppressed"], rows["waiting"]) == (2, 1)
    assert codes(house, second) == {254: "withdrawn", 255: "withdrawn"}
    house.finish(second, limit=7200, step=60)
    assert not {numbers[2], numbers[249]} & set(called(house))
