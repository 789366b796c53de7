"""The inbox on both databases: late, twice, out of order, before the submission is settled, about nobody."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text
from ulid import ULID

from schedules.sweep import sweep
from tests.chaos.crash_points import bring_staging_back, in_doubt, list_id, taken_in
from tests.chaos.dying_worker import dies
from tests.house import START, House, some_numbers
from tests.letters import Letters, letter, signed
from worker import heard
from worker.context import Context
from worker.db import Database
from worker.providers.base import Inbound
from worker.store import callbacks, chunks, due
from worker.store.callbacks import Arrival
from worker.web.metrics import Metrics

ACCOUNT = "sandbox"


@pytest.fixture
def house(house: House) -> House:
    house.ctx.provider(ACCOUNT).inbox = Letters()
    return house


def hear(house: House, *letters: bytes) -> None:
    """Letters arrive and are stored, as the door does it."""
    for body in letters:
        headers = {name.lower(): value for name, value in signed(body).items()}
        event = Letters().receive(Inbound(("letters",), headers, body, at=0))
        with house.ctx.db.write() as session:
            arrival = Arrival(ACCOUNT, event.id, event.upload, event.body)
            callbacks.keep(session, [arrival], house.ctx.db.now(session))


def apply(house: House) -> None:
    heard.apply(house.ctx, ACCOUNT)


def write(house: House, statement: str, **values: Any) -> None:
    with house.ctx.db.write() as session:
        session.connection().execute(text(statement), values)


def outcomes(house: House) -> dict[int, tuple[Any, ...]]:
    found = house.sql('SELECT "row", disposition, terminal, attempts_left FROM outcome ORDER BY "row"')
    return {row: (kind, bool(terminal), left) for row, kind, terminal, left in found}


def states(house: House) -> dict[str, str]:
    return dict(map(tuple, house.sql("SELECT external_id, state FROM callback ORDER BY id")))


def sent(house: House, rows: int = 250) -> str:
    ulid = house.upload(rows)
    house.run(ulid, until=lambda status: status["rows"]["accepted"] == rows, step=0.01)
    house.lose_bells()
    return ulid


ANSWERED, PENDING = ("answered", True, None), ("pending", False, 1)


def test_what_a_callback_tells_becomes_an_outcome(house: House) -> None:
    ulid = sent(house)
    hear(house, letter("a", f"{ulid}:1"), letter("b", f"{ulid}:250", phase="open", attempts_left=1))
    apply(house)
    assert outcomes(house) == {1: ANSWERED, 250: PENDING}
    assert states(house) == {"a": "applied", "b": "applied"}
    assert house.sql("SELECT count(*) FROM callback WHERE applied_at IS NULL") == [(0,)]
    assert {row[0] for row in house.sql("SELECT list_id FROM outcome")} == {list_id(house)}


def test_what_is_about_nobody_that_we_sent_is_kept_and_ignored(house: House) -> None:
    ulid = sent(house)
    other = house.upload(some_numbers(5, first=5000), idempotency_key="other")
    write(house, "UPDATE upload SET account = 'another' WHERE ulid = :ulid", ulid=other)
    hear(
        house,
        letter("of another account", f"{other}:1"),
        letter("of no upload", f"{ULID()}:1"),
        letter("of no row", f"{ulid}:251"),
        letter("of a row that no number holds", f"{ulid}:99999999999999999999"),
        letter("of another upload than its address says", f"{other}:1", upload=ulid),
        letter("of no contact"),
        letter("of nothing", "word"),
        letter("good", f"{ulid}:7"),
    )
    apply(house)
    assert outcomes(house) == {7: ANSWERED}
    assert {name for name, state in states(house).items() if state == "applied"} == {"good"}
    assert set(states(house).values()) == {"applied", "ignored"}


def claimed(house: House) -> str:
    bell = taken_in(house)
    dies(house, bell.flow, bell.key, "submit.answered")
    return bell.ulid


def unknown(house: House) -> str:
    return in_doubt("CreateCallList")(house).ulid


def in_review(house: House) -> str:
    ulid = unknown(house)
    with house.ctx.db.write() as session:
        chunk = chunks.claim_check(session, list_id(house), house.now, 60)
        assert chunk is not None
        assert chunks.ask_unknown(session, chunk, "absent", "It is not there.", {})
    return ulid


@pytest.mark.parametrize("state", [claimed, unknown, in_review])
def test_a_callback_may_come_before_the_submission_is_settled(house: House, state: Callable[[House], str]) -> None:
    ulid = state(house)
    house.lose_bells()
    before = house.sql("SELECT seq, state FROM chunk ORDER BY seq")
    hear(house, letter("sent", f"{ulid}:100"), letter("never sent", f"{ulid}:101"))
    apply(house)
    assert outcomes(house) == {100: ANSWERED}
    assert states(house) == {"sent": "applied", "never sent": "ignored"}
    assert house.sql("SELECT seq, state FROM chunk ORDER BY seq") == before
    rung = [(bell, key) for _, _, bell, key in house.bells]
    assert rung == ([("reconcile", list_id(house))] if state is unknown else [])


def test_the_list_is_looked_at_soon(house: House) -> None:
    ulid = sent(house)
    write(house, "UPDATE call_list SET next_poll_at = :later", later=START + timedelta(days=1))
    house.account.poll_fast = 20
    hear(house, letter("a", f"{ulid}:1"))
    apply(house)
    sweep(house.ctx)
    assert "collect" not in [bell for _, _, bell, _ in house.bells]
    house.now += timedelta(seconds=20)
    sweep(house.ctx)
    assert "collect" in [bell for _, _, bell, _ in house.bells]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after another"])
def test_news_only_goes_forward(house: House, together: bool) -> None:
    ulid = sent(house)
    letters = [
        letter("end of 1", f"{ulid}:1", attempts_left=0),
        letter("attempt 2 of 2", f"{ulid}:2", phase="open", attempts_left=1),
        letter("middle of 1", f"{ulid}:1", phase="open", attempts_left=1),
        letter("attempt 1 of 2", f"{ulid}:2", phase="open", attempts_left=2),
        letter("end of 3", f"{ulid}:3", disposition="busy"),
        letter("correction of 3", f"{ulid}:3", disposition="no_answer"),
    ]
    for part in [letters] if together else [[one] for one in letters]:
        hear(house, *part)
        apply(house)
    assert outcomes(house) == {1: ("answered", True, 0), 2: PENDING, 3: ("no_answer", True, None)}
    assert set(states(house).values()) == {"applied"}


def test_the_users_own_uuids_are_known_where_the_address_names_the_upload(house: House) -> None:
    people = house.folder / "own.csv"
    rows = [f"{number},ref-{n}" for n, number in enumerate(some_numbers(150), 1)]
    people.write_text("phone,__task_uuid\n" + "\n".join(rows) + "\n")
    ulid = house.upload(source=people)
    house.run(ulid, until=lambda status: status["rows"]["accepted"] == 150, step=0.01)
    hear(house, letter("addressed", "ref-120", upload=ulid), letter("not addressed", "ref-121"))
    apply(house)
    assert outcomes(house) == {120: ANSWERED}
    assert states(house) == {"addressed": "applied", "not addressed": "ignored"}


def test_ranges_of_chunks_may_overlap(house: House) -> None:
    """Rows take turns between two starts, each of which is a list of its own."""
    house.account.start = "verified"
    later = (START + timedelta(seconds=60)).isoformat()
    people = house.folder / "turns.csv"
    turns = [f"{number},{later if n % 2 else ''}" for n, number in enumerate(some_numbers(20), 1)]
    people.write_text("phone,__start_at\n" + "\n".join(turns) + "\n")
    ulid = house.upload(source=people)
    house.run(ulid, until=lambda status: status["rows"]["accepted"] == 20, step=5)
    assert house.sql("SELECT count(DISTINCT list_id) FROM chunk") == [(2,)]
    hear(house, *(letter(str(row), f"{ulid}:{row}") for row in range(1, 21)))
    apply(house)
    lies_in = dict(map(tuple, house.sql("SELECT first_row, list_id FROM chunk")))
    found = dict(map(tuple, house.sql('SELECT "row", list_id FROM outcome')))
    assert found == {row: lies_in[1 if row % 2 else 2] for row in range(1, 21)}


@pytest.mark.parametrize(
    "task", ["no JSON +12025550123", '{"uuid": 5}', '{"uuid": "U", "phase": "over"}', '{"uuid": "U", "phase": "done"}']
)
def test_a_callback_that_cannot_be_read_holds_up_no_other(
    house: House, caplog: pytest.LogCaptureFixture, task: str
) -> None:
    ulid = sent(house)
    hear(house, *(letter(str(row), f"{ulid}:{row}") for row in range(1, 8)))
    write(house, "UPDATE callback SET body = :body WHERE external_id = '4'", body=task.replace("U", f"{ulid}:4"))
    apply(house)
    assert sorted(outcomes(house)) == [1, 2, 3, 5, 6, 7]
    assert states(house)["4"] == "ignored"
    assert len([one for one in caplog.records if "unreadable_callback" in one.message]) == 1
    assert "2025550123" not in caplog.text


def test_what_the_tables_would_refuse_is_not_let_near_them(house: House) -> None:
    ulid = sent(house)
    hear(house, letter("a", f"{ulid}:1", attempts_left=2**31), letter("b", f"{ulid}:2", disposition="odd"))
    hear(house, letter("c", f"{ulid}:3", status="zero \0 byte", result='"quoted",\nlines'))
    apply(house)
    assert outcomes(house) == {3: ANSWERED}
    assert states(house) == {"a": "ignored", "b": "ignored", "c": "applied"}


class Shuffled(Letters):
    """An adapter that forgets a row."""

    def read(self, bodies: Any) -> pl.DataFrame:
        return super().read(bodies).head(1)


def test_an_adapter_that_breaks_its_word_spoils_no_other_contact(house: House) -> None:
    ulid = sent(house)
    house.ctx.provider(ACCOUNT).inbox = Shuffled()
    hear(house, *(letter(str(row), f"{ulid}:{row}") for row in range(1, 8)))
    apply(house)
    assert outcomes(house) == dict.fromkeys(range(1, 8), ANSWERED)


def test_without_its_secret_an_account_keeps_its_callbacks_waiting(house: House) -> None:
    ulid = sent(house)
    house.ctx.provider(ACCOUNT).inbox = None
    hear(house, letter("a", f"{ulid}:1"))
    apply(house)
    assert states(house) == {"a": "new"}
    house.ctx.provider(ACCOUNT).inbox = Letters()
    with house.ctx.db.read() as session:
        assert "apply" not in due.look(session, house.now, 0), "it is not rung for all the time"
    house.turn(house.ctx.settings.timing.probe_every)
    house.work()
    assert states(house) == {"a": "applied"}


def test_callbacks_wait_for_staging_and_are_found_by_the_sweep(house: House) -> None:
    ulid = sent(house)
    hear(house, letter("a", f"{ulid}:1"), letter("nobody's", "word"))
    staging = house.ctx.settings.home / "staging"
    staging.rename(staging.with_name("away"))
    staging.touch()
    apply(house)
    assert states(house) == {"a": "new", "nobody's": "ignored"}
    bring_staging_back(house, ulid)
    house.lose_bells()
    house.turn(house.ctx.settings.timing.probe_every)
    sweep(house.ctx)
    assert ("apply", ACCOUNT) in [(bell, key) for _, _, bell, key in house.bells]
    apply(house)
    assert states(house)["a"] == "applied"


def test_a_backlog_is_worked_off_slice_by_slice(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard, "BATCH", 50)
    ulid = sent(house)
    hear(house, *(letter(str(row), f"{ulid}:{row}") for row in range(1, 121)))
    house.ctx.settings.timing.slice = 1e-9
    apply(house)
    assert len(outcomes(house)) == 50
    assert [(bell, key) for _, _, bell, key in house.bells] == [("apply", ACCOUNT)]
    house.ctx.settings.timing.slice = 20
    house.lose_bells()
    apply(house)
    assert len(outcomes(house)) == 120
    assert house.bells == []


def test_two_workers_may_apply_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard, "BATCH", 40)
    ulid = sent(house)
    rows = range(1, 251)
    hear(house, *(letter(f"{turn}/{row}", f"{ulid}:{row}", status=str(turn)) for turn in range(2) for row in rows))
    others = [Context(house.ctx.settings, house.ring, clock=house.ctx.clock) for _ in range(3)]
    start = threading.Barrier(len(others))

    def work(ctx: Context) -> None:
        ctx.provider(ACCOUNT).inbox = Letters()
        start.wait(10)
        heard.apply(ctx, ACCOUNT)

    with ThreadPoolExecutor(len(others)) as pool:
        list(pool.map(work, others))
    for ctx in others:
        ctx.close()
    assert outcomes(house) == dict.fromkeys(rows, ANSWERED)
    assert list(states(house).values()) == ["applied"] * 500


def test_one_worker_applies_an_account_once_at_a_time(house: House) -> None:
    ulid = sent(house)
    hear(house, letter("a", f"{ulid}:1"))
    with heard._alone(house.ctx, ACCOUNT) as alone:
        assert alone
        apply(house)
        assert states(house) == {"a": "new"}
    apply(house)
    assert states(house) == {"a": "applied"}


def test_two_doors_that_get_the_same_callbacks_store_each_once(house: House) -> None:
    """In whatever order each of them got them."""
    dbs = [Database(house.ctx.settings.database, house.ctx.clock) for _ in range(2)]
    start = threading.Barrier(2)

    def keep(number: int) -> int:
        kept, db = 0, dbs[number]
        for group in range(20):
            letters = [Arrival(ACCOUNT, f"{group}/{one}", None, "{}") for one in range(50)]
            start.wait(10)
            with db.write() as session:
                kept += len(callbacks.keep(session, letters[:: -1 if number else 1], db.now(session)))
        return kept

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(keep, range(2))) == 1000
    for db in dbs:
        db.dispose()
    assert house.sql("SELECT count(*) FROM callback") == [(1000,)]


def test_what_is_measured(house: House) -> None:
    ulid = sent(house)
    house.now = START + timedelta(minutes=1)
    later = house.upload(some_numbers(30, first=5000), starts_at=(house.now + timedelta(hours=1)).isoformat())
    house.work()
    hear(house, letter("a", f"{ulid}:1"))
    house.now += timedelta(minutes=90)
    told = Metrics(house.ctx.db, house.ctx.settings).text().decode()
    assert "rollcall_database_up 1.0" in told
    assert "rollcall_inbox_callbacks 1.0" in told
    assert "rollcall_inbox_oldest_seconds 5400.0" in told
    assert 'rollcall_uploads{state="dialing"} 1.0' in told
    assert 'rollcall_uploads{state="submitting"} 1.0' in told
    assert 'rollcall_contacts{state="accepted"} 250.0' in told
    assert 'rollcall_chunks{state="ready"} 1.0' in told
    assert "rollcall_overdue_seconds 1800.0" in told
    assert "rollcall_account_held{" not in told
    write(house, "UPDATE upload SET state = 'paused' WHERE ulid = :ulid", ulid=later)
    write(house, "UPDATE gate SET blocked = 'balance' WHERE account = 'sandbox'")
    apply(house)
    told = Metrics(house.ctx.db, house.ctx.settings).text().decode()
    assert "rollcall_inbox_oldest_seconds 0.0" in told
    assert "rollcall_overdue_seconds 0.0" in told
    assert 'rollcall_account_held{account="sandbox",reason="balance"} 1.0' in told
