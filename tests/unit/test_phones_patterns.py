"""The lists of ways say what `re` says, and a pattern of another form is never guessed at."""

import random
import re
from collections.abc import Iterator

import numpy as np
import pytest
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from worker.intake.phones.patterns import UnreadablePattern, read
from worker.intake.phones.pieces import beginning, whole


def metadata() -> Iterator[PhoneMetadata]:
    for code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        for region in regions:
            found = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
            assert found is not None
            yield found


def prefixes() -> list[str]:
    found = {
        pattern
        for data in metadata()
        for pattern in (data.national_prefix_for_parsing, data.international_prefix, data.leading_digits)
        if pattern
    }
    return sorted(found)


def numbers(pattern: str, length: int, dice: random.Random) -> list[int]:
    """Any numbers, and some that begin as the pattern does."""
    found = [dice.randrange(10**length) for _ in range(10)]
    for way in dice.choices(read(pattern).ways, k=20):
        lead = "".join(str(dice.choice([d for d in range(10) if place >> d & 1])) for place in way.places)
        found.append(int((lead + "".join(dice.choices("0123456789", k=length)))[:length]))
    return found


def test_the_first_way_is_the_match_with_its_groups() -> None:
    dice = random.Random(7)
    for pattern in prefixes():
        ways = read(pattern).ways
        for length in dice.sample(range(1, 16), 6):
            some = numbers(pattern, length, dice)
            for number, way in zip(some, beginning(read(pattern), length).at(np.array(some)).tolist(), strict=True):
                match = re.match(pattern, f"{number:0{length}d}")
                assert (match is None) == (way < 0), (pattern, length)
                if match is not None:
                    assert match.end() == len(ways[way].places)
                    spans = [ways[way].group(n + 1) or (-1, -1) for n in range(read(pattern).groups)]
                    assert [match.span(n + 1) for n in range(len(match.groups()))] == spans


def test_whole_numbers_of_every_type() -> None:
    dice = random.Random(8)
    for data in metadata():
        desc = data.general_desc
        assert desc is not None
        pattern = desc.national_number_pattern
        assert pattern is not None
        for length in {*desc.possible_length, 9}:
            some = numbers(pattern, length, dice)
            matched = [re.fullmatch(pattern, f"{number:0{length}d}") is not None for number in some]
            assert (whole(read(pattern), length).at(np.array(some)) == 1).tolist() == matched, (data.id, length)


@pytest.mark.parametrize(
    ("pattern", "text", "span", "group"),
    [
        ("0?(?:(11|2)15)?", "01115", (0, 5), (1, 3)),
        ("0?(?:(11|2)15)?", "0113", (0, 1), None),
        ("1|([3-8]\\d{6})$", "3221234", (0, 7), (0, 7)),
        ("(?:1{1,2}|11[02]){2}", "111102", (0, 4), None),
        ("00(?:30|5[09]|[126-9]?)", "0030", (0, 4), None),
        ("00(?:[126-9]?|30)", "0030", (0, 2), None),
    ],
)
def test_the_order_of_ways(pattern: str, text: str, span: tuple[int, int], group: tuple[int, int] | None) -> None:
    way = read(pattern).ways[int(beginning(read(pattern), len(text)).at(np.array([int(text)]))[0])]
    match = re.match(pattern, text)
    assert match is not None
    assert match.span() == (0, len(way.places)) == span
    assert way.group(1) == group


@pytest.mark.parametrize(
    "pattern",
    [
        *("(?=1)2", "[^1]", "1{2}?", "1??", "1*", "1+", "(1", "1)", "a", "(\\d)\\1", "^1", "[1-]", "[]", "{2}", "|)"),
        "(?:[0-4]|[5-9]){20}",
    ],
)
def test_other_forms_are_refused(pattern: str) -> None:
    with pytest.raises(UnreadablePattern):
        read(pattern)


def test_too_many_beginnings_are_refused() -> None:
    with pytest.raises(UnreadablePattern):
        whole(read("\\d{8}[1-3]"), 9)
