"""A person's number is erased wherever it was kept, and is not called again."""

import os
import stat
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.chaos.dying_worker import dies
from tests.contract.test_prune import everywhere, later, objects
from tests.house import House, adds_up, some_numbers
from worker import control, explain, forget, known, marks, prune, view
from worker.errors import ConfigError
from worker.intake.correct import rows_to_correct
from worker.intake.dialect import Dialect
from worker.store import forgotten, suppressions

NUMBER, NATIONAL = 12022000003, "(202) 200-0003"
PEOPLE = [*some_numbers(150), NATIONAL, "nobody"]  # the fourth stands twice, and one is rejected


def stored(house: House) -> bytes:
    """What lies in staging, and in the database."""
    staged = [(Path(house.ctx.settings.staging) / name).read_bytes() for name in objects(house)]
    return b"".join([*staged, everywhere(house).encode()])


def ended(house: House, **job: Any) -> tuple[str, dict[str, Any]]:
    ulid = house.upload(PEOPLE, region="US", **job)
    return ulid, house.finish(ulid)


def keyed(house: House) -> None:
    """With a server for a database it is a fleet, whose key is not made by whoever comes first."""
    key = house.ctx.settings.home / marks.FILE
    if not house.ctx.db.is_sqlite and not key.exists():
        key.write_text("a" * 64)
        key.chmod(0o600)


def asked(house: House) -> forget.Told:
    keyed(house)
    forget.ask(house.ctx, [NUMBER], "anna")
    house.work()
    return forget.finish(house.ctx)


def test_nothing_of_him_is_left_but_a_mark_and_the_counts(house: House) -> None:
    ulid, before = ended(house)
    assert b"2022000003" in stored(house)
    assert b"(202) 200-0003" in stored(house)
    later(house, 2)
    assert asked(house) == forget.Told(1, 0, [])
    after = house.status(ulid)
    assert after == before
    assert adds_up(after)
    for form in (b"2022000003", b"200-0003", str(NUMBER).encode()):
        assert form not in stored(house)
    assert b"12022000004" in stored(house) or objects(house)
    assert house.sql("SELECT who, number FROM forgotten") == [("anna", None)]
    assert house.sql("SELECT who, count FROM attempt WHERE step = 'forget'") == [("anna", 2)]
    assert house.sql("SELECT * FROM suppression") == []


def test_whoever_lies_in_the_same_rejected_row_stays(small_house: House) -> None:
    numbers = some_numbers(12)
    path = small_house.folder / "open.csv"
    path.write_text("name,phone\n" + "".join(map("{}{},{}\n".format, [""] * 10 + ['"', ""], "abcdefghijkl", numbers)))
    ulid = small_house.upload(source=path)
    small_house.finish(ulid)
    later(small_house, 2)
    keyed(small_house)
    forget.ask(small_house.ctx, [int(numbers[11].lstrip("+"))], "anna")
    small_house.work()
    forget.finish(small_house.ctx)
    with small_house.ctx.db.read() as session:
        upload = view.find(session, ulid)
    assert upload.found is not None
    dialect = Dialect(**{name: upload.found[name] for name in Dialect.__dataclass_fields__})
    rows = list(rows_to_correct(small_house.ctx.staging, upload.rejects_digest, upload.found["columns"], dialect))
    assert [row[4:] for row in rows] == [['"k', numbers[10]]]


def test_he_is_not_called_again(house: House) -> None:
    """Neither by the same file nor by a continuation; until somebody takes the number off the list."""
    ulid, _ = ended(house)
    asked(house)
    _, status = ended(house, options={"priority": 3})
    assert (status["rows"]["accepted"], status["rows"]["suppressed"]) == (149, 2)
    with house.ctx.db.read() as session:
        again = view.find(session, status["id"])
        told = [explain.contact(session, house.ctx.staging, again, row, "US").events[-1] for row in range(1, 152)]
    assert sum("may be one that was forgotten" in event.sentence for event in told) == 2
    later_on = house.finish(house.upload([f"+{NUMBER}", "+12025550123"], continues=ulid))
    assert (later_on["rows"]["accepted"], later_on["rows"]["suppressed"]) == (1, 1)
    assert [one["number"] for one in house.provider.contacts].count(f"+{NUMBER}") <= 1
    mark = marks.marker(house.ctx.settings).of(NUMBER)
    with house.ctx.db.write() as session:
        assert forgotten.remove(session, [mark]) == 1
    assert house.finish(house.upload([f"+{NUMBER}"]))["rows"]["accepted"] == 1


