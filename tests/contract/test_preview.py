"""A dry run: what an upload would come to, and nothing stored or sent."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.house import START, House, some_numbers
from tests.unit.cli_runs import Cli
from worker import suppress
from worker.cli.foretell import AT_ANY_HOUR, plain, show
from worker.errors import RollcallError
from worker.models import Upload
from worker.preview import Preview, preview
from worker.windows import Line, Summary

LATER = START + timedelta(hours=5)


def everything(house: House) -> Path:
    """A file of which every kind of row is, and two starts."""
    numbers = some_numbers(12)
    rows = [f"{number},,x" for number in numbers[:8]]
    rows += [f"{numbers[8]},{LATER.isoformat()},x", f"{numbers[9]},2030-01-07T20:00:00,x", "none,,x", ",,x"]
    rows += [f"{numbers[0]},,x", f"{numbers[10]},,x", f"{numbers[11]},,x"]
    path = house.folder / "everything.csv"
    path.write_text("phone,__start_at,note\n" + "\n".join(rows) + "\n")
    return path


def known_numbers(house: House) -> None:
    """One number was called before and one is not called at all."""
    house.account.call_again_after = 7
    house.finish(house.upload(some_numbers(1, first=10)))
    suppress.add(house.ctx, "sandbox", [12022000011], "asked by mail", "anna")
    house.work()


def told(house: House, **job: Any) -> Preview:
    found = preview(house.ctx, {"account": "sandbox", **job})
    assert isinstance(found, Preview)
    return found


def stored(house: House) -> dict[str, Any]:
    """Every row of every table, every byte in staging, and of a database that is a file."""
    tables = {name: house.sql(f"SELECT * FROM {name} ORDER BY 1, 2") for name in Upload.metadata.tables}
    files = [
        *Path(house.ctx.settings.staging).iterdir(),
        *house.folder.glob("rollcall.db"),
        *house.folder.glob("*-wal"),
    ]
    return {**tables, "files": {path.name: path.read_bytes() for path in files}}


def test_nothing_is_stored_and_nothing_is_sent(house: House) -> None:
    known_numbers(house)
    source = everything(house)
    before, requests, bells = stored(house), house.provider.ledger["requests"], list(house.bells)
    told(house, source=str(source), idempotency_key="one")
    assert stored(house) == before
    assert house.provider.ledger["requests"] == requests
    assert house.bells == bells


def test_it_tells_what_the_upload_then_does(house: House) -> None:
    known_numbers(house)
    house.account.chunk_rows = 3
    house.account.start = "verified"  # a list for each start
    job: dict[str, Any] = {"source": str(everything(house)), "pilot": 2}
    shown = told(house, **job)
    assert shown.rows == {"total": 15, "to_call": 9, "rejected": 3, "duplicate": 2, "suppressed": 1}
    assert shown.codes == {
        **dict.fromkeys(["zoneless_start", "not_a_number", "no_number"], 1),
        **dict.fromkeys(["duplicate", "called_before", "suppressed"], 1),
    }
    assert [(one.line, one.code) for one in shown.first] == [
        (11, "zoneless_start"),
        (12, "not_a_number"),
        (13, "no_number"),
    ]
    assert shown.starts == {None: 8, LATER: 1}
    assert (shown.hold, shown.windows, shown.pilot, shown.unsent_columns) == (None, None, 2, [])
    ulid = house.upload(**job)
    house.run(ulid, until=lambda s: s["rows"]["total"] > 0)
    rows = house.status(ulid)["rows"]
    assert {name: rows[name] for name in ("total", "rejected", "duplicate", "suppressed")} == {
        name: count for name, count in shown.rows.items() if name != "to_call"
    }
    assert rows["waiting"] + rows["accepted"] == shown.rows["to_call"]
    (upload_id,) = house.sql("SELECT id FROM upload WHERE ulid = :ulid", ulid=ulid)[0]
    for table, count in (("chunk", shown.chunks), ("call_list", shown.lists)):
        assert house.sql(f"SELECT count(*) FROM {table} WHERE upload_id = {upload_id}")[0][0] == count


def test_another_provider_other_columns_and_lists(small_house: House) -> None:
    path = small_house.folder / "notes.csv"
    path.write_text("phone,note\n" + "".join(f"{number},x\n" for number in some_numbers(250)))
    shown = told(small_house, source=str(path), account="plum")
    assert (shown.chunks, shown.lists, shown.unsent_columns) == (3, 3, ["note"])


@pytest.mark.parametrize(
    ("job", "code"),
    [
        ({"options": {"num_attempts": 99}}, "bad_option"),
        ({"account": "nobody"}, "unknown_account"),
        ({"source": "missing.csv"}, "no_file"),
        ({"phone_column": "tel"}, "no_phone_column"),
        ({"pilot": 0}, "bad_job"),
        ({"idempotency_key": "used"}, "key_reused"),
        ({"source": "given"}, "file_again"),
        ({"source": "open"}, "unbalanced_quote"),
    ],
)
def test_what_is_refused_as_a_whole_is_refused_alike(small_house: House, job: dict[str, Any], code: str) -> None:
    house = small_house
    given = house.file(some_numbers(3), "given.csv")
    house.upload(source=given, idempotency_key="used")
    opened = house.folder / "open.csv"
    opened.write_text('name,phone\n"Ann,+12022000001\n' + "Bob,+12022000002\n" * 200)
    sources = {"given": str(given), "open": str(opened)}
    plainly = {"source": str(house.file(some_numbers(4))), "account": "sandbox", **job}
    with pytest.raises(RollcallError) as raised:
        preview(house.ctx, {**plainly, "source": sources.get(plainly["source"], plainly["source"])}, again=False)
    assert raised.value.code == code


def test_what_would_wait_for_a_person(small_house: House) -> None:
    house = small_house
    many = told(house, source=str(house.file([*some_numbers(1), "none", "none"])))
    assert many.hold is not None
    assert many.hold.code == "too_many_rejects"
    late = told(house, source=str(house.file(some_numbers(2))), starts_at=(START - timedelta(hours=2)).isoformat())
    assert late.hold is not None
    assert late.hold.code == "late"


@pytest.fixture
def cli(small_house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli.at(tmp_path / "home", capsys, monkeypatch).inside(small_house)


def test_the_command_shows_it_without_worker_or_broker(small_house: House, cli: Cli) -> None:
    source = str(small_house.file([*some_numbers(30), "none"]))
    ran = cli("upload", source, "--account", "sandbox", "--dry-run", "--pilot", "3", "--json")
    assert ran.code == 0, ran.err
    assert ran.last["rows"] == {"total": 31, "to_call": 30, "rejected": 1, "duplicate": 0, "suppressed": 0}
    assert ran.last["starts"] == [{"starts_at": None, "rows": 30}]
    assert ran.last["first"][0]["line"] == 32
    assert (ran.last["chunks"], ran.last["lists"], ran.last["windows"]) == (2, 2, None)
    shown = cli("upload", source, "--account", "sandbox", "--dry-run", "--pilot", "3")
    assert shown.code == 0
    for words in ("at once", "not_a_number", AT_ANY_HOUR, "A pilot of 3 contacts would go first; 27"):
        assert words in shown.out
    assert shown.err == "note: Nothing was sent and nothing was stored.\n"
    assert "1202200" not in shown.out + shown.err
    assert small_house.sql("SELECT count(*) FROM upload")[0][0] == 0


def test_the_command_ends_as_the_upload_would(small_house: House, cli: Cli) -> None:
    def ends(*words: str) -> tuple[int, str]:
        ran = cli("upload", *words, "--account", "sandbox", "--dry-run", "--json")
        return ran.code, json.loads(ran.err.splitlines()[-1])["error"]["code"]

    assert ends(str(small_house.file([*some_numbers(1), "none"]))) == (3, "too_many_rejects")
    suppress.add(small_house.ctx, "sandbox", [12022000000], "asked by mail", "anna")
    nobody = str(small_house.file(some_numbers(1)))
    assert ends(nobody) == (5, "nothing_accepted")
    assert ends("missing.csv") == (2, "no_file")
    assert ends(nobody, "--wait") == (2, "usage")


def test_a_key_that_was_used_for_this_very_job_adds_nobody(small_house: House, cli: Cli) -> None:
    source = small_house.file(some_numbers(2))
    ulid = cli("upload", str(source), "--account", "sandbox", "--key", "k").out.strip()
    ran = cli("upload", str(source), "--account", "sandbox", "--key", "k", "--dry-run", "--json")
    assert (ran.code, ran.last) == (0, {"id": ulid, "created": False})


def test_zones_and_many_starts_are_told(small_house: House, capsys: pytest.CaptureFixture[str]) -> None:
    zones = Summary([Line(("Europe/Berlin", "Europe/Paris"), 30, "09:00", "18:00", 4)], {})
    starts: dict[datetime | None, int] = {START + timedelta(minutes=n): 1 for n in range(30)}
    shown = replace(told(small_house, source=str(small_house.file(some_numbers(30)))), windows=zones, starts=starts)
    assert plain(shown)["windows"]["lines"][0]["latest"] == "18:00"
    show(shown)
    text = capsys.readouterr().out
    for words in ("Europe/Berlin, Europe/Paris", "09:00", "the day of 4 contacts", "10 more starts"):
        assert words in text
    assert AT_ANY_HOUR not in text
