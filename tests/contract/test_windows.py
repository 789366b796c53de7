"""Calling windows, from what is asked for to the calls that the provider begins."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.house import House, adds_up
from worker import control
from worker.errors import ConfigError, InputError
from worker.store import chunks, families

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
NUMBERS = {f"+4930{n}2345678": BERLIN for n in range(1, 9)} | {f"+1212555{n}368": NEW_YORK for n in range(2, 9)}
EVERY_DAY = '[default]\nmon-sun = "08:00-21:00"\n'


@pytest.fixture
def autumn(small_house: House) -> House:
    """It is the Friday, five in the morning UTC, before the clocks of Europe change."""
    sunday = datetime(clock(small_house).year + 1, 10, 31, 5, tzinfo=UTC)
    sunday -= timedelta(days=(sunday.weekday() + 1) % 7)
    return turned(small_house, sunday - timedelta(days=2))


def turned(house: House, now: datetime) -> House:
    house.now = clock(house)
    house.turn((now - house.now).total_seconds())
    return house


def clock(house: House) -> datetime:
    return datetime.fromtimestamp(house.provider.client.get("/clock").json()["now"], UTC)


def called(house: House, numbers: dict[str, ZoneInfo]) -> set[tuple[str, datetime]]:
    """Who was called last and when, as the provider shows it: the number and the time on the clock where it lies."""
    references = [one["reference"] for one in house.provider.ledger["lists"]]
    found = set()
    for reference in references:
        query = {"account_id": 1, "api_key": "k", "list_id": reference, "output": "json"}
        answer = house.provider.client.post("/platform_api/GetCallListDetails", params=query).json()
        number_of = {one["uuid"]: one["number"] for one in house.provider.contacts}
        for task in answer["result"]:
            number = number_of[task["task_uuid"]]
            if task["last_attempt"]:
                at = datetime.fromisoformat(task["last_attempt"]).replace(tzinfo=UTC)
                found.add((number, at.astimezone(numbers[number])))
    return found


@pytest.mark.parametrize("weekly", [False, True], ids=["daily", "by weekday"])
def test_nobody_is_called_outside_local_hours_over_a_change_of_clocks(autumn: House, weekly: bool) -> None:
    autumn.account.own = {"weekly_windows": weekly}
    autumn.provider.put("/outcomes", {"no answer": 1})
    hours = autumn.folder / "hours.toml"
    hours.write_text(EVERY_DAY)
    autumn.ctx.settings.calling_hours = hours
    ulid = autumn.upload(NUMBERS, window="09:00-18:00", options={"num_attempts": 5, "interval_seconds": 12 * 3600})
    seen: set[tuple[str, datetime]] = set()
    while autumn.status(ulid)["state"] != "finished":
        autumn.work()
        autumn.turn(6 * 3600)
        seen |= called(autumn, NUMBERS)
        assert len(seen) <= 5 * len(NUMBERS)
    assert adds_up(autumn.status(ulid))
    assert {number for number, _ in seen} == set(NUMBERS)
    assert len(seen) == 5 * len(NUMBERS) == sum(autumn.provider.calls.values())
    assert {9 <= at.hour < 18 for _, at in seen} == {True}
    offsets = {at.utcoffset() for _, at in seen if at.tzinfo is BERLIN}
    assert offsets == {timedelta(hours=1), timedelta(hours=2)}
    assert autumn.provider.ledger["called_twice"] == 0


def test_a_contact_who_may_not_be_called_on_sunday_is_called_on_monday(autumn: House) -> None:
    """Taken in on Friday night, by weekday: the list is not over before the window has been open."""
    autumn.account.own = {"weekly_windows": True}
    autumn.turn(17 * 3600)
    numbers = {number: BERLIN for number, zone in NUMBERS.items() if zone is BERLIN}
    hours = autumn.folder / "hours.toml"
    hours.write_text('[DE]\nmon-thu = "09:00-20:00"\n')
    autumn.ctx.settings.calling_hours = hours
    ulid = autumn.upload(numbers, window="legal")
    status = autumn.finish(ulid, step=6 * 3600, limit=8 * 86_400)
    assert "no_outcome" not in status["outcomes"]
    last = {at for _, at in called(autumn, numbers)}
    assert {at.strftime("%A") for at in last} <= {"Monday", "Tuesday", "Wednesday", "Thursday"}
    assert len(autumn.provider.calls) == len(numbers)
    assert all(autumn.provider.calls.values())


@pytest.mark.parametrize("weekly", [False, True], ids=["daily", "by weekday"])
def test_who_is_sent_in_another_season_is_called_by_its_hours(small_house: House, weekly: bool) -> None:
    """In winter +1 800 has half an hour a day from Guam to Newfoundland, in summer none."""
    numbers = {number: zone for number, zone in NUMBERS.items() if zone is BERLIN}
    house = turned(small_house, datetime(clock(small_house).year + 1, 1, 12, 5, tzinfo=UTC))
    hours = house.folder / "hours.toml"
    hours.write_text("".join(f'[{country}]\nmon-sun = "09:00-20:00"\n' for country in ("default", "CA", "US")))
    house.ctx.settings.calling_hours = hours
    house.account.own = {"weekly_windows": weekly}
    soon = house.now + timedelta(minutes=10)
    ulid = house.upload([*numbers, "+18002255288"], window="legal", starts_at=soon.isoformat())
    house.work()
    assert house.status(ulid)["rows"]["waiting"] == len(numbers) + 1
    assert weekly or set(written(house).values()) == {("08:00:00", "19:00:00"), ("23:00:00", "23:30:00")}
    house.turn(180 * 86_400)
    house.work()
    assert house.status(ulid)["blocked"] == "late"
    control.resume(house.ctx, ulid, "anna")
    seen = set()
    while (status := house.status(ulid))["state"] != "finished":
        assert adds_up(status)
        house.work()
        house.turn(3 * 3600)
        seen |= called(house, numbers)
    assert (status["rows"]["accepted"], status["rows"]["suppressed"]) == (len(numbers), 1)
    assert {number for number, _ in seen} == set(numbers)
    assert {9 <= at.hour < 20 for _, at in seen} == {True}
    assert weekly or set(written(house).values()) == {("07:00:00", "18:00:00")}


@pytest.mark.parametrize("why", ["its file is gone", "it was not compared"])
def test_a_chunk_that_gets_no_new_windows_holds_up_no_other(autumn: House, why: str) -> None:
    """The journal says which chunk waits and why, and of those that were renewed what they were before."""
    hours = autumn.folder / "hours.toml"
    hours.write_text(EVERY_DAY)
    autumn.ctx.settings.calling_hours = hours
    autumn.account.chunk_rows = 2
    soon = autumn.now.replace(microsecond=0) + timedelta(minutes=10)
    ulid = autumn.upload(list(NUMBERS)[:6], window="09:00-18:00", starts_at=soon.isoformat())
    autumn.work()
    autumn.turn(3 * 86_400)
    autumn.work()
    assert autumn.status(ulid)["blocked"] == "late"
    first, *others = autumn.sql("SELECT id, digest FROM chunk ORDER BY seq")
    gone, staging = why == "its file is gone", autumn.ctx.staging
    payload = staging.read(first.digest)
    if gone:
        staging.delete(first.digest)
    else:
        with autumn.ctx.db.write() as session:
            chunks.compared(session, [first.id], autumn.now)
    control.resume(autumn.ctx, ulid, "anna")
    for _ in range(3):
        autumn.work()
        autumn.turn(15)
    assert autumn.status(ulid)["rows"]["accepted"] == 4
    told = autumn.sql("SELECT chunk_id, result, code, count, message FROM attempt WHERE step = 'retime' ORDER BY id")
    renewed = [line for line in told if line.result == "renewed"]
    assert [(line.chunk_id, line.count) for line in renewed] == [(one.id, 0) for one in others]
    for line, one in zip(renewed, others, strict=True):
        assert soon.isoformat() in line.message
        assert one.digest in line.message
    waits = [(one["code"], one["contacts"]) for one in autumn.status(ulid).get("waits", [])]
    assert waits == ([("staged_object_missing", 2)] if gone else [])
    held = [(line.chunk_id, line.code) for line in told if line.result == "held"]
    assert held == ([(first.id, "staged_object_missing")] if gone else [])
    staging.put(payload)
    with autumn.ctx.db.write() as session:
        chunks.compared(session, [first.id], None)
    assert autumn.run(ulid, until=lambda s: s["rows"]["accepted"] == 6, step=15)


@pytest.mark.parametrize("weekly", [False, True], ids=["daily", "by weekday"])
def test_a_list_that_was_stopped_does_not_go_on_in_another_season(autumn: House, weekly: bool) -> None:
    """Over a weekend it may be paused; when clocks have changed, its contacts would be called an hour early."""
    numbers = {number: zone for number, zone in NUMBERS.items() if zone is BERLIN}
    hours = autumn.folder / "hours.toml"
    hours.write_text(EVERY_DAY)
    autumn.ctx.settings.calling_hours = hours
    autumn.account.own = {"weekly_windows": weekly}
    autumn.turn(5 * 86_400)
    ulid = autumn.upload(numbers, window="09:00-18:00")
    autumn.run(ulid, until=lambda s: s["rows"]["accepted"] == len(numbers))
    control.pause(autumn.ctx, ulid, "anna")
    autumn.work()
    with pytest.raises(InputError, match="longer than the calling windows") as raised:
        control.edit(autumn.ctx, ulid, {"interval_seconds": 200 * 86_400}, "anna")
    assert raised.value.code == "cannot_edit"
    autumn.turn(20 * 86_400)
    control.resume(autumn.ctx, ulid, "anna")
    control.pause(autumn.ctx, ulid, "anna")
    autumn.work()
    autumn.turn(160 * 86_400)
    with pytest.raises(InputError, match=f"{len(numbers)} contacts who lie at the provider") as raised:
        control.resume(autumn.ctx, ulid, "anna")
    assert raised.value.code == "cannot_resume"
    assert not any(autumn.provider.calls.values())
    control.cancel(autumn.ctx, ulid, "anna")


def berliners(house: House, **job: Any) -> str:
    """Taken in on a Wednesday; they may be called every day."""
    hours = house.folder / "hours.toml"
    hours.write_text(EVERY_DAY)
    house.ctx.settings.calling_hours = hours
    house.turn(5 * 86_400)
    job = {"numbers": [number for number, zone in NUMBERS.items() if zone is BERLIN], **job}
    return house.upload(job.pop("numbers"), window="09:00-18:00", **job)


def deadlines(house: House) -> list[datetime]:
    rows = house.sql("SELECT deadline_at FROM call_list WHERE deadline_at IS NOT NULL ORDER BY number")
    return [datetime.fromisoformat(str(at)).replace(tzinfo=UTC) for (at,) in rows]


def test_a_list_that_stopped_for_want_of_money_does_not_go_on_in_another_season(autumn: House) -> None:
    ulid = berliners(autumn)
    autumn.run(ulid, until=lambda s: s["rows"]["accepted"] == 8)
    autumn.provider.put("/balance", {"balance": 0.1, "currency": "USD"})
    autumn.run(ulid, until=lambda s: s.get("blocked") == "balance", step=600, limit=86_400)
    calls = autumn.provider.calls
    assert autumn.sql("SELECT state FROM call_list")[0][0] == "stopped"
    autumn.turn(180 * 86_400)
    autumn.provider.put("/balance", {"balance": 50, "currency": "USD"})
    status = autumn.run(ulid, until=lambda s: s["state"] == "paused", step=600, limit=7200)
    assert "outside their calling hours" in status["message"]
    for _ in range(8):
        autumn.work()
        autumn.turn(6 * 3600)
    assert autumn.provider.calls == calls
    assert autumn.sql("SELECT count(*) FROM attempt WHERE step = 'recover'")[0][0] == 0
    with pytest.raises(InputError, match="8 contacts who lie at the provider"):
        control.resume(autumn.ctx, ulid, "anna")
    assert adds_up(autumn.status(ulid))


def test_an_edit_prolongs_a_list_by_what_it_takes_longer_and_not_at_all_where_it_is_refused(autumn: House) -> None:
    ulid = berliners(autumn, options={"num_attempts": 2, "interval_seconds": 3600})
    autumn.run(ulid, until=lambda s: s["rows"]["accepted"] == 8)
    (before,) = deadlines(autumn)
    autumn.turn(1800)
    autumn.provider.faults({"fault": "refuse", "share": 1, "times": 1, "methods": ["EditCallList"]})
    for changes in ({"interval_seconds": 7200}, {"max_simultaneous": 5}):
        control.edit(autumn.ctx, ulid, changes, "anna")
        autumn.work()
        assert deadlines(autumn) == [before]
    control.edit(autumn.ctx, ulid, {"interval_seconds": 5400}, "anna")
    autumn.work()
    assert timedelta(0) < deadlines(autumn)[0] - before <= timedelta(hours=1)


def test_what_starts_later_or_is_sent_late_does_not_keep_others_callable(autumn: House) -> None:
    """Those who start within an hour share a list; what is sent hours late gets one of its own."""
    people = autumn.folder / "starts.csv"
    autumn.account.chunk_rows = 1
    numbers = [number for number, zone in NUMBERS.items() if zone is BERLIN]
    begin = autumn.now + timedelta(days=5, hours=1)
    starts = [begin + timedelta(minutes=minutes) for minutes in (5, 10, 24 * 60)]
    lines = [f"{number},{int(at.timestamp())}" for number, at in zip(numbers, starts, strict=False)]
    people.write_text("\n".join(["phone,__start_at", *lines]))
    autumn.provider.put("/outcomes", {"no answer": 1})
    ulid = berliners(autumn, numbers=(), source=people, options={"num_attempts": 2, "interval_seconds": 12 * 3600})
    autumn.work()
    autumn.turn(3600 + 6 * 60)
    autumn.work()
    assert autumn.status(ulid)["rows"]["accepted"] == 1
    (first,) = deadlines(autumn)
    autumn.turn(2 * 3600)
    autumn.work()
    assert autumn.status(ulid)["blocked"] == "late"
    control.resume(autumn.ctx, ulid, "anna")
    autumn.run(ulid, until=lambda s: s["rows"]["accepted"] == 3, step=1800, limit=2 * 86_400)
    assert [number for (number,) in autumn.sql("SELECT list_id FROM chunk ORDER BY seq")] == [1, 3, 2]
    assert deadlines(autumn)[0] == first < deadlines(autumn)[2] < deadlines(autumn)[1]


def test_options_are_not_changed_while_windows_are_worked_out_for_them(small_house: House) -> None:
    ulid = small_house.upload(3, window="legal")
    with small_house.ctx.db.write() as session:
        families.claim_intake(session, ulid, small_house.now, 60)
    with pytest.raises(InputError, match="being read") as raised:
        control.edit(small_house.ctx, ulid, {"num_attempts": 4}, "anna")
    assert raised.value.code == "cannot_edit"
    small_house.turn(61)
    small_house.work()
    control.edit(small_house.ctx, ulid, {"max_simultaneous": 5}, "anna")


def written(house: House) -> dict[str, tuple[str, str]]:
    """What the provider is told of each number's window."""
    (digest,) = house.sql("SELECT digest FROM chunk")[0]
    rows = [line.split(";") for line in house.ctx.staging.read(digest).decode().splitlines()]
    places = [rows[0].index(name) for name in ("phone", "__start_execution_time", "__end_execution_time")]
    return {row[places[0]]: (row[places[1]], row[places[2]]) for row in rows[1:]}


