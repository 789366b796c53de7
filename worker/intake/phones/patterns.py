"""The regular expressions of `phonenumbers`' metadata, as lists of the ways through them.

They hold digits, classes, alternatives, groups, counted repeats and `$`, nothing that looks around or back. The first
way in the list that a number begins with is the one that `re` takes.
"""

import re
from dataclasses import dataclass
from functools import cache

ANY = (1 << 10) - 1
MOST_WAYS = 1 << 15
TOKEN = re.compile(r"\\d|\(\?:|\{\d+(?:,\d+)?\}|\[[0-9-]+\]|[0-9()|?$]")

Group = tuple[int, int, int]  # number, begin, end


class UnreadablePattern(Exception):
    """A pattern has a form that is not known here: its numbers are for the library."""


@dataclass(frozen=True)
class Way:
    """The digits allowed at each place, as bits; the groups that took part; whether nothing may follow."""

    places: tuple[int, ...] = ()
    groups: tuple[Group, ...] = ()
    at_end: bool = False

    def group(self, number: int) -> tuple[int, int] | None:
        """Where a group begins and ends, None where it took no part."""
        return next(((begin, end) for n, begin, end in self.groups if n == number), None)


@dataclass(frozen=True)
class Pattern:
    """The ways in the order in which they are tried, and how many groups there are."""

    ways: tuple[Way, ...]
    groups: int


@cache
def read(pattern: str) -> Pattern:
    """Raises UnreadablePattern."""
    tokens = TOKEN.findall(pattern)
    if "".join(tokens) != pattern:
        raise UnreadablePattern(pattern)
    reader = _Reader(tokens)
    ways = reader.choice()
    if reader.token() is not None:
        raise UnreadablePattern(pattern)
    return Pattern(tuple(ways), reader.groups)


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self.groups = 0

    def token(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def choice(self) -> list[Way]:
        ways = self._sequence()
        while self.token() == "|":
            self._at += 1
            ways = [*ways, *self._sequence()]
        return ways

    def _sequence(self) -> list[Way]:
        ways = [Way()]
        while self.token() not in (None, "|", ")"):
            ways = _joined(ways, self._repeated())
        return ways

    def _repeated(self) -> list[Way]:
        item = self._item()
        token = self.token()
        if token is None or token[0] not in "?{":
            return item
        self._at += 1
        if self.token() == "?":
            raise UnreadablePattern("a repeat that is not greedy")
        bounds = [0, 1] if token == "?" else [int(bound) for bound in token[1:-1].split(",")]
        return _times(item, bounds[0], bounds[-1])

    def _item(self) -> list[Way]:
        token = self._tokens[self._at]
        self._at += 1
        if token in ("(", "(?:"):
            return self._group(captured=token == "(")
        if token == "$":
            return [Way(at_end=True)]
        if token == r"\d":
            return [Way((ANY,))]
        if token.isdigit():
            return [Way((1 << int(token),))]
        if token[0] == "[":
            return [Way((_class(token[1:-1]),))]
        raise UnreadablePattern(token)

    def _group(self, captured: bool) -> list[Way]:
        self.groups += captured
        number = self.groups
        ways = self.choice()
        if self.token() != ")":
            raise UnreadablePattern("a group that is not closed")
        self._at += 1
        if not captured:
            return ways
        return [Way(way.places, (*way.groups, (number, 0, len(way.places))), way.at_end) for way in ways]


def _class(inside: str) -> int:
    if not re.fullmatch(r"(?:[0-9](?:-[0-9])?)+", inside):
        raise UnreadablePattern(inside)
    digits: set[int] = set()
    for first, last in re.findall(r"([0-9])(?:-([0-9]))?", inside):
        digits.update(range(int(first), int(last or first) + 1))
    return sum(1 << digit for digit in digits)


def _joined(left: list[Way], right: list[Way]) -> list[Way]:
    if len(left) * len(right) > MOST_WAYS:
        raise UnreadablePattern("too many ways")
    return [_both(a, b) for a in left for b in right if not (a.at_end and b.places)]


def _both(a: Way, b: Way) -> Way:
    shift = len(a.places)
    groups = tuple((number, begin + shift, end + shift) for number, begin, end in b.groups)
    return Way(a.places + b.places, a.groups + groups, a.at_end or b.at_end)


def _times(item: list[Way], fewest: int, most: int) -> list[Way]:
    """As many as possible first."""
    if most == 0:
        return [Way()]
    ways = _joined(item, _times(item, max(fewest - 1, 0), most - 1))
    return ways if fewest else [*ways, Way()]
