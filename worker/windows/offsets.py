"""How far the clocks of a zone are from UTC, and when that changes."""

from datetime import datetime
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from worker.windows.circle import DAY

BLOCK = 64 * DAY
STEP = DAY // 4  # no zone changes its clocks forth and back in less

KEPT = 4096

Stretch = tuple[int, int, int]


@lru_cache(maxsize=KEPT)
def stretches(zone: str, start: int, end: int) -> tuple[Stretch, ...]:
    """(begin, end, offset) over [start, end) of Unix seconds, one after the other; local time is UTC + offset."""
    begins = [(start, offset(zone, start))]
    for block in range(start // BLOCK, (end - 1) // BLOCK + 1):
        begins += [change for change in _changes(zone, block) if start < change[0] < end]
    ends = [begin for begin, _ in begins[1:]] + [end]
    return tuple((begin, stop, seconds) for (begin, seconds), stop in zip(begins, ends, strict=True))


def offset(zone: str, moment: int) -> int:
    """Seconds that the zone's clocks are ahead of UTC."""
    found = datetime.fromtimestamp(moment, ZoneInfo(zone)).utcoffset()
    assert found is not None
    return int(found.total_seconds())


@cache
def _changes(zone: str, block: int) -> tuple[tuple[int, int], ...]:
    """When in the block, its beginning left out and its end included, clocks change, and the offset from then on."""
    found: list[tuple[int, int]] = []
    before = offset(zone, block * BLOCK)
    for late in range(block * BLOCK + STEP, (block + 1) * BLOCK + 1, STEP):
        after = offset(zone, late)
        if after != before:
            found.append((_first(zone, late - STEP, late, before), after))
            before = after
    return tuple(found)


def _first(zone: str, early: int, late: int, before: int) -> int:
    """The first second after `early` with another offset than `before`; `late` has one."""
    while late - early > 1:
        middle = (early + late) // 2
        if offset(zone, middle) == before:
            early = middle
        else:
            late = middle
    return late