def test_who_has_no_window_is_rejected_and_the_others_go(small_house: House) -> None:
    people = small_house.folder / "zones.csv"
    rows = ["+13347938701,Europe/Berlin", "+13347938702,Berlin", "+881612345678,", "+13347938703,"]
    people.write_text("phone,lives in\n" + "\n".join(rows))
    small_house.ctx.settings.reject_threshold = 0.5
    ulid = small_house.upload(source=people, window="legal", zone_column="Lives In")
    status = small_house.run(ulid, until=lambda s: s["rows"]["accepted"] == 2)
    assert status["rows"]["rejected"] == 2
    reasons = small_house.sql("SELECT reasons FROM upload WHERE ulid = :ulid", ulid=ulid)[0][0]
    assert "unknown_zone" in reasons
    assert "no_zone" in reasons


def refused(house: House, kind: type[Exception] = InputError, **job: Any) -> str:
    """What is said of a job that is refused, code and sentence; nothing of it is kept."""
    with pytest.raises(kind) as raised:
        house.upload(3, **job)
    assert house.sql("SELECT count(*) FROM upload")[0][0] == 0
    return f"{getattr(raised.value, 'code', '')}: {raised.value}"


@pytest.mark.parametrize("account", ["plum", "formant", "kore"])
def test_a_provider_that_cannot_keep_a_window_refuses_it(small_house: House, account: str) -> None:
    assert refused(small_house, account=account, window="legal").startswith("window_unsupported: The calling window ")
    small_house.ctx.settings.accounts[account].window = "09:00-18:00"
    said = refused(small_house, account=account)
    assert f"that the account {account} asks for" in said
    assert "--window any" in said
    assert small_house.upload(3, account=account, window="any")


