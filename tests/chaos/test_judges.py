"""The harness itself: whoever breaks a rule is found out, and nobody is found out who keeps it."""

from random import Random

import pytest

from tests.chaos.arena import one_clock
from tests.chaos.bell_worker import ROOT
from tests.chaos.broken_rules import RULES, Rule
from tests.chaos.given import Given, written
from tests.chaos.judges import Verdict, judge
from tests.chaos.person import Person
from tests.house import FLOWS, House

ROWS = 75
TOLD = (ROOT / "docs" / "reliability.md").read_text()


def judged(house: House, rule: Rule) -> Verdict:
    """The rule's moment, and then the upload is seen through."""
    one_clock(house)
    house.hurry()
    house.account.chunk_rows = ROWS
    given: Given = written(house, Random(1), 0, (ROWS, ROWS))
    FLOWS["ingest"](house.ctx, given.give(house))
    rule.moment(house, int(house.sql("SELECT id FROM call_list")[0][0]))
    house.provider.faults()
    wrong = Person(house, [given], Random(1)).see_it_through()
    verdict = judge(house, [given])
    verdict.wrong += wrong
    return verdict


def test_the_rules_are_told() -> None:
    told = TOLD.partition("| rule |")[2].partition("\n\n")[0].splitlines()[2:]
    assert [line.split("|")[1].strip() for line in told] == [rule.name for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_rule_that_is_kept(small_house: House, rule: Rule) -> None:
    verdict = judged(small_house, rule)
    assert verdict.wrong == []
    assert (verdict.lost, verdict.doubled) == (0, 0)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_rule_that_is_broken_is_seen(small_house: House, rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    rule.broken(monkeypatch)
    verdict = judged(small_house, rule)
    assert verdict.lost + verdict.doubled > 0, verdict.wrong
