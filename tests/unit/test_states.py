"""The picture in docs/states.md and the arrows in the code are the same."""

import ast
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from worker import states
from worker.states import Blocked, ChunkState, ListState, UploadState
from worker.store import uploads

ROOT = Path(states.__file__).parent.parent
PAGE = (ROOT / "docs" / "states.md").read_text()
ARROW = re.compile(r"^\s+(\S+) --> (\S+): (\S+)$", re.MULTILINE)
FIRST = re.compile(r"^\s+\[\*\] --> (\S+)$", re.MULTILINE)

KINDS: dict[str, tuple[Mapping[str, tuple[tuple[StrEnum, ...], StrEnum]], type[StrEnum], StrEnum]] = {
    "Chunk": (states.CHUNK_ARROWS, ChunkState, ChunkState.STAGED),
    "Upload": (states.UPLOAD_ARROWS, UploadState, UploadState.RECEIVED),
    "Call list": (states.LIST_ARROWS, ListState, ListState.OPEN),
}


def section(kind: str) -> str:
    found = re.search(rf"^## {kind}\b.*?(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/states.md has no section {kind}"
    return found[0]


def diagram(kind: str) -> str:
    [block] = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", section(kind), re.DOTALL)
    return str(block)


def table(text: str, header: str) -> list[list[str]]:
    """The rows of the table whose first column is called `header`."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    start = next(i for i, cells in enumerate(lines) if cells[0] == header)
    rows = []
    for cells in lines[start + 2 :]:
        if len(cells) != len(lines[start]):
            break
        rows.append(cells)
    return rows


@pytest.mark.parametrize("kind", KINDS)
def test_the_arrows_are_those_of_the_code(kind: str) -> None:
    arrows = KINDS[kind][0]
    coded = {(str(source), str(target), name) for name, (sources, target) in arrows.items() for source in sources}
    drawn = ARROW.findall(diagram(kind))
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == coded


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_else_stands_in_a_picture(kind: str) -> None:
    lines = [line for line in diagram(kind).splitlines() if line.strip()]
    assert len(lines) == len(ARROW.findall(diagram(kind))) + 1
    assert FIRST.findall(diagram(kind)) == [str(KINDS[kind][2])]


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_is_reached(kind: str) -> None:
    arrows, kinds, first = KINDS[kind]
    reached = {target for _, target in arrows.values()} | {first}
    assert set(kinds) == reached


@pytest.mark.parametrize("kind", ["Chunk", "Upload"])
def test_what_has_ended_stays_ended(kind: str) -> None:
    arrows = KINDS[kind][0]
    ended: dict[str, Any] = {
        "Chunk": {ChunkState.FINISHED, ChunkState.REFUSED, ChunkState.CANCELLED, ChunkState.SKIPPED},
        "Upload": states.UPLOAD_ENDED,
    }
    assert not [name for name, (sources, _) in arrows.items() if set(sources) & set(ended[kind])]


def test_a_claim_is_never_ready_again_by_time() -> None:
    back = [name for name, (sources, to) in states.CHUNK_ARROWS.items() if to is ChunkState.READY]
    assert set(back) == {"release", "give_back", "absent", "person_resends"}
    assert states.CHUNK_ARROWS["doubt_expired"] == ((ChunkState.CLAIMED,), ChunkState.UNKNOWN)


def test_the_table_of_chunk_states_says_where_each_counts() -> None:
    rows = table(section("Chunk"), "state")
    assert {state: counts for state, _, counts in rows} == {str(k): v for k, v in uploads._COUNTED.items()}
    assert [state for state, _, _ in rows] == [
        *("staged", "ready", "claimed", "accepted", "finished"),
        *("refused", "unknown", "review", "cancelled", "skipped"),
    ]
    assert all(means for _, means, _ in rows)


def test_every_chunk_counts_somewhere_in_the_identity() -> None:
    [identity] = re.findall(r"^    total = (.+)$", PAGE, re.MULTILINE)
    terms = set(identity.split(" + "))
    assert terms == {*uploads._COUNTED.values(), "rejected", "duplicate"}
    assert set(uploads._COUNTED) == set(ChunkState)


def test_the_table_of_blocked_names_all_it_may_wait_for() -> None:
    rows = table(section("Upload"), "blocked")
    assert [reason for reason, _, _ in rows] == [str(reason) for reason in Blocked]
    by_itself = {reason for reason, _, ends in rows if ends.startswith("by itself")}
    assert by_itself == {Blocked.BALANCE, Blocked.CREDENTIAL, Blocked.PROVIDER_DOWN}
    assert all("rollcall resume" in ends for reason, _, ends in rows if reason not in by_itself)


def test_every_arrow_has_its_statement_in_the_store() -> None:
    used: set[str] = set()
    for file in (ROOT / "worker" / "store").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                used |= {arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}
    arrows = {name for arrows, _, _ in KINDS.values() for name in arrows}
    assert arrows - used == set()
