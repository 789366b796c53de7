"""What becomes of a call: a seeded draw from a mix of outcomes, the same for the same seed, contact and attempt.

The words stand for what a scenario would report. "answered" and "voicemail" end a task as processed; the others are
failed attempts. An invalid number stays invalid on every attempt. Calls are short so that campaigns end soon.
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

from sandbox.refusals import ControlError, known_keys, number

WORDS = ("answered", "voicemail", "no answer", "busy", "declined", "invalid number", "failed")
REACHED = 2  # words below this index end the task
INVALID_NUMBER = WORDS.index("invalid number")
DEFAULT_MIX = dict(zip(WORDS, (0.55, 0.15, 0.14, 0.06, 0.04, 0.03, 0.03), strict=True))

# Provider seconds a call takes, least and most, by word.
LENGTHS = ((3.0, 8.0), (3.0, 5.0), (4.0, 6.0), (1.0, 2.0), (1.0, 4.0), (0.2, 0.6), (0.2, 1.0))
MASK = 0xFFFFFFFF
MAX_ATTEMPTS = 100


def scatter(value: int) -> int:
    """A 32-bit integer whose bits all depend on all bits of `value`."""
    value = ((value >> 16 ^ value) * 0x45D9F3B) & MASK
    value = ((value >> 16 ^ value) * 0x45D9F3B) & MASK
    return value >> 16 ^ value


class Odds:
    def __init__(self, seed: int) -> None:
        self._salts = [scatter((seed ^ attempt * 0x9E3779B1) & MASK) for attempt in range(MAX_ATTEMPTS + 1)]
        self.put(DEFAULT_MIX)

    def put(self, document: Mapping[str, object]) -> None:
        """A share for each word, any scale; words not named get none. Raises ControlError."""
        known_keys(document, set(WORDS), "PUT /outcomes")
        shares = [number(document, word, 0) if word in document else 0.0 for word in WORDS]
        total = sum(shares)
        if total <= 0:
            raise ControlError("bad_value", "PUT /outcomes needs at least one share above 0.")
        self.mix = {word: share / total for word, share in zip(WORDS, shares, strict=True)}
        # rounding must not leave a gap above the last word that has a share
        edges = [round(edge / total, 9) for edge in accumulate(shares)]
        self._edges = [MASK + 1 if edge >= 1 else int(edge * (MASK + 1)) for edge in edges]

    def draw(self, dice: int, attempt: int) -> tuple[int, float]:
        """The word's index and the call's length in provider seconds."""
        luck = scatter(dice ^ self._salts[attempt])
        word = bisect_right(self._edges, luck)
        least, most = LENGTHS[word]
        return word, least + (most - least) * (luck & 0xFF) / 255
