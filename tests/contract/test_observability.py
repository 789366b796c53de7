"""The alerts and the dashboard ask for what is there, in a language that Prometheus reads."""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml

from tests.chaos.bell_worker import ROOT
from tests.embedded_broker import EmbeddedBroker
from tests.house import House
from worker import invariants, measures
from worker.web import metrics
from worker.web.metrics import Metrics

FOLDER = ROOT / "docs" / "observability"
ALERTS = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
BOARD = json.loads((FOLDER / "dashboard.json").read_text())
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def asked() -> Iterator[str]:
    yield from (rule["expr"] for rule in ALERTS)
    yield from (target["expr"] for panel in BOARD["panels"] for target in panel["targets"])


@pytest.fixture
def of_the_web(small_house: House, broker: EmbeddedBroker) -> set[str]:
    """Every metric of `rollcall web`, where a worker has looked at the invariants and the house's broker runs."""
    invariants.watch(small_house.ctx)
    told = Metrics(small_house.ctx.db, small_house.ctx.settings).text().decode()
    return set(re.findall(r"^# TYPE (rollcall_\w+)", told, re.MULTILINE))


def of_workers() -> set[str]:
    ends = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
    return {f"{family.name}{end}" for family in measures.REGISTRY.collect() for end in ends[family.type]}


def test_every_query_can_be_read_and_names_what_is_told(of_the_web: set[str]) -> None:
    told = of_the_web | of_workers()
    for query in asked():
        promql_parser.parse(query)
        named = set(re.findall(r"\brollcall_\w+", query))
        assert named <= told, query
        assert named or "up{" in query


def test_what_is_told_is_told_of(of_the_web: set[str]) -> None:
    """The docstrings are where somebody looks a metric up."""
    said = set(re.findall(r"^(rollcall_\w+)", f"{measures.__doc__}\n{metrics.__doc__}", re.MULTILINE))
    said |= set(re.findall(r", (rollcall_\w+)", metrics.__doc__ or ""))
    ends = r"_(bucket|count|sum)$"
    told = of_the_web | {re.sub(ends, "", name) for name in of_workers()}
    assert told - {"rollcall_callbacks_total"} == said


def test_every_alert_has_its_place_in_the_book() -> None:
    names = [rule["alert"] for rule in ALERTS]
    assert names == re.findall(r"^\| `(Rollcall\w+)` \|", OPERATIONS, re.MULTILINE)
    assert all(rule["labels"]["severity"] in ("page", "ticket") and rule["annotations"]["summary"] for rule in ALERTS)


def test_the_panels_do_not_lie_on_each_other() -> None:
    places: list[dict[str, Any]] = [panel["gridPos"] for panel in BOARD["panels"]]
    cells = [(place["x"], place["y"]) for place in places]
    assert len(set(cells)) == len(cells) > 0
    assert all(place["w"] <= 12 and place["h"] <= 8 for place in places)
