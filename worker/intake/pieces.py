"""Pieces of text that lie in larger buffers: as columns of strings without copying, or joined into rows at one go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from worker.intake.scan import Bytes, Ints, Marks

Words = npt.NDArray[np.uint64]

# Arrow's views: 16 bytes a string. Length and first four bytes, then number and offset of the buffer; of strings up to
# `INLINE` bytes, length and text.
INLINE = 12
PADDING = np.zeros(INLINE + 4, np.uint8)
OF_FIRST = np.array([(1 << 8 * size) - 1 for size in range(5)], np.uint64)
OF_REST = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)
HALF = np.uint64(32)
FOUR, EIGHT = np.dtype("<u4"), np.dtype("<u8")


@dataclass(frozen=True)
class Pieces:
    """Piece i is `text[starts[i] : starts[i] + sizes[i]]`. `text` ends in `PADDING` that belongs to none."""

    text: Bytes
    starts: Ints
    sizes: Ints

    def __len__(self) -> int:
        return len(self.starts)

    def at(self, places: Ints | Marks | slice) -> "Pieces":
        """Some of these."""
        return Pieces(self.text, self.starts[places], self.sizes[places])

    def eight_at(self, places: Ints) -> Words:
        """The eight bytes from each place on, the first of them the lowest."""
        found: Words = self._words(EIGHT)[places]
        return found

    def four_at(self, places: Ints) -> Words:
        """The four bytes from each place on, the first of them the lowest."""
        return self._words(FOUR)[places].astype(np.uint64)

    def series(self) -> pl.Series:
        """As strings, which share the text. They must be UTF-8."""
        views = np.empty((len(self), 2), np.uint64)
        self.put_views(views, 0)
        # The beginning of a longer string stands in its view, too: what compares strings looks there first.
        views[:, 0] |= np.where(self.sizes > INLINE, self.four_at(self.starts) << HALF, 0)
        found = pl.from_arrow(_array(pa.string_view(), views, [self]))
        assert isinstance(found, pl.Series)
        return found

    def put_views(self, views: Words, number: int) -> None:
        """Write the views of all but their beginnings; `number` is what the buffer is called."""
        views[:, 0] = self.sizes
        views[:, 1] = self.starts
        views[:, 1] <<= HALF
        views[:, 1] |= np.uint64(number)
        short = np.flatnonzero(self.sizes <= INLINE)
        if len(short):
            at, sizes = self.starts[short], self.sizes[short]
            views[short, 0] |= (self.four_at(at) & OF_FIRST[np.minimum(sizes, 4)]) << HALF
            views[short, 1] = self.eight_at(at + 4) & OF_REST[np.clip(sizes - 4, 0, 8)]

    def _words(self, kind: np.dtype[np.unsignedinteger]) -> npt.NDArray[np.unsignedinteger]:
        """The words that begin at each byte."""
        return np.ndarray((len(self.text) - kind.itemsize + 1,), kind, self.text, strides=(1,))


@dataclass(frozen=True)
class Texts:
    """Texts in a row: text i is `data[edges[i] : edges[i + 1]]`. The first edge is 0."""

    data: memoryview
    edges: Ints

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def sizes(self) -> Ints:
        """Bytes of each."""
        return np.diff(self.edges)

    def pieces(self) -> Pieces:
        """Each as a piece of one copy."""
        return Pieces(padded(self.data), self.edges[:-1], self.sizes)

    def series(self) -> pl.Series:
        """As bytes, which share the data."""
        return pl.Series(_large(len(self), _buffer(self.edges), pa.py_buffer(self.data)))


def texts_of(cells: pl.Series) -> Texts:
    """The strings or bytes of a column, none of them null."""
    return _texts(cells.to_arrow(compat_level=pl.CompatLevel.oldest()))


def pieces_of(cells: pl.Series) -> Pieces:
    """The same as pieces."""
    return texts_of(cells).pieces()


def padded(*texts: bytes | memoryview | Bytes) -> Bytes:
    """A copy of the texts in a row, with room behind them."""
    return np.concatenate([*(np.frombuffer(text, np.uint8) for text in texts), PADDING])


def joined(rows: Sequence[Pieces], others: Pieces | None = None, at: Ints | None = None) -> Texts:
    """Text i is what piece i of the first, piece i of the second, and so on, are in a row.

    Those at `at` are replaced by the others, each a whole text.
    """
    views = np.empty((len(rows[0]), len(rows), 2), np.uint64)
    for number, pieces in enumerate(rows):
        pieces.put_views(views[:, number], number)
    buffers = list(rows)
    if others is not None and at is not None:
        whole = np.zeros((len(at), len(rows), 2), np.uint64)
        others.put_views(whole[:, 0], len(rows))
        views[at] = whole
        buffers.append(others)
    flat = _texts(pc.cast(_array(pa.binary_view(), views, buffers), pa.large_binary()))
    return Texts(flat.data, flat.edges[:: len(rows)].copy())


def is_utf8(data: bytes, size: int) -> bool:
    """Whether the first `size` bytes are."""
    text = pa.Array.from_buffers(pa.large_string(), 1, [None, _buffer(np.array([0, size])), pa.py_buffer(data)])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _texts(arrow: Any) -> Texts:
    _, offsets, data = arrow.buffers()
    edges = np.frombuffer(offsets, np.int64)[arrow.offset : arrow.offset + len(arrow) + 1]
    return Texts(memoryview(data or b"")[edges[0] : edges[-1]], edges - edges[0] if edges[0] else edges)


def _array(kind: pa.DataType, views: Words, rows: Sequence[Pieces]) -> Any:
    return pa.Array.from_buffers(kind, views.size // 2, [None, *map(_buffer, (views, *(one.text for one in rows)))])


def _large(count: int, offsets: pa.Buffer, data: pa.Buffer) -> Any:
    return pa.Array.from_buffers(pa.large_binary(), count, [None, offsets, data])


def _buffer(array: Any) -> pa.Buffer:
    return pa.py_buffer(array)
