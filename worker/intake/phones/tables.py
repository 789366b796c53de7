"""Sorted tables in which a number is looked up once. A number's key is its digits with a 1 in front."""

from collections.abc import Iterable
from functools import cache
from threading import Lock

import numpy as np

from worker.intake.phones.answers import ASK, NO_SUCH_COUNTRY, NOT_READ_YET, Answers, everywhere, national
from worker.intake.phones.home import at_home
from worker.intake.phones.patterns import UnreadablePattern
from worker.intake.phones.plans import CODE_DIGITS, Plan, code_of_leads, plan_of
from worker.intake.scan import Ints

SHORTEST, LONGEST = 3, 17  # digits; shorter and longer ones are for the library
MANTISSA_BITS, DRAWER_BITS = 52, 13
SEARCHED = -1


class Table:
    """Answers about keys of all lengths. Keys outside are not to be asked for.

    Keys that begin alike share a drawer. Where no answer begins within a drawer, it says at once which holds; the other
    keys are searched for.
    """

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        drawers = _drawers(answers.starts)
        self._first = int(drawers[0])
        counts = np.bincount(drawers - self._first)
        self._at = np.where(counts == 0, np.cumsum(counts) - 1, SEARCHED).astype(np.int32)

    def read(self, keys: Ints) -> tuple[Ints, Ints]:
        """The code of each key, and the E.164 number or the next key."""
        drawers = np.minimum(_drawers(keys) - self._first, len(self._at) - 1)
        at = self._at[drawers]
        searched = np.flatnonzero(at == SEARCHED)
        at[searched] = np.searchsorted(self.answers.starts, keys[searched], "right") - 1
        return self.answers.codes[at], keys + self.answers.deltas[at]


def _drawers(keys: Ints) -> Ints:
    """What keys begin with: their size and first bits, as floating point has them. Larger keys have no smaller one."""
    return keys.astype(np.float64).view(np.int64) >> (MANTISSA_BITS - DRAWER_BITS)


def _table(parts: Iterable[Answers]) -> Table:
    """Of answers whose starts are keys already."""
    joined = list(parts)
    starts = np.concatenate([part.starts for part in joined])
    order = np.argsort(starts, kind="stable")
    codes = np.concatenate([part.codes for part in joined])
    deltas = np.concatenate([part.deltas for part in joined])
    return Table(Answers(starts[order], codes[order], deltas[order]).merged())


@cache
def home_table(region: str) -> Table:
    """Numbers without a plus in a region."""
    return _table(_at_home(region, length).moved(10**length) for length in range(SHORTEST, LONGEST + 1))


def _at_home(region: str, length: int) -> Answers:
    try:
        return at_home(region, length)
    except UnreadablePattern:
        return everywhere(ASK)


class World:
    """Numbers that begin with a country code. What is known of a code is worked out when it is first met."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._met: dict[int, list[Answers]] = {}
        self._leads = code_of_leads()
        self._table = self._whole()

    def read(self, keys: Ints) -> tuple[Ints, Ints]:
        """The code of each key, and the E.164 number. The code is FINE, INVALID_NUMBER, ASK or NO_SUCH_COUNTRY."""
        codes, told = self._table.read(keys)
        unread = codes == NOT_READ_YET
        if unread.any():
            self._meet(np.unique(told[unread] - keys[unread]).tolist())
            codes, told = self._table.read(keys)
        return codes, told

    def _meet(self, codes: list[int]) -> None:
        with self._lock:
            self._met |= {code: _behind(plan_of(code)) for code in codes if code not in self._met}
            self._table = self._whole()

    def _whole(self) -> Table:
        return _table([*self._unmet(), *(part for parts in self._met.values() for part in parts)])

    def _unmet(self) -> Iterable[Answers]:
        runs = np.flatnonzero(np.diff(self._leads, prepend=-1))
        codes = self._leads[runs]
        kept = ~np.isin(codes, list(self._met))
        for length in range(SHORTEST, LONGEST + 1):
            starts = 10**length + runs[kept] * 10 ** (length - CODE_DIGITS)
            yield Answers(starts, np.where(codes[kept] == 0, NO_SUCH_COUNTRY, NOT_READ_YET), codes[kept])


def _behind(plan: Plan) -> list[Answers]:
    digits = len(str(plan.code))
    lengths = range(SHORTEST - digits, LONGEST - digits + 1)
    try:
        parts = [national(plan.main, plan, length) for length in lengths]
    except UnreadablePattern:
        parts = [everywhere(ASK)] * len(lengths)
    return [
        part.moved(10 ** (digits + length) + plan.code * 10**length)
        for part, length in zip(parts, lengths, strict=True)
    ]


WORLD = World()
