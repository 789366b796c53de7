"""Hours as a job and a file say them."""

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from worker.errors import ConfigError, InputError
from worker.windows import Hours, load_rules, read_hours
from worker.windows.circle import DAY, every_day
from worker.windows.legal import OURS, ours

HOUR = 3600


def test_a_jobs_own_hours() -> None:
    assert read_hours("09:00-18:00") == Hours(every_day([(9 * HOUR, 18 * HOUR)]))
    assert read_hours("9:00 - 12:30, 14:00-24:00") == Hours(every_day([(9 * HOUR, 12 * HOUR + 1800), (14 * HOUR, DAY)]))


@pytest.mark.parametrize("text", ["", "9-18", "09:00", "18:00-09:00", "09:00-09:00", "09:00-24:01", "09:60-10:00"])
def test_hours_that_are_none(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_hours(text)
    assert caught.value.code == "bad_calling_hours"


def test_the_hours_of_countries() -> None:
    rules = load_rules()
    assert rules.of("US") == read_hours("08:00-21:00")
    assert rules.of("FR").open[:2] == ((10 * HOUR, 13 * HOUR), (14 * HOUR, 20 * HOUR))
    assert len(rules.of("FR").open) == 10
    assert rules.of("DE") == rules.of("default") == rules.of("001")
    assert rules.of("+33") == rules.of("FR")


def test_a_number_of_several_countries_has_the_hours_of_all_of_them() -> None:
    rules = load_rules()
    shared = rules.of("+1")
    assert shared != rules.of("US")
    for country in ("US", "CA", "JM"):
        assert shared.within(rules.of(country)) == shared
    assert rules.of("+999") == rules.of("default")


def test_every_country_of_ours_names_its_source() -> None:
    tables = tomllib.loads((files("worker.windows") / OURS).read_text(encoding="utf-8"))
    assert all(table["source"] for table in tables.values())
    assert tables.keys() == ours().keys()


def test_a_users_file_lies_over_ours(tmp_path: Path) -> None:
    file = tmp_path / "hours.toml"
    file.write_text('[FR]\nmon-sat = "08:00-22:00"\n\n[BE]\nmon-sun = []\n\n[default]\nsun = ["10:00-11:00"]\n')
    rules = load_rules(file)
    assert rules.of("FR").open[0] == (8 * HOUR, 22 * HOUR)
    assert rules.of("BE").open == ()
    assert rules.of("DE").open == ((6 * DAY + 10 * HOUR, 6 * DAY + 11 * HOUR),)
    assert rules.of("US") == load_rules().of("US")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[UK]\nmon = "09:00-10:00"', "such as GB"),
        ("[GB]\n", "has no days"),
        ("GB = 1", "is no table"),
        ("[GB]\nmon = 9", "GB, 'mon': hours are written"),
        ('[GB]\nmon = "10:00-09:00"', "ends before it begins"),
        ('[GB]\nmonday = "09:00-10:00"', "it is no day"),
        ('[GB]\nsat-mon = "09:00-10:00"', "holds no day"),
        ('[GB]\nmon = "09:00-10:00"\nmon-fri = "09:00-10:00"', "mon has hours already"),
        ("[GB", "it is not TOML"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "hours.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"hours\.toml") as caught:
        load_rules(file)
    assert caught.value.code == "bad_calling_hours"
    assert says in caught.value.message


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")
    for name, says in (("none.toml", "cannot be read"), ("latin.toml", "not UTF-8")):
        with pytest.raises(ConfigError, match=says):
            load_rules(tmp_path / name)
