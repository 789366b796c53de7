"""What is read out of the command's words."""

from pathlib import Path

import pytest

from worker.cli.options import account_or_only, one_character, settings_of
from worker.errors import ConfigError, InputError
from worker.settings import AccountSettings, Settings


def settings(*accounts: str) -> Settings:
    return Settings(home=Path("nowhere"), accounts={name: AccountSettings() for name in accounts})


def test_values_stay_text_and_keep_their_equals_signs() -> None:
    assert settings_of(["priority=1", "name=a=b", " reference_ip =", "x=2030"]) == {
        "priority": "1",
        "name": "a=b",
        "reference_ip": "",
        "x": "2030",
    }


@pytest.mark.parametrize("pairs", [["priority"], ["=1"], [" =1"], ["a=1", "a=2"]])
def test_what_is_no_pair_is_refused(pairs: list[str]) -> None:
    with pytest.raises(InputError) as refused:
        settings_of(pairs)
    assert refused.value.code == "bad_set"


def test_the_sandbox_is_meant_while_there_is_no_other_account() -> None:
    assert account_or_only(settings(), None) == "sandbox"


def test_where_there_are_others_the_account_must_be_named() -> None:
    with pytest.raises(ConfigError, match="berlin, madrid, sandbox") as refused:
        account_or_only(settings("madrid", "berlin"), None)
    assert refused.value.code == "no_account"
    assert account_or_only(settings("madrid"), "madrid") == "madrid"
    assert account_or_only(settings("madrid"), "sandbox") == "sandbox"


def test_an_account_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        account_or_only(settings("madrid"), "rome")
    assert refused.value.code == "unknown_account"


@pytest.mark.parametrize(("given", "meant"), [(r"\t", "\t"), ("tab", "\t"), (";", ";"), (None, None), ("ab", "ab")])
def test_a_tab_may_be_spelled(given: str | None, meant: str | None) -> None:
    assert one_character(given) == meant
