"""The README's table of providers is the code's."""

from pathlib import Path

import pytest

from worker.providers import table
from worker.providers.registry import KINDS
from worker.settings import AccountSettings

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_readme_shows_what_the_code_says() -> None:
    begin, end = "<!-- made of worker/providers/table.py -->\n", "<!-- end -->"
    assert README.split(begin)[1].split(end)[0] == table.markdown()


def test_every_provider_can_be_named_in_an_account() -> None:
    for name in KINDS:
        assert AccountSettings.model_validate({"provider": name}).provider == name


@pytest.mark.parametrize("name", KINDS)
def test_capabilities_do_not_contradict_each_other(name: str) -> None:
    kind = KINDS[name]
    can = kind.capabilities
    assert can.stops or not can.resumes
    assert can.finds_by_reference or not can.proves_absence
    assert can.finds_by_reference or not can.shows_contacts
    assert can.results != "poll" or can.shows_contacts
    assert can.starts != "when_told" or (can.appends and can.shows_contacts)
    assert kind.steps(None)[-1].carries
    assert not can.appends or all(step.carries for step in kind.steps("1"))
