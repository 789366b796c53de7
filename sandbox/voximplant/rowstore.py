"""Rows at rest: pages of up to a thousand, packed. A row costs about its own text and no Python object."""

import marshal
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

Page = list[list[str]]


class RowStore:
    """Rows by index."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        # marshal and not pickle or csv: several times faster, and the bytes never leave this process
        self._packed: list[bytes] = []
        self.total = 0

    def add(self, packed: bytes, count: int) -> None:
        self._starts.append(self.total)
        self._packed.append(packed)
        self.total += count

    def runs(self, indices: Sequence[int]) -> Iterator[tuple[Sequence[int], Page]]:
        """The rows of ascending `indices`, page by page. They are the caller's own."""
        at = 0
        while at < len(indices):
            number = bisect_right(self._starts, indices[at]) - 1
            page, start = marshal.loads(self._packed[number]), self._starts[number]
            end = bisect_left(indices, start + len(page), at)
            run = indices[at:end]
            yield (
                run,
                page[run[0] - start : run[-1] - start + 1]
                if isinstance(run, range)
                else [page[i - start] for i in run],
            )
            at = end


def pack(page: Page) -> bytes:
    return marshal.dumps(page)
