"""What our way costs beside what a user would otherwise do, both in one run. Ratios, never seconds.

`make bench` prints them. The bounds are wide: they catch a row-by-row loop, not a busy machine.
"""

from typing import Any

import httpx
import pytest

from tests.benchmarks.conftest import seconds
from tests.house import House
from worker import ingest, submit

ROWS = 60_000


def report(capsys: pytest.CaptureFixture[str], what: str, ours: float, theirs: float) -> float:
    with capsys.disabled():
        print(f"\n{what}: {ours:.2f} s against {theirs:.2f} s, ratio {ours / theirs:.2f}")
    return ours / theirs


def test_submission_against_bare_posts(small_house: House, capsys: pytest.CaptureFixture[str]) -> None:
    small_house.account.chunk_rows = 10_000
    small_house.account.http_deadline = 20
    ulid = small_house.upload(ROWS)
    ingest.ingest(small_house.ctx, ulid)
    payloads = [small_house.ctx.staging.read(row[0]) for row in small_house.sql("SELECT digest FROM chunk")]
    list_id = small_house.sql("SELECT id FROM call_list")[0][0]
    ours = seconds(lambda: submit.run_list(small_house.ctx, list_id))
    assert small_house.status(ulid)["rows"]["accepted"] == ROWS
    theirs = seconds(lambda: post_all(small_house.provider.client, payloads))
    assert report(capsys, f"submission of {len(payloads)} chunks, bare posts", ours, theirs) < 4


def post_all(client: httpx.Client, payloads: list[bytes]) -> None:
    query: dict[str, Any] = {"rule_id": 1, "priority": 1, "max_simultaneous": 1, "num_attempts": 1, "delimiter": ";"}
    who = {"account_id": "1", "api_key": "sandbox"}
    for i, payload in enumerate(payloads):
        files = {"file_content": ("a.csv", payload)}
        url = "/platform_api/CreateCallList"
        client.post(url, params={**query, "name": f"bare {i}"}, data=who, files=files).raise_for_status()
