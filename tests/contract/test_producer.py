"""What `enqueue` promises: a key is one upload, a bad job stores nothing, an acknowledged one survives its file."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.backups import restored, take
from tests.house import House, some_numbers
from worker import control, explain, suppress, view, withdraw
from worker.bells import CeleryRing, celery_app
from worker.errors import ConfigError, InputError
from worker.producer import Receipt, enqueue, receive_message
from worker.restored import restored_now
from worker.store import suppressions


def uploads(house: House) -> int:
    return int(house.sql("SELECT count(*) FROM upload")[0][0])


def test_the_same_key_twice_is_one_upload(house: House) -> None:
    job = {"source": str(house.file(some_numbers(5))), "account": "sandbox", "idempotency_key": "monday"}
    first, second = (enqueue(job, context=house.ctx) for _ in range(2))
    assert (first.id, first.created, second.created) == (second.id, True, False)
    assert uploads(house) == 1


@pytest.mark.parametrize("change", [{"options": {"num_attempts": 5}}, {"region": "US"}, {"source": None}])
def test_the_same_key_with_another_job_is_refused(house: House, change: dict[str, object]) -> None:
    job = {"source": str(house.file(some_numbers(5))), "account": "sandbox", "idempotency_key": "monday"}
    enqueue(job, context=house.ctx)
    if "source" in change:
        change = {"source": str(house.file(some_numbers(6), "other.csv"))}
    with pytest.raises(InputError) as refused:
        enqueue({**job, **change}, context=house.ctx)
    assert refused.value.code == "key_reused"
    assert uploads(house) == 1


def test_many_producers_with_one_key_make_one_upload(house: House) -> None:
    job = {"source": str(house.file(some_numbers(5))), "account": "sandbox", "idempotency_key": "monday"}
    receipts: list[Receipt] = []
    pushers = [threading.Thread(target=lambda: receipts.append(enqueue(job, context=house.ctx))) for _ in range(8)]
    for pusher in pushers:
        pusher.start()
    for pusher in pushers:
        pusher.join()
    assert len(receipts) == 8
    assert len({receipt.id for receipt in receipts}) == 1
    assert sum(receipt.created for receipt in receipts) == 1


def test_the_file_may_go_once_it_is_acknowledged(house: House) -> None:
    path = house.file(some_numbers(20))
    ulid = enqueue({"source": str(path), "account": "sandbox"}, context=house.ctx).id
    path.unlink()
    assert house.finish(ulid)["rows"]["accepted"] == 20


def test_a_file_that_went_before_is_refused_unless_asked_again(house: House) -> None:
    job = {"source": str(house.file(some_numbers(5))), "account": "sandbox"}
    enqueue(job, context=house.ctx, again=False)
    with pytest.raises(InputError) as refused:
        enqueue(job, context=house.ctx, again=False)
    assert refused.value.code == "file_again"
    assert enqueue(job, context=house.ctx, again=True).created


def test_a_file_of_which_nothing_was_sent_may_be_given_anew_once_that_is_certain(small_house: House) -> None:
    house = small_house
    job = {"source": str(house.file(["020 7946 0000"] * 2)), "account": "sandbox"}
    first = enqueue(job, context=house.ctx, again=False).id
    house.work()
    house.work()
    assert house.status(first)["blocked"] == "rejects"
    with pytest.raises(InputError, match=f"has sent nothing so far; `rollcall cancel {first}`"):
        enqueue({**job, "region": "GB"}, context=house.ctx, again=False)
    control.cancel(house.ctx, first, "anna")
    second = enqueue({**job, "region": "GB"}, context=house.ctx, again=False).id
    assert house.finish(second)["rows"]["accepted"] == 1
    with pytest.raises(InputError, match="--again calls its people once more"):
        enqueue({**job, "region": "GB"}, context=house.ctx, again=False)


def test_what_an_older_upload_of_the_file_has_sent_is_not_forgotten_over_a_newer_that_waits(house: House) -> None:
    job = {"source": str(house.file(some_numbers(5))), "account": "sandbox"}
    first = enqueue(job, context=house.ctx).id
    house.finish(first)
    later = (house.now + timedelta(days=1)).isoformat()
    second = enqueue({**job, "starts_at": later}, context=house.ctx).id
    for _ in range(2):
        with pytest.raises(InputError, match=f"went to account 'sandbox' as upload {first};"):
            enqueue(job, context=house.ctx, again=False)
        control.cancel(house.ctx, second, "anna")
        house.work()


def test_of_what_a_backup_brought_back_nobody_knows_whether_it_was_sent(house: House, tmp_path: Path) -> None:
    job = {"source": str(house.file(some_numbers(50))), "account": "sandbox"}
    ulid = enqueue(job, context=house.ctx, again=False).id
    take(house, tmp_path / "backup")
    house.finish(ulid)
    with restored(house, tmp_path / "backup") as other:
        restored_now(other.ctx, "anna")
        control.cancel(other.ctx, ulid, "anna")
        with pytest.raises(InputError, match=f"as upload {ulid};"):
            enqueue(job, context=other.ctx, again=False)


def told_of_row_4(house: House, ulid: str) -> str:
    with house.ctx.db.read() as session:
        return explain.contact(session, house.ctx.staging, view.find(session, ulid), 4, "US").events[-1].sentence


def test_who_withdrew_from_a_file_is_not_called_when_it_is_uploaded_anew(house: House) -> None:
    later = (house.now + timedelta(days=1)).isoformat()
    job = {"source": str(house.file(some_numbers(5))), "account": "sandbox"}
    first = enqueue({**job, "starts_at": later}, context=house.ctx, again=False).id
    house.work()
    house.work()
    withdraw.ask(house.ctx, first, [4], "anna", "asked by mail")
    control.cancel(house.ctx, first, "anna")
    house.work()
    second = enqueue(job, context=house.ctx, again=False).id
    rows = house.finish(second)["rows"]
    assert (rows["accepted"], rows["suppressed"]) == (4, 1)
    assert f"Who asked for it, and why: `rollcall withdraw {first}`." in told_of_row_4(house, second)
    third = enqueue(job, context=house.ctx, again=True).id
    assert house.finish(third)["rows"]["suppressed"] == 1
    other = house.upload(6)
    assert house.finish(other)["rows"]["suppressed"] == 0


def test_who_left_a_waiting_upload_of_the_file_by_the_list_is_left_to_the_list(house: House) -> None:
    job = {"source": str(house.file(some_numbers(5))), "account": "sandbox"}
    starts_at = (house.now + timedelta(days=1)).isoformat()
    by_list, by_person = (enqueue({**job, "starts_at": starts_at}, context=house.ctx, again=True).id for _ in range(2))
    house.work()
    house.work()
    suppress.add(house.ctx, "sandbox", [12022000001], "asked by mail", "anna")
    withdraw.ask(house.ctx, by_person, [4], "anna", "asked by mail")
    house.work()
    with house.ctx.db.write() as session:
        suppressions.remove(session, "sandbox", [12022000001])
    for ulid in (by_list, by_person):
        assert house.status(ulid)["rows"]["suppressed"] == 1 + (ulid == by_person)
        control.cancel(house.ctx, ulid, "anna")
    house.work()
    third = enqueue(job, context=house.ctx, again=False).id
    rows = house.finish(third)["rows"]
    assert (rows["accepted"], rows["suppressed"]) == (4, 1)
    assert f"Who asked for it, and why: `rollcall withdraw {by_person}`." in told_of_row_4(house, third)


@pytest.mark.parametrize(
    ("job", "code"),
    [
        ({"account": "nobody"}, "unknown_account"),
        ({"options": {"priority": -1}}, "bad_option"),
        ({"options": {"num_attempts": 6}}, "bad_option"),
        ({"options": {"name": "x" * 300}}, "bad_option"),
        ({"options": {"name": "a/b"}}, "bad_option"),
        ({"options": {"colour": "red"}}, "bad_option"),
        ({"starts_at": "2030-01-01T09:00:00"}, "bad_job"),
        ({"starts_at": 1893488400000}, "bad_job"),
        ({"phone_column": "mobile"}, "no_phone_column"),
        ({"window": "legal", "zone_column": "tz"}, "no_such_column"),
        ({"source": "/nowhere/people.csv"}, "no_file"),
        ({"source": "/"}, "is_a_directory"),
        ({"source": "ftp://example.org/people.csv"}, "unsupported_source"),
        ({"source": "https:///people.csv"}, "unsupported_source"),
        ({"source": "s3:///people.csv"}, "unsupported_source"),
        ({"surprise": 1}, "bad_job"),
    ],
)
def test_a_bad_job_stores_nothing(house: House, job: dict[str, object], code: str) -> None:
    good = {"source": str(house.file(some_numbers(5))), "account": "sandbox"}
    with pytest.raises((InputError, ConfigError)) as refused:
        enqueue({**good, **job}, context=house.ctx)
    assert refused.value.code == code
    assert refused.value.message.count("\n") == 0
    assert uploads(house) == 0


@pytest.mark.parametrize("job", [None, "x", [], 7])
def test_what_is_no_job_at_all_stores_nothing(house: House, job: Any) -> None:
    with pytest.raises(InputError) as refused:
        enqueue(job, context=house.ctx)
    assert refused.value.code == "bad_job"
    assert uploads(house) == 0


def test_once_it_is_stored_a_bell_that_cannot_be_rung_is_no_error(house: House) -> None:
    """Who was told of an error would push once more."""
    job = {"source": str(house.file(some_numbers(5))), "account": "sandbox"}
    house.ctx.ring = CeleryRing(lambda: celery_app(house.ctx.settings, "bogus://127.0.0.1/0"))
    assert enqueue(job, context=house.ctx).created
    assert uploads(house) == 1


def test_a_message_may_only_name_files_in_allowed_folders(house: House) -> None:
    job = {"source": str(house.file(some_numbers(5))), "account": "sandbox"}
    receive_message(house.ctx, job, "message-1")
    assert house.sql("SELECT idempotency_key, state, code FROM upload") == [
        ("message-1", "failed", "source_not_allowed")
    ]
    house.ctx.settings.source_folders = [house.folder]
    receive_message(house.ctx, job, "message-2")
    receive_message(house.ctx, job, "message-2")
    assert house.sql("SELECT state FROM upload WHERE idempotency_key = 'message-2'") == [("received",)]


def test_a_message_that_makes_no_sense_is_kept_as_a_failure(house: House) -> None:
    receive_message(house.ctx, {"nonsense": True}, "message-1")
    state, code = house.sql("SELECT state, code FROM upload")[0]
    assert (state, code) == ("failed", "bad_job")


@pytest.mark.parametrize("name", ["a\x01b.csv", "zero​width.csv", "  .csv", "back\\slash.csv"])
def test_a_list_may_be_named_after_any_file(house: House, name: str) -> None:
    path = house.file(some_numbers(2)).rename(house.folder / name)
    assert (
        house.finish(enqueue({"source": str(path), "account": "sandbox"}, context=house.ctx).id)["state"] == "finished"
    )


def test_a_message_with_broken_text_is_kept_too(house: House) -> None:
    receive_message(house.ctx, {"source": "/x.csv", "account": "\ud800", "idempotency_key": "a\0b"}, "message-1")
    assert house.sql("SELECT idempotency_key, state FROM upload") == [("ab", "failed")]


def test_enqueue_needs_nothing_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that pushes may be the first thing that ever runs: its own database file gets its tables."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ROLLCALL_HOME", raising=False)
    (tmp_path / "people.csv").write_text("phone\n+12022000001\n")
    assert enqueue({"source": "people.csv", "account": "sandbox"}).created


def test_a_region_that_there_is_not_is_refused_at_once(house: House) -> None:
    with pytest.raises(InputError) as refused:
        enqueue({"source": str(house.file(some_numbers(2))), "account": "sandbox", "region": "XX"}, context=house.ctx)
    assert refused.value.code == "unknown_region"
