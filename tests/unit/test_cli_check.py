"""`rollcall check`: what is configured, and whether it answers."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.embedded_broker import EmbeddedBroker
from tests.house import Provider
from tests.unit.cli_runs import Cli


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli.at(tmp_path / "home", capsys, monkeypatch)


def by_name(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["what"]: one for one in told["checks"]}


def account(url: str, more: str = "") -> str:
    return f'[accounts.madrid]\nurl = "{url}"\naccount_id = "7"\napi_key_env = "MADRID_KEY"\n{more}'


def test_where_nothing_runs_each_thing_is_named(cli: Cli) -> None:
    cli.monkeypatch.setenv("ROLLCALL_SANDBOX_URL", "http://127.0.0.1:1")
    ran = cli("check", "--json")
    assert ran.code == 4
    told = by_name(ran.last)
    assert {name: one["ok"] for name, one in told.items()} == {
        "settings": True,
        "database": True,
        "staging": True,
        "broker": False,
        "workers": True,
        "invariants": True,
        "account sandbox": False,
    }
    assert told["broker"]["error"]["code"] == "broker_down"
    assert told["account sandbox"]["error"]["code"] == "connect_failed"
    assert "rollcall up" in told["workers"]["warning"]
    shown = cli("check")
    assert shown.code == 4
    assert "FAIL broker: embedded" in shown.out


def test_where_everything_answers_it_is_well(cli: Cli, provider: Provider, broker: EmbeddedBroker) -> None:
    cli.monkeypatch.setenv("ROLLCALL_SANDBOX_URL", provider.url)
    ran = cli("check", "--json")
    assert ran.code == 0, ran.out
    assert ran.last["ok"]
    assert "balance 100 USD" in by_name(ran.last)["account sandbox"]["told"]


def test_a_wrong_key_is_said_with_the_roles_that_are_needed(
    cli: Cli, provider: Provider, broker: EmbeddedBroker
) -> None:
    provider.put("/accounts/7", {"api_key": "right"})
    cli.monkeypatch.setenv("MADRID_KEY", "wrong-key-of-madrid")
    ran = cli.configured(account(provider.url))("check", "--json")
    assert ran.code == 4
    told = by_name(ran.last)
    assert "account sandbox" not in told
    error = told["account madrid"]["error"]
    assert error["code"].startswith("voximplant_")
    assert "Call list manager" in error["message"]
    assert "wrong-key-of-madrid" not in ran.out + ran.err


def test_a_key_that_is_not_there(cli: Cli, provider: Provider, broker: EmbeddedBroker) -> None:
    ran = cli.configured(account(provider.url))("check", "--account", "madrid", "--json")
    assert ran.code == 2
    assert by_name(ran.last)["account madrid"]["error"]["code"] == "no_secret"


def test_a_role_that_may_not_read_the_balance_is_a_warning(
    cli: Cli, provider: Provider, broker: EmbeddedBroker
) -> None:
    provider.put("/accounts/7", {"roles": {"no_account_info": True}})
    cli.monkeypatch.setenv("MADRID_KEY", "k")
    ran = cli.configured(account(provider.url))("check", "--json")
    assert ran.code == 0, ran.out
    warning = by_name(ran.last)["account madrid"]["warning"]
    assert "may not read the balance" in warning
    assert "Owner, Admin or Developer" in warning
    assert "warn account madrid" in cli("check").out


def test_each_account_says_at_which_hours_it_calls(cli: Cli, provider: Provider, broker: EmbeddedBroker) -> None:
    cli.monkeypatch.setenv("MADRID_KEY", "k")
    ran = cli.configured(account(provider.url))("check")
    assert ran.code == 0
    assert "calls at any hour" in ran.out
    hours = cli.home / "hours.toml"
    hours.write_text('[ES]\nmon-fri = "10:00-18:00"\n')
    windowed = cli.configured('calling_hours = "hours.toml"\n' + account(provider.url, 'window = "legal"\n'))
    ran = windowed("check", "--json")
    assert ran.code == 0, ran.out
    assert by_name(ran.last)["account madrid"]["told"].endswith("calling window legal")
    assert str(hours) in by_name(ran.last)["calling hours"]["told"]
    hours.write_text("[ES]\nmontag = []\n")
    ran = windowed("check", "--json")
    assert ran.code == 2
    assert by_name(ran.last)["calling hours"]["error"]["code"] == "bad_calling_hours"


@pytest.mark.parametrize(
    ("more", "code"),
    [('window = "9-5"\n', "bad_calling_hours"), ('provider = "plum"\nwindow = "legal"\n', "window_unsupported")],
)
def test_a_window_that_cannot_be_kept_is_a_fault(
    cli: Cli, provider: Provider, broker: EmbeddedBroker, more: str, code: str
) -> None:
    cli.monkeypatch.setenv("MADRID_KEY", "k")
    ran = cli.configured(account(provider.url, more))("check", "--json")
    assert ran.code == 2
    assert by_name(ran.last)["account madrid"]["error"]["code"] == code


def test_a_low_balance_is_a_warning(cli: Cli, provider: Provider, broker: EmbeddedBroker) -> None:
    cli.monkeypatch.setenv("MADRID_KEY", "k")
    ran = cli.configured(account(provider.url, "min_balance = 500\n"))("check", "--json")
    assert ran.code == 0
    assert "topped up" in by_name(ran.last)["account madrid"]["warning"]


def test_an_account_that_does_not_exist(cli: Cli) -> None:
    ran = cli("check", "--account", "rome")
    assert (ran.code, ran.error.split(": ")[1]) == (2, "unknown_account")


@pytest.mark.parametrize("url", ["redis://:hush@127.0.0.1:1/0", "amqp://me:hush@127.0.0.1:1//"])
def test_a_configured_broker_that_is_away_is_named_without_its_password(cli: Cli, provider: Provider, url: str) -> None:
    cli.monkeypatch.setenv("ROLLCALL_SANDBOX_URL", provider.url)
    cli.monkeypatch.setenv("ROLLCALL_BROKER_URL", url)
    ran = cli("check", "--json")
    assert ran.code == 4
    error = by_name(ran.last)["broker"]["error"]
    assert error["code"] == "broker_down"
    assert "127.0.0.1:1" in error["message"]
    assert "hush" not in ran.out + ran.err


def test_a_database_server_without_its_schema_wants_migrate(cli: Cli, provider: Provider, tmp_path: Path) -> None:
    cli.monkeypatch.setenv("ROLLCALL_SANDBOX_URL", provider.url)
    cli.monkeypatch.setenv("ROLLCALL_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    told = by_name(cli("check", "--json").last)
    assert told["database"]["error"]["code"] == "schema_outdated"
    assert told["account sandbox"]["ok"]
    assert cli("migrate", "--json").last == {"changed": True}
    assert cli("migrate", "--json").last == {"changed": False}
    assert by_name(cli("check", "--json").last)["database"]["ok"]


def test_what_is_broken_fails_the_check_and_is_named(cli: Cli, provider: Provider, broker: EmbeddedBroker) -> None:
    cli.monkeypatch.setenv("ROLLCALL_SANDBOX_URL", provider.url)
    assert cli("check").code == 0
    with sqlite3.connect(cli.home / "rollcall.db") as connection:
        values = "'sandbox', 'balance', '2020-01-01 00:00:00.000000'"
        connection.execute(f"INSERT INTO gate (account, blocked, probe_at) VALUES ({values})")
    ran = cli("check", "--json")
    assert ran.code == 1
    error = by_name(ran.last)["invariant unprobed"]["error"]
    assert error["code"] == "invariant_broken"
    assert error["message"].startswith("1 accounts are held back and nobody tries them, sandbox among them")
