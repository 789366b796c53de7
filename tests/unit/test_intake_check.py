"""Rows held against the rules: duplicates, task uuids, windows, size."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.intake_case import NOW, TOKEN, Taking, phone, taking
from worker.intake.rejects import SENTENCES, Code, sentence
from worker.intake.seen import Seen
from worker.intake.sieve import Listed


@pytest.fixture
def take(tmp_path: Path) -> Taking:
    return taking(tmp_path)


def test_the_first_of_equal_numbers_is_sent_however_they_are_written(take: Taking) -> None:
    cells = ["(334) 793-8701", "+1 334 793 8701", "334.793.8701", "334-793-8702"]
    taken = take("phone\n" + "\n".join(cells) + "\n", block_bytes=20)
    assert taken.codes() == {2: "duplicate", 3: "duplicate"}
    assert {reject["kind"] for reject in taken.rejects()} == {"duplicate"}
    assert taken.intake.duplicate == 2
    assert taken.intake.reasons == {}
    assert [r["sentence"] for r in taken.rejects()] == [sentence("duplicate", line=2)] * 2
    assert "Line 2 " in sentence("duplicate", line=2)


def test_a_rejected_row_makes_no_other_a_duplicate(take: Taking) -> None:
    taken = take(f"phone,__task_uuid\n{phone(1)},no good\n{phone(1)},ok\n{phone(1)},ok2\n")
    assert taken.codes() == {1: "bad_task_uuid", 3: "duplicate"}


def test_a_repeated_uuid_is_rejected_before_its_number_counts(take: Taking) -> None:
    taken = take(f"phone,__task_uuid\n{phone(1)},u\n{phone(2)},u\n{phone(2)},v\n")
    assert taken.codes() == {2: "repeated_task_uuid"}
    assert taken.rejects()[0]["sentence"] == sentence("repeated_task_uuid", line=2)


def test_users_uuids_are_sent_as_they_are_and_others_are_ours(take: Taking) -> None:
    cells = ["abc-1", "", "  ", "A:b:C-9", "x" * 40]
    rows = "".join(f"{cell},{phone(n)}\n" for n, cell in enumerate(cells))
    taken = take("__task_uuid,phone\n" + rows)
    assert [r["__task_uuid"] for r in taken.sent()] == ["abc-1", f"{TOKEN}:2", f"{TOKEN}:3", "A:b:C-9", "x" * 40]
    assert [r["uuid"] for r in taken.index()] == ["abc-1", None, None, "A:b:C-9", "x" * 40]
    assert taken.intake.custom_uuids
    assert list(taken.sent()[0]) == ["phone", "__task_uuid"]


@pytest.mark.parametrize(
    "cell", ["x" * 41, "a b", "a_b", "é", " abc", "abc\x00", f"{TOKEN}:1", f"{TOKEN.lower()}:x", "1\n"]
)
def test_uuids_that_cannot_be_sent(take: Taking, cell: str) -> None:
    taken = take(f'phone,__task_uuid\n{phone(1)},"{cell}"\n')
    assert taken.codes() == {1: "bad_task_uuid"}
    assert not taken.intake.custom_uuids


def test_uuids_repeat_across_blocks_too(take: Taking) -> None:
    rows = "".join(f"{phone(n)},u{n % 50}\n" for n in range(120))
    taken = take("phone,__task_uuid\n" + rows, block_bytes=100)
    assert taken.codes() == dict.fromkeys(range(51, 121), "repeated_task_uuid")


@pytest.mark.parametrize(
    ("start", "end", "fits"),
    [
        ("", "", True),
        ("09:00:00", "18:30:59", True),
        ("22:00:00", "06:00:00", True),
        ("00:00:00", "23:59:59", True),
        ("09:00:00", "", False),
        ("", "18:00:00", False),
        ("9:00:00", "18:00:00", False),
        ("09:00", "18:00", False),
        ("09:00:00", "24:00:00", False),
        ("09:00:60", "18:00:00", False),
        ("2030-01-01T09:00:00Z", "18:00:00", False),
        (" ", " ", False),
        ("٠٩:00:00", "18:00:00", False),
        ('"09:00:00\n"', "18:00:00", False),
    ],
)
def test_windows(take: Taking, start: str, end: str, fits: bool) -> None:
    taken = take(f"phone,__start_execution_time,__end_execution_time\n{phone(1)},{start},{end}\n")
    assert taken.codes() == ({} if fits else {1: "bad_window"})


def test_one_side_of_a_window_is_no_window(take: Taking) -> None:
    taken = take(f"phone,__end_execution_time\n{phone(1)},18:00:00\n{phone(2)},\n")
    assert taken.codes() == {1: "bad_window"}
    assert taken.sent()[0]["__end_execution_time"] == ""


def test_a_row_that_fits_no_request_is_rejected_and_its_number_stays_free(take: Taking) -> None:
    header = len("phone;note;__task_uuid\n")
    fitting = "x" * (200 - header - len(f"{phone(1)};;{TOKEN}:2\n"))
    taken = take(f"phone,note\n{phone(1)},{fitting}x\n{phone(1)},{fitting}\n{phone(2)},{'q' * 30}\n", max_bytes=200)
    assert taken.codes() == {1: "row_too_large"}
    assert taken.intake.chunks[0].bytes == 200
    assert "200 bytes" in taken.rejects()[0]["sentence"]


def test_quotes_count_double_in_the_size(take: Taking) -> None:
    quotes = '"' * 120
    taken = take(f'phone,note\n{phone(1)},"{quotes}"\n', max_bytes=150)
    assert taken.codes() == {1: "row_too_large"}


def test_the_first_fault_names_the_row(take: Taking) -> None:
    taken = take("phone,__start_at,__task_uuid\nNOT AVAILABLE,soon,no good\n")
    assert taken.codes() == {1: "not_a_number"}


def test_every_code_has_a_sentence_without_gaps() -> None:
    for code in Code:
        if code is not Code.FINE:
            assert sentence(code.word) == SENTENCES[code]
            assert sentence(code.word).endswith(".")
            assert "{" not in sentence(code.word, line=3, found=1, expected=2, limit=9)


def test_sentences_hold_no_number(take: Taking) -> None:
    text = "phone,__start_at\n" + f"{phone(1)},\n{phone(1)},\n{phone(1)}9,\n{phone(2)},{NOW - 999}\n{phone(3)}\n"
    taken = take(text)
    assert len(taken.rejects()) == 4
    for reject in taken.rejects():
        assert "334793" not in reject["sentence"]
        assert b"334793" in reject["text"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(1, 400), max_size=300), max_size=12))
def test_seen_tells_the_first_line_of_every_key(calls: list[list[int]]) -> None:
    seen, line = Seen(), 1
    known: dict[int, int] = {}
    for call in calls:
        lines = list(range(line, line + len(call)))
        line += len(call)
        expected = []
        for key, at in zip(call, lines, strict=True):
            expected.append(known.get(key, 0))
            known.setdefault(key, at)
        found = seen.first_lines(np.array(call, np.int64), np.array(lines, np.int64))
        assert found.tolist() == expected
    assert len(seen) == len(known)


def test_seen_grows_and_stays_small() -> None:
    seen, dice = Seen(), np.random.default_rng(5)
    keys = dice.permutation(np.arange(10**10, 10**10 + 400_000))
    for part in np.array_split(keys, 40):
        assert not seen.first_lines(part, part - 10**10 + 2).any()
    for part in np.array_split(keys, 40):
        assert (seen.first_lines(part, np.ones(len(part), np.int64)) == part - 10**10 + 2).all()
    assert seen.nbytes / len(keys) <= 24


def test_seen_takes_any_64_bits() -> None:
    seen = Seen()
    keys = np.array([-1, 1, 2**63 - 1, -(2**63)], np.int64)
    assert seen.first_lines(keys, np.array([2, 3, 4, 2**33])).tolist() == [0, 0, 0, 0]
    assert seen.first_lines(keys, np.array([9, 9, 9, 9])).tolist() == [2, 3, 4, 2**32 - 1]


@pytest.mark.parametrize("count", [0, 1, 50_000])
def test_a_list_holds_its_numbers_and_no_others(count: int) -> None:
    dice = np.random.default_rng(6)
    numbers = np.unique(dice.integers(1, 10**6, count))
    asked = np.concatenate([numbers, dice.integers(-30, 10**6, 50_000)])
    assert (Listed(numbers).holds(asked) == np.isin(asked, numbers)).all()
