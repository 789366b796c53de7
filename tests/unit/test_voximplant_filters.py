"""What lists can be shown by, and the form in which GetCallLists takes it."""

from typing import Any

import pytest

from worker.errors import InputError
from worker.providers.voximplant import KIND

GOOD: list[tuple[str, Any, Any]] = [
    ("list_id", "7", "7"),
    ("list_id", 7, "7"),
    ("list_id", "7; 8", "7;8"),
    ("list_id", [7, 8], "7;8"),
    ("list_id", "ALL", "all"),
    ("name", "spring", "spring"),
    ("is_active", "true", True),
    ("is_active", False, False),
    ("from_date", "2030-01-31T09:00:00+01:00", "2030-01-31 08:00:00"),
    ("to_date", "2030-01-31T09:00:00Z", "2030-01-31 09:00:00"),
    ("to_date", "2030-01-31 09:00-05:00", "2030-01-31 14:00:00"),
    ("type_list", "manual", "MANUAL"),
    ("application_id", "all", "all"),
    ("application_name", "app.mine", "app.mine"),
    ("rule_id", "3", "3"),
    ("rule_name", "dial", "dial"),
    ("status", "in progress", "In progress"),
    ("status", "Suspended", "Suspended"),
]

BAD: list[tuple[str, Any, str]] = [
    ("list_id", "x", "needs ids joined by semicolons, or all"),
    ("list_id", "", "needs ids"),
    ("list_id", -1, "needs ids"),
    ("list_id", "7;all", "needs ids"),
    ("name", "", "at least 1"),
    ("is_active", "perhaps", "valid boolean"),
    ("from_date", "2030-01-31T09:00:00", "iso 8601 with a zone"),
    ("from_date", "yesterday", "iso 8601 with a zone"),
    ("from_date", 5, "valid string"),
    ("to_date", "0001-01-01T00:00:00+10:00", "iso 8601 with a zone"),
    ("type_list", "predictive", "'automatic' or 'manual'"),
    ("status", "stopped", "'in progress'"),
    ("count", 5, "not one that voximplant knows"),
    ("offset", 5, "not one that voximplant knows"),
]


@pytest.mark.parametrize(("name", "given", "taken"), GOOD)
def test_what_is_allowed(name: str, given: Any, taken: Any) -> None:
    assert KIND.check_filters({name: given}) == {name: taken}


@pytest.mark.parametrize(("name", "given", "said"), BAD)
def test_what_is_not(name: str, given: Any, said: str) -> None:
    with pytest.raises(InputError) as raised:
        KIND.check_filters({name: given})
    assert raised.value.code == "bad_filter"
    assert raised.value.message.startswith(f"The filter {name} ")
    assert said in raised.value.message.lower()
    assert raised.value.message.endswith(".")


def test_no_filter_is_every_list() -> None:
    assert KIND.check_filters({}) == {}
