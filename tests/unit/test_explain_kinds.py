"""Whatever the code writes into the journal is told by `rollcall explain` in a sentence of its own."""

import ast
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest

from worker import errors, review
from worker.errors import ProviderError
from worker.explain import sentences
from worker.explain.event import Words
from worker.models import Attempt, CallList, Chunk
from worker.providers.registry import KINDS
from worker.states import UPLOAD_ARROWS

ROOT = Path(errors.__file__).parent
STEPS_OF_PROVIDERS = {"submit": "step.name", "steer": "step"}  # where a step is an adapter's, or a stop or an edit
DECISIONS = {("review", "decision"): get_args(review.Decision)}  # a person's word, checked before it comes there
ANSWERS = {"Accepted", "Made", "done", None}
Pair = tuple[str, str | None]


def requested() -> set[str]:
    """The steps that providers ask for, and those that steering takes by itself."""
    taken = {step.name for kind in KINDS.values() for made in (None, "7") for step in kind.steps(made)}
    return taken | {step for kind in KINDS.values() for made in (None, "7") for step in kind.starts(made)}


def answers() -> set[str | None]:
    every = {kind.__name__ for kind in ProviderError.__subclasses__()}
    return every | ANSWERS


class Module:
    """One file: which words may stand in the place of an argument, looked up through the functions that pass it on."""

    def __init__(self, file: Path) -> None:
        self.name = file.stem
        self.tree = ast.parse(file.read_text())
        nodes = list(ast.walk(self.tree))
        self.functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
        self.called = [(ast.unparse(node.func), node) for node in nodes if isinstance(node, ast.Call)]

    def calls(self, name: str) -> list[ast.Call]:
        return [node for called, node in self.called if called == name]

    def words(self, node: ast.expr) -> set[str]:
        """The words that an argument may be; fails where that cannot be told."""
        if isinstance(node, ast.Constant):
            return {str(node.value)}
        assert isinstance(node, ast.Name), f"{self.name}: {ast.unparse(node)} is no word"
        if (self.name, node.id) in DECISIONS:
            return set(DECISIONS[self.name, node.id])
        holder = next(one for one in self.functions if node in list(ast.walk(one)))
        place = [argument.arg for argument in holder.args.args].index(node.id)
        given = [call.args[place] for call in self.calls(holder.name)]
        assert given, f"{self.name}: nobody calls {holder.name}"
        return {word for one in given for word in self.words(one)}


@cache
def modules() -> list[Module]:
    """Those that write into the journal."""
    files = [file for file in sorted(ROOT.rglob("*.py")) if file.stem != "journal" and "journal" in file.read_text()]
    return [Module(file) for file in files]


@cache
def notes() -> set[Pair]:
    written = {
        (step, result)
        for module in modules()
        for call in module.calls("journal.note")
        for step, result in product(module.words(call.args[2]), module.words(call.args[3]))
    }
    return written | {("upload", arrow) for arrow in UPLOAD_ARROWS}


@cache
def requests() -> set[Pair]:
    steps = requested() | {"stop", "edit"}
    for module in modules():
        for call in module.calls("journal.sending"):
            if ast.unparse(call.args[2]) != STEPS_OF_PROVIDERS.get(module.name):
                steps |= module.words(call.args[2])
    return set(product(steps, answers()))


def results_of_requests() -> set[str]:
    """What a line is completed with by hand, where no answer's own name is."""
    return {
        word
        for module in modules()
        for call in module.calls("journal.came_back")
        if not isinstance(call.args[3], ast.Call)  # type(answer).__name__
        and not isinstance(call.args[3], ast.Attribute)
        for word in module.words(call.args[3])
    }


def test_every_kind_of_line_has_a_sentence() -> None:
    found = notes() | requests()
    assert len(notes()) > 40
    assert {("look", "found"), ("decide", "give_up"), ("pause", "decided"), ("create", "Unknown")} <= found
    assert [pair for pair in sorted(found, key=str) if not sentences.has_sentence(*pair)] == []
    assert results_of_requests() <= answers()


def test_no_sentence_is_left_of_a_kind_that_is_written_no_more() -> None:
    assert set(sentences.NOTES) - notes() == set()
    assert set(sentences.REQUESTS) == {step for step, _ in requests()}
    assert set(sentences.ANSWERS) == answers()


def line(step: str, result: str | None, **values: Any) -> Attempt:
    at = datetime(2030, 1, 7, 9, tzinfo=UTC)
    known: dict[str, Any] = {
        "code": "a_code",
        "message": "Said so.",
        "reference": "77",
        "count": 5,
        "who": "anna",
        "chunk_id": 1,
        "list_id": 1,
    }
    return Attempt(
        upload_id=1, step=step, result=result, sent_at=at, ended_at=at + timedelta(seconds=1), **{**known, **values}
    )


def tell(one: Attempt, *, shown: bool = False) -> str:
    at = datetime(2030, 1, 7, 9, tzinfo=UTC)
    chunk = Chunk(
        id=1,
        upload_id=1,
        list_id=1,
        seq=3,
        rows=5,
        bytes=1,
        digest="",
        index_digest="",
        first_row=1,
        last_row=5,
        not_before=at,
        not_after=at,
    )
    call_list = CallList(id=1, upload_id=1, number=2, name="people")
    return sentences.event(one, {1: chunk}, {1: call_list}, Words(shown=shown)).sentence


@pytest.mark.parametrize(("step", "result"), sorted(notes() | requests(), key=str))
def test_a_sentence_is_whole(step: str, result: str | None) -> None:
    blank = dict.fromkeys(("code", "message", "reference", "count", "who", "chunk_id", "list_id"))
    for one in (line(step, result), line(step, result, **blank)):
        said = tell(one)
        assert said.endswith(".")
        assert said[0].isupper() or said.startswith("anna")
        assert not set("{}") & set(said)


def test_a_kind_that_a_later_version_writes_is_told_in_its_own_words() -> None:
    assert tell(line("levitate", "hovering")) == "levitate: hovering, a_code, Said so."
    assert "it came to Levitated" in tell(line("create", "Levitated"))


def test_a_phone_number_in_somebodys_words_is_left_out() -> None:
    for number in ("+1 (202) 200-0001", "12022000001", "+12022000001"):
        told = line("withdraw", "decided", message=f"asked from {number} twice")
        assert "asked from (a number) twice" in tell(told)
        assert number in tell(told, shown=True)
    kept = "All 100 are in list 953008485 since 2030-01-07 09:00:00"
    words = Words(shown=False, references=["953008485"])
    assert words(kept) == kept
