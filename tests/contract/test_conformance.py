"""One suite for every provider: what must hold is asked of its capabilities."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.kore.methods import FAULT_METHODS as KORE
from tests.house import House, Provider, adds_up, compiled_before, door, some_numbers
from worker import control, sizes
from worker.errors import InputError
from worker.preview import Preview, preview
from worker.providers.base import Capabilities
from worker.providers.registry import KINDS

ACCOUNTS = sorted(KINDS)
SENDS = {
    "voximplant": "CreateCallList",
    "plum": "queuecalls",
    "formant": "batch-call",
    "kore": "addContacts",
}
HONOURED = {
    "voximplant": {"max_simultaneous", "priority", "num_attempts", "interval_seconds"},
    "plum": {"num_attempts", "interval_seconds"},
    "formant": set(),
    "kore": {"priority", "num_attempts", "interval_seconds"},
}
STORED_UNANSWERED = ["accept_then_hang_up", "accept_then_500", "cut_body", "not_json"]
ROWS, CHUNK = 60, 25  # three chunks


@pytest.fixture
def open_house(tmp_path: Path, database_url: str, provider: Provider) -> Iterator[House]:
    """A house with a door, where every provider of the sample file finds its account as it expects it."""
    with ExitStack() as stack:
        line = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        public = f"http://127.0.0.1:{line.getsockname()[1]}"
        house = stack.enter_context(House.at(tmp_path, database_url, provider, public))
        compiled_before(house.ctx.db)
        house.now = datetime.fromtimestamp(provider.client.get("/clock").json()["now"], UTC)  # one clock for both
        for one in house.ctx.settings.accounts.values():
            one.chunk_rows = CHUNK
        stack.enter_context(door(house, line))
        secret = house.ctx.settings.account("formant").callback_secret()
        address = {"webhook_url": f"{public}/callbacks/formant/formant", "secret": secret}
        provider.put("/formant/agents/1", address)
        provider.put("/kore/limits", {"requests_per_minute": 0})
        provider.put("/switches", {"kore_add_delay_ms": 0, "kore_prepare_delay_ms": 0})  # these run in real time
        yield house


@pytest.fixture(params=ACCOUNTS)
def account(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def can(account: str) -> Capabilities:
    return KINDS[account].capabilities


def once(fault: str, method: str, **more: Any) -> dict[str, Any]:
    return {"fault": fault, "share": 1, "methods": [method], "times": 1, **more}


def settled(status: dict[str, Any]) -> bool:
    return bool(status["state"] in ("finished", "cancelled", "failed", "paused") or "needs_person" in status)


def nobody_called_twice(house: House) -> bool:
    return bool(house.provider.ledger["called_twice"] == 0)


def results(house: House, ulid: str) -> list[str]:
    query = "SELECT a.result FROM attempt a JOIN upload u ON u.id = a.upload_id WHERE u.ulid = :ulid ORDER BY a.id"
    return [row[0] for row in house.sql(query, ulid=ulid)]


def all_called_once(house: House, status: dict[str, Any], rows: int = ROWS) -> None:
    assert status["state"] == "finished", status
    assert status["rows"] == {**dict.fromkeys(status["rows"], 0), "total": rows, "accepted": rows}
    assert sum(status["outcomes"].values()) == rows
    assert not {"pending", "no_outcome"} & set(status["outcomes"])
    assert house.provider.ledger["contacts"] == rows
    assert nobody_called_twice(house)


def test_a_campaign_goes_out_and_every_outcome_comes_back(open_house: House, account: str) -> None:
    ulid = open_house.upload(ROWS, account=account)
    all_called_once(open_house, open_house.finish(ulid, step=30, limit=6 * 3600))


def test_lists_are_as_many_as_the_provider_wants(open_house: House, account: str) -> None:
    ulid = open_house.upload(ROWS, account=account)
    open_house.run(ulid, until=lambda s: s["state"] == "dialing")
    status = open_house.status(ulid)
    assert [one["rows"] for one in status["lists"]] == (
        [ROWS] if can(account).appends else [CHUNK, CHUNK, ROWS - 2 * CHUNK]
    )


def test_requests_of_a_large_file_grow_where_a_doubt_can_be_looked_up(
    open_house: House, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere each contact of a request that is in doubt would wait for a person."""
    monkeypatch.setattr(sizes, "USUAL", sizes.Sizes(first=10, later=20, behind=20))
    open_house.ctx.settings.account(account).chunk_rows = None
    ulid = open_house.upload(ROWS, account=account)
    all_called_once(open_house, open_house.finish(ulid, step=30, limit=6 * 3600))
    sent = [row[0] for row in open_house.sql("SELECT rows FROM chunk ORDER BY seq")]
    assert sent == ([10, 10, 20, 20] if can(account).shows_contacts else [10] * 6)


