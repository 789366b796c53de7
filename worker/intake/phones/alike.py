"""Phone cells that are written alike: the same marks at the same places, and digits in between."""

from collections.abc import Iterator

import numpy as np

from worker.intake.pieces import OF_REST, Pieces, Words
from worker.intake.scan import Ints

WORDS, BYTES = 3, 8
LONGEST = WORDS * BYTES
MOST_FORMATS = 24
FEWEST_CELLS = 64  # for fewer it is no gain to look at them together
ZERO_DIGITS = np.uint64(0x3030303030303030)
TOP_BITS = np.uint64(0x8080808080808080)
ABOVE_NINE = np.uint64(0x7676767676767676)  # added to a byte from 10 to 127, it reaches the top bit
VALUE_BITS = np.uint64(0x0F)


def groups(cells: Pieces) -> Iterator[tuple[bytes, Ints]]:
    """Formats, that is cells with zeros for digits, and the cells that have each. Rare and long ones are left out."""
    marks = [cells.sizes.view(np.uint64), *_marks(cells)]
    left = (cells.sizes > 0) & (cells.sizes <= LONGEST)
    for _ in range(MOST_FORMATS):
        places = np.flatnonzero(left)
        if len(places) < FEWEST_CELLS:
            return
        size, *beginning = (int(words[places[len(places) // 2]]) for words in marks)
        same = marks[0] == size
        for words, word in zip(marks[1:], beginning, strict=True):
            same &= words == word
        left &= ~same
        yield b"".join(word.to_bytes(BYTES, "little") for word in beginning)[:size], np.flatnonzero(same)


def _marks(cells: Pieces) -> list[Words]:
    """The bytes of each cell, a digit being 0 and nothing standing behind the cell."""
    last = len(cells.text) - BYTES
    found = []
    for place in range(0, LONGEST, BYTES):
        words = cells.eight_at(np.minimum(cells.starts + place, last))
        words &= OF_REST[np.clip(cells.sizes - place, 0, BYTES)]
        values = words ^ ZERO_DIGITS
        other = ((values & ~TOP_BITS) + ABOVE_NINE) | values
        digits = (~other & TOP_BITS) >> np.uint64(7)
        found.append(words & ~(digits * VALUE_BITS))
    return found
