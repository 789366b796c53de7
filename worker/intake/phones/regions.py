"""What the metadata of one region says of national numbers: digits only, no country code in front."""

import re
from functools import cache

import numpy as np
from phonenumbers import PhoneMetadata, PhoneNumberDesc, PhoneNumberType

from worker.intake.phones.changes import Change, Changes, after
from worker.intake.phones.patterns import Pattern, UnreadablePattern, Way, read
from worker.intake.phones.pieces import Pieces, beginning, common_starts, everywhere, whole
from worker.intake.scan import Marks

NO_KIND = -1
UNCHANGED, FOR_THE_LIBRARY = 0, -1  # places among a region's changes
MOST_LEADS = 64
TRANSFORM = re.compile(r"([0-9]*)\\([1-9])")
LIKELIEST_FIRST = {
    "premium_rate": PhoneNumberType.PREMIUM_RATE,
    "toll_free": PhoneNumberType.TOLL_FREE,
    "shared_cost": PhoneNumberType.SHARED_COST,
    "voip": PhoneNumberType.VOIP,
    "personal_number": PhoneNumberType.PERSONAL_NUMBER,
    "pager": PhoneNumberType.PAGER,
    "uan": PhoneNumberType.UAN,
    "voicemail": PhoneNumberType.VOICEMAIL,
}


class Region:
    """Every answer is about the numbers of one length. All may raise UnreadablePattern."""

    def __init__(self, metadata: PhoneMetadata) -> None:
        self.metadata = metadata
        self.changes = Changes()
        described = metadata.general_desc
        assert described is not None
        self._general = described
        self._lengths = set(described.possible_length)
        self._local_lengths = set(described.possible_length_local_only)
        self.general = cache(self._general_pieces)
        self.stripped = cache(self._stripped_pieces)

    def is_too_long(self, length: int) -> bool:
        """Longer than any number of the region."""
        return length not in self._local_lengths and length > max(self._lengths)

    def may_remain(self, length: int) -> bool:
        """Whether a number of that length is what a stripped one may become."""
        return length not in self._local_lengths and (length in self._lengths or length > max(self._lengths))

    def kinds(self, length: int) -> Pieces:
        """The PhoneNumberType of each number, NO_KIND where it is not valid."""
        if self._lengths and length not in self._lengths:
            return everywhere(NO_KIND)
        same = bool(self.metadata.same_mobile_and_fixed_line_pattern)
        found = {name: self._described(getattr(self.metadata, name), length) for name in LIKELIEST_FIRST}
        general, fixed, mobile = (
            self._described(desc, length) for desc in (self._general, self.metadata.fixed_line, self.metadata.mobile)
        )
        starts = common_starts([pieces.starts for pieces in (*found.values(), general, fixed, mobile)], length)

        def marks(pieces: Pieces) -> Marks:
            found: Marks = pieces.at(starts) == 1
            return found

        kinds = np.full(len(starts), NO_KIND, np.int64)
        if not same:
            kinds[marks(mobile)] = PhoneNumberType.MOBILE
        kinds[marks(fixed)] = PhoneNumberType.FIXED_LINE
        kinds[marks(fixed) & (same | marks(mobile))] = PhoneNumberType.FIXED_LINE_OR_MOBILE
        for name, kind in reversed(LIKELIEST_FIRST.items()):
            kinds[marks(found[name])] = kind
        kinds[~marks(general)] = NO_KIND
        return Pieces(starts, kinds).merged()

    def _described(self, desc: PhoneNumberDesc | None, length: int) -> Pieces:
        if desc is None or (desc.possible_length and length not in desc.possible_length):
            return everywhere(0)
        return whole(read(desc.national_number_pattern), length) if desc.national_number_pattern else everywhere(0)

    def _general_pieces(self, length: int) -> Pieces:
        pattern = self._general.national_number_pattern
        return whole(read(pattern), length) if pattern else everywhere(0)

    def _stripped_pieces(self, length: int) -> Pieces:
        """What becomes of a number when its national prefix is taken off: places in `changes`, or FOR_THE_LIBRARY."""
        if not self.metadata.national_prefix_for_parsing or not length:
            return everywhere(UNCHANGED)
        pattern = read(self.metadata.national_prefix_for_parsing)
        ways = beginning(pattern, length)
        of_way = np.array([*(self._place(way, pattern) for way in pattern.ways), UNCHANGED], np.int64)
        found = self._few_enough(Pieces(ways.starts, of_way[ways.values]), length)
        chosen, good_after = after(found, length, self.changes, self.general)
        before = self.general(length)
        starts = common_starts([chosen.starts, before.starts], length)
        places = chosen.at(starts)
        spoilt = (before.at(starts) == 1) & (Pieces(chosen.starts, good_after).at(starts) == 0)
        places[spoilt & (places >= 0)] = UNCHANGED
        return Pieces(starts, places).merged()

    def _few_enough(self, places: Pieces, length: int) -> Pieces:
        """Each carrier's code would repeat the whole plan; where they are many, they are for the library."""
        values, ends = places.values.copy(), np.append(places.starts[1:], 10**length)
        for place in np.unique(values[values > UNCHANGED]).tolist():
            here = places.values == place
            if len(self.changes[place].leads(places.starts[here], ends[here], length)) > MOST_LEADS:
                values[here] = FOR_THE_LIBRARY
        return Pieces(places.starts, values)

    def _place(self, way: Way, pattern: Pattern) -> int:
        """An Argentine 15 is taken out of the number's middle, which no Change can tell."""
        rule = self.metadata.national_prefix_transform_rule
        if not rule or way.group(pattern.groups) is None:
            return self.changes.place(Change(len(way.places)))
        form = TRANSFORM.fullmatch(rule)
        if form is None:
            raise UnreadablePattern(rule)
        kept = way.group(int(form[2])) or (len(way.places),) * 2
        if kept[1] != len(way.places):
            return FOR_THE_LIBRARY
        return self.changes.place(Change(kept[0], form[1]))


def lasting(places: Pieces, region: Region, length: int) -> Pieces:
    """`places` with those changes undone that leave a number of no length of the region."""
    kept = [
        place if place < 0 or region.may_remain(region.changes[place].length(length)) else UNCHANGED
        for place in places.values.tolist()
    ]
    return Pieces(places.starts, np.array(kept, np.int64)).merged()