def test_no_request_is_larger_than_the_provider_takes(open_house: House, account: str) -> None:
    open_house.ctx.settings.account(account).chunk_rows = None
    most = min(sizes.USUAL.first, can(account).max_rows)
    people = open_house.file(some_numbers(most + 1), "many.csv")
    shown = preview(open_house.ctx, {"account": account, "source": str(people)})
    assert isinstance(shown, Preview)
    assert (shown.rows["to_call"], shown.chunks) == (most + 1, 2)


@pytest.mark.parametrize("fault", STORED_UNANSWERED)
def test_what_was_stored_and_not_answered_is_found_or_asked_about(open_house: House, account: str, fault: str) -> None:
    open_house.provider.put("/callbacks", {"hold": True})
    open_house.provider.faults(once(fault, SENDS[account]))
    ulid = open_house.upload(ROWS, account=account)
    status = open_house.run(ulid, until=lambda s: s["state"] == "dialing" or settled(s), step=2, limit=7200)
    assert "Unknown" in results(open_house, ulid)
    assert adds_up(status)
    assert nobody_called_twice(open_house)
    if can(account).finds_by_reference:
        assert status["rows"]["accepted"] == ROWS
        assert "found" in results(open_house, ulid)
    else:
        assert status["rows"]["unknown"] == CHUNK
        assert "in doubt" in status["needs_person"]


def test_a_callback_proves_that_an_unanswered_request_arrived(open_house: House, account: str) -> None:
    """And where callbacks are the only proof there is, before any person is asked."""
    open_house.provider.faults(once("accept_then_hang_up", SENDS[account]))
    ulid = open_house.upload(ROWS, account=account)
    all_called_once(open_house, open_house.finish(ulid, step=5, limit=6 * 3600))


def test_what_never_arrived_is_sent_again_only_where_absence_is_proved(open_house: House, account: str) -> None:
    open_house.hurry()
    open_house.provider.faults(once("no_answer", SENDS[account]))
    ulid = open_house.upload(ROWS, account=account)
    status = open_house.run(ulid, until=lambda s: s["state"] == "dialing" or settled(s), step=2, limit=7200)
    assert nobody_called_twice(open_house)
    if can(account).proves_absence:
        assert status["rows"]["accepted"] == ROWS
        assert "absent" in results(open_house, ulid)
    else:
        assert status["rows"]["unknown"] == CHUNK
        assert open_house.provider.ledger["contacts"] == ROWS - CHUNK


def test_a_refusal_is_final_and_its_words_are_kept(open_house: House, account: str) -> None:
    open_house.provider.faults({"fault": "refuse", "share": 1, "methods": [SENDS[account]]})
    ulid = open_house.upload(ROWS, account=account)
    status = open_house.run(ulid, until=settled, step=2, limit=7200)
    assert adds_up(status)
    assert status["rows"]["accepted"] == 0
    assert status["rows"]["refused"] == ROWS
    assert all(message for (message,) in open_house.sql("SELECT message FROM chunk"))
    assert open_house.provider.ledger["contacts"] == 0


def test_a_throttled_account_waits_as_long_as_it_is_told(open_house: House, account: str) -> None:
    open_house.provider.faults(once("throttle", SENDS[account], retry_after=40))
    ulid = open_house.upload(20, account=account)
    before = open_house.now
    open_house.run(ulid, until=lambda s: s["rows"]["accepted"] == 20, step=2)
    assert (open_house.now - before).total_seconds() >= 39
    assert nobody_called_twice(open_house)


def test_odd_characters_arrive_whole(open_house: House, account: str) -> None:
    people = open_house.folder / "odd.csv"
    cells = ['Zoë; "the" O\'Brien, Ltd', "人 / \\", "=1+1"]
    lines = [f'"{cell.replace(chr(34), 2 * chr(34))}",{n}' for cell, n in zip(cells, some_numbers(3), strict=True)]
    people.write_text("first name,phone\n" + "\n".join(lines) + "\n", encoding="utf-8")
    ulid = open_house.upload(source=people, account=account)
    all_called_once(open_house, open_house.finish(ulid, step=30, limit=6 * 3600), rows=3)


def test_a_start_is_kept(open_house: House, account: str) -> None:
    start = int(open_house.now.timestamp()) + 3600
    ulid = open_house.upload(20, account=account, starts_at=start)
    open_house.run(ulid, until=lambda s: open_house.now.timestamp() >= start - 65, step=60, limit=7200)
    assert open_house.provider.ledger["contacts"] == 0
    status = open_house.finish(ulid, step=30, limit=12 * 3600)
    assert status["rows"]["accepted"] == 20
    first = min(float(one["accepted_at"]) for one in open_house.provider.contacts)
    assert first >= start