def test_what_was_not_sent_is_left_out_and_a_campaign_that_goes_on_keeps_him_until_it_has_ended(house: House) -> None:
    ulid = house.upload(150, starts_at=house.now.timestamp() + 3600)
    house.work()
    told = asked(house)
    assert told == forget.Told(0, 1, [ulid])
    assert house.status(ulid)["rows"]["suppressed"] == 1
    with house.ctx.db.read() as session:
        assert NUMBER in suppressions.of_account(session, "sandbox")
    house.turn(3600)
    status = house.finish(ulid)
    assert status["rows"]["accepted"] == 149
    later(house, 2)
    assert forget.finish(house.ctx) == forget.Told(1, 0, [])
    assert b"2022000003" not in stored(house)
    assert f"+{NUMBER}" not in [one["number"] for one in house.provider.contacts]
    assert house.status(ulid) == status


def test_a_file_that_is_not_read_yet_is_waited_for(small_house: House) -> None:
    house = small_house
    ulid = house.upload(5)
    forget.ask(house.ctx, [NUMBER], "anna")
    assert forget.finish(house.ctx) == forget.Told(0, 1, [ulid])
    assert house.finish(ulid)["rows"]["suppressed"] == 1
    assert forget.finish(house.ctx).erased == 1


def test_a_file_that_was_never_read_is_removed_since_nobody_knows_who_is_in_it(small_house: House) -> None:
    house = small_house
    control.cancel(house.ctx, house.upload([f"+{NUMBER}"]), "anna")
    later(house, 2)
    assert asked(house).erased == 1
    assert objects(house) == set()


@pytest.mark.parametrize("event", ["forget.erased", "prune.removed", "forget.done"])
def test_whoever_dies_in_between_leaves_it_right(small_house: House, event: str) -> None:
    house = small_house
    ulid, before = ended(house)
    later(house, 2)
    forget.ask(house.ctx, [NUMBER], "anna")
    house.work()
    dies(house, "forget", None, event)
    assert house.status(ulid) == before
    forget.finish(house.ctx)
    prune.tidy(house.ctx)
    assert b"2022000003" not in stored(house)
    assert house.finish(house.upload([f"+{NUMBER}", "+12025550123"]))["rows"]["suppressed"] == 1


def test_without_the_key_nothing_is_read(small_house: House) -> None:
    """Somebody would be called; the upload waits until the key is back."""
    house = small_house
    asked(house)
    key = house.ctx.settings.home / marks.FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    away = key.rename(key.with_name("away"))
    ulid = house.upload([f"+{NUMBER}", "+12025550123"])
    house.work()
    assert house.status(ulid)["code"] == "no_forget_key"
    key.write_text("another key, which is long enough for one")
    key.chmod(0o600)
    house.turn(60)
    house.work()
    assert "not the one" in house.status(ulid)["message"]
    away.rename(key)
    assert house.finish(ulid)["rows"]["suppressed"] == 1


def test_a_key_that_others_can_read_is_refused(small_house: House) -> None:
    marks.marker(small_house.ctx.settings, make=True)
    os.chmod(small_house.ctx.settings.home / marks.FILE, 0o644)
    with pytest.raises(ConfigError) as raised:
        forget.ask(small_house.ctx, [NUMBER], "anna")
    assert raised.value.code == "open_forget_key"


def test_in_a_fleet_the_key_is_a_setting(small_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = small_house.ctx.settings.model_copy(update={"database_url": "postgresql://db/rollcall"})
    with pytest.raises(ConfigError) as raised:
        marks.marker(settings, make=True)
    assert raised.value.code == "no_forget_key"
    monkeypatch.setenv("FORGET_KEY", "k" * 64)
    settings.forget_key_env = "FORGET_KEY"
    assert marks.marker(settings, make=True).of(NUMBER) != marks.Marker(b"l" * 64).of(NUMBER)


def test_where_nobody_is_forgotten_nothing_is_hashed_and_else_each_number_once(small_house: House) -> None:
    with small_house.ctx.db.read() as session:
        assert known.forgotten(small_house.ctx, session) is None
    marker = marks.Marker(b"k" * 32)
    numbers = np.arange(12022000000, 12022000000 + 100_000)
    began = time.process_time()
    found = marker.holding([marker.of(NUMBER)]).holds(numbers)
    assert time.process_time() - began < 10
    assert numbers[found].tolist() == [NUMBER]