def test_what_cannot_be_read_is_refused_before_anything_is_kept(small_house: House, tmp_path: Path) -> None:
    assert refused(small_house, window="9 to 5").startswith("bad_calling_hours: ")
    assert refused(small_house, window="18:00-09:00").startswith("bad_calling_hours: ")
    assert "dialled by hand" in refused(small_house, window="legal", options={"call_list_type": "manual"})
    for window in (None, "any", "Any "):
        said = refused(small_house, zone_column="zone", window=window)
        assert said.startswith("bad_job: The job's zone_column cannot be used: ")
    hours = tmp_path / "hours.toml"
    hours.write_text("[UK]\nmon = []\n")
    small_house.ctx.settings.calling_hours = hours
    assert "UK" in refused(small_house, ConfigError, window="legal")
    assert small_house.upload(3)


@pytest.mark.parametrize(
    ("of_account", "of_job", "kept"),
    [("legal", None, "legal"), ("legal", "any", "any"), ("legal", "10:00-12:00", "10:00-12:00"), (None, None, None)],
)
def test_the_accounts_window_is_that_of_jobs_which_name_none(
    small_house: House, of_account: str | None, of_job: str | None, kept: str | None
) -> None:
    small_house.account.window = of_account
    ulid = small_house.upload(["+12125552368"], window=of_job)
    small_house.account.window = "06:00-07:00"  # later: it is the window of then that counts
    small_house.run(ulid, until=lambda s: s["rows"]["accepted"] == 1)
    columns = called_columns(small_house)
    assert ("__start_execution_time" in columns) == (kept not in (None, "any"))
    (job,) = small_house.sql("SELECT job FROM upload")[0]
    assert f'"window": {"null" if kept is None else chr(34) + kept + chr(34)}' in str(job)


def called_columns(house: House) -> str:
    (digest,) = house.sql("SELECT digest FROM chunk")[0]
    return house.ctx.staging.read(digest).decode().splitlines()[0]