def test_cancel_sends_nothing_more(open_house: House, account: str) -> None:
    start = int(open_house.now.timestamp()) + 3600
    people = open_house.folder / "two.csv"
    now, later = some_numbers(2)
    people.write_text(f"phone,__start_at\n{now},\n{later},{start}\n")
    ulid = open_house.upload(source=people, account=account)
    open_house.run(ulid, until=lambda s: s["rows"]["accepted"] == 1, step=2)
    control.cancel(open_house.ctx, ulid, "anna")
    status = open_house.finish(ulid, step=600, limit=90 * 24 * 3600)
    assert status["state"] == "cancelled"
    assert (status["rows"]["accepted"], status["rows"]["cancelled"]) == (1, 1)
    assert open_house.provider.ledger["contacts"] <= 1


@pytest.mark.parametrize("option", ["max_simultaneous", "priority", "num_attempts", "interval_seconds"])
def test_an_option_is_honoured_or_refused_by_name(open_house: House, account: str, option: str) -> None:
    value = 2 if option == "num_attempts" else 60
    if option in HONOURED[account]:
        ulid = open_house.upload(5, account=account, options={option: value})
        open_house.run(ulid, until=lambda s: s["rows"]["accepted"] == 5, step=2)
        return
    with pytest.raises(InputError, match=option) as raised:
        open_house.upload(5, account=account, options={option: value})
    assert raised.value.code == "bad_option"


def test_a_window_is_honoured_or_refused(open_house: House, account: str) -> None:
    people = open_house.folder / "window.csv"
    window = "__start_execution_time,__end_execution_time"
    people.write_text(f"phone,{window}\n{some_numbers(1)[0]},08:00:00,20:00:00\n")
    ulid = open_house.upload(source=people, account=account)
    status = open_house.run(ulid, until=lambda s: s["state"] in ("failed", "dialing", "finished"), step=2)
    if KINDS[account].layout({}).windows:
        assert status["rows"]["accepted"] == 1
    else:
        assert status["code"] == "window_unsupported"
        assert open_house.provider.ledger["contacts"] == 0


@pytest.mark.parametrize("rules", [{"times": 3}, {"times": 3, "before_answer": True}, {"times": 2, "shuffle": True}])
def test_callbacks_may_come_often_early_and_in_any_order(
    open_house: House, account: str, rules: dict[str, Any]
) -> None:
    open_house.provider.put("/callbacks", rules)
    ulid = open_house.upload(ROWS, account=account)
    all_called_once(open_house, open_house.finish(ulid, step=30, limit=6 * 3600))


def test_every_contact_has_an_end_where_callbacks_get_lost(open_house: House, account: str) -> None:
    open_house.provider.put("/callbacks", {"drop": 1})
    ulid = open_house.upload(20, account=account)
    hours = 0.5 if can(account).starts == "when_told" else 4  # a list that is to be started has a time for it
    status = open_house.finish(ulid, step=hours * 3600, limit=40 * 24 * 3600)
    assert status["rows"]["accepted"] == 20
    assert sum(status["outcomes"].values()) == 20
    assert ("no_outcome" in status["outcomes"]) == (can(account).results == "push")


class TestKore:
    """Contacts are added out of sight and may be lost without a word."""

    def test_a_contact_that_is_lost_is_missed_before_anybody_is_called(self, open_house: House) -> None:
        open_house.provider.faults(once("lose_contacts", "addContacts", drop=0.08))
        ulid = open_house.upload(ROWS, account="kore")
        status = open_house.run(ulid, until=settled, step=2, limit=7200)
        assert status["rows"]["unknown"] == CHUNK
        assert open_house.provider.ledger["contacts"] == 0
        (text,) = open_house.sql("SELECT message FROM chunk WHERE state = 'review'")[0]
        assert "missing" in text

    @pytest.mark.parametrize("fault", ["accept_then_hang_up", "accept_then_500", "no_answer", "not_json"])
    @pytest.mark.parametrize("method", ["createContactList", "createCampaign", "triggerCampaign"])
    def test_each_step_may_go_unanswered(self, open_house: House, fault: str, method: str) -> None:
        assert method in KORE.known
        if fault == "no_answer":
            open_house.hurry()
        open_house.provider.faults(once(fault, method))
        ulid = open_house.upload(ROWS, account="kore")
        all_called_once(open_house, open_house.finish(ulid, step=10, limit=6 * 3600))
        assert "Unknown" in results(open_house, ulid)
