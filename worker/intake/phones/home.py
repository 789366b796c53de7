"""Numbers without a plus, as people of one region write them."""

import numpy as np
from phonenumbers import PhoneMetadata

from worker.intake.phones.answers import ABROAD, ASK, ELSEWHERE, Answers, everywhere, national
from worker.intake.phones.changes import Change, Changes, after
from worker.intake.phones.patterns import read
from worker.intake.phones.pieces import Pieces, beginning, common_starts
from worker.intake.phones.plans import Plan, plan_of, region_of
from worker.intake.phones.regions import Region
from worker.intake.rejects import Code

NO_WAY, NOT_OURS = -1, -2
SHORTEST_ABROAD = 3


def at_home(name: str, length: int) -> Answers:
    """All numbers of `length` digits. Raises UnreadablePattern."""
    metadata = PhoneMetadata.metadata_for_region(name)
    assert metadata is not None
    assert metadata.country_code is not None
    plan, region = plan_of(metadata.country_code), region_of(metadata.country_code, name)
    as_national = national(region, plan, length)
    with_code = _with_country_code(region, plan, length)
    return _abroad(region, length).or_else(with_code.or_else(as_national, length), length).merged()


def _abroad(region: Region, length: int) -> Answers:
    """Numbers that begin with the digits by which people dial out of the region, such as 00, and no 0 behind them."""
    if not region.metadata.international_prefix:
        return everywhere(ELSEWHERE)
    pattern = read(region.metadata.international_prefix)
    ways = beginning(pattern, length)
    changes = Changes()
    of_way = np.array([*(changes.place(Change(len(way.places))) for way in pattern.ways), NO_WAY], np.int64)
    pieces, zero = after(Pieces(ways.starts, of_way[ways.values]), length, changes, _begins_with_zero)
    codes = np.where((pieces.values < 0) | (zero == 1), ELSEWHERE, ABROAD)
    deltas = np.zeros(len(codes), np.int64)
    for place in np.unique(pieces.values[codes == ABROAD]).tolist():
        here = (codes == ABROAD) & (pieces.values == place)
        rest = changes[place].length(length)
        if rest < SHORTEST_ABROAD:
            codes[here] = Code.INVALID_NUMBER
        else:
            numbers = pieces.starts[here]
            deltas[here] = 10**rest + changes[place].of(numbers, length) - numbers
    return Answers(pieces.starts, codes, deltas)


def _begins_with_zero(length: int) -> Pieces:
    if not length:
        return Pieces(np.zeros(1, np.int64), np.zeros(1, np.int64))
    return Pieces(np.array([0, 10 ** (length - 1)]), np.array([1, 0]))


def _with_country_code(region: Region, plan: Plan, length: int) -> Answers:
    """Numbers that begin with the region's own country code, where they are none of the region as they stand."""
    code_digits = len(str(plan.code))
    rest = length - code_digits
    if rest < 1:
        return everywhere(ELSEWHERE)
    stripped, changes, first = region.stripped(rest), Changes(), plan.code * 10**rest
    of_place = {
        place: changes.place(Change(code_digits + region.changes[place].drop, region.changes[place].insert))
        for place in np.unique(stripped.values).tolist()
        if place >= 0
    }
    values = [NO_WAY, *(of_place.get(place, NOT_OURS) for place in stripped.values.tolist()), NO_WAY]
    starts = np.concatenate([[0], stripped.starts + first, [first + 10**rest]])
    begun = Pieces(starts[starts < 10**length], np.array(values, np.int64)[starts < 10**length])
    pieces, good_after = after(begun, length, changes, region.general)
    before = region.general(length)
    starts = common_starts([pieces.starts, before.starts], length)
    chosen = pieces.at(starts)
    better = (before.at(starts) == 0) & (Pieces(pieces.starts, good_after).at(starts) == 1)
    taken = better | region.is_too_long(length)
    chosen[(chosen >= 0) & ~taken] = NO_WAY
    for place in np.unique(chosen[chosen >= 0]).tolist():
        if changes[place].insert:
            chosen[chosen == place] = NOT_OURS
    return _read_again(Pieces(starts, chosen), length, changes, plan)


def _read_again(chosen: Pieces, length: int, changes: Changes, plan: Plan) -> Answers:
    """What remains is a national number of the country code's main region, and loses its prefix once more."""

    def places(rest: int) -> Pieces:
        starts = national(plan.main, plan, rest).starts
        return Pieces(starts, np.arange(len(starts)))

    pieces, at = after(chosen, length, changes, places)
    codes = np.where(pieces.values == NO_WAY, ELSEWHERE, ASK)
    deltas = np.zeros(len(codes), np.int64)
    for place in np.unique(pieces.values[pieces.values >= 0]).tolist():
        here = pieces.values == place
        change = changes[place]
        answers = national(plan.main, plan, change.length(length))
        codes[here] = answers.codes[at[here]]
        deltas[here] = answers.deltas[at[here]] + change.of(pieces.starts[here], length) - pieces.starts[here]
    deltas[codes != Code.FINE] = 0
    return Answers(pieces.starts, codes, deltas)
