"""What reading a number comes to: its E.164 digits, or why there are none."""

from dataclasses import dataclass

import numpy as np

from worker.intake.phones.changes import after
from worker.intake.phones.pieces import common_starts
from worker.intake.phones.plans import Plan
from worker.intake.phones.regions import Region, lasting
from worker.intake.rejects import Code
from worker.intake.scan import Ints

ASK = -1  # the library decides
ABROAD = -2  # what remains is read as if it began with +
NO_SUCH_COUNTRY = -3
NOT_READ_YET = -4
ELSEWHERE = -5  # this way of reading does not apply

SHORTEST = 2


@dataclass(frozen=True)
class Answers:
    """About the numbers from `starts[i]` up to the next start: `codes` is FINE, a Code or one of the above.

    Where it is FINE, the number plus `deltas[i]` is the E.164 number; where it is ABROAD, what is to be read then.
    """

    starts: Ints
    codes: Ints
    deltas: Ints

    def moved(self, by: int) -> "Answers":
        """The same of numbers that are larger by so much."""
        told = (self.codes == Code.FINE) | (self.codes == ABROAD)
        return Answers(self.starts + by, self.codes, np.where(told, self.deltas - by, self.deltas))

    def or_else(self, other: "Answers", length: int) -> "Answers":
        """These, and the other ones where these are ELSEWHERE."""
        starts = common_starts([self.starts, other.starts], length)
        ours = np.searchsorted(self.starts, starts, "right") - 1
        theirs = np.searchsorted(other.starts, starts, "right") - 1
        elsewhere = self.codes[ours] == ELSEWHERE
        return Answers(
            starts,
            np.where(elsewhere, other.codes[theirs], self.codes[ours]),
            np.where(elsewhere, other.deltas[theirs], self.deltas[ours]),
        )

    def merged(self) -> "Answers":
        """The same with equal neighbours joined."""
        new = (self.codes[1:] != self.codes[:-1]) | (self.deltas[1:] != self.deltas[:-1])
        kept = np.concatenate([[True], new])
        return Answers(self.starts[kept], self.codes[kept], self.deltas[kept])


def everywhere(code: int) -> Answers:
    """One answer for all numbers."""
    return Answers(np.zeros(1, np.int64), np.full(1, code, np.int64), np.zeros(1, np.int64))


def national(region: Region, plan: Plan, length: int) -> Answers:
    """Numbers of `length` digits without a country code, read by the rules of `region`, which has that plan.

    Raises UnreadablePattern.
    """
    if length < SHORTEST:
        return everywhere(Code.INVALID_NUMBER)
    places = lasting(region.stripped(length), region, length)
    pieces, valid = after(places, length, region.changes, plan.valid)
    codes = np.where(pieces.values < 0, ASK, np.where(valid == 1, Code.FINE, Code.INVALID_NUMBER))
    deltas = np.zeros(len(codes), np.int64)
    for place in np.unique(pieces.values[codes == Code.FINE]).tolist():
        change = region.changes[place]
        here = (codes == Code.FINE) & (pieces.values == place)
        numbers = pieces.starts[here]
        deltas[here] = plan.code * 10 ** change.length(length) + change.of(numbers, length) - numbers
    return Answers(pieces.starts, codes, deltas).merged()
