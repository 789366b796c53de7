"""How many contacts travel in one request: more of them behind many that start at the same time.

Each request costs the same few statements and one wait for the disk, whatever is in it. What is lost, refused or in
doubt is a request as a whole, so a campaign is not sent in few of them.
"""

from typing import NamedTuple


class Sizes(NamedTuple):
    """A chunk has `first` contacts at most, and `later` where at least `behind` of its start lie in those before it."""

    first: int
    later: int
    behind: int

    def at(self, before: int) -> int:
        return self.first if before < self.behind else self.later


USUAL = Sizes(first=10_000, later=20_000, behind=200_000)


def fixed(rows: int) -> Sizes:
    return Sizes(rows, rows, 0)


def sizes(rows: int | None, *, most: int, grows: bool) -> Sizes:
    """Of an account that asks for `rows` (None: the usual), at a provider that takes `most` in a request.

    `grows`: chunks may. Where the provider does not show who is in a list, a person has to settle each doubt.
    """
    if rows is not None or not grows:
        return fixed(min(rows or USUAL.first, most))
    return USUAL._replace(first=min(USUAL.first, most), later=min(USUAL.later, most))
