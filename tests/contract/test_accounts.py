"""What holds an account back: an empty balance, a refused key, a provider that is away. It is seen, and it ends."""

from datetime import timedelta

from tests.contract.test_faults import all_accepted_once, once
from tests.house import SAMPLES, House, adds_up
from worker import control


def blocked(house: House, ulid: str, reason: str) -> bool:
    status = house.status(ulid)
    return (status["state"], status.get("blocked")) == ("blocked", reason)


def test_a_low_balance_blocks_visibly_and_the_upload_goes_on_when_topped_up(house: House) -> None:
    house.provider.put("/balance", {"balance": 0.5, "currency": "USD"})
    ulid = house.upload(120)
    house.run(ulid, until=lambda s: blocked(house, ulid, "balance"), limit=5)
    status = house.status(ulid)
    assert "Top the account up" in status["message"]
    assert "needs_person" in status
    assert adds_up(status)
    assert house.provider.ledger["contacts"] == 0
    house.provider.put("/balance", {"balance": 50, "currency": "USD"})
    all_accepted_once(house, house.finish(ulid), rows=120)


def test_an_upload_that_comes_while_the_account_is_held_waits_too(house: House) -> None:
    house.provider.put("/balance", {"balance": 0.5, "currency": "USD"})
    first = house.upload(20)
    house.run(first, until=lambda s: blocked(house, first, "balance"), limit=5)
    second = house.upload(["+12025550111", "+12025550112"])
    house.run(second, until=lambda s: blocked(house, second, "balance"), limit=5)
    house.provider.put("/balance", {"balance": 50, "currency": "USD"})
    assert house.finish(first)["rows"]["accepted"] == 20
    assert house.finish(second)["rows"]["accepted"] == 2


def test_topped_up_too_late_waits_for_a_person(house: House) -> None:
    house.provider.put("/balance", {"balance": 0.5, "currency": "USD"})
    ulid = house.upload(20)
    house.run(ulid, until=lambda s: blocked(house, ulid, "balance"), limit=5)
    house.now += timedelta(hours=2)
    house.provider.put("/balance", {"balance": 50, "currency": "USD"})
    house.run(ulid, until=lambda s: blocked(house, ulid, "late"), limit=60)
    assert house.provider.ledger["contacts"] == 0


def test_money_that_runs_out_while_dialling_is_not_an_outcome(house: House) -> None:
    house.provider.put("/outcomes", {"answered": 1.0})
    ulid = house.upload(250)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 250, step=0.1)
    house.provider.put("/balance", {"balance": 0.1, "currency": "USD"})
    house.run(ulid, until=lambda s: blocked(house, ulid, "balance"), step=2, limit=120)
    assert "cancelled" not in house.status(ulid)["outcomes"]
    house.provider.put("/balance", {"balance": 50, "currency": "USD"})
    all_accepted_once(house, house.finish(ulid))


def test_where_the_role_may_not_read_the_account_the_gate_is_skipped(house: House) -> None:
    house.provider.put("/accounts/1", {"roles": {"no_account_info": True}})
    all_accepted_once(house, house.finish(house.upload(20)), rows=20)


def test_a_wrong_key_blocks_the_account_and_no_chunk_is_lost(house: House) -> None:
    house.provider.put("/accounts/1", {"api_key": "the-real-one"})
    ulid = house.upload(20)
    house.run(ulid, until=lambda s: blocked(house, ulid, "credential"), limit=5)
    assert house.status(ulid)["rows"]["waiting"] == 20
    assert "sandbox" not in str(house.status(ulid)["message"])
    house.provider.put("/accounts/1", {"api_key": "sandbox"})
    all_accepted_once(house, house.finish(ulid), rows=20)


def test_a_key_that_is_refused_at_the_submission_blocks_too(house: House) -> None:
    house.provider.faults(once("refuse", "CreateCallList", code=100))
    all_accepted_once(house, house.finish(house.upload(20)), rows=20)


def test_a_provider_that_is_away_is_seen_and_waited_for(house: House) -> None:
    url = house.account.url
    house.account.url = "http://127.0.0.1:9"
    ulid = house.upload(20)
    house.run(ulid, until=lambda s: blocked(house, ulid, "provider_down"), limit=5)
    assert house.status(ulid)["rows"]["waiting"] == 20
    house.ctx.forget_connections()
    house.account.url = url
    all_accepted_once(house, house.finish(ulid), rows=20)


def test_an_outage_costs_few_requests(house: House) -> None:
    """One worker tries a held account again; its uploads and chunks do not."""
    house.provider.faults({"fault": "refuse", "share": 1, "code": 100})
    for i in range(5):
        house.upload([f"+1202555{1000 + i}"])
    for _ in range(60):
        house.work()
        house.turn(1)
    assert house.provider.ledger["requests"] < 60


def test_a_wrong_pin_costs_one_request_and_waits_for_a_person(house: House) -> None:
    """Plum can only be asked by sending the whole campaign."""
    pin = house.ctx.settings.account("plum").secret()
    house.provider.put("/plum/accounts/sandbox", {"pin": "not ours"})
    ulid = house.upload(20, account="plum")
    house.run(ulid, until=lambda s: blocked(house, ulid, "credential"), limit=5)
    assert "rollcall resume" in house.status(ulid)["needs_person"]
    for tries in (1, 2):
        for _ in range(30):
            house.turn(10)
            house.work()
        assert house.provider.ledger["requests"] == tries
        assert blocked(house, ulid, "credential")
        control.resume(house.ctx, ulid, "ana")
        house.work()
    house.provider.put("/plum/accounts/sandbox", {"pin": pin})
    assert house.provider.ledger["contacts"] == 0
    house.work()
    control.resume(house.ctx, ulid, "ana")
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 20, limit=60)
    assert house.provider.ledger["contacts"] == 20


def test_a_pin_that_is_missing_here_is_asked_of_nobody(house: House) -> None:
    account, pin = house.ctx.settings.account("plum"), house.folder / "pin"
    account.api_key_file = pin
    ulid = house.upload(20, account="plum")
    house.run(ulid, until=lambda s: blocked(house, ulid, "credential"), limit=5)
    for _ in range(5):
        house.turn(10)
        house.work()
    assert house.provider.ledger["requests"] == 0
    pin.write_text((SAMPLES / "sandbox.pin").read_text())
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == 20, limit=60)
